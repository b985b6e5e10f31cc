"""How often a generated picture is called real: by hand, and by simulation."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from evaluation.core.dataset import Stimulus, Trial
from evaluation.core.evidence import gather
from evaluation.core.metrics import fooling
from evaluation.core.options import Options
from studyplatform.voting.core.claims import DRAWS
from tests.evaluation.simulate import study

COLUMNS = (
    "kind condition_1 condition_2 metric_id estimate se ci_low ci_high p_raw n_trials n_participants status reason_code"
)


def evidence_of(data, draws=99):
    return gather(data.canonical(), "q", Options(draws=draws))


def asked(logits, *, people=20, each=4, taste=0.0, seed=0, losses=None, scenes=2):
    """A study with trials of each condition against the photograph; a generated picture is called real by its logit."""
    rng = np.random.default_rng(seed)
    k = len(logits)
    data = study(
        utilities=np.zeros((scenes, k)), losses=np.tile(losses or np.arange(k, dtype=float), (scenes, 1)),
        n_participants=people, n_trials=4, control=True,
    )  # fmt: skip
    stimuli = [*data.stimuli, *(Stimulus(f"s{s}real", f"s{s}", "photo", role="reference") for s in range(scenes))]
    trials = list(data.trials)
    for p in range(people):
        own = taste * rng.normal()
        for i, c in enumerate(np.tile(np.arange(k), each)):
            s = int(rng.integers(scenes))
            pair, real = [f"s{s}c{c}", f"s{s}real"], rng.random() < expit(logits[c] + own)
            if flip := rng.random() < 0.5:
                pair.reverse()
            choice = "left" if bool(real) != flip else "right"
            trials.append(
                Trial(f"f{p:03d}_{i:03d}", f"p{p:03d}", "q", 50 + i, f"s{s}", *pair, choice, kind="real_fake")
            )
    return dataclasses.replace(data, stimuli=tuple(stimuli), trials=tuple(trials))


def test_rates_by_hand_and_their_error_by_the_ratio():
    evidence = evidence_of(asked([-1.0, 0.0, 1.0], taste=0.8))
    found = fooling.calls(evidence)
    assert (found.people, len(found.real)) == (20, 20 * 12)
    section = fooling.fooling_section(evidence)
    rows = section.rows["fooling"]
    for c, row in enumerate(rows[:3]):
        mine = found.condition == c
        rate = found.real[mine].mean()
        assert row["estimate"] == pytest.approx(rate)
        off = np.bincount(found.person[mine], weights=found.real[mine] - rate)
        assert row["se"] == pytest.approx(np.sqrt(20 / 19 * np.sum(off**2)) / mine.sum())
    assert [row["kind"] for row in rows] == ["rate"] * 3 + ["difference"] * 3 + ["metric"]
    assert all(tuple(row) == tuple(COLUMNS.split()) for row in rows)
    assert [t.hypothesis for t in section.tests] == ["fooling"] * 3 + ["fooling_differences"] * 3 + ["fooling_metrics"]
    assert all(t.family == t.hypothesis and not t.confirmatory for t in section.tests)
    assert len(section.tests) == len(rows)
    assert json.dumps([section.summary, rows], allow_nan=False)


def test_a_difference_between_conditions_is_paired_by_participant():
    # Tastes are shared by the conditions: the difference knows better than the two rates apart.
    rows = fooling.fooling_section(evidence_of(asked([0.0, 0.6], people=30, each=12, taste=2.0))).rows["fooling"]
    first, second, difference = rows[:3]
    assert difference["estimate"] == pytest.approx(first["estimate"] - second["estimate"])
    assert difference["se"] < 0.6 * np.hypot(first["se"], second["se"])


def test_called_real_by_the_metric_is_the_area_under_the_curve_within_scenes():
    evidence = evidence_of(asked([-1.0, 0.0, 1.5], losses=[3.0, 2.0, 1.0]))
    found, cells = fooling.calls(evidence), evidence.metric("total").cells
    share, influence = fooling.metric_agreement(found, cells)
    won = pairs = 0.0
    for a in np.flatnonzero(found.real == 1):
        for b in np.flatnonzero((found.real == 0) & (found.scene == found.scene[a])):
            x, y = cells[found.scene[a], found.condition[a]], cells[found.scene[b], found.condition[b]]
            won, pairs = won + (1.0 if x < y else 0.5 if x == y else 0.0), pairs + 1
    assert share == pytest.approx(won / pairs)
    assert share > 0.6
    assert influence.sum() == pytest.approx(0, abs=1e-9)
    # What a participant adds is how the share moves without them, but for the second order.
    stay = found.person != 3
    less = fooling.Calls(19, found.person[stay], found.scene[stay], found.condition[stay], found.real[stay])
    assert share - fooling.metric_agreement(dataclasses.replace(less, people=20), cells)[0] == pytest.approx(
        influence[3], rel=0.2, abs=2e-3
    )


def test_coin_flips_are_seldom_called_fooling():
    rejected = np.zeros(3)
    for seed in range(300):
        rows = fooling.fooling_section(evidence_of(asked([0.0, 0.0], people=12, taste=0.8, seed=seed))).rows["fooling"]
        p = [next(r["p_raw"] for r in rows if r["kind"] == kind) for kind in ("rate", "difference", "metric")]
        rejected += np.array(p) < 0.05
    assert np.all(rejected / 300 <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 300))
    assert rejected.sum() > 0


def test_the_interval_of_a_rate_is_wilsons():
    # 3 of 30 people with a trial each: the formula of the textbook, with t in place of the normal quantile.
    z = stats.t.ppf(0.975, 29)
    half = z * np.sqrt(0.1 * 0.9 / 30 + (z / 60) ** 2)
    low, high, null_se = fooling.score_interval(0.1, np.sqrt(0.1 * 0.9 / 30), 30, 30)
    assert (low, high) == pytest.approx(((0.1 + z**2 / 60 + np.array([-half, half])) / (1 + z**2 / 30)).tolist())
    assert null_se == pytest.approx(0.5 / np.sqrt(30))
    # Nobody calls it real: the people are the units, not their trials.
    assert fooling.score_interval(0.0, 0.0, 10, 300) == fooling.score_interval(0.0, 0.0, 10, 10)


def test_a_picture_that_is_seldom_called_real_has_an_interval_that_holds():
    held = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        person = np.repeat(np.arange(10), 3)
        real = (rng.random(30) < 0.07).astype(float)
        nobody = np.zeros(30, dtype=np.intp)
        found = fooling.Calls(10, person, nobody, nobody, real)
        rate, influence = fooling.rates(found, np.array([0]))
        se = float(np.sqrt(10 / 9 * np.sum(influence**2)))
        low, high, _ = fooling.score_interval(float(rate[0]), se, 10, 30)
        held.append(low <= 0.07 <= high)
    assert np.mean(held) >= 0.95 - 3.3 * np.sqrt(0.05 * 0.95 / 200)


def test_only_answers_of_the_analysis_set_about_one_generated_picture_count():
    data = asked([0.0, 1.0])
    first = next(t for t in data.trials if t.kind == "real_fake")
    strange = (
        dataclasses.replace(first, id="a", superseded=True),
        dataclasses.replace(first, id="b", choice="skip"),
        dataclasses.replace(first, id="c", question="other"),
        dataclasses.replace(first, id="d", left="s0c0", right="s0c1"),
    )
    more = dataclasses.replace(data, trials=(*data.trials, *strange))
    assert len(fooling.calls(evidence_of(more)).real) == len(fooling.calls(evidence_of(data)).real)
    people = tuple(
        dataclasses.replace(p, exclusion_reason="too_fast") if p.id < "p005" else p for p in data.participants
    )
    assert fooling.calls(evidence_of(dataclasses.replace(data, participants=people))).people == 15
    tie = dataclasses.replace(first, id="tie", choice="tie")
    assert 0.5 in fooling.calls(evidence_of(dataclasses.replace(data, trials=(*data.trials, tie)))).real


def test_where_two_conditions_met_the_question_is_one_of_taste_and_only_else_are_its_rates_planned():
    both = evidence_of(asked([0.0, 1.0]))
    assert not both.asks_which_is_real
    assert both.flow[-1].step == "different_conditions"
    assert both.people == both.votes.people
    data = asked([0.0, 1.0])
    kept = tuple(
        dataclasses.replace(t, submitted_at="2026-01-02T00:00:00Z") for t in data.trials if t.kind == "real_fake"
    )
    for frozen_at, planned in (("2026-01-01T00:00:00Z", True), ("2026-01-03T00:00:00Z", False), ("", False)):
        alone = evidence_of(dataclasses.replace(data, trials=kept, frozen_at=frozen_at), DRAWS)
        assert alone.asks_which_is_real
        assert (alone.flow[-1].step, alone.flow[-1].n_trials) == ("one_generated", len(kept))
        assert (alone.votes.n_votes, len(alone.people)) == (0, 20)
        said = {t.family: t.confirmatory for t in fooling.fooling_section(alone).tests}
        assert said == {"fooling": planned, "fooling_differences": False, "fooling_metrics": False}


def test_not_asked_and_too_few_are_said():
    none = fooling.fooling_section(evidence_of(study(utilities=[0, 1], losses=[1, 2])))
    assert none.summary["reason"]["code"] == "NC_NOT_ASKED"
    assert none.rows["fooling"] == []
    few = fooling.fooling_section(evidence_of(asked([0.0, 1.0], people=5)))
    assert few.summary["reason"]["code"] == "NC_FEW_PARTICIPANTS"
    assert few.rows["fooling"][0]["reason_code"] == "NC_FEW_PARTICIPANTS"
    assert not few.tests


def test_one_sided_calls_give_numbers():
    section = fooling.fooling_section(evidence_of(asked([-50.0, 50.0])))
    assert json.dumps([section.summary, section.rows], allow_nan=False)
    assert [row["estimate"] for row in section.rows["fooling"][:3]] == [0.0, 1.0, -1.0]
