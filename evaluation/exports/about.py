"""What is said of a study besides its data: licence, citation, preregistration, what made the pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from evaluation.core.dataset import WITHDREW, StudyData
from evaluation.models import Analysis
from studyplatform.voting.core.preregistration import files
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import is_blind

Json = dict[str, Any]
#: What of a picture's provenance is listed in the manifest.
MADE_WITH = (
    "python", "numpy", "pillow", "torch", "torchvision", "lpips", "device", "driver", "cuda", "dtype", "threads",
    "deterministic", "tf32",
)  # fmt: skip
SEALED = "everything but the choices"
NO_LICENCE = (
    "The researcher has stated no licence for these data. Ask {owner} before you pass them on or publish them.\n"
    "The licences of the source pictures stand in the table scenes.\n"
)
SPDX = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "MIT")


def papers(study: Study, digest: str) -> dict[str, bytes]:
    """LICENSE, CITATION.cff and the preregistration; ``digest`` of the data."""
    owner = owner_name(study)
    licence = study.data_licence.strip()
    stated = (
        f"These data may be used under: {licence}\nThe licences of the source pictures stand in the table scenes.\n"
        if licence
        else NO_LICENCE.format(owner=owner)
    )
    found = {"LICENSE": stated.encode(), "CITATION.cff": _citation(study, owner, licence, digest).encode()}
    registered = getattr(study, "preregistration", None)
    if registered is not None:
        found |= {f"prereg/{name}": part for name, part in files(registered.content, registered.text).items()}
    return found


def owner_name(study: Study) -> str:
    """Whom the data are cited by."""
    return study.owner.get_full_name() or study.owner.get_username()


def _citation(study: Study, owner: str, licence: str, digest: str) -> str:
    """Citation File Format 1.2.0, https://citation-file-format.github.io; JSON texts are YAML texts."""
    title = f"SIMULATED: {study.title}" if study.simulated else study.title
    lines = [
        "cff-version: 1.2.0",
        "message: If you use these data, please cite them as below.",
        "type: dataset",
        f"title: {_text(title)}",
        f"authors:\n  - name: {_text(owner)}",
        f"version: {digest[:12]}",
    ]
    if licence in SPDX:
        lines.append(f"license: {licence}")
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def told(
    study: Study,
    data: StudyData,
    analyses: Sequence[Analysis],
    *,
    digest: str,
    first_vote_at: str,
    choices: bool,
    images: bool,
) -> Json:
    """What the manifest says of a study (specs/evaluation.md 3.4). The same data give the same."""
    flags = ("flag_catch_rate", "flag_side_p", "flag_run", "flag_fast_share")
    registered = getattr(study, "preregistration", None)
    words = [f"manage.py export_study {study.slug} --out DIR"]
    words += ["--images"] if images else []
    words += [] if choices else ["--without-choices"]
    return {
        "contents": "everything" if choices else SEALED,
        "prereg": {
            "sha256": registered.sha256 if registered is not None else "",
            "frozen_at": data.frozen_at,
            "first_vote_at": first_vote_at,
        },
        "screening": {name: getattr(study, name) for name in flags},
        "pictures": _made_with(study, data),
        "analyses": [_analysis(analysis) for analysis in analyses],
        "erased": {
            "participants": len(data.erasures),
            "trials": sum(e.trials for e in data.erasures),
            "votes": sum(e.votes for e in data.erasures),
        },
        "previous_export": _previous(study, digest, choices=choices),
        "command": " ".join(words),
    }


def _analysis(analysis: Analysis) -> Json:
    options = analysis.options
    text = json.dumps(options, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {
        "question_id": analysis.results["question"]["id"],
        "code_version": analysis.code_version,
        "options": options,
        "options_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _made_with(study: Study, data: StudyData) -> Json:
    """Versions, devices and weights that the pictures and their losses come from, each with all that occur."""
    found: dict[str, set[str]] = {}
    weights = {m.network or m.key: m.weights_sha256 for m in data.metrics if m.weights_sha256}
    for provenance in study.stimuli.values_list("render__provenance", flat=True).iterator():
        for name in MADE_WITH:
            if provenance.get(name) not in (None, ""):
                found.setdefault(name, set()).add(str(provenance[name]))
        for name, file in (provenance.get("weights") or {}).items():
            if isinstance(file, dict) and file.get("sha256"):
                weights[name] = str(file["sha256"])
    return {name: sorted(found[name]) for name in MADE_WITH if name in found} | {
        "weights_sha256": dict(sorted(weights.items()))
    }


def _previous(study: Study, digest: str, *, choices: bool) -> Json | None:
    """The last export of other data before these data were first exported; of those with ``choices``, or without."""
    before = None
    taken = study.exports.exclude(data_digest="")
    # A digest that depends on the choices has no place among data without them.
    sealed = taken.filter(contents__startswith=SEALED)
    for row in (taken.exclude(pk__in=sealed) if choices else sealed).order_by("number"):
        if row.data_digest == digest:
            break
        before = {"number": row.number, "data_digest": row.data_digest}
    return before


def remarks(study: Study, data: StudyData, *, choices: bool, analysed: bool) -> list[str]:
    """Paragraphs of the page to read first."""
    said = []
    if not choices:
        state = f" while people vote (the study is {study.state})" if is_blind(study) else ""
        said.append(
            f"**Everything but the choices.** Who chose which picture is sealed{state}: `trials.csv` has no `choice`, "
            "and there are no results. `manage.py evaluate` needs the choices."
        )
    elif analysed:
        said.append(
            "`derived/` and `figures/` are the analysis of exactly these data. `Rscript code/analysis.R` and "
            "`python code/analysis.py`, run in this folder, begin another one."
        )
    else:
        said.append(
            f"These data have not been analysed yet: run `manage.py evaluate {study.slug}` and export again to have "
            "tables and figures. `Rscript code/analysis.R` and `python code/analysis.py` run in this folder as it is."
        )
    withdrew = sum(p.exclusion_reason == WITHDREW for p in data.participants)
    if withdrew:
        said.append(
            f"Withdrawn: {withdrew}. They stand in `participants.csv`; their trials are in no table, as they were told."
        )
    if data.erasures:
        said.append(
            f"Erased: {len(data.erasures)} with {sum(e.trials for e in data.erasures)} trials and "
            f"{sum(e.votes for e in data.erasures)} votes. `erasures.csv` has the day of each; nothing else is left."
        )
    licence = study.data_licence.strip()
    said.append(f"Licence: {licence}." if licence else "No licence is stated; see `LICENSE`.")
    return said
