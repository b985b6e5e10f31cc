"""How the answers were given: by hand, against R, and against fits without the participant."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.core.dataset import Trial
from evaluation.core.evidence import gather
from evaluation.core.options import Options
from evaluation.core.scale import inference
from evaluation.core.voters import data_quality as quality
from evaluation.core.voters.residuals import leads
from tests.evaluation.simulate import study

R = json.loads((Path(__file__).parents[4] / "fixtures/oracles/people.json").read_text())
COLUMNS = (
    "participant n catch_failed n_catch left_rate left_p longest_run median_rt_ms share_fast loo_agreement loo_loglik "
    "oddities included exclusion_reason"
)


def evidence_of(data):
    return gather(data.canonical(), "q", Options(draws=199))


def test_holding_out_is_a_fit_without_the_participant():
    data = study(utilities=[0, 0.7, 1.4, 0.3], losses=[4, 3, 2, 1], n_participants=25, n_trials=40, taste=0.3, seed=2)
    evidence = evidence_of(data)
    votes, found = evidence.votes, leads(evidence)
    for person in (0, 7, 24):
        others = votes.where(votes.person != person)
        again = inference.estimate(
            others.group(np.array([0]), np.arange(4)), labels=evidence.labels, group="x", draws=9
        )
        own = votes.person == person
        exact = again.theta[votes.left[own]] - again.theta[votes.right[own]]
        step, full = found.held_out[own], found.full[own]
        assert np.max(np.abs(step - exact)) < 0.1 * np.max(np.abs(full - exact))


def test_the_fit_to_the_others_by_hand():
    y, lead = np.array([1.0, 0, 0.5, 1, 1]), np.array([np.log(3), np.log(3), 1.0, -1.0, 0.0])
    n, agree, loglik = quality.held_out_fit(y, lead, np.array([0, 0, 0, 2, 2]), 3)
    assert n.tolist() == [3, 0, 2]
    assert agree == pytest.approx([(1 + 0 + 0.5) / 3, 0, (0 + 0.5) / 2])
    tied = 0.5 * (1 - np.log1p(np.e)) + 0.5 * -np.log1p(np.e)
    assert loglik[0] == pytest.approx((np.log(0.75) + np.log(0.25) + tied) / 3)
    assert loglik[2] == pytest.approx((-np.log1p(np.e) + np.log(0.5)) / 2)


def test_repeats_count_the_same_picture_on_either_side():
    data = study(utilities=[0, 1], losses=[2, 1], n_participants=9, n_trials=12)
    first = [t for t in data.trials if t.participant in ("p000", "p001") and t.position in (0, 1)]
    again = []
    for i, t in enumerate(first):
        choice = {"left": "right", "right": "left"}[t.choice] if i else t.choice  # sides are swapped: the first changed
        again.append(
            Trial(f"r{i}", t.participant, "q", 50 + i, t.scene, t.right, t.left, choice, kind="repeat", repeat_of=t.id)
        )
    data = dataclasses.replace(data, trials=(*data.trials, *again))
    found = quality.data_quality_section(evidence_of(data)).summary["repeats"]
    assert (found["n"], found["same"], found["share"]) == (4, 3, 0.75)
    assert found["sentence"].endswith("the same picture in 3 of 4 cases.")


def test_the_rows_of_participants():
    data = study(utilities=[0, 0.5, 1], losses=[3, 2, 1], n_participants=10, n_trials=20)
    trials = [dataclasses.replace(t, choice="left", rt_ms=300) if t.participant == "p000" else t for t in data.trials]
    for i, choice in enumerate(("left", "right", "right")):
        trials.append(Trial(f"c{i}", "p001", "q", 30 + i, "s0", "s0c0", "s0c1", choice, kind="catch", expected="left"))
    people = [dataclasses.replace(p, exclusion_reason="side_bias") if p.id == "p000" else p for p in data.participants]
    section = quality.data_quality_section(
        evidence_of(dataclasses.replace(data, trials=tuple(trials), participants=tuple(people)))
    )
    rows = {row["participant"]: row for row in section.rows["participants_quality"]}
    assert all(tuple(row) == tuple(COLUMNS.split()) for row in rows.values())
    out, caught = rows["p000"], rows["p001"]
    assert (out["left_rate"], out["longest_run"], out["share_fast"], out["median_rt_ms"]) == (1.0, 20, 1.0, 300.0)
    assert out["left_p"] == pytest.approx(2 * 0.5**20)
    assert (out["included"], out["exclusion_reason"], out["loo_agreement"]) == (False, "side_bias", None)
    assert (caught["n_catch"], caught["catch_failed"], caught["included"]) == (3, 2, True)
    assert 0 <= caught["loo_agreement"] <= 1
    assert caught["loo_loglik"] < 0
    assert section.summary["participants"][0]["participant"] == "p000"
    assert json.dumps([section.summary, section.rows], allow_nan=False)


def test_response_times_by_distance_and_histogram():
    data = study(utilities=[0, 1, 2.5], losses=[3, 2, 1], n_participants=20)
    trials = tuple(
        dataclasses.replace(t, rt_ms=4000 if {t.left, t.right} == {"s0c0", "s0c1"} else 50) for t in data.trials
    )
    found = quality.data_quality_section(evidence_of(dataclasses.replace(data, trials=trials))).summary["rt"]
    assert sum(found["counts"]) == 600
    assert found["counts"][0] > 300
    times = [row["median_rt_ms"] for row in found["by_distance"]]
    assert times[0] == 4000
    assert times[-1] == 50
    assert sum(row["n_votes"] for row in found["by_distance"]) == 600


def test_without_votes_and_repeats_there_are_reasons():
    data = study(utilities=[0, 1], losses=[2, 1], n_participants=3)
    few = quality.data_quality_section(evidence_of(data)).summary
    assert few["repeats"]["reason"]["code"] == "NC_NOT_ASKED"
    none = quality.data_quality_section(evidence_of(dataclasses.replace(data, trials=()))).summary
    assert "nobody has compared two conditions yet" in none["sentence"]
    assert json.dumps([few, none], allow_nan=False)


def test_a_rehearsal_does_not_speak_of_people():
    data = study(utilities=[0, 1], losses=[2, 1], simulated=True)
    summary = quality.data_quality_section(evidence_of(data)).summary
    assert "people" not in json.dumps(summary)
    assert "SIMULATED" in summary["sentence"]
