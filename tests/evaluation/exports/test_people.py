"""What a bundle tells of each participant: how they answered, who is left out and why, and what was erased."""

import json

import pytest
from django.urls import reverse
from django.utils import timezone

from evaluation.core import bundle
from evaluation.exports import Export
from evaluation.inputs import study_data
from studyplatform.voting.models import Exclusion
from studyplatform.voting.services import (
    participant_erase,
)
from tests.evaluation.exports.conftest import PANEL_ID, closed, rows, zip_files

pytestmark = pytest.mark.django_db


def test_rows_tell_how_people_answered(study):
    files = zip_files(Export(study))
    [row] = [r for r in rows(files["data/participants.csv"]) if r["source"] == "prolific"]
    assert (row["n_presented"], row["n_main"], row["included"], row["colour_vision"]) == (
        "6",
        "6",
        "true",
        "not_tested",
    )
    assert row["left_rate"] == repr(1 / 6)
    assert float(row["left_p"]) == pytest.approx(0.21875)
    assert len(row["consent_version"]) == 12
    trial = next(r for r in rows(files["data/trials.csv"]) if r["input"] == "mouse")
    assert (trial["zoomed"], trial["focus_lost_ms"], trial["load_ms"], trial["rt_ms"]) == ("true", "40", "90", "321")
    assert (trial["winner_stimulus_id"], trial["session_id"]) == (trial["stimulus_left"], row["participant_id"])
    reasons = {r["exclusion_reason"] for r in rows(files["data/participants.csv"])}
    assert reasons == {"", "too_fast", "withdrew"}


def test_who_withdrew_is_named_as_such_and_has_no_trials_here_or_in_the_api(study, as_owner):
    study = closed(study)
    files = zip_files(Export(study))
    trials = rows(files["data/trials.csv"])
    [gone] = [r["participant_id"] for r in rows(files["data/participants.csv"]) if r["exclusion_reason"] == "withdrew"]
    assert gone not in {t["participant_id"] for t in trials}
    told = as_owner.get(reverse("voting:api-trials", args=[study.slug])).json()
    assert {t["trial_id"] for t in told} == {t["trial_id"] for t in trials}
    by_id = {t["trial_id"]: t for t in trials}
    excluded = {r["participant_id"]: r["exclusion_reason"] for r in rows(files["data/participants.csv"])}
    for row in told:
        cells = by_id[row["trial_id"]]
        for name in set(row) & set(cells) - {"exclusion_reason"}:
            assert str("" if row[name] is None else row[name]) == cells[name], name
        assert row["exclusion_reason"] == excluded[row["participant_id"]]
    votes = as_owner.get(reverse("voting:api-study-votes", args=[study.slug])).json()
    assert {v["trial_id"]: v["choice"] for v in votes} == {t["trial_id"]: t["choice"] for t in trials if t["choice"]}


def test_an_erased_participant_leaves_a_counted_hole(study, owner):
    who = study.participants.get(panel__external_id=PANEL_ID)
    participant_erase(participant=who, by=owner)
    files = zip_files(Export(study))
    assert rows(files["data/erasures.csv"]) == [
        {"erasure_id": "0001", "day": timezone.localdate().isoformat(), "trials": "6", "votes": "6"}
    ]
    assert json.loads(files["manifest.json"])["erased"] == {"participants": 1, "trials": 6, "votes": 6}
    assert "Erased: 1 with 6 trials and 6 votes" in files["README.md"].decode()
    assert bundle.read(files).data == study_data(study)


def test_old_reasons_without_a_code_are_other(study, owner):
    Exclusion.objects.all().update(code="other")
    assert "other" in {p.exclusion_reason for p in study_data(study).participants}
