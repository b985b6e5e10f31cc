"""What the report page shows, as plain words and numbers: an analysis made ready for its template."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import storages
from django.urls import reverse

from evaluation.core.figures import chart_texts
from evaluation.core.words import metric_name, p_text
from evaluation.models import Analysis
from studyplatform.voting.models import Stimulus

Json = Mapping[str, Any]
BADGES = {"refuted": "alert", "confirmed": "good", "equivalent": "good", "inconclusive": "warn", "not_computable": ""}


@dataclass(frozen=True)
class Chart:
    """A figure on the page: its texts and the addresses of its files."""

    title: str
    caption: str
    alt: str
    wide: str
    narrow: str
    png: str
    csv: str


@dataclass(frozen=True)
class Shown:
    """A picture under test. ``role``: minimum, favourite or both."""

    url: str
    role: str
    caption: str
    label: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class Report:
    """One question's part of the page."""

    analysis: Analysis
    results: Json
    badge: str
    charts: list[Chart]
    scene_charts: list[Chart]
    scene: str
    scene_place: str
    pictures: list[Shown]
    votes: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    scenes: list[dict[str, Any]]
    ceilings: list[tuple[str, str]]


def report_of(analysis: Analysis) -> Report:
    """Everything the page says about one analysis."""
    bind = unbroken([c["label"] for c in analysis.results["conditions"]])
    results: Json = bind(analysis.results)
    scenes = [g for g in results["groups"] if g["scope"] == "scene"]
    texts = bind(chart_texts(results)).items()
    return Report(
        analysis=analysis,
        results=results,
        badge=BADGES[results["headline"]["verdict"]],
        charts=[_chart(analysis, stem, text) for stem, text in texts if not stem.endswith("by_scene")],
        scene_charts=[_chart(analysis, stem, text) for stem, text in texts if stem.endswith("by_scene")],
        scene=scenes[0]["label"],
        scene_place=f"Scene 1 of {len(scenes)}" if len(scenes) > 1 else "The scene",
        pictures=_pictures(analysis, results, scenes[0]["scene"]),
        votes=[_vote_row(row) for row in results["groups"][0]["rows"]],
        metrics=[_metric_row(metric, results) for metric in results["metrics"]],
        scenes=_scene_rows(results),
        ceilings=_ceilings(results),
    )


def _chart(analysis: Analysis, stem: str, text: Mapping[str, str]) -> Chart:
    def address(name: str) -> str:
        return reverse("evaluation:figure", args=[analysis.study.slug, analysis.pk, name])

    return Chart(
        title=text["title"],
        caption=text["caption"],
        alt=text["alt"],
        wide=address(f"{stem}.svg"),
        narrow=address(f"{stem}_narrow.svg"),
        png=address(f"{stem}.png"),
        csv=address(f"{stem}.csv"),
    )


def _pictures(analysis: Analysis, results: Json, scene: str) -> list[Shown]:
    """The pooled minimiser and the highest score in the study's first scene: never the scene that suits best."""
    head = results["headline"]
    metric = next((m for m in results["metrics"] if m["id"] == results["primary"]), None)
    extreme = "Highest" if metric and metric["direction"] == "higher_better" else "Lowest"
    name = metric_name(metric["label"], short=True) if metric else "loss"
    simulated = results["study"]["simulated"]
    # An analysis of an earlier version does not say whether anybody else could be the favourite.
    if head.get("favourite_sure"):
        top = f"Preferred by {'simulated voters' if simulated else 'people'}"
    else:
        top = f"Highest score of the {'simulated ' if simulated else ''}votes"
    wanted = [("minimum", head["minimiser"], f"{extreme} {name}"), ("favourite", head["favourite"], top)]
    if head["minimiser"] and head["minimiser"] == head["favourite"]:
        wanted = [("both", head["minimiser"], f"{extreme} {name}, and {top[0].lower()}{top[1:]}")]
    stimuli = list(
        analysis.study.stimuli.filter(role=Stimulus.Role.GRID, scene__digest__startswith=scene)
        .select_related("render__condition", "scene")
        .order_by("replicate", "pk")
    )
    shown = []
    for role, condition, caption in wanted:
        found = next((s for s in stimuli if condition and s.render.condition.digest.startswith(condition)), None)
        if found is not None:
            label = next(c["label"] for c in results["conditions"] if c["id"] == condition)
            url = storages["stimuli"].url(found.path)
            alt = f"{found.scene} rendered with {label}: {caption[0].lower()}{caption[1:]}"
            shown.append(Shown(url, role, caption, label, alt, found.width, found.height))
    return shown


def _vote_row(row: Json) -> dict[str, Any]:
    return {
        "label": row["label"],
        "share": percent(row["share"]),
        "interval": interval(row["low"], row["high"]),
        "votes": row["n_votes"],
        "score": None if row["theta"] is None else signed(row["theta"]),
        "score_interval": signed_interval(row["theta_low"], row["theta_high"]),
        "favourite": {True: "yes", False: "no", None: None}[row["in_favourite_set"]],
        "reason": row["reason"]["sentence"] if row["reason"] else "not estimated",
    }


def _metric_row(metric: Json, results: Json) -> dict[str, Any]:
    test, agreement = metric["tests"][0], metric["agreement"]
    minimum = test["minimum"]
    return {
        "label": metric["label"],
        "primary": metric["id"] == results["primary"],
        "direction": "highest" if metric["direction"] == "higher_better" else "lowest",
        "minimum": ", ".join(minimum["labels"]) if minimum else None,
        "scenes": f"{minimum['scenes_agree']} of {minimum['n_scenes']}" if minimum else None,
        "verdict": test["verdict_word"],
        "mark": test["mark"],
        "badge": BADGES[test["verdict"]],
        "p": _p(test["tests"]["p"]) if test["tests"] and test["verdict"] != "equivalent" else None,
        "sentence": test["sentence"],
        "notes": [note["sentence"] for note in test["notes"]],
        "accuracy": percent(agreement["accuracy"]),
        "accuracy_interval": interval(agreement.get("low"), agreement.get("high")),
        "accuracy_p": _p(agreement["p"]) if agreement.get("p") is not None else None,
        "level": agreement.get("level"),
        "agreement_sentence": agreement["sentence"],
    }


def _scene_rows(results: Json) -> list[dict[str, Any]]:
    metric = next((m for m in results["metrics"] if m["id"] == results["primary"]), None)
    groups = {g["scene"]: g for g in results["groups"]}
    if metric is None or len(groups) < 3:
        return []
    return [
        {
            "label": test["label"],
            "minimum": ", ".join(test["minimum"]["labels"]) if test["minimum"] else None,
            "favourite": groups[test["scene"]]["favourite_label"] or _no_favourite(groups[test["scene"]]),
            "verdict": test["verdict_word"],
            "mark": test["mark"],
            "badge": BADGES[test["verdict"]],
            "sentence": test["sentence"],
            "basis": test["basis"],
            "votes": groups[test["scene"]]["n_votes"],
        }
        for test in metric["tests"][1:]
    ]


def _no_favourite(group: Json) -> str:
    estimated = any(row["theta"] is not None for row in group["rows"])
    return "shared by several" if estimated else "not estimated"


def _ceilings(results: Json) -> list[tuple[str, str]]:
    names = {
        "loo": "the others' consensus predicts a held-out voter (ceiling from below)",
        "majority": "the majority of these votes (ceiling from above)",
        "human": "another voter (a reference, not a ceiling)",
    }
    return [(words, percent(results["ceilings"][key]) or "not enough votes") for key, words in names.items()]


def unbroken(labels: Iterable[str]) -> Callable[[Any], Any]:
    """A function that takes the line breaks out of 'lr 0.3', '95 %' and 'p < .001' in every text of a JSON value."""
    bound = {label: re.sub(r" (?=[\d.])", "\u00a0", label) for label in labels}
    # Longer labels first: 'lr 0.1' is also the beginning of 'lr 0.15'.
    changed = sorted((label for label in bound if bound[label] != label), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, changed)) or r"(?!)")

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        if not isinstance(value, str):
            return value
        text = pattern.sub(lambda found: bound[found.group()], value)
        return re.sub(r"(?<=\d) (?=%)|(?<=\bp) (?=[<=] )|(?<=\bp [<=]) ", "\u00a0", text)

    return walk


def _p(value: float) -> str:
    return p_text(value).replace(" ", "\u00a0")


def percent(value: float | None) -> str | None:
    """'64 %', or None; the space does not break."""
    return None if value is None else f"{100 * value:.0f}\u00a0%"


def interval(low: float | None, high: float | None) -> str | None:
    """'58–70', in percent, or None."""
    return None if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f}"


def signed_interval(low: float | None, high: float | None) -> str | None:
    """'−0.10 to +0.40', or None."""
    return None if low is None or high is None else f"{signed(low)} to {signed(high)}"


def signed(value: float) -> str:
    """'+0.60', '−0.51', '0.00'."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")
