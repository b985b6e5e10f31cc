"""How a folder of photographs is packed, and the one kind of error that says why it is not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from generation.core import images


class PhotographsError(ValueError):
    """A folder, options or a pack that cannot be used; the text says what is wrong and the mend."""


@dataclass(frozen=True)
class PackOptions:
    """How photographs become pictures of ``side`` x ``side`` pixels.

    ``validation``: share kept out of training. ``crops``: 1 takes the centre of each photograph; k > 1 takes k squares
    of it at seeded places, from its whole shorter side down to a third of it. ``limit``: how many photographs at most,
    0 for all. ``seed``: which ones, where they are cut, which are kept out. ``grey``: those without colours are taken.
    """

    side: int
    validation: float = 0.2
    crops: int = 1
    limit: int = 0
    seed: int = 0
    grey: bool = False

    def __post_init__(self) -> None:
        if self.side < images.MIN_SIDE:
            raise PhotographsError(f"side = {self.side}: a picture has at least {images.MIN_SIDE} pixels on a side.")
        if not 0 < self.validation < 1:
            raise PhotographsError(f"validation = {self.validation}: write a share between 0 and 1, such as 0.2.")
        if self.crops < 1:
            raise PhotographsError(f"crops = {self.crops}: take at least 1 from each photograph.")
        if self.limit < 0:
            raise PhotographsError(f"limit = {self.limit}: write a number of photographs, or 0 for all of them.")

    def to_json(self) -> dict[str, Any]:
        """What the header of a pack says of them; packs of photographs in colour say nothing of grey ones."""
        return {name: value for name, value in asdict(self).items() if name != "grey" or value}
