"""From the files of a folder to a pack: which are taken, what each is for, what remains to be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from generation.core import images
from generation.core.photographs.cutting import cut, n_right, unfit
from generation.core.photographs.likeness import Seen, thumbnail
from generation.core.photographs.options import PackOptions, PhotographsError
from generation.core.photographs.packfile import written
from generation.core.spec import digest, sha256_bytes

Read = Callable[[], bytes]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LEAST_TRAIN, LEAST_VALIDATION = 8, 2
#: Below this number of photographs, crops to validate on come from another place of the same photographs.
FEW = 10
_NAMED = 3


@dataclass(frozen=True)
class Packed:
    """A pack and what became of the files.

    ``data``: see :mod:`generation.core.photographs.packfile`; it knows no names, so a file that is renamed, or added
    and not used, changes nothing in it. ``listing``: the pack's header and ``files``, each with ``name``, ``sha256``,
    ``split`` ("train", "validation" or "both") and ``crops`` (to train on, to validate on), in the order of the
    pictures; ``skipped``, pairs of name and reason; ``left_out``, names of files that show a scene; ``ignored``, the
    number of files that are not named like pictures; ``beyond_limit``, of photographs that the limit left unused.
    """

    data: bytes
    listing: dict[str, Any]


@dataclass
class _Photograph:
    name: str
    sha256: str
    train: list[images.Image]
    validation: list[images.Image]


@dataclass
class _Sorted:
    """What became of the files."""

    used: list[_Photograph] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    beyond_limit: int = 0


def pack(
    files: Iterable[tuple[str, Read]],
    options: PackOptions,
    scenes: Sequence[bytes] = (),
    tick: Callable[[int, int], None] | None = None,
) -> Packed:
    """The pack of ``files`` (name, function that reads it). One file at a time is held, read twice, decoded once.

    Which part a photograph belongs to is its own draw, except where one part would have too few. With several crops
    and fewer than :data:`FEW` photographs each of them is divided instead: crops to train on lie in its left two
    thirds, crops to validate on in its right third, and ``split`` of the header is "by place".

    ``scenes``: the photographs that will be colourised. A file that shows the same as one of them is left out and
    named; of files that show the same as each other one is taken (see :mod:`generation.core.photographs.likeness`).
    ``tick`` is told (steps done, steps in all). Raises :class:`PhotographsError` where too little remains.
    """
    listed = sorted(files, key=lambda file: file[0])
    named = [(name, read) for name, read in listed if name.lower().endswith(SUFFIXES)]
    if not named:
        found = f"None of its {len(listed)} files ends in {', '.join(SUFFIXES)}" if listed else "It holds no files"
        raise PhotographsError(f"{found}: name a folder that holds photographs.")
    total = 2 * len(named)

    def step(done: int) -> None:
        if tick is not None:
            tick(done, total)

    order, skipped = _candidates(named, step)
    order.sort(key=lambda file: _draw("order", options, file[1]))
    shown = Seen(len(scenes))
    for scene in scenes:
        shown.add("scene", thumbnail(images.decode(scene)))
    by_place = options.crops > 1 and min(len(order), options.limit or len(order)) < FEW
    result = _cut_all(order, options, shown, by_place, lambda done: step(len(named) + done))
    if options.crops > 1 and not by_place and len(result.used) < FEW:
        # Unusable files made few of many: these few are decoded again.
        by_place = True
        result = _cut_all(order, options, shown, by_place, lambda _done: None)
    if not by_place:
        _keep_apart(result.used, options)
    step(total)
    result.skipped = sorted(skipped + result.skipped)
    result.left_out.sort()
    train = [picture for photograph in result.used for picture in photograph.train]
    validation = [picture for photograph in result.used for picture in photograph.validation]
    _check(result, options, len(train), len(validation))
    header = {
        "side": options.side,
        "options": asdict(options),
        "train": len(train),
        "validation": len(validation),
        "split": "by place" if by_place else "by photograph",
    }
    listing = {
        **header,
        "files": [_entry(photograph) for photograph in result.used],
        "skipped": result.skipped,
        "left_out": result.left_out,
        "ignored": len(listed) - len(named),
        "beyond_limit": result.beyond_limit,
    }
    return Packed(written(header, train + validation), listing)


def _candidates(
    files: Sequence[tuple[str, Read]], step: Callable[[int], None]
) -> tuple[list[tuple[str, str, Read]], list[tuple[str, str]]]:
    """(name, SHA-256, function that reads it) of each file that is no copy of another; (name, reason) of the others."""
    first: dict[str, str] = {}
    candidates, skipped = [], []
    for number, (name, read) in enumerate(files, 1):
        try:
            sha256 = sha256_bytes(read())
        except OSError as error:
            skipped.append((name, f"it cannot be read ({error.strerror or error})"))
        else:
            if sha256 in first:
                skipped.append((name, f"the same file as {first[sha256]}"))
            else:
                first[sha256] = name
                candidates.append((name, sha256, read))
        step(number)
    return candidates, skipped


def _cut_all(
    order: Sequence[tuple[str, str, Read]],
    options: PackOptions,
    scenes: Seen,
    by_place: bool,
    step: Callable[[int], None],
) -> _Sorted:
    """Cut the first ``limit`` usable photographs of ``order`` into pictures and note why others are not usable."""
    result, taken = _Sorted(), Seen(len(order))
    for number, (name, sha256, read) in enumerate(order):
        if options.limit and len(result.used) == options.limit:
            result.beyond_limit = len(order) - number
            break
        try:
            image = images.decode(read())
        except images.ImageError as error:
            words = str(error).rstrip(".")
            result.skipped.append((name, words[:1].lower() + words[1:]))
        except OSError as error:
            result.skipped.append((name, f"it cannot be read ({error.strerror or error})"))
        else:
            small = thumbnail(image)
            if scenes.like(small):
                result.left_out.append(name)
            elif reason := unfit(image, options.side, by_place):
                result.skipped.append((name, reason))
            elif twin := taken.like(small):
                result.skipped.append((name, f"shows the same as {twin}"))
            else:
                taken.add(name, small)
                result.used.append(_Photograph(name, sha256, *cut(image, sha256, options, by_place)))
        step(number + 1)
    return result


def _draw(what: str, options: PackOptions, sha256: str) -> float:
    """A number from 0 to below 1 that is a photograph's own."""
    return int(digest([what, options.seed, sha256])[:13], 16) / 16**13


def _keep_apart(used: Sequence[_Photograph], options: PackOptions) -> None:
    """Turn the pictures of some photographs into pictures to validate on; both parts get what they need at least."""
    # Not the draw of the order: a limit would then take the photographs of one part before those of the other.
    ranked = sorted(used, key=lambda photograph: _draw("split", options, photograph.sha256))
    least, most = -(-LEAST_VALIDATION // options.crops), len(used) - -(-LEAST_TRAIN // options.crops)
    for rank, photograph in enumerate(ranked):
        drawn = _draw("split", options, photograph.sha256) < options.validation
        if rank < least or (drawn and rank < most):
            photograph.train, photograph.validation = [], photograph.train


def _entry(photograph: _Photograph) -> dict[str, object]:
    crops = [len(photograph.train), len(photograph.validation)]
    part = "both" if all(crops) else "train" if crops[0] else "validation"
    return {"name": photograph.name, "sha256": photograph.sha256, "split": part, "crops": crops}


def _check(result: _Sorted, options: PackOptions, n_train: int, n_validation: int) -> None:
    """Raise :class:`PhotographsError` where too little is left to train on, with the mend."""
    if n_train >= LEAST_TRAIN and n_validation >= LEAST_VALIDATION:
        return
    refused = result.skipped + [(name, "it shows a scene of the grid") for name in result.left_out]
    reasons = "; ".join(f"{name}: {reason}" for name, reason in refused[:_NAMED])
    reasons += f"; and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
    if not result.used:
        raise PhotographsError(f"None of its {len(refused)} photographs can be used ({reasons}).")
    count = len(result.used)
    text = (
        f"Too few pictures from {count} {'photographs' if count > 1 else 'photograph'}: {n_train} to train on and "
        f"{n_validation} to validate on, where at least {LEAST_TRAIN} and {LEAST_VALIDATION} are needed. "
    )
    text += f"Raise limit = {options.limit}" if result.beyond_limit else "Add photographs"
    text += f", or cut several pictures from each: crops = {_enough(count, options)} helps."
    raise PhotographsError(text + (f" Not used: {reasons}." if refused else ""))


def _enough(count: int, options: PackOptions) -> int:
    """The smallest number of crops with which ``count`` photographs, fewer than :data:`FEW`, are enough."""
    crops, right = 1, 0
    while count * right < LEAST_VALIDATION or count * (crops - right) < LEAST_TRAIN:
        crops += 1
        right = n_right(replace(options, crops=crops))
    return crops
