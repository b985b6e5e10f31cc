"""Small studies drawn by a program, for the tests of evaluation (specs/evaluation.md 5.1)."""

import itertools

import numpy as np

from evaluation.core.dataset import (
    Condition,
    MetricInfo,
    Participant,
    Question,
    Scene,
    Score,
    Stimulus,
    StudyData,
    Trial,
)

LABELS = ["lr 0.01", "lr 0.02", "lr 0.03", "lr 0.04", "lr 0.05", "lr 0.06", "lr 0.07", "lr 0.08", "lr 0.09"]


def study(
    *,
    utilities,
    losses,
    n_participants=30,
    n_trials=30,
    taste=0.0,
    axis=0.0,
    ties=0.0,
    seed=0,
    simulated=False,
    metric_role="objective",
    scope="scene",
    objectives=None,
    networks=("vgg19",),
    control=False,
):
    """A study with utilities (S, K) in logits and losses (S, K); every participant sees random pairs, random sides."""
    rng = np.random.default_rng(seed)
    utilities, losses = np.atleast_2d(utilities), np.atleast_2d(losses)
    n_scenes, k = utilities.shape
    conditions = tuple(
        Condition(f"c{c}", LABELS[c], c, "gatys", objective_id=objectives[c] if objectives else "o") for c in range(k)
    )
    if control:
        conditions = (*conditions, Condition("photo", "photograph", k, "identity", role="control"))
    stimuli = [Stimulus(f"s{s}c{c}", f"s{s}", f"c{c}") for s in range(n_scenes) for c in range(k)]
    if control:
        stimuli += [Stimulus(f"s{s}photo", f"s{s}", "photo", role="control") for s in range(n_scenes)]
    metric = MetricInfo("total", "total", "Total loss", role=metric_role, comparable_within=scope)
    scores = [Score(f"s{s}c{c}", "total", float(losses[s, c])) for s in range(n_scenes) for c in range(k)]
    pairs = list(itertools.combinations(range(k), 2))
    z = np.linspace(-1, 1, k)
    trials = []
    for p in range(n_participants):
        own = utilities + taste * rng.normal(size=utilities.shape) + axis * rng.normal() * z
        for t in range(n_trials):
            s = int(rng.integers(n_scenes))
            i, j = pairs[int(rng.integers(len(pairs)))]
            if rng.random() < 0.5:
                i, j = j, i
            left_wins = rng.random() < 1 / (1 + np.exp(own[s, j] - own[s, i]))
            choice = "tie" if rng.random() < ties else "left" if left_wins else "right"
            trials.append(
                Trial(f"t{p:03d}_{t:03d}", f"p{p:03d}", "q", t, f"s{s}", f"s{s}c{i}", f"s{s}c{j}", choice, rt_ms=1500)
            )
    return StudyData(
        slug="demo",
        title="Learning rate and taste",
        simulated=simulated,
        networks=networks,
        questions=(Question("q", "Which looks more natural?"),),
        scenes=tuple(Scene(f"s{s}", f"{'ABCDEFGHIJKLMNOPQRST'[s]}", s) for s in range(n_scenes)),
        conditions=conditions,
        stimuli=tuple(stimuli),
        metrics=(metric,),
        scores=tuple(scores),
        participants=tuple(Participant(f"p{p:03d}", is_bot=simulated) for p in range(n_participants)),
        trials=tuple(trials),
    )
