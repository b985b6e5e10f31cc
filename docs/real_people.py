"""Analyses two public collections of real votes and writes docs/on-real-people.md (`make pages ASSETS=folder`).

The folder holds two files that are not part of this project:

- votes/bapps_val_2afc/bapps_val_votes_lpips.csv.gz: the validation set of BAPPS (Zhang et al. 2018, BSD-2), with the
  distances of four networks from the repository abhijay9/ShiftTolerant-LPIPS (commit 9a53cd5)
- votes/small/pwcmp_lf_quality_pwcmps.csv: the light-field votes in examples/ of mantiuk/pwcmp (MIT, commit 07876b2)
"""

import csv
import gzip
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.core.analysis import analyse
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
from evaluation.core.options import Options
from evaluation.core.words import p_text

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "on-real-people.md"
BAPPS = Path("votes/bapps_val_2afc/bapps_val_votes_lpips.csv.gz")
LIGHT_FIELDS = Path("votes/small/pwcmp_lf_quality_pwcmps.csv")
JUDGES = 5  # answers per pair of the validation set
NETWORKS = {
    "alex_vanilla": "LPIPS, AlexNet",
    "vgg_vanilla": "LPIPS, VGG16",
    "alex_shift_tolerant": "shift-tolerant, AlexNet",
    "vgg_shift_tolerant": "shift-tolerant, VGG16",
}
FAMILIES = ("traditional", "cnn", "superres", "deblur", "color", "frameinterp")
DEGRADED = ("NN", "LINEAR", "OPT", "DQ", "HEVC", "Gaussian")
Floats = npt.NDArray[np.float64]
Row = Mapping[str, str]


def bapps_rows(assets: Path) -> list[Row]:
    """A pair per row: its family, the share of judges who chose the second patch, and the distances of both."""
    with gzip.open(assets / BAPPS, "rt", newline="") as file:
        return list(csv.DictReader(file))


def share(values: Floats) -> tuple[float, float, float]:
    """Mean with its 95 % interval over pairs (normal: thousands of pairs of different patches)."""
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def credit(rows: Sequence[Row], network: str) -> Floats:
    """(N,) share of the judges of each pair that a network agrees with, as LPIPS counts it."""
    second = np.array([float(r["h_prefers_p1"]) for r in rows])
    d0, d1 = (np.array([float(r[f"{network}_{side}"]) for r in rows]) for side in ("d0", "d1"))
    return np.where(d0 == d1, 0.5, np.where(d1 < d0, second, 1 - second))


def bapps(assets: Path) -> list[str]:
    """The section on BAPPS."""
    rows = bapps_rows(assets)
    head = ["pairs", *NETWORKS.values(), "another judge", "majority"]
    lines = ["| | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for name in (*FAMILIES, "all"):
        part = [r for r in rows if name in (r["distortion"], "all")]
        second = np.array([float(r["h_prefers_p1"]) for r in part])
        k = np.rint(JUDGES * second)
        same = (k * (k - 1) + (JUDGES - k) * (JUDGES - k - 1)) / (JUDGES * (JUDGES - 1))
        cells = [percent(*share(credit(part, network))) for network in NETWORKS]
        ceiling = f"{100 * same.mean():.1f} | {100 * np.maximum(second, 1 - second).mean():.1f}"
        lines.append(f"| {name} | {len(part):,} | " + " | ".join(cells) + f" | {ceiling} |")
    difference, low, high = share(credit(rows, "alex_vanilla") - credit(rows, "vgg_vanilla"))
    return [
        "## BAPPS: two patches, which is nearer to the original?",
        "",
        f"{len(rows):,} pairs of patches, {JUDGES} answers each. Share of answers that agree with the smaller "
        "distance, in percent, with 95 % intervals over pairs:",
        "",
        *lines,
        "",
        "“Another judge” is how often two judges of one pair agree (a reference line, not a ceiling); “majority” is "
        "the in-sample majority, a ceiling from above that five answers inflate.",
        "",
        f"LPIPS on AlexNet and on VGG16, on the same pairs and judges: {versus(difference, low, high)}.",
        "",
        "**What cannot be said.** The published votes carry no observer ids: nobody can tell whether five answers came "
        "from five people or how many pairs one person judged. So the intervals are over pairs of patches, no claim "
        "about people in general can be tested, and no ceiling from leaving a person out exists.",
    ]


def versus(difference: float, low: float, high: float) -> str:
    """The difference of two shares of agreement in words."""
    value, least, most = (f"{100 * x:+.1f}".replace("-", "−") for x in (difference, low, high))
    points = f"{value} points (95 % CI {least} to {most}, over pairs)"
    return f"{points}, so the two cannot be told apart" if low <= 0 <= high else points


def percent(mean: float, low: float, high: float) -> str:
    return f"{100 * mean:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def light_field_study(rows: Sequence[Row], kind: str) -> StudyData:
    """One distortion with the reference as a study: its nominal level is the metric, lower predicted better."""
    part = [r for r in rows if {r["dist_type1"], r["dist_type2"]} <= {kind, "Reference"}]
    levels = sorted({int(r[side]) for r in part for side in ("dist_level1", "dist_level2")})
    scenes = sorted({r["scene"] for r in part})
    shown = [(scene, level) for scene in scenes for level in levels]
    return StudyData(
        slug=f"light-fields-{kind.lower()}",
        title=f"Light fields: {kind}",
        simulated=False,
        primary_metric="level",
        questions=(Question("better", "Which is closer to the reference?"),),
        scenes=tuple(Scene(scene, scene, place) for place, scene in enumerate(scenes)),
        conditions=tuple(
            Condition(f"l{level}", f"level {level}" if level else "reference", place, kind, params={"level": level})
            for place, level in enumerate(levels)
        ),
        stimuli=tuple(Stimulus(f"{scene}.{level}", scene, f"l{level}") for scene, level in shown),
        metrics=(MetricInfo("level", "level", "Nominal level", comparable_within="all"),),
        scores=tuple(Score(f"{scene}.{level}", "level", float(level)) for scene, level in shown),
        participants=tuple(Participant(name) for name in sorted({r["observer"] for r in part})),
        trials=tuple(
            Trial(
                id=f"t{place:05d}", participant=r["observer"], question="better", position=place, scene=r["scene"],
                left=f"{r['scene']}.{r['dist_level1']}", right=f"{r['scene']}.{r['dist_level2']}",
                choice="left" if r["selected"] == "1" else "right",
            )
            for place, r in enumerate(part)
        ),
    )  # fmt: skip


def light_fields(assets: Path) -> list[str]:
    """The section on the light fields."""
    with (assets / LIGHT_FIELDS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    results = {kind: analyse(light_field_study(rows, kind), Options()) for kind in DEGRADED}
    lines = [
        "| distortion | votes | people | verdict | p | agreement, these scenes | agreement, other scenes of this kind "
        "| the others' consensus | one vote counts as |",
        "|---" * 9 + "|",
        *(light_field_line(kind, result) for kind, result in results.items()),
    ]
    sentences = [f"- **{kind}.** {result['headline']['sentence']}" for kind, result in results.items()]
    return [
        "## Light fields: is the least distorted view the one people prefer?",
        "",
        f"{len(rows):,} comparisons by {len({r['observer'] for r in rows})} observers in "
        f"{len({r['scene'] for r in rows})} scenes; each distortion against itself and the reference. The distortion's "
        "nominal level stands in for a loss: its minimum is the undistorted reference. Does it win?",
        "",
        *lines,
        "",
        *sentences,
        "",
        "p is that of the verdict’s own test. The second interval treats scenes as sampled too, so it holds for other "
        "scenes of this kind. “One vote counts as” is the effective share of a vote once votes of one person are not "
        "taken for independent.",
    ]


def light_field_line(kind: str, result: Mapping[str, Any]) -> str:
    agreement = result["metrics"][0]["agreement"]
    tests = result["metrics"][0]["tests"][0]["tests"]
    c2 = agreement["c2"]
    return (
        f"| {kind} | {agreement['n_votes']:,} | {agreement['n_participants']} | "
        f"{result['headline']['verdict_word'].lower()} | {p_text(tests['p'])} | "
        f"{percent(agreement['accuracy'], agreement['low'], agreement['high'])} | "
        f"{percent(agreement['accuracy'], c2['low'], c2['high'])} | {100 * result['ceilings']['loo']:.1f} | "
        f"{1 / max(1.0, agreement['deff']):.2f} |"
    )


def page(assets: Path) -> str:
    """The whole page."""
    return "\n".join(
        [
            "# On real people",
            "",
            "Rehearsals prove that the analysis finds what was planted. This page runs it on votes that real people "
            "cast elsewhere, without changing a line. Written by `make pages ASSETS=folder`; `docs/real_people.py` "
            "says which two files the folder holds and where they come from.",
            "",
            *bapps(assets),
            "",
            *light_fields(assets),
            "",
        ]
    )


def main(assets: Path) -> None:
    """Write the page, or say which file is missing."""
    missing = [str(assets / path) for path in (BAPPS, LIGHT_FIELDS) if not (assets / path).is_file()]
    if missing:
        raise SystemExit(f"{' and '.join(missing)}: not there, so docs/on-real-people.md stays as it is.\n{__doc__}")
    PAGE.write_text(page(assets))
    sys.stdout.write(f"{PAGE}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "assets")
