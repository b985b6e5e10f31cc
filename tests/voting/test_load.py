"""The load script, in small: real servers, a few people in a hurry, and a worker killed in between."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

from tests.live_postgres import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "postgresql" not in settings.DATABASES["default"]["ENGINE"],
        reason="it starts a PostgreSQL of its own: run it with EYEBALLOT_TEST_POSTGRES=1",
    ),
]


def test_twenty_people_at_once_lose_nothing():
    script = [sys.executable, str(ROOT / "benchmarks" / "load.py"), "--participants", "20", "--minutes", "0.5"]
    script += ["--think", "0.05", "--stored", "2000", "--lost", "0.1", "--pause", "0.1", "--kill"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (found["lost"], found["duplicates"], found["phantoms"]) == (0, 0, 0)
    assert found["acknowledged"] > 20
    assert found["resolved_by_sending_again"] > 0
    assert found["bytes"]["votes"] >= 2000
