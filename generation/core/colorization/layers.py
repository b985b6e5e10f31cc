"""Which layers a colouriser has, as text, and which sides it can take: the torch-free arithmetic of the networks.

``layers`` says for each model what may be varied (specs/colorization.md sections 1.2 and 1.4):

isola
    the number of levels of the U-Net, ``"5"`` to ``"12"``; 8 is the default of the papers. Each level halves the
    picture; a level whose input is already 1 x 1 *holds* it (3 x 3, stride 1) instead.
zhang, zhang_class
    ``"full"`` (all eight blocks), ``"skip567"`` (without the blocks 5, 6 and 7), ``"removal348"`` (that, and one
    convolution less in each of the blocks 3, 4 and 8), or any other choice in the long form
    ``"skip=5 6;drop=3:1 4:2"``: the blocks that are left out, and ``block:number`` of the convolutions dropped.

Every function raises ``ValueError`` with a sentence for a text or a side that no network answers to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MODELS = ("isola", "zhang", "zhang_class")

#: The PatchGAN needs 32 px for more than a single answer (2 x 2); the same floor stands for all models.
SMALLEST_SIDE = 32
FEWEST_LEVELS, MOST_LEVELS = 5, 12

#: Blocks of Zhang's network that keep channels and size, and so can be left out.
SKIPPABLE = (5, 6, 7)
#: 3 x 3 convolutions of a block that keep channels and size, and so can be dropped; a block keeps at least one layer.
DROPPABLE: Mapping[int, int] = {3: 1, 4: 2, 5: 2, 6: 2, 7: 2, 8: 2}

#: Zhang's network halves the picture three times.
ZHANG_STEP = 8


@dataclass(frozen=True)
class ZhangLayers:
    """``skip``: blocks left out; ``drop``: block -> number of its shape-preserving convolutions left out."""

    skip: tuple[int, ...] = ()
    drop: Mapping[int, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """The canonical text: the name where there is one."""
        for name, layers in NAMED.items():
            if layers == self:
                return name
        parts = {
            "skip": " ".join(str(block) for block in self.skip),
            "drop": " ".join(f"{block}:{number}" for block, number in sorted(self.drop.items())),
        }
        return ";".join(f"{key}={value}" for key, value in parts.items() if value)


NAMED: Mapping[str, ZhangLayers] = {
    "full": ZhangLayers(),
    "skip567": ZhangLayers((5, 6, 7)),
    "removal348": ZhangLayers((5, 6, 7), {3: 1, 4: 1, 8: 1}),
}


def parse_layers(model: str, text: str) -> str:
    """The canonical form of ``text`` for ``model``: what two equal choices share, and what is stored."""
    if model not in MODELS:
        raise ValueError(f"There is no model '{model}'. Choose one of {', '.join(MODELS)}.")
    return str(n_down(text)) if model == "isola" else str(zhang_layers(text))


def n_down(text: str) -> int:
    """The number of levels of the U-Net that ``text`` asks for."""
    levels = int(text) if re.fullmatch(r"\s*[0-9]{1,4}\s*", text) else 0
    if not FEWEST_LEVELS <= levels <= MOST_LEVELS:
        raise ValueError(
            f"The layers '{text}' are no depth of the U-Net. "
            f"Give the number of levels, {FEWEST_LEVELS} to {MOST_LEVELS}; the default is 8."
        )
    return levels


def zhang_layers(text: str) -> ZhangLayers:
    """The layers of Zhang's network that ``text`` asks for: a name or the long form, see the module."""
    named = NAMED.get(text.strip())
    if named is not None:
        return named
    said: dict[str, str] = {}
    for part in text.split(";"):
        key, sign, value = (piece.strip() for piece in part.partition("="))
        if not sign or key not in ("skip", "drop") or key in said:
            raise ValueError(
                f"The layers '{text}' are none of Zhang's network. "
                f"Write {', '.join(NAMED)}, or for example 'skip=5 6 7;drop=3:1 4:1 8:1'."
            )
        said[key] = value
    skip = tuple(sorted({_skipped(block, text) for block in said.get("skip", "").split()}))
    drop: dict[int, int] = {}
    for pair in said.get("drop", "").split():
        block, number = _dropped(pair, text)
        if block in skip or block in drop:
            why = "is left out as a whole" if block in skip else "is named twice"
            raise ValueError(f"In the layers '{text}' block {block} {why}: say once what becomes of it.")
        drop[block] = number
    return ZhangLayers(skip, {block: number for block, number in drop.items() if number})


def _skipped(word: str, text: str) -> int:
    if word not in {str(block) for block in SKIPPABLE}:
        raise ValueError(
            f"In the layers '{text}' the block '{word}' cannot be left out: "
            f"only the blocks {_listed(SKIPPABLE)} keep channels and size."
        )
    return int(word)


def _dropped(pair: str, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]):([0-9])", pair)
    if not found:
        raise ValueError(f"In the layers '{text}' read '{pair}' as block:number, for example '3:1'.")
    block, number = int(found[1]), int(found[2])
    most = DROPPABLE.get(block, 0)
    if number > most:
        can = f"at most {most} of its convolutions keep" if most else "none of its convolutions keeps"
        raise ValueError(f"In the layers '{text}' block {block} cannot lose {number}: {can} channels and size.")
    return block, number


def strided_levels(n_down: int, side: int) -> int:
    """How many of ``n_down`` levels halve a picture of ``side`` px; the rest, where it is 1 x 1 already, hold it."""
    levels = 0
    while levels < n_down and side > 1:
        if side % 2:
            raise ValueError(f"A side of {side} px cannot be halved.")
        side //= 2
        levels += 1
    return levels


def check_side(model: str, layers: str, train_size: int) -> None:
    """Raise for a side that the network of ``model`` and ``layers`` cannot take, with the nearest ones it can."""
    canonical = parse_layers(model, layers)
    if train_size < SMALLEST_SIDE:
        raise ValueError(f"A side of {train_size} px is too small to train on: take at least {SMALLEST_SIDE} px.")
    if model != "isola":
        if train_size % ZHANG_STEP:
            raise ValueError(
                f"Zhang's network halves a picture three times and cannot take a side of {train_size} px. "
                f"Take a multiple of 8: {_listed(_around(train_size, ZHANG_STEP), 'or')} px."
            )
        return
    try:
        strided_levels(int(canonical), train_size)
    except ValueError:
        step = 2 ** int(canonical)
        power = 2 ** (train_size.bit_length() - 1)
        near = sorted({power, 2 * power, *_around(train_size, step)})
        raise ValueError(
            f"A U-Net of {canonical} levels cannot take a side of {train_size} px: somewhere on the way down it is "
            f"odd and cannot be halved. Take a power of two or a multiple of {step}: {_listed(near, 'or')} px."
        ) from None


def smallest_batch(model: str, layers: str, train_size: int) -> int:
    """The fewest pictures a training batch may have: 2 where a batch norm sees maps of 1 x 1, else 1.

    Over one picture of 1 x 1 there is no variance to divide by. That is so in a U-Net with hold levels.
    """
    check_side(model, layers, train_size)
    if model != "isola":
        return 1
    levels = n_down(layers)
    return 2 if strided_levels(levels, train_size) < levels else 1


def _around(side: int, step: int) -> tuple[int, ...]:
    """The multiples of ``step`` next to ``side`` that are large enough."""
    below = side // step * step
    return tuple(near for near in (below, below + step) if near >= SMALLEST_SIDE)


def _listed(values: tuple[int, ...] | list[int], word: str = "and") -> str:
    words = [str(value) for value in values]
    return f"{', '.join(words[:-1])} {word} {words[-1]}" if len(words) > 1 else words[0]
