# Two commands: `make demo` shows all of it, `make test` proves it. Everything made lies under var/.
PYTHON ?= python3
VENV := var/venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests run in as many processes as there are cores, up to four (a process needs 3 GB): SPREAD= runs them in one.
SPREAD := -n logical --maxprocesses 4 --dist loadfile
# Tests of faults wait more than they work; those that are timed run alone.
SPREAD_FAULTS := -n 3 --dist loadfile
export EYEBALLOT_DEBUG ?= 1
export PYTHONPATH := $(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help demo serve test faults lint pages clean install

help:
	@echo "make demo    render, vote, judge: the whole way in a few minutes, then serve it (ARGS=--no-serve to stop there)"
	@echo "make serve   the platform on http://127.0.0.1:8000 with a rendering worker"
	@echo "make test    lint, types, import contract, every test on SQLite and on PostgreSQL"
	@echo "make faults  every fault of docs/reliability.md at full size, with the table of what was lost"
	@echo "make lint    the first three only"
	@echo "make pages   write the pages of docs/ that are made from data (ASSETS=folder of the real votes)"
	@echo "make clean   remove var/, where everything made lies"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" sh .ci/prerequisites
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (about 6 GB with PyTorch, some minutes the first time) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)
	@exec $(BIN)/python manage.py demo $(ARGS)

serve: $(STAMP)
	@exec $(BIN)/python manage.py demo --serve-only $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

test: lint
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)
	EYEBALLOT_TEST_POSTGRES=1 $(BIN)/python -m pytest $(SPREAD) --ignore=tests/generation/core --ignore=tests/evaluation/core --ignore=tests/voting/core $(ARGS)

faults: $(STAMP)
	EYEBALLOT_FAULTS=full EYEBALLOT_TEST_POSTGRES=1 $(BIN)/python -m pytest $(SPREAD_FAULTS) -m fault --fault-table docs/faults.md $(ARGS)

pages: $(STAMP)
	$(BIN)/python docs/seed_tables.py
	$(BIN)/python docs/real_people.py $(ASSETS)

clean:
	@FORCE=$(FORCE) $(PYTHON) .ci/clean
