"""Pages that look at every answer of a study: `python benchmarks/live_page.py --votes 1000000 --database sqlite`.

A study with sessions of 40 pairs (4 catch pairs, 4 repeats, ties offered) is laid, copied in SQL until it
has so many votes, and looked at by its owner: each page once in a process that has not looked before, then again, then
after one more session was completed. The database is a file or a PostgreSQL of its own; nothing is left behind.
`--rows` lets the pages read every vote, as they do where nothing is kept. Prints one JSON object: seconds and
CPU seconds of the process (with SQLite the database is in it) per look, and a digest of what the page said.
"""

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from load_stored import store, store_sqlite

from tests.live_postgres import house, manage, own_postgres, python

SLUG, TEMPLATES = "looks", 25

SEED = f"""
import random
from tests import factories
from studyplatform.voting.services import session_finish
rates, contents = [place / 10 for place in range(1, 7)], ("cat", "coffee", "boat", "tree")
owner = factories.user("owner", superuser=True)
grid = factories.rendered_grid(owner=owner, contents=contents, learning_rates=rates)
study = factories.study(
    "{SLUG}", grid=grid, owner=owner, trials_per_session=32, catch_trials=4, repeat_trials=4, allow_ties=True,
    sessions_planned={TEMPLATES + 5}, state="open",
)
rng = random.Random(1)
for _ in range({TEMPLATES}):
    person = factories.participant(study)
    while factories.next_trial(person):
        factories.cast(person, rng.choice(["left", "right", "right", "tie"]), rt_ms=rng.randint(300, 4000))
    session_finish(session=person.session)
"""

LOOK = f"""
import hashlib, json, sys, time
from django.contrib.auth.models import User
from django.test import Client
from tests import factories
from studyplatform.voting.models import Study
from studyplatform.voting.services import session_finish
study = Study.objects.get(slug="{SLUG}")
browser = Client(headers={{"x-forwarded-proto": "https"}})
browser.force_login(User.objects.get(username="owner"))
admin = f"/admin/voting/study/{{study.pk}}"
pages = {{
    "live, as JSON": f"{{admin}}/live/data.json", "live": f"{{admin}}/live/",
    "participants": f"{{admin}}/participants/", "participants, flagged": f"{{admin}}/participants/?flag=any",
    "participants, too fast": f"{{admin}}/participants/?flag=too_fast",
}}
browser.get("/admin/voting/study/", HTTP_HOST="127.0.0.1")
seconds, said = {{}}, {{}}

def look(when):
    for name, address in pages.items():
        began, busy = time.perf_counter(), time.process_time()
        answer = browser.get(address, HTTP_HOST="127.0.0.1")
        took = [round(time.perf_counter() - began, 3), round(time.process_time() - busy, 3)]
        seconds.setdefault(name, {{}})[when] = took
        assert answer.status_code == 200, (answer.status_code, address)
        if name == "live, as JSON":
            content = json.loads(answer.content)
            content["values"].pop("projection"), content["values"].pop("how")  # they go with the clock
            said[when] = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]

look("first")
look("again")
if sys.argv[1] == "finish":
    person = factories.participant(study)
    factories.answer_all(person)
    session_finish(session=person.session)
    look("after a new session")
print(json.dumps({{"votes": study.votes.count(), "seconds": seconds, "said": said}}))
"""


def looked(given: argparse.Namespace, stack: ExitStack) -> dict[str, Any]:
    """Lay the study and look at it."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eyeballot-looks-")))
    if given.database == "sqlite":
        file = folder / "looks.sqlite3"
        ours = house(f"sqlite:///{file}", folder)
    else:
        postgres = stack.enter_context(own_postgres())
        postgres.execute(f"CREATE DATABASE {SLUG}")
        ours = house(postgres.url(SLUG), folder)
    print("Laying the study ...", file=sys.stderr)
    manage(ours, "migrate", "-v0")
    manage(ours, "collectstatic", "-v0", "--noinput")
    python(ours, SEED)
    print("Storing votes ...", file=sys.stderr)
    if given.database == "sqlite":
        store_sqlite(file, SLUG, given.votes)
    else:
        store(postgres, SLUG, SLUG, given.votes)
    print("Looking ...", file=sys.stderr)
    before = os.getloadavg()
    by_row = json.loads(python(ours, LOOK, ["look"])) if given.rows else None
    manage(ours, "hold_answers", SLUG)
    if given.database == "postgresql":
        postgres.execute("VACUUM ANALYZE", SLUG)
    kept = json.loads(python(ours, LOOK, ["finish"]))
    return {
        "database": given.database,
        "by_row": by_row,
        "kept": kept,
        "load_average_before_and_after": [before, os.getloadavg()],
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--votes", type=int, default=100_000, help="votes of the study (default 100000)")
    options.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options.add_argument("--rows", action="store_true", help="look before anything is kept too")
    given = options.parse_args()
    with ExitStack() as stack:
        result = looked(given, stack)
    print(json.dumps(result, indent=2))
    if result["by_row"] and result["by_row"]["said"]["first"] != result["kept"]["said"]["first"]:
        sys.exit("The page said something else when it read every vote.")


if __name__ == "__main__":
    main()
