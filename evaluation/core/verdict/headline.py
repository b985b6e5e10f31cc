"""What stands on top of a report: the answer, who was tested against whom, and what the reader must know first."""

from __future__ import annotations

from collections import Counter
from typing import Any

from evaluation.core import words
from evaluation.core.evidence import Evidence
from evaluation.core.words import Voice

Json = dict[str, Any]


def headline(primary: Json | None, pooled: Json, evidence: Evidence) -> Json:
    """The answer of the primary metric over all scenes (``pooled``, or those it has), ready to be read aloud.

    ``favourite``: who has the highest score; only where ``favourite_sure`` may it be said to be preferred.
    """
    voice = evidence.voice
    votes = (primary or {}).get("group") or pooled
    head: Json = {
        "question": voice.headline_question(),
        "favourite": votes["favourite"],
        "favourite_label": votes["favourite_label"],
        "favourite_sure": votes["favourite_sure"],
        "minimiser": None,
        "minimiser_label": None,
        "metric": primary["id"] if primary else None,
        "metric_label": primary["label"] if primary else None,
        "scenes_line": "",
    }
    if primary is None:
        reason = words.reason("NC_NO_METRIC")
        return head | words.verdict_words("not_computable") | {"sentence": voice.say(reason.sentence), "p": None}
    test = primary["tests"][0]
    minimum = test["minimum"]
    if minimum:
        chosen = test["tests"]["minimiser"] if test["tests"] else minimum["conditions"][0]
        head |= {"minimiser": chosen, "minimiser_label": evidence.labels[chosen]}
        if minimum["n_scenes"] > 1:
            where = f"{minimum['scenes_agree']} of {minimum['n_scenes']} scenes"
            head["scenes_line"] = voice.say(
                f"{head['minimiser_label']} is the minimum in {where} (pooled by the mean of within-scene z-scores)."
                f"{_each_scene(primary)}"
            )
    keys = ("verdict", "verdict_word", "mark", "answer", "basis", "sentence")
    return head | {key: test[key] for key in keys} | {"p": test["tests"]["p"] if test["tests"] else None}


def real_or_fake_headline(fooling: Json, evidence: Evidence) -> Json:
    """The answer of a question that asks which picture is the real photograph: its rates, and no verdict.

    ``fooling``: the summary of E16. No two conditions met, so no metric's minimum was put to the test.
    """
    voice = evidence.voice
    rate = fooling.get("rate")
    answered = {} if rate is None else {"answer": f"In {100 * rate:.0f} of 100 trials."}
    return {
        "question": f"How often do {voice.voters} take a generated picture for the real photograph?",
        "favourite": None,
        "favourite_label": None,
        "favourite_sure": False,
        "minimiser": None,
        "minimiser_label": None,
        "metric": None,
        "metric_label": None,
        "scenes_line": "",
        **words.verdict_words("not_computable"),
        **answered,
        "basis": words.NO_MINIMUM,
        "sentence": fooling["sentence"],
        "p": None,
    }


def _each_scene(primary: Json) -> str:
    """' Scene by scene: refuted in 3, inconclusive in 3.'"""
    count = Counter(test["verdict_word"].lower() for test in primary["tests"][1:])
    if not count:
        return ""
    return f" Scene by scene: {', '.join(f'{word} in {n}' for word, n in count.most_common())}."


def notices(evidence: Evidence, recovered: str | None) -> list[Json]:
    """What is said before anything else: SIMULATED, what was planted, a network that was never trained, and what is not
    as it was preregistered."""
    data, planted = evidence.data, evidence.options.planted
    found: list[Json] = []
    if data.simulated:
        truth = planted or {}
        found.append({"kind": "simulated", "sentence": words.planted_line(truth.get("favourite"), recovered)})
        if "agrees_with_loss" in truth:
            with_loss = "agrees" if truth["agrees_with_loss"] else "disagrees"
            sentence = f"The planted favourite {with_loss} with the loss."
            found.append({"kind": "planted", "sentence": Voice(True).say(sentence)})
    if data.random_features:
        found.append({"kind": "features", "sentence": words.random_features_line(data.networks)})
    if evidence.departures:
        said = ["Not as preregistered, so no test here is confirmatory.", *evidence.departures]
        found.append({"kind": "departure", "sentence": " ".join(said)})
    found += [{"kind": "remark", "sentence": sentence} for sentence in data.remarks]
    return found


def bar_chart_warning(conditions: int) -> str:
    """Decision 2: what reading the tallest bar is worth."""
    if conditions < 2:
        return ""
    wrong = 100 * (1 - 1 / conditions)
    return (
        f"With {conditions} conditions and no preference at all, the tallest bar misses the minimiser "
        f"{wrong:.0f} % of the time: read the intervals, not the heights."
    )
