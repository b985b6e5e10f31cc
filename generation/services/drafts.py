"""Grids written in a page: a draft is the text of a grid file, kept whatever is wrong with it, until it is launched.

A draft is a row with ``frozen`` false, no digest and no cells. Launching fills the same row.
"""

import re
import secrets
from statistics import median

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.template.loader import render_to_string

from generation.core.durations import in_words
from generation.core.engines import EngineBroken
from generation.core.grid import GridError, GridFile, parse
from generation.core.grid.problems import line_of, named, problems
from generation.core.grid.reading import loaded
from generation.core.spec import Params, RenderSpec, Scalar, sha256_bytes
from generation.core.tasks import Param
from generation.core.weights import WeightsError
from generation.models import Grid, Render
from generation.services.foretelling import trainings_foretold
from generation.services.layout import GridLayout, grid_layout, networks_lacking
from generation.services.library import Library, photographs_folder
from generation.services.planning import grid_lay
from generation.services.queue import grid_retry

__all__ = [
    "LONGEST",
    "STARTS",
    "DraftChanged",
    "draft_copy",
    "draft_delete",
    "draft_estimate",
    "draft_file",
    "draft_layout",
    "draft_problems",
    "draft_start",
    "grid_draft",
    "grid_launch",
    "grid_retry",
    "text_digest",
]

#: Characters of a grid file that is written in a page.
LONGEST = 200_000
#: Texts to begin with, by name.
STARTS = {"style": "style transfer", "colour": "colorization", "empty": "an empty file"}
#: Finished renders that say how long one takes.
LATEST = 200


class DraftChanged(GridError):  # noqa: N818  (reads as what it says)
    """Somebody saved another text meanwhile than the one that was looked at."""


@transaction.atomic
def grid_draft(*, owner: User, text: str, grid: Grid | None = None, shown: str = "") -> Grid:
    """Keep ``text`` as a new draft of ``owner``, or in place of what the draft ``grid`` said.

    ``shown``: :func:`text_digest` of the text that whoever saves has seen; empty where that is not known. What is wrong
    with the text stops nothing here, see :func:`draft_problems`. Raises ``GridError`` when there is no text, when it is
    far too long, and for a grid that is launched; :class:`DraftChanged` where the draft says neither what was shown nor
    ``text``.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise GridError("There is no text. Write a grid file, or begin with one of the examples.")
    if len(text) > LONGEST:
        raise GridError(f"The text has {len(text)} characters; at most {LONGEST} are kept.")
    if "\0" in text:
        raise GridError("The text holds a NUL, a character that no text file has. Take it out.")
    row = Grid(owner=owner) if grid is None else _draft(grid)
    if shown and row.toml != text and text_digest(row.toml) != shown:
        raise DraftChanged(
            "The draft was changed elsewhere, in another tab or by somebody else, since you opened it. Below the "
            "editor stands what is stored now; saving once more puts your text in its place."
        )
    head = _head(text)
    slug = head.get("slug", "")
    free = re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", slug) and not _taken(slug, row)
    # Under a name of its own while the file's is not free: the file keeps what was typed, and says so.
    row.slug = slug if free else row.slug if row.slug.startswith("draft-") else f"draft-{secrets.token_hex(4)}"
    row.title = head.get("title", "")[:200] or "Untitled draft"
    row.task = head.get("task", "")[:60]
    row.toml, row.digest, row.frozen = text, "", False
    row.save()
    return row


def text_digest(text: str) -> str:
    """What tells one text of a draft from another."""
    return sha256_bytes(text.encode())


def draft_problems(grid: Grid) -> list[str]:
    """Everything that would stop a launch, a sentence each, with its line where it is known; empty when nothing would.

    Networks that would have to be downloaded are taken to be there: only the launch fetches them.
    """
    found = problems(grid.toml, _default)
    is_sound = not found
    slug = _head(grid.toml).get("slug", "")
    if slug and _taken(slug, grid):
        found.append(
            _placed(grid, f"[grid] slug = {slug!r}: another grid is called so already. Give this one its own slug.")
        )
    sources, folders = named(grid.toml)
    library = Library(grid.owner)
    said = (library.problem(source) for source in sources.values())
    found += [_placed(grid, sentence) for sentence in said if sentence]
    for place, folder in folders.items():
        try:
            photographs_folder(folder, place)
        except GridError as error:
            found.append(_placed(grid, str(error)))
    return found + (_networks(grid) if is_sound else [])


def _networks(grid: Grid) -> list[str]:
    """Why the networks of a draft cannot be had, as far as that is known without a download."""
    try:
        return networks_lacking(grid.toml)
    except (GridError, WeightsError) as error:
        return [_placed(grid, str(error))]


def draft_file(grid: Grid) -> GridFile | None:
    """What the draft would make, or None where its text cannot be read. No network is looked for."""
    try:
        return parse(grid.toml, _default)
    except GridError:
        return None


def draft_layout(grid: Grid) -> GridLayout:
    """The draft checked against this machine: pictures, networks, photographs. Raises ``GridError`` with a sentence."""
    file = parse(grid.toml, _default)
    folders = {place: photographs_folder(folder, place) for place, folder in file.folders.items()}
    try:
        return grid_layout(text=grid.toml, read=Library(grid.owner).reader(file.sources), folders=folders)
    except WeightsError as error:
        raise GridError(str(error)) from None


def draft_estimate(layout: GridLayout) -> list[str]:
    """Sentences on how much is to be made and how long that takes on this machine, as far as anybody can know."""
    renders = [
        layout.render(layout.scene(number), condition, seed)
        for number in range(len(layout.file.scenes))
        for condition in layout.file.conditions
        for seed in layout.seeds(condition)
    ]
    digests = {render.digest for render in renders}
    known = set(
        Render.objects.filter(digest__in=digests).exclude(status=Render.Status.PLANNED).values_list("digest", flat=True)
    )
    left = [render for render in renders if render.digest not in known]
    said = [f"{len(left)} of {len(digests)} pictures are to be made; the others are there already."] if known else []
    engine = settings.EYEBALLOT_ENGINE
    try:
        # Trying out a network belongs into a process of its own, not into the one that serves pages.
        trained = trainings_foretold(layout=layout, engine=engine if engine != "serial" else "processes:1")
    except (EngineBroken, ValueError) as error:
        trained = f"How long the training takes could not be tried out: {error}"
    if trained:
        return [*said, trained]
    iterated = [render for render in left if "steps" in render.params]
    if not iterated:
        return said
    rates = _rates(iterated[0])
    if not rates:
        return [*said, "No picture of this kind was made here yet; how long one takes, the first will tell."]
    seconds = sum(_steps(render.params) for render in iterated) * median(rates)
    return [*said, f"About {in_words(seconds)} of computing, judged by the last {len(rates)} pictures made here."]


def _rates(like: RenderSpec) -> list[float]:
    """Seconds for one step of one pixel, of the renders by the same method and network that were finished last."""
    done = Render.objects.filter(condition__method=like.method, status=Render.Status.OK, seconds__gt=0).order_by("-pk")
    rows = done.values_list("seconds", "condition__params")[:LATEST]
    same = [(s, _steps(p)) for s, p in rows if p.get("backbone") == like.params.get("backbone")]
    return [seconds / steps for seconds, steps in same if steps]


def _steps(params: Params) -> float:
    """Steps times pixels, the longest side squared."""
    return float(params.get("steps", 0)) * float(params.get("size", 0)) ** 2


def grid_launch(*, grid: Grid, by: User) -> Grid:
    """Lay the draft and queue its jobs. Raises ``GridError`` with a sentence; then the draft is as it was.

    ``by`` must own the draft or be a superuser; the grid is the owner's.
    """
    if not (by.is_superuser or grid.owner_id == by.pk):
        raise GridError("Only its owner launches a grid.")
    if found := draft_problems(grid):
        raise GridError(" ".join(found))
    layout = draft_layout(grid)
    with transaction.atomic():
        row = _draft(grid)
        if row.toml != grid.toml:
            raise GridError("The draft was changed meanwhile. Look at it once more, then launch it.")
        return grid_lay(owner=row.owner, layout=layout, draft=row)


@transaction.atomic
def draft_delete(*, grid: Grid) -> None:
    """Throw a draft away. Raises ``GridError`` for a grid that is launched."""
    _draft(grid).delete()


def draft_start(kind: str) -> str:
    """A text to begin with: one of :data:`STARTS`, under a slug that is free."""
    slug = _free({"style": "learning-rate", "colour": "two-generators"}.get(kind, "my-grid"))
    return str(render_to_string(f"generation/start/{kind}.toml", {"slug": slug}))


def draft_copy(grid: Grid) -> str:
    """The text of ``grid`` under a slug that is free. Raises ``GridError`` for renders that were made elsewhere."""
    if not grid.toml:
        raise GridError(f"“{grid}” was made elsewhere and has no grid file to copy.")
    slug = _free(_head(grid.toml).get("slug", "") or "copy")
    return re.sub(r'(?m)^(\s*slug\s*=\s*)(["\']).*?\2', rf'\g<1>"{slug}"', grid.toml, count=1)


def _draft(grid: Grid) -> Grid:
    """The row of a draft, locked."""
    row = Grid.objects.select_for_update().filter(pk=grid.pk).first()
    if row is None:
        raise GridError("The draft is gone: somebody deleted it.")
    if row.frozen:
        raise GridError(f"“{row}” is launched and its design is frozen. Copy it to change it.")
    return row


def _taken(slug: str, row: Grid) -> bool:
    return Grid.objects.filter(slug=slug).exclude(pk=row.pk).exists()


def _free(slug: str) -> str:
    number, name = 2, slug
    while Grid.objects.filter(slug=name).exists():
        name, number = f"{slug[:70]}-{number}", number + 1
    return name


def _head(text: str) -> dict[str, str]:
    """What ``[grid]`` says in words, also of a file with mistakes elsewhere."""
    try:
        head = loaded(text).get("grid", {})
        return {key: value.strip() for key, value in head.items() if isinstance(value, str)}
    except (GridError, AttributeError):
        return {}


def _default(_name: str, param: Param) -> Scalar:
    """In place of ``"auto"`` where only the design is looked at."""
    return param.default


def _placed(grid: Grid, sentence: str) -> str:
    return line_of(grid.toml, sentence)
