"""The whole way from votes to a verdict: planted effects, refusals, the voice of a rehearsal."""

import dataclasses
import json
import re

import numpy as np
import pytest

from evaluation.core import words
from evaluation.core.analysis import analyse
from evaluation.core.dataset import MetricInfo, Participant, Question, Score
from evaluation.core.figures import chart_texts
from evaluation.core.figures.loss import points
from evaluation.core.options import Options
from evaluation.core.verdict import minimiser
from tests.evaluation.simulate import study

FAST = Options(draws=999)
UTILITIES = np.tile([0.0, 0.4, 1.2, 0.5, -0.3], (3, 1))
RIGHT = np.tile([5.0, 4, 1, 3, 6], (3, 1)) * np.array([[1.0], [1e4], [1e-3]])
WRONG = np.tile([5.0, 4, 3, 2, 1], (3, 1)) * np.array([[1.0], [1e4], [1e-3]])


def test_a_metric_that_is_right_is_confirmed():
    result = analyse(study(utilities=UTILITIES, losses=RIGHT, taste=0.3), FAST)
    head = result["headline"]
    assert (head["verdict"], head["minimiser"], head["favourite"]) == ("confirmed", "c2", "c2")
    assert head["answer"] == "Yes."
    assert head["sentence"].startswith("Over all scenes, lr 0.03 has the lowest total loss and people prefer it too")


def test_a_metric_that_is_wrong_is_refuted():
    result = analyse(study(utilities=UTILITIES, losses=WRONG, taste=0.3), FAST)
    head = result["headline"]
    assert (head["verdict"], head["minimiser"], head["favourite"]) == ("refuted", "c4", "c2")
    assert "but people prefer lr 0.03: it would win 8" in head["sentence"]
    assert head["scenes_line"].startswith("lr 0.05 is the minimum in 3 of 3 scenes")
    tests = result["metrics"][0]["tests"][0]["tests"]
    assert tests["regret_low"] > 0
    assert tests["rival_win_low"] < 1 / (1 + np.exp(-1.5)) < tests["rival_win_high"]


def test_no_preference_at_all_is_never_a_yes_or_no():
    verdicts = {
        analyse(study(utilities=np.zeros((2, 4)), losses=np.tile([1.0, 2, 3, 4], (2, 1)), n_trials=10, seed=s), FAST)[
            "headline"
        ]["verdict"]
        for s in range(5)
    }
    assert verdicts <= {"inconclusive", "equivalent"}


def test_few_votes_without_preference_are_inconclusive():
    data = study(utilities=np.zeros((1, 4)), losses=[[1.0, 2, 3, 4]], n_participants=12, n_trials=12, seed=1)
    head = analyse(data, FAST)["headline"]
    assert head["verdict"] == "inconclusive"
    assert "stays open" in head["sentence"]


def test_many_votes_without_preference_are_practically_equal():
    data = study(utilities=np.zeros((1, 3)), losses=[[1.0, 2, 3]], n_participants=80, n_trials=100, seed=3)
    assert analyse(data, FAST)["headline"]["verdict"] == "equivalent"


def test_the_order_of_the_rows_does_not_matter():
    data = study(utilities=UTILITIES, losses=WRONG, taste=0.3, ties=0.1)
    shuffled = dataclasses.replace(
        data, **{f: tuple(reversed(getattr(data, f))) for f in ("trials", "stimuli", "scores", "scenes", "conditions")}
    )
    assert json.dumps(analyse(shuffled, FAST)) == json.dumps(analyse(data, FAST))
    assert shuffled.digest == data.digest
    assert dataclasses.replace(data, title="Another").digest != data.digest


def test_the_result_is_strict_json_and_every_gap_has_a_reason():
    data = study(utilities=UTILITIES, losses=RIGHT, n_participants=5)
    result = json.loads(json.dumps(analyse(data, FAST), allow_nan=False))
    for group in result["groups"]:
        for row in group["rows"]:
            gaps = [key for key, value in row.items() if value is None and key != "reason"]
            assert (row["reason"] is None) == (not gaps)
    for test in result["metrics"][0]["tests"]:
        assert test["reason"]["code"] == "NC_FEW_PARTICIPANTS"
        assert test["sentence"].startswith("Estimates only: 5 participants are too few")


def test_a_rehearsal_never_speaks_of_people():
    data = study(utilities=UTILITIES, losses=WRONG, simulated=True, networks=("random-shallow",))
    result = analyse(data, Options(draws=999, planted={"favourite": "lr 0.03", "agrees_with_loss": False}))
    assert result["notices"][0]["sentence"] == (
        "SIMULATED: a rehearsal of the analysis. Planted favourite lr 0.03, recovered lr 0.03"
    )
    assert "not pretrained" in result["notices"][-1]["sentence"]
    sentences = [s for s in _sentences(result) if s not in {n["sentence"] for n in result["notices"]}]
    assert len(sentences) > 5
    assert all(s.startswith("In this SIMULATED rehearsal, ") for s in sentences)
    everything = json.dumps(result) + json.dumps(chart_texts(result))
    assert "people prefer" not in everything.lower()
    real = analyse(study(utilities=UTILITIES, losses=WRONG), FAST)
    assert "people prefer" in json.dumps(real)
    assert real["notices"] == []


def test_a_rehearsal_counts_bots_only_and_a_study_people_only():
    data = study(utilities=UTILITIES, losses=WRONG, n_participants=10)
    bots = tuple(dataclasses.replace(p, is_bot=True) for p in data.participants)
    assert analyse(dataclasses.replace(data, participants=bots), FAST)["flow"][-1]["n_trials"] == 0
    assert analyse(dataclasses.replace(data, participants=bots, simulated=True), FAST)["flow"][-1]["n_trials"] == 300
    assert analyse(dataclasses.replace(data, simulated=True), FAST)["flow"][-1]["n_trials"] == 0


def test_the_flow_counts_each_step():
    data = study(utilities=UTILITIES, losses=WRONG, n_participants=10, n_trials=30, control=True)
    first, *rest = data.trials
    odd = [
        dataclasses.replace(first, id="x1", kind="catch"),
        dataclasses.replace(first, id="x2", choice="skip"),
        dataclasses.replace(first, id="x3", choice=""),
        dataclasses.replace(first, id="x4", superseded=True),
        dataclasses.replace(first, id="x5", right=f"{first.scene}photo"),
        dataclasses.replace(first, id="x6", question="other"),
        dataclasses.replace(first, id="x7", participant="preview"),
        dataclasses.replace(first, id="x8", participant="out"),
    ]
    people = (
        *data.participants,
        Participant("preview", is_preview=True),
        Participant("out", exclusion_reason="withdrew"),
    )
    data = dataclasses.replace(data, trials=(first, *rest, *odd), participants=people)
    flow = {s["step"]: s["n_trials"] for s in analyse(data, FAST)["flow"]}
    assert flow["presented"] == 307
    assert flow["main_sessions"] == 306
    assert flow["main_trials"] == 305
    assert flow["last_answer"] == 304
    assert flow["answered"] == 302
    assert flow["included"] == 301
    assert flow["grid_pairs"] == flow["different_conditions"] == 300


def test_the_control_picture_takes_no_part_in_the_test():
    with_photo = analyse(study(utilities=UTILITIES, losses=WRONG, control=True), FAST)
    without = analyse(study(utilities=UTILITIES, losses=WRONG), FAST)
    assert with_photo["groups"] == without["groups"]
    assert "photo" not in {c["id"] for c in with_photo["conditions"]}


def test_losses_of_different_objectives_are_not_compared():
    data = study(utilities=UTILITIES, losses=WRONG, scope="objective", objectives=["a", "a", "b", "b", "c"])
    result = analyse(data, FAST)
    assert result["headline"]["verdict"] == "not_computable"
    assert "3 different objectives" in result["headline"]["sentence"]
    assert result["metrics"][0]["agreement"]["reason"]["code"] == "NC_SCOPE"
    same = study(utilities=UTILITIES, losses=WRONG, scope="objective")
    assert analyse(same, FAST)["headline"]["verdict"] == "refuted"
    runs = analyse(study(utilities=UTILITIES, losses=WRONG, scope="run"), FAST)
    assert "5 different training runs" in runs["headline"]["sentence"]


def test_a_metric_out_of_scope_gives_way_to_the_reference_objective():
    data = study(utilities=UTILITIES, losses=WRONG, scope="objective", objectives=list("abcde"))
    reference = MetricInfo("ref", "ref", "Reference loss", role="reference_objective")
    scores = (*data.scores, *(dataclasses.replace(s, metric="ref") for s in data.scores))
    result = analyse(dataclasses.replace(data, metrics=(*data.metrics, reference), scores=scores), FAST)
    assert result["primary"] == "ref"
    assert result["headline"]["verdict"] == "refuted"


def test_tied_minima_are_said_and_the_best_of_them_is_tested():
    losses = np.tile([5.0, 4, 1, 1, 6], (3, 1))
    test = analyse(study(utilities=UTILITIES, losses=losses), FAST)["metrics"][0]["tests"][0]
    assert test["minimum"]["conditions"] == ["c2", "c3"]
    assert test["notes"][0]["code"] == "NC_TIED_MIN"
    assert test["tests"]["minimiser"] == "c2"
    assert test["verdict"] != "refuted"


def test_a_constant_metric_has_no_minimiser():
    test = analyse(study(utilities=UTILITIES, losses=np.ones((3, 5))), FAST)["metrics"][0]["tests"][0]
    assert test["reason"]["code"] == "NC_CONSTANT_METRIC"
    assert test["minimum"] is None


def test_a_scene_with_a_missing_score_is_left_out_and_said():
    data = study(utilities=UTILITIES, losses=WRONG)
    scores = tuple(Score(s.stimulus, s.metric, None, "nan") if s.stimulus == "s1c0" else s for s in data.scores)
    result = analyse(dataclasses.replace(data, scores=scores), FAST)
    pooled, _, second, _ = result["metrics"][0]["tests"]
    assert second["reason"]["code"] == "NC_MISSING_SCORE"
    assert pooled["minimum"]["n_scenes"] == 2
    assert "missing for 1 of 5" in pooled["notes"][0]["sentence"]
    assert result["metrics"][0]["agreement"]["n_scenes"] == 2


def test_votes_of_a_scene_without_the_metric_do_not_enter_its_verdict():
    # In scene B, whose loss is missing, everybody prefers the opposite.
    utilities = np.array([[0.0, 0.4, 1.6], [3.0, 0.4, -3.0], [0.0, 0.4, 1.6]])
    data = study(utilities=utilities, losses=np.tile([3.0, 2, 1], (3, 1)))
    scores = tuple(s for s in data.scores if s.stimulus != "s1c0")
    result = analyse(dataclasses.replace(data, scores=scores), FAST)
    without = analyse(
        dataclasses.replace(data, scores=scores, trials=tuple(t for t in data.trials if t.scene != "s1")), FAST
    )
    test, alone = result["metrics"][0]["tests"][0], without["metrics"][0]["tests"][0]
    assert test["tests"] == alone["tests"]
    assert test["n_votes"] == alone["n_votes"] < result["groups"][0]["n_votes"]
    assert test["verdict"] == "confirmed"
    assert test["sentence"].startswith("Over all scenes but scene B, lr 0.03 has the lowest total loss")
    assert test["basis"].endswith("Total loss is missing for 1 of 3 stimuli; scene B left out of Total loss.")
    # What is shown beside the sentence is counted in the same scenes; the chart of all votes keeps all.
    assert result["headline"]["favourite"] == "c2"
    assert [p["y"] for p in points(result["groups"][0], result["metrics"][0])] == [
        r["theta"] for r in without["groups"][0]["rows"]
    ]
    assert analyse(data, FAST)["metrics"][0]["group"] is None


def unanimous(n_participants, *, agrees):
    """Everybody prefers the later of three conditions, every time; the loss says the same or the opposite."""
    losses = [3.0, 2, 1] if agrees else [1.0, 2, 3]
    return study(utilities=[[0.0, 60, 120]], losses=[losses], n_participants=n_participants, n_trials=12)


@pytest.mark.parametrize("people", [8, 10, 30])
@pytest.mark.parametrize("agrees", [True, False])
def test_a_clean_sweep_gives_a_bound_that_agrees_with_its_verdict(people, agrees):
    result = analyse(unanimous(people, agrees=agrees), FAST)
    head, tests = result["headline"], result["metrics"][0]["tests"][0]["tests"]
    assert head["verdict"] == ("confirmed" if agrees else "refuted")
    assert "CI" not in head["sentence"]
    least = float(re.search(r"at least ([\d.]+); one-sided 95 % bound", head["sentence"]).group(1))
    assert least > 50
    assert least == pytest.approx(100 * (tests["own_bound"] if agrees else tests["rival_bound"]), abs=0.5)
    assert "score is unbounded. Shown: regularised score (ridge .05) and the one-sided bound." in head["basis"]


def test_an_interval_never_leaves_open_what_the_verdict_says():
    undecided = 0
    for seed in range(40):
        data = study(utilities=[[0.0, 0.35]], losses=[[2.0, 1]], n_participants=12, n_trials=8, seed=seed)
        test = analyse(data, FAST)["metrics"][0]["tests"][0]
        if test["verdict"] not in ("confirmed", "refuted"):
            continue
        low, high = test["tests"]["rival_win_low"], test["tests"]["rival_win_high"]
        undecided += low <= 0.5 <= high
        assert (low <= 0.5 <= high) == ("one-sided" in test["sentence"]) == ("CI" not in test["sentence"])
    assert undecided


def test_a_highest_score_is_not_yet_a_preference():
    head = analyse(study(utilities=np.zeros((1, 4)), losses=[[1.0, 2, 3, 4]], n_trials=12, seed=1), FAST)["headline"]
    assert head["favourite"]
    assert head["favourite_sure"] is False
    few = analyse(study(utilities=[[0, 0.5, 3]], losses=[[1.0, 2, 3]], n_participants=3), FAST)["headline"]
    assert (few["favourite"], few["favourite_sure"]) == ("c2", False)
    ties = analyse(study(utilities=[[0, 0.5, 3]], losses=[[1.0, 2, 3]], ties=1.0), FAST)["headline"]
    assert (ties["favourite"], ties["favourite_label"], ties["favourite_sure"]) == (None, None, False)
    assert analyse(study(utilities=[[0, 0.5, 3]], losses=[[1.0, 2, 3]]), FAST)["headline"]["favourite_sure"] is True


def test_the_pooled_minimiser_weighs_scenes_the_same():
    losses = np.array([[1.0, 2, 3], [1.0, 2, 3], [3e9, 2e9, 1e9]])
    data = study(utilities=np.zeros((3, 3)), losses=losses).canonical()
    table = minimiser.cells(data, data.metrics[0])
    found = minimiser.pooled_minimum(data, data.metrics[0], table, ["s0", "s1", "s2"], ["c0", "c1", "c2"], "all scenes")
    assert found.items == ("c0",)
    assert (found.scenes_agree, found.n_scenes) == (2, 3)


def test_higher_is_better_turns_the_metric_round():
    data = study(utilities=UTILITIES, losses=RIGHT)
    quality = tuple(dataclasses.replace(m, direction="higher_better", label="SSIM") for m in data.metrics)
    result = analyse(dataclasses.replace(data, metrics=quality), FAST)
    assert result["headline"]["minimiser"] == "c4"
    assert "has the highest SSIM" in result["headline"]["sentence"]


def test_each_question_has_its_own_answer():
    data = study(utilities=UTILITIES, losses=WRONG)
    flipped = tuple(
        dataclasses.replace(t, id=f"{t.id}b", question="q2", choice={"left": "right", "right": "left"}[t.choice])
        for t in data.trials
    )
    data = dataclasses.replace(
        data, questions=(*data.questions, Question("q2", "Which is worse?", 1)), trials=(*data.trials, *flipped)
    )
    assert analyse(data, FAST, question="q")["headline"]["favourite"] == "c2"
    assert analyse(data, FAST, question="q2")["headline"]["favourite"] == "c4"


def test_a_study_without_votes_says_so():
    data = dataclasses.replace(study(utilities=UTILITIES, losses=WRONG), trials=())
    head = analyse(data, FAST)["headline"]
    assert head["sentence"] == "All scenes: nobody has compared two conditions yet."
    assert head["favourite"] is None


def test_a_study_without_metrics_says_so_and_still_scores():
    result = analyse(dataclasses.replace(study(utilities=UTILITIES, losses=WRONG), metrics=(), scores=()), FAST)
    assert result["headline"]["sentence"].startswith("No metric was measured")
    assert result["headline"]["favourite"] == "c2"


def test_a_study_without_scenes_is_refused():
    data = study(utilities=UTILITIES, losses=WRONG)
    with pytest.raises(ValueError, match="scene"):
        analyse(dataclasses.replace(data, scenes=()), FAST)


def test_the_seed_decides_the_resampling_and_nothing_else():
    data = study(utilities=UTILITIES, losses=WRONG, n_trials=8, taste=0.8)
    one, again, other = (analyse(data, Options(draws=499, seed=s)) for s in (1, 1, 2))
    assert one == again
    assert one["groups"] == other["groups"]


def test_every_reason_can_be_said():
    for code, sentence in words.REASONS.items():
        assert code.startswith("NC_")
        assert sentence[0] == "{" or sentence.split(" ", 1)[0] in words.OPENERS


def _sentences(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "sentence":
                yield inner
            else:
                yield from _sentences(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _sentences(inner)


def test_a_pilot_before_the_design_was_frozen_leaves_it_confirmatory():
    data = study(utilities=[0, 1, 0], losses=[1, 2, 3])
    late = tuple(dataclasses.replace(t, submitted_at="2026-02-01T00:00:00Z") for t in data.trials)
    data = dataclasses.replace(data, primary_metric="total", frozen_at="2026-01-01T00:00:00Z", trials=late)
    assert data.confirmatory
    early = dataclasses.replace(late[0], id="pilot", participant="pilot", submitted_at="2025-12-01T00:00:00Z")
    for pilot in (True, False):
        people = (*data.participants, dataclasses.replace(data.participants[0], id="pilot", is_pilot=pilot))
        assert dataclasses.replace(data, participants=people, trials=(*late, early)).confirmatory == pilot


def test_a_verdict_in_a_scene_rests_on_corrected_p_values_only():
    seen = set()
    for seed in range(6):
        data = study(utilities=np.zeros((6, 3)), losses=np.tile([1, 2, 3], (6, 1)), n_participants=40, n_trials=60,
                     seed=seed)  # fmt: skip
        for row in analyse(data, FAST)["tables"]["hypothesis_tests"]:
            if row["hypothesis"] == "H_min_equiv" and row["scope"] == "scene":
                seen.add((row["p_raw"] < 0.05, row["p_adj"] < 0.05))
                assert (row["verdict"] == "equivalent") <= (row["p_adj"] < 0.05)
    assert (True, False) in seen
