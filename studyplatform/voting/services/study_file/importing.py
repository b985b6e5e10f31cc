"""A study file made a draft, with the grids that it needs found or made drafts too."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from generation.core.grid import GridError
from generation.models import Cell, Condition, Grid, Scene
from generation.services.drafts import draft_copy, grid_draft
from studyplatform.voting.models import Panel, Question, Quota, Study
from studyplatform.voting.services.copies import slugged
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.studies import audit
from studyplatform.voting.services.study_file.reading import study_read


@dataclass(frozen=True)
class Imported:
    """A study made from a file, and what its researcher has to know of it, a sentence each."""

    study: Study
    notes: tuple[str, ...]


@transaction.atomic
def study_import(*, data: bytes, by: User) -> Imported:
    """Make a draft of ``by`` of a study file; all of it or nothing.

    A grid that is there already and that ``by`` may use is used; any other becomes a draft of theirs, to be launched.
    Raises :class:`StudyError` with a sentence for each mistake in the file.
    """
    read = study_read(data)
    options, notes, problems = read["study"], list[str](), list[str]()
    grids = []
    for number, asked in enumerate(read["grids"]):
        try:
            grids.append(_grid(asked, by, notes))
        except GridError as error:
            problems.append(f"grids[{number}].toml: {error}")
    if problems:
        raise StudyError(*problems)
    study = slugged(options["slug"], lambda slug: Study.objects.create(owner=by, **(options | {"slug": slug})))
    if study.slug != options["slug"]:
        notes.append(f"The address /s/{options['slug']}/ is taken; this study is at /s/{study.slug}/.")
    study.grids.set(grids)
    for position, preset in enumerate(read["questions"]):
        Question.objects.create(study=study, position=position, preset=preset)
    if read["panel"] is not None:
        panel = Panel.objects.create(study=study, **read["panel"])
        notes.append(f"The codes of {panel.get_provider_display()} are in no study file: set them under “Panel”.")
    Quota.objects.bulk_create(Quota(study=study, **quota) for quota in read["quotas"])
    _leave_out(study, read["left_out"], notes)
    audit(study=study, by=by, action="imported from a file", comment=str(options["slug"]))
    return Imported(study, tuple(notes))


def grids_usable(user: User) -> QuerySet[Grid]:
    """The grids that ``user`` may build a study on: their own; a superuser all."""
    return Grid.objects.all() if user.is_superuser else Grid.objects.filter(owner=user)


def _grid(asked: dict[str, str], by: User, notes: list[str]) -> Grid:
    """The grid that the file means if it is there, else a new draft of its text."""
    usable = grids_usable(by).order_by("pk")
    known = None
    if asked["digest"]:
        same = usable.filter(digest=asked["digest"])
        known = same.filter(slug=asked["slug"]).first() or same.first()
    if known is None and asked["toml"]:
        known = usable.filter(toml=asked["toml"]).order_by("-frozen", "pk").first()
    if known is not None:
        if not known.frozen:
            notes.append(f"The grid “{known}” is a draft of yours: launch it, then the study has pictures.")
        return known
    if not asked["toml"]:
        raise GridError(
            f"the grid {asked['slug']} was made elsewhere and has no grid file. Import its renders first "
            "(Grids, “Import renders”), then this study."
        )
    draft = grid_draft(owner=by, text=asked["toml"])
    if draft.slug.startswith("draft-"):
        # The name is taken by another design, or by somebody else: the draft gets one that is free.
        draft = grid_draft(owner=by, text=draft_copy(draft), grid=draft)
    notes.append(
        f"The grid “{draft}” is not rendered yet: it is a draft of yours now. Launch it, then the study has pictures."
    )
    return draft


def _leave_out(study: Study, asked: dict[str, list[dict[str, str]]], notes: list[str]) -> None:
    """Leave out those scenes and conditions of the study's grids that are there, and say which are not."""
    cells = Cell.objects.filter(grid__in=study.grids.all())
    kinds: tuple[tuple[str, Any, QuerySet[Any]], ...] = (
        ("scenes", study.left_out_scenes, Scene.objects.filter(pk__in=cells.values("scene"))),
        ("conditions", study.left_out_conditions, Condition.objects.filter(pk__in=cells.values("condition"))),
    )
    for kind, left_out, held in kinds:
        found = {row.digest: row for row in held.filter(digest__in=[entry["digest"] for entry in asked[kind]])}
        left_out.set(found.values())
        missing = [entry["label"] or entry["digest"][:12] for entry in asked[kind] if entry["digest"] not in found]
        if missing:
            notes.append(
                f"Not left out, because no launched grid of the study has them yet: {', '.join(missing)} ({kind}). "
                "Choose them on the design page once the grid is laid."
            )
