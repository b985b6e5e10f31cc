"""Studies at the edge: every part about participants gives numbers or reasons, strict JSON, and no talk of people in a
rehearsal."""

import dataclasses
import json

import numpy as np
import pytest

from evaluation.core.evidence import gather
from evaluation.core.metrics.fooling import fooling_section
from evaluation.core.options import Options
from evaluation.core.voters.data_quality import data_quality_section
from evaluation.core.voters.flips import flips_section
from evaluation.core.voters.goodness import goodness_section
from evaluation.core.voters.heterogeneity import heterogeneity_section
from evaluation.core.voters.sensitivity import sensitivity_section
from evaluation.core.weights.factors import factors_section
from evaluation.core.words import REASONS
from tests.evaluation.simulate import study

SECTIONS = (
    sensitivity_section, flips_section, data_quality_section, heterogeneity_section, goodness_section, fooling_section,
    factors_section,
)  # fmt: skip
PLAIN = study(utilities=np.array([[0, 0.5, 1, 0.3]] * 2), losses=[[4, 3, 2, 1]] * 2, n_participants=12)


def answers(data, choose):
    return dataclasses.replace(data, trials=tuple(dataclasses.replace(t, choice=choose(t)) for t in data.trials))


def without(data, keep):
    return dataclasses.replace(data, trials=tuple(t for t in data.trials if keep(t)))


def pair(trial):
    return {trial.left[-1], trial.right[-1]}


ODD = {
    "plain": PLAIN,
    "rehearsal": dataclasses.replace(
        PLAIN, simulated=True, participants=tuple(dataclasses.replace(p, is_bot=True) for p in PLAIN.participants)
    ),
    "one participant": without(PLAIN, lambda t: t.participant == "p000"),
    "nobody": without(PLAIN, lambda t: False),
    "one condition": study(utilities=[0.0], losses=[1.0], n_trials=0),
    "all ties": answers(PLAIN, lambda t: "tie"),
    "always left": answers(PLAIN, lambda t: "left"),
    "only skips": answers(PLAIN, lambda t: "skip"),
    "one wins all": answers(PLAIN, lambda t: "left" if t.left < t.right else "right"),
    "disconnected": without(PLAIN, lambda t: pair(t) in ({"0", "1"}, {"2", "3"})),
    "one never shown": without(PLAIN, lambda t: "3" not in pair(t)),
    "everybody excluded": dataclasses.replace(
        PLAIN, participants=tuple(dataclasses.replace(p, exclusion_reason="too_fast") for p in PLAIN.participants)
    ),
    "no scores": dataclasses.replace(PLAIN, scores=()),
    "constant metric": study(utilities=[0, 0.5, 1], losses=[1, 1, 1]),
    "all tied minimum but one": study(utilities=[0, 0.5, 1], losses=[1, 1, 2]),
    "no times": dataclasses.replace(PLAIN, trials=tuple(dataclasses.replace(t, rt_ms=None) for t in PLAIN.trials)),
    "one scene without votes": without(PLAIN, lambda t: t.scene == "s0"),
    "unshared grid": dataclasses.replace(
        without(PLAIN, lambda t: not (t.scene == "s1" and "0" in pair(t))),
        stimuli=tuple(s for s in PLAIN.stimuli if s.id != "s1c0"),
        scores=tuple(s for s in PLAIN.scores if s.stimulus != "s1c0"),
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_studies_give_numbers_or_reasons(name):
    data = ODD[name].canonical()
    evidence = gather(data, "q", Options(draws=99))
    for section in SECTIONS:
        found = section(evidence)
        text = json.dumps([found.summary, found.rows, [dataclasses.asdict(t) for t in found.tests]], allow_nan=False)
        assert found.summary["sentence"].endswith(".")
        assert not (data.simulated and "people" in text)
        for test in found.tests:
            assert test.message
            assert (test.p_raw is None) == (test.status == "not_computable")
            assert not test.reason_code or test.reason_code in REASONS


def test_the_same_study_gives_the_same_bytes():
    data = ODD["rehearsal"].canonical()
    for section in SECTIONS:
        first, second = (section(gather(data, "q", Options(draws=99))) for _ in range(2))
        assert json.dumps([first.summary, first.rows]) == json.dumps([second.summary, second.rows])
