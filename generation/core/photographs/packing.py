"""From the files of a folder to a pack: which are taken, what each is for, what remains to be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from generation.core import images
from generation.core.masks import Mask, resize_to
from generation.core.photographs import room
from generation.core.photographs.cutting import cut, n_right, unfit
from generation.core.photographs.folder import SUFFIXES, Read
from generation.core.photographs.likeness import Seen, SeenExactly
from generation.core.photographs.mask_folder import Found, MaskFolder
from generation.core.photographs.options import PackOptions, PhotographsError
from generation.core.photographs.packfile import written
from generation.core.spec import digest, sha256_bytes

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

    With masks each file has ``mask`` and ``mask_sha256`` too, ``marked`` are the numbers of pictures (to train on, to
    validate on) whose mask marks something, and ``masks_left`` names masks that belong to no photograph.
    """

    data: bytes
    listing: dict[str, Any]


@dataclass
class _Photograph:
    name: str
    sha256: str
    train: list[images.Image]
    validation: list[images.Image]
    mask: Found | None = None
    train_masks: list[Mask] = field(default_factory=list)
    validation_masks: list[Mask] = field(default_factory=list)


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
    masks: Iterable[tuple[str, Read]] | None = None,
) -> Packed:
    """The pack of ``files`` (name, function that reads it). One file at a time is held, read twice, decoded once.

    Which part a photograph belongs to is its own draw, except where one part would have too few. With several crops
    and fewer than :data:`FEW` photographs each of them is divided instead: crops to train on lie in its left two
    thirds, crops to validate on in its right third, and ``split`` of the header is "by place".

    ``scenes``: the photographs that pictures are made of. A file that shows the same as one of them is left out and
    named; of files that show the same as each other one is taken (see :mod:`generation.core.photographs.likeness`).
    ``masks``: files of which one has the name of each photograph, up to the suffix; a photograph without one is not
    used. ``tick`` is told (steps done, steps in all). Raises :class:`PhotographsError` where too little remains, and
    before anything is read where there is too much for the memory of this machine.
    """
    listed = sorted(files, key=lambda file: file[0])
    masks_of = None if masks is None else MaskFolder(masks)
    named = [(name, read) for name, read in listed if name.lower().endswith(SUFFIXES)]
    if not named:
        found = f"None of its {len(listed)} files ends in {', '.join(SUFFIXES)}" if listed else "It holds no files"
        raise PhotographsError(f"{found}: name a folder that holds photographs.")
    room.check(len(named), options, masks is not None, room.memory())
    total = 2 * len(named)

    def step(done: int) -> None:
        if tick is not None:
            tick(done, total)

    order, skipped = _candidates(named, step)
    order.sort(key=lambda file: _draw("order", options, file[1]))
    shown = _seen(len(scenes), masks_of)
    for scene in scenes:
        shown.add("scene", shown.look(images.decode(scene)))
    by_place = options.crops > 1 and min(len(order), options.limit or len(order)) < FEW
    result = _cut_all(order, options, shown, by_place, masks_of, lambda done: step(len(named) + done))
    if options.crops > 1 and not by_place and len(result.used) < FEW:
        # Unusable files made few of many: these few are decoded again.
        by_place = True
        result = _cut_all(order, options, shown, by_place, masks_of, lambda _done: None)
    if not by_place:
        _keep_apart(result.used, options)
    step(total)
    result.skipped = sorted(skipped + result.skipped)
    result.left_out.sort()
    train = [picture for photograph in result.used for picture in photograph.train]
    validation = [picture for photograph in result.used for picture in photograph.validation]
    _check(result, options, len(train), len(validation))
    header: dict[str, Any] = {
        "side": options.side,
        "options": options.to_json(),
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
    if masks_of is None:
        return Packed(written(header, train + validation), listing)
    train_masks = [mask for photograph in result.used for mask in photograph.train_masks]
    validation_masks = [mask for photograph in result.used for mask in photograph.validation_masks]
    marked = [sum(bool(mask.any()) for mask in part) for part in (train_masks, validation_masks)]
    if not marked[0]:
        raise PhotographsError(
            f"None of the masks of the {len(train)} pictures to train on marks anything: check that white marks what "
            "is to be found, or take more pictures that show it."
        )
    header["masks"] = True
    listing |= {"masks": True, "marked": marked, "masks_left": masks_of.left([name for name, _ in named])}
    return Packed(written(header, train + validation, train_masks + validation_masks), listing)


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
    scenes: Seen | SeenExactly,
    by_place: bool,
    masks: MaskFolder | None,
    step: Callable[[int], None],
) -> _Sorted:
    """Cut the first ``limit`` usable photographs of ``order`` into pictures and note why others are not usable."""
    result, taken = _Sorted(), _seen(len(order), masks)
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
            small = taken.look(image)
            if scenes.like(small):
                result.left_out.append(name)
            elif reason := unfit(image, options, by_place):
                result.skipped.append((name, reason))
            elif twin := taken.like(small):
                result.skipped.append((name, f"shows the same as {twin}"))
            elif isinstance(mask := masks.of(name, image) if masks else None, str):
                result.skipped.append((name, mask))
            else:
                taken.add(name, small)
                result.used.append(_photograph(name, sha256, image, mask, options, by_place))
        step(number + 1)
    return result


def _seen(most: int, masks: MaskFolder | None) -> Seen | SeenExactly:
    """What tells copies: shots of one thing or stuff, as they come with masks, are alike without being copies."""
    return Seen(most) if masks is None else SeenExactly()


def _photograph(
    name: str, sha256: str, image: images.Image, mask: Found | None, options: PackOptions, by_place: bool
) -> _Photograph:
    pictures = cut(image, sha256, options, by_place)
    if mask is None:
        return _Photograph(name, sha256, *pictures)
    return _Photograph(name, sha256, *pictures, mask, *cut(mask.pixels, sha256, options, by_place, resize_to))


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
            photograph.train_masks, photograph.validation_masks = [], photograph.train_masks


def _entry(photograph: _Photograph) -> dict[str, object]:
    crops = [len(photograph.train), len(photograph.validation)]
    part = "both" if all(crops) else "train" if crops[0] else "validation"
    said: dict[str, object] = {"name": photograph.name, "sha256": photograph.sha256, "split": part, "crops": crops}
    return said | ({"mask": photograph.mask.name, "mask_sha256": photograph.mask.sha256} if photograph.mask else {})


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
