"""What the interactive explorer draws: pictures with their losses and scores, who met whom, and single votes.

All but the single votes come from the stored analysis and never change; votes are counted per pair of conditions and
scene, so that a million of them is still small.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.urls import reverse

from evaluation.core.ballots import analysis_set
from evaluation.inputs import study_data
from evaluation.models import Analysis
from generation.core import images
from studyplatform.voting.models import Stimulus, Study

Json = dict[str, Any]
#: Raised when what the explorer gets changes, so that browsers ask again.
VERSION = 2
THUMBNAIL_PX = 128
UNCOUNTED = "This analysis is of an earlier version and keeps no votes per pair: evaluate the study again."
MOST_VOTES = 500
#: What the explorer shows of a condition in a group, in this order.
VOTED = ("share", "low", "high", "theta", "theta_low", "theta_high", "n_votes")


def pictures_json(analysis: Analysis) -> Json:
    """Metrics, conditions with their parameters, groups (all scenes first) with values, and a picture per cell.

    ``groups[i].votes``: condition number -> [share, low, high, theta, theta_low, theta_high, votes];
    ``groups[i].values[m]`` and ``.z[m]``: condition number -> value of metric m, or null where it is not comparable;
    z, and the values of all scenes together (mean z), are turned so that lower is predicted better for every metric.
    ``groups[i].minima[m]``: the condition numbers that metric m predicts to be best.
    """
    results = analysis.results
    conditions = [c["id"] for c in results["conditions"]]
    scenes = [group["scene"] for group in results["groups"] if group["scene"]]
    cells = _cells(analysis.study)
    params: dict[str, Mapping[str, Any]] = {}
    for stimulus in cells.values():
        params.setdefault(_id(stimulus.render.condition.digest, conditions), stimulus.render.condition.params)
    varying = _varying([params.get(c, {}) for c in conditions])
    return {
        "simulated": results["study"]["simulated"],
        "primary": results["primary"],
        "metrics": [
            {"id": m["id"], "label": m["label"], "higher": m["direction"] == "higher_better"}
            for m in results["metrics"]
        ],
        "parameters": varying,
        "conditions": [
            {"label": c["label"], "params": [params.get(c["id"], {}).get(name) for name in varying]}
            for c in results["conditions"]
        ],
        "groups": [_group(group, results, conditions) for group in results["groups"]],
        "pictures": [
            _picture(analysis.study, results, stimulus, scene, condition)
            for (scene, condition), stimulus in cells.items()
            if _id(scene, scenes) and _id(condition, conditions)
        ],
    }


def pairs_json(analysis: Analysis) -> Json:
    """Meetings counted per scene: [scene number, condition a, condition b, wins of a, wins of b, ties].

    Scenes are numbered as the groups of :func:`pictures_json` (0 is all of them). Null and a sentence where the
    analysis lists no pairs: it was made by an earlier version, or there are too many.
    """
    results = analysis.results
    rows = results.get("tables", {}).get("pairs")
    if rows is None:
        return {"pairs": None, "sentence": UNCOUNTED}
    if not results.get("sections", {}).get("pairs", {}).get("listed", True):
        return {"pairs": None, "sentence": results["sections"]["pairs"]["sentence"]}
    scenes = {group["scene"]: i for i, group in enumerate(results["groups"])}
    numbers = {c["id"]: i for i, c in enumerate(results["conditions"])}
    pairs = []
    for row in rows:
        # Half of each tie is in the wins of both; here the two are told apart.
        half = row["ties"] / 2 if row["wins_1"] + row["wins_2"] > row["n"] - row["ties"] else 0
        sides = (numbers[row["condition_1"]], numbers[row["condition_2"]])
        pairs.append([scenes[row["scene_id"]], *sides, row["wins_1"] - half, row["wins_2"] - half, row["ties"]])
    return {"pairs": pairs}


def votes_json(analysis: Analysis, *, scene: int, conditions: Sequence[int]) -> Json:
    """Single votes among ``conditions`` in a group (0: all scenes) of the study as it is now; at most 500 of them.

    One condition: all votes it was in. Raises ``IndexError`` for a number that does not exist.
    """
    results = analysis.results
    where = results["groups"][scene]["scene"]
    wanted = {results["conditions"][c]["id"] for c in conditions}
    data = study_data(analysis.study, curves=False)
    stimulus, labels = data.stimulus, {s.id: s.label for s in data.scenes}
    trials, _ = analysis_set(data, analysis.question.preset)
    needed = min(2, len(wanted))
    shown = [
        t
        for t in trials
        if where in (None, t.scene) and sum(stimulus[s].condition in wanted for s in (t.left, t.right)) >= needed
    ]
    names = {c.id: c.label for c in data.conditions}
    return {
        "total": len(shown),
        "votes": [
            {
                "voter": t.participant[:8],
                "scene": labels[t.scene],
                "left": names[stimulus[t.left].condition],
                "right": names[stimulus[t.right].condition],
                "choice": t.choice,
                "ms": t.rt_ms,
            }
            for t in shown[:MOST_VOTES]
        ],
    }


def thumbnail_webp(stimulus: Stimulus) -> bytes:
    """A small WebP of a grid picture, made when it is first asked for. Raises ``OSError`` where there is no file."""
    storage, name = storages["reports"], f"{stimulus.study.token}/thumbnails/{stimulus.public_name}.webp"
    if not storage.exists(name):
        with storages["stimuli"].open(stimulus.path) as file:
            small = images.thumbnail(images.decode(file.read()), THUMBNAIL_PX)
        storage.save(name, ContentFile(small))
    with storage.open(name) as file:
        return bytes(file.read())


def _cells(study: Study) -> dict[tuple[str, str], Stimulus]:
    """(scene digest, condition digest) -> the first replicate's stimulus."""
    stimuli = study.stimuli.filter(role=Stimulus.Role.GRID).select_related("render__condition", "scene")
    cells: dict[tuple[str, str], Stimulus] = {}
    for stimulus in stimuli.order_by("scene", "position", "replicate", "pk"):
        cells.setdefault((stimulus.scene.digest, stimulus.render.condition.digest), stimulus)
    return cells


def _id(digest: str, ids: Sequence[str]) -> str:
    """The id in ``ids`` (beginnings of digests) that ``digest`` has, or ''."""
    return next((i for i in ids if digest.startswith(i)), "")


def _varying(params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the parameters with several values, the one with most levels first."""
    names = sorted({name for one in params for name in one})
    levels = {name: len({repr(one.get(name)) for one in params}) for name in names}
    return sorted((name for name in names if levels[name] > 1), key=lambda name: -levels[name])


def _group(group: Json, results: Json, conditions: Sequence[str]) -> Json:
    rows = {row["condition"]: row for row in group["rows"]}
    minima = [
        next(t["minimum"] for t in metric["tests"] if t["scene"] == group["scene"]) for metric in results["metrics"]
    ]
    return {
        "label": group["label"],
        "votes": [[_short(rows[c][key]) for key in VOTED] if c in rows else None for c in conditions],
        "values": [[_short(m["values"].get(c)) for c in conditions] if m else None for m in minima],
        "z": [[_short(m["z"].get(c)) for c in conditions] if m else None for m in minima],
        "minima": [[conditions.index(c) for c in m["conditions"]] if m else [] for m in minima],
    }


def _picture(study: Study, results: Json, stimulus: Stimulus, scene: str, condition: str) -> Json:
    scenes = [group["scene"] or "" for group in results["groups"]]
    return {
        "scene": next(i for i, s in enumerate(scenes) if s and scene.startswith(s)),
        "condition": next(i for i, c in enumerate(results["conditions"]) if condition.startswith(c["id"])),
        "url": storages["stimuli"].url(stimulus.path),
        "thumb": reverse("evaluation:thumbnail", args=[study.slug, stimulus.public_name]),
        "width": stimulus.width,
        "height": stimulus.height,
    }


def _short(value: float | None) -> float | None:
    """Six significant digits are more than a screen shows, and half of the bytes."""
    return value if value is None or isinstance(value, int) else float(f"{value:.6g}")
