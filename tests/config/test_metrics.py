"""The numbers under /metrics: counted over workers and processes, shown to researchers' machines alone."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generation.models import Job
from studyplatform.config import metrics
from tests import factories
from tests.live_house import Person, ask, served


def numbers(port: int) -> dict[str, float]:
    """Each line of /metrics."""
    answer, body = ask(port, "GET", "/metrics", X_Forwarded_Proto="http", Host="anything")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_votes_are_counted_over_all_workers_and_both_processes(production: dict[str, str]) -> None:
    counting = {**production, "EYEBALLOT_METRICS": "1"}
    with (
        served({**counting, "EYEBALLOT_SERVE": "participants"}, workers=2) as participants,
        served(counting, workers=1) as researchers,
    ):
        person = Person(participants.port)
        ballots = [person.vote() for _ in range(12)]
        assert person.vote(ballots[-1])
        assert not person.vote({**ballots[-1], "choice": "left" if ballots[-1]["choice"] == "right" else "right"})
        assert ask(researchers.port, "GET", "/s/line/")[0].status == 200
        # Whoever asks at the address of the ballots without sending one has sent none.
        assert ask(participants.port, "GET", "/api/v1/studies/line/session/votes/")[0].status == 401
        found = numbers(researchers.port)
        assert ask(participants.port, "GET", "/metrics")[0].status == 404
    assert found['eyeballot_votes_total{result="stored"}'] == 12
    assert found['eyeballot_votes_total{result="replayed"}'] == 1
    assert found['eyeballot_votes_total{result="refused"}'] == 1
    assert found['eyeballot_answers_total{route="voting:api-votes",status="201"}'] == 12
    assert found['eyeballot_answers_total{route="voting:landing",status="200"}'] == 1
    assert found['eyeballot_answers_total{route="voting:api-votes",status="401"}'] == 1
    assert found['eyeballot_answer_seconds_count{route="voting:api-votes"}'] == 15
    assert found["eyeballot_open_studies"] == 1
    assert 0 <= found["eyeballot_newest_vote_age_seconds"] < 60
    assert found["eyeballot_database_up"] == 1
    assert not any("line" in re.sub(r"pipeline", "", name) for name in found if "route" in name)


def test_files_of_workers_that_ended_go_with_a_restart(production: dict[str, str]) -> None:
    counting = {**production, "EYEBALLOT_METRICS": "1"}
    folder = Path(production["EYEBALLOT_VAR"]) / "metrics/all"
    for _ in range(2):
        before = set(folder.glob("*.db"))
        with served(counting, workers=1) as server:
            assert ask(server.port, "GET", "/s/line/")[0].status == 200
            assert numbers(server.port)['eyeballot_answers_total{route="voting:landing",status="200"}'] == 1
            now = set(folder.glob("*.db"))
            assert now
            assert not now & before


def test_they_are_not_there_unless_asked_for(production: dict[str, str]) -> None:
    with served(production, workers=1) as server:
        assert ask(server.port, "GET", "/metrics")[0].status == 404


@pytest.mark.django_db
def test_how_the_house_stands_is_asked_at_that_moment(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "backups/2026-01-01T030000Z").mkdir(parents=True)
    (tmp_path / "backups/2026-01-01T030000Z/manifest.json").write_text("{}")
    settings.EYEBALLOT_BACKUPS = str(tmp_path / "backups")
    factories.rendered_grid()
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in metrics.House().collect()
        for sample in metric.samples
    }
    assert samples[("eyeballot_render_jobs", "done")] == Job.objects.filter(status="done").count()
    assert samples[("eyeballot_render_jobs", "queued")] == Job.objects.filter(status="queued").count()
    assert samples[("eyeballot_open_studies",)] == 0
    assert 0 <= samples[("eyeballot_backup_age_seconds",)] < 60


def test_counting_costs_a_vote_little() -> None:
    """A vote takes about a millisecond of processor time; counting it some microseconds (docs/deployment.md)."""
    count: Callable[[str, str, int, float], None] = metrics.count
    count("POST", "voting:api-votes", 201, 0.004)
    began = time.process_time()
    for _ in range(2000):
        count("POST", "voting:api-votes", 201, 0.004)
    assert (time.process_time() - began) / 2000 < 100e-6
