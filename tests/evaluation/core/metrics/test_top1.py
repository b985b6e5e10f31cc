"""Top-1 agreement: exact chances, and a permutation that knows of shared profiles."""

import dataclasses
import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest

from evaluation.core.evidence import gather
from evaluation.core.metrics import top1
from evaluation.core.options import Options
from tests.evaluation.simulate import study


def evidence(data, draws=199):
    return gather(data.canonical(), "q", Options(draws=draws))


def test_the_poisson_binomial_by_enumeration():
    chances = np.array([0.2, 0.25, 0.5, 1 / 3])
    expected = sum(
        np.prod([c if hit else 1 - c for c, hit in zip(chances, hits, strict=True)])
        for hits in itertools.product((0, 1), repeat=4)
        if sum(hits) >= 3
    )
    assert top1.poisson_binomial_tail(chances, 3) == pytest.approx(expected)
    assert top1.poisson_binomial_tail(chances, 0) == pytest.approx(1)


def test_the_joint_permutation_by_enumeration():
    hit = np.zeros((5, 5))
    for minimiser, favourite in [(0, 0), (1, 1), (2, 2), (0, 0), (3, 1)]:
        hit[minimiser, favourite] += 1
    counts = [sum(hit[k, order[k]] for k in range(5)) for order in itertools.permutations(range(5))]
    p, n = top1.joint_top1_p(hit, seed=1, draws=120)
    assert n == 120
    assert p == np.mean([c >= 4 for c in counts])


def test_scenes_that_differ_and_a_metric_that_knows():
    rng = np.random.default_rng(3)
    utilities = np.array([np.roll([2.0, 0, 0.2, 0.4, 0.1], s) for s in range(6)])
    data = study(utilities=utilities, losses=-utilities + rng.normal(size=(6, 5)) * 0.05, n_participants=60)
    section = top1.top1_section(evidence(data))
    said = section.summary["total"]
    assert (said["hits"], said["n_scenes"], said["chance"]) == (6, 6, pytest.approx(1.2))
    assert said["soft"] > 0.95
    assert said["p"] < 0.05
    assert said["level"] == "C3"
    assert [t.p_raw for t in section.tests] == [said["p"]]
    json.dumps(section.summary, allow_nan=False)


def test_one_shared_favourite_is_one_hit_of_five():
    utilities = np.tile([2.0, 0, 0.2, 0.4, 0.1], (6, 1))
    said = top1.top1_section(evidence(study(utilities=utilities, losses=-utilities, n_participants=60))).summary[
        "total"
    ]
    assert said["hits"] == 6
    assert said["p"] >= 0.2


def test_tastes_along_the_grid_are_not_knowledge():
    rejected = []
    for seed in range(60):
        data = study(
            utilities=np.zeros((5, 5)), losses=np.tile(range(5), (5, 1)), n_participants=20, axis=0.8, seed=seed
        )
        rejected.append(top1.top1_section(evidence(data, 199)).summary["total"]["p"] < 0.05)
    assert np.mean(rejected) <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 60)


def test_three_conditions_have_no_p():
    data = study(utilities=np.tile([0, 1, 2], (5, 1)), losses=np.tile([3, 2, 1], (5, 1)))
    said = top1.top1_section(evidence(data)).summary["total"]
    assert (said["hits"], said["p"], said["reason"]["code"]) == (5, None, "NC_TOO_FEW_CONDITIONS")


def test_grids_of_their_own_are_counted_exactly():
    def own_grids(scenes):
        data = study(
            utilities=np.tile([0, 0.5, 2], (scenes, 1)), losses=np.tile([3, 2, 1], (scenes, 1)), n_participants=40
        )
        own = tuple(
            dataclasses.replace(c, id=f"{s.id}{c.id}", position=len(data.scenes) * c.position + s.position)
            for s in data.scenes for c in data.conditions
        )  # fmt: skip
        stimuli = tuple(dataclasses.replace(s, condition=s.id) for s in data.stimuli)
        data = dataclasses.replace(data, conditions=own, stimuli=stimuli)
        return top1.top1_section(evidence(data)).summary["total"]

    said = own_grids(4)
    assert (said["hits"], said["level"]) == (4, "C2")
    assert said["p"] == pytest.approx(1 / 81)
    assert own_grids(3)["reason"]["code"] == "NC_TOO_FEW_SCENES"


def test_a_scene_without_scores_is_left_out_and_named():
    utilities = np.tile([0.0, 0.5, 1, 1.5, 2], (3, 1))
    data = study(utilities=utilities, losses=-utilities, n_participants=40)
    data = dataclasses.replace(data, scores=tuple(s for s in data.scores if s.stimulus != "s1c0"))
    said = top1.top1_section(evidence(data)).summary["total"]
    assert said["n_scenes"] == 2
    assert said["left_out"] == ["s1"]
    assert "Left out: B." in said["sentence"]


def test_signs_on_the_minimisers_scores_by_enumeration():
    rng = np.random.default_rng(4)
    own = [rng.normal(size=(6, 3)) / 6 for _ in range(2)]
    theta = [x.sum(axis=0) + np.array([0.4, 0, -0.4]) for x in own]
    scores = [
        SimpleNamespace(people=np.arange(6), theta=t, scale=SimpleNamespace(influence=x))
        for t, x in zip(theta, own, strict=True)
    ]
    chosen = [np.array([0]), np.array([0, 1])]
    total = theta[0][0] + theta[1][:2].mean()
    each = own[0][:, 0] + own[1][:, :2].mean(axis=1)
    null = [abs(np.dot(signs, each)) for signs in itertools.product((1, -1), repeat=6)]
    expected = np.mean([t >= abs(total) for t in null])
    assert 0 < expected < 0.5
    assert top1.minimiser_p(scores, chosen, 6, seed=1, draws=64) == pytest.approx(expected)


def test_the_claim_about_the_metric_includes_the_claim_about_people(monkeypatch):
    monkeypatch.setattr(top1, "minimiser_p", lambda *_, **__: 0.9)
    utilities = np.array([np.roll([2.0, 0, 0.2, 0.4, 0.1], s) for s in range(6)])
    data = study(utilities=utilities, losses=-utilities, n_participants=40)
    assert top1.top1_section(evidence(data)).summary["total"]["p"] == 0.9
