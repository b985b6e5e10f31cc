"""The two pictures beside the verdict: the minimiser and the favourite of one scene."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import storages

from evaluation.core.words import metric_name
from evaluation.models import Analysis
from studyplatform.voting.models import Stimulus

Json = Mapping[str, Any]


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


def pictures_of(analysis: Analysis, results: Json, scene: str) -> list[Shown]:
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
