"""The client of the documentation takes part, as a process of its own that knows nothing of this house."""

import subprocess
import sys
from pathlib import Path

import pytest

from studyplatform.voting.models import CompletionCode, Vote
from tests import factories

CLIENT = Path(__file__).parents[2] / "docs" / "client.py"


@pytest.mark.django_db(transaction=True)
def test_forty_lines_take_part_in_a_whole_session(live_server):
    study = factories.study(practice_trials=1, catch_trials=1, state="open")
    assert len(CLIENT.read_text().splitlines()) <= 40
    command = [sys.executable, "-I", str(CLIENT), live_server.url, study.slug]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert out.returncode == 0, out.stderr
    assert out.stdout.strip() == CompletionCode.objects.get().code
    assert set(Vote.objects.values_list("choice", flat=True)) == {"left"}
    assert Vote.objects.count() == 6
