"""A look at a study before it opens: what stands in the way, what it shows, and what may be taken for preference."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from generation.core.confounds import Confounds, Link, Strength
from generation.core.confounds.words import short, signed
from generation.core.photo import methods_of_sources
from generation.models import Condition, GridCondition, Render
from generation.report import thumbnail
from generation.services.artifacts import ArtifactMissing
from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import cells_shown, may_edit
from studyplatform.voting.selectors.confounds import confounds_of
from studyplatform.voting.services import StudyError
from studyplatform.voting.services.pictures import Picture, known_again, known_pairs, known_words

#: Sentences and scenes that are open at once; the others unfold.
FIRST = 6
#: From so many catch pairs on a participant is judged by them.
CATCHES_TO_JUDGE = 3


def check(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The page. Nothing is published; the photographs that pairs need are rendered where they are not yet."""
    problems: Sequence[str] = ()
    pictures: list[Picture] = []
    try:
        pictures = services.pictures_of(study)
    except StudyError as error:
        problems = error.problems
    confounds = confounds_of(study)
    scenes = _scenes(study)
    context = {
        "problems": problems,
        "opens": study.state in (Study.State.DRAFT, Study.State.PILOT) and may_edit(request.user, study),
        "confounds": confounds,
        "own_grids": [
            g for g in study.grids.order_by("pk") if g.owner_id == request.user.pk or request.user.is_superuser
        ],
        "alarms": _folded(confounds.alarms),
        "links": _links(confounds),
        "strengths": [_strength(s) for s in confounds.strengths],
        "advice": _advice(study, pictures),
        "scenes": _folded(scenes),
        "scene_count": len(scenes),
        "picture_count": sum(scene["pictures"] for scene in scenes),
        "known": _known(study, pictures),
    }
    return study_page(request, study, "admin/voting/study/pages/check.html", context, page="check")


def picture(_request: HttpRequest, study: Study, sha256: str) -> HttpResponse:
    """A small picture of the study: of its grids, or made of the photographs of its scenes."""
    cells = cells_shown(study).order_by()
    own = Q(pk__in=cells.values("render"))
    photographs = Q(scene__in=cells.values("scene"), condition__method__in=methods_of_sources())
    if not Render.objects.filter(own | photographs, image=sha256).exists():
        raise Http404("There is no such picture in this study.")
    try:
        return HttpResponse(thumbnail(sha256), content_type="image/webp")
    except ArtifactMissing as error:
        raise Http404(str(error)) from None


def _folded(items: Sequence[Any]) -> dict[str, Sequence[Any]]:
    return {"first": items[:FIRST], "more": items[FIRST:]}


def _links(confounds: Confounds) -> dict[str, Any]:
    """The table of all correlations: losses down, properties across."""
    return {
        "heads": [_capital(short(p.label)) for p in confounds.properties],
        "rows": [
            {"label": row.loss.label, "also": row.loss.also, "cells": [_cell(link) for link in row.cells]}
            for row in confounds.rows
        ],
    }


def _cell(link: Link | None) -> dict[str, str]:
    return {"text": signed(link.r), "level": link.level} if link else {"text": "–", "level": ""}


def _strength(strength: Strength) -> dict[str, str | bool]:
    gone, content = strength.reduction, strength.content
    reduction = "not known" if gone is None else "none: there is more of it" if gone < 0 else f"{100 * gone:.0f} %"
    return {
        "label": strength.label,
        "hardly": strength.hardly,
        "lpips": "not measured" if strength.lpips is None else f"{strength.lpips:.2f}",
        "content": "not measured" if content is None else f"{content:,.0f}" if content >= 1000 else f"{content:.3g}",
        "reduction": reduction,
    }


def _advice(study: Study, pictures: Sequence[Picture]) -> list[str]:
    advice = []
    if study.catch_trials < CATCHES_TO_JUDGE:
        have = "no catch pairs" if not study.catch_trials else f"only {study.catch_trials} catch pairs"
        advice.append(
            f"A session has {have}, too few to flag anybody who answers without looking. Set “catch trials” to "
            f"{CATCHES_TO_JUDGE} or more; the pairs are made by themselves."
        )
    if not study.repeat_trials:
        advice.append(
            "No pair is asked twice. A few “repeat trials”, with the sides swapped, show how steady each person’s "
            "answers are and whether one side is preferred."
        )
    if pictures and (again := known_again(study, pictures)):
        advice.append(again)
    return advice


def _scenes(study: Study) -> list[dict[str, Any]]:
    """Each scene with how many pictures it has, and its first and its last condition to look at."""
    rows = GridCondition.objects.filter(grid__studies=study).order_by("grid", "position")
    labels: dict[int, str] = {}
    for condition, label in rows.values_list("condition", "label"):
        labels.setdefault(condition, label)
    cells = cells_shown(study).filter(condition__role=Condition.Role.GRID, render__image__isnull=False)
    found: dict[int, dict[str, Any]] = {}
    seen: set[tuple[int, int]] = set()  # two grids may hold one picture
    values = cells.values_list("scene", "scene__label", "condition", "render", "render__image")
    for scene, name, condition, render, image in values:
        if (scene, render) in seen:
            continue
        seen.add((scene, render))
        place = found.setdefault(scene, {"label": name, "pictures": 0, "pair": []})
        place["pictures"] += 1
        place["pair"] = [*place["pair"][:1], {"url": _address(study, str(image)), "label": labels[condition]}]
    return list(found.values())


def _known(study: Study, pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """The pairs with a known answer, question by question; none where the study has none or cannot open."""
    if not pictures or not (study.practice_trials or study.catch_trials):
        return []
    pairs = known_pairs(study, pictures)
    return [
        {
            "question": str(question),
            "words": known_words(question),
            "scenes": _folded([_known_pair(study, better, worse) for better, worse in pairs[question.pk]]),
        }
        for question in study.questions.all()
    ]


def _known_pair(study: Study, better: Picture, worse: Picture) -> dict[str, str]:
    right, wrong = (_address(study, p.render.image_id or "") for p in (better, worse))
    return {"label": str(better.scene), "right": right, "wrong": wrong}


def _address(study: Study, sha256: str) -> str:
    return reverse("admin:voting_study_check_picture", args=[study.pk, sha256])


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


register(StudyPage("check", "Check", check, order=20))
register(StudyPage("check_picture", "Picture", picture, path="check/<str:sha256>/", tab=False))
