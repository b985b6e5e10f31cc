"""`manage.py draw_defects FOLDER`: pictures of a fleece with known defects, and a mask for each."""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.core.segmentation import defects
from generation.core.segmentation.samples import SampleOptions, SamplesError, listing, sample

PICTURES, MASKS, LISTING = "pictures", "masks", "defects.json"
Number = TypeVar("Number", int, float)


def pair(number: Callable[[str], Number]) -> Callable[[str], tuple[Number, Number]]:
    """Reads ``2`` and ``1:3``: both ends of a range."""

    def read(text: str) -> tuple[Number, Number]:
        low, _, high = text.partition(":")
        try:
            return number(low), number(high or low)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is no range: write 1 or 1:3.") from None

    return read


class Command(BaseCommand):
    help = (
        "Draw pictures of non-woven fibres with exactly known defects into FOLDER/pictures, their masks into "
        "FOLDER/masks. The same options draw the same files. A folder of real pictures with masks of the same names "
        "takes their place in a grid file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        default = SampleOptions()
        parser.add_argument("folder", type=Path, help="a new or empty folder")
        parser.add_argument("--pictures", type=int, default=48, help="how many (48)")
        parser.add_argument("--side", type=int, default=default.side, help=f"pixels on a side ({default.side})")
        parser.add_argument("--seed", type=int, default=default.seed, help="another set of pictures (0)")
        parser.add_argument("--first", type=int, default=0, help="number of the first picture of the set (0)")
        parser.add_argument(
            "--defects", default=",".join(default.kinds), help=f"kinds, with commas: {', '.join(defects.KINDS)} (all)"
        )
        parser.add_argument("--count", type=pair(int), default=default.count, help="defects of a picture (1:2)")
        parser.add_argument(
            "--share", type=pair(float), default=default.share, help="how much of a picture they cover (0.004:0.02)"
        )
        parser.add_argument(
            "--contrast", type=pair(float), default=default.contrast, help="how strongly they show (0.5:0.9)"
        )
        parser.add_argument(
            "--clean", type=float, default=default.clean, help="share of pictures without any defect (0)"
        )

    def handle(self, *args: Any, folder: Path, pictures: int, first: int, **given: Any) -> None:
        if not 1 <= pictures <= 100_000:
            raise CommandError(f"--pictures {pictures}: draw 1 to 100000.")
        if first < 0:
            raise CommandError(f"--first {first}: the first picture of a set has the number 0.")
        try:
            options = SampleOptions(
                side=given["side"],
                seed=given["seed"],
                kinds=tuple(kind.strip() for kind in given["defects"].split(",") if kind.strip()),
                count=given["count"],
                share=given["share"],
                contrast=given["contrast"],
                clean=given["clean"],
            )
        except SamplesError as error:
            raise CommandError(str(error)) from None
        try:
            _empty(folder)
            drawn = []
            for number in range(first, first + pictures):
                one = sample(options, number)
                (folder / PICTURES / f"{number:05}.png").write_bytes(one.picture_png())
                (folder / MASKS / f"{number:05}.png").write_bytes(one.mask_png())
                drawn.append(one)
            told = listing(options, first, drawn)
            (folder / LISTING).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{folder} cannot be written ({error.strerror}): name a folder of your own.") from None
        share = sum(one.share for one in drawn) / len(drawn)
        self.stdout.write(
            f"{pictures} pictures of {options.side} px in {folder / PICTURES}, their masks in {folder / MASKS}; "
            f"{share:.2%} of all pixels are defect."
        )


def _empty(folder: Path) -> None:
    """Make the folders; what lies in them would be mistaken for a part of the set."""
    if folder.is_dir() and any(folder.iterdir()):
        raise CommandError(f"{folder} is not empty: name a new folder, or empty it.")
    for name in (PICTURES, MASKS):
        (folder / name).mkdir(parents=True, exist_ok=True)
