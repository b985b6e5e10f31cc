"""Folders of photographs and of style pictures, packed once: what networks are trained on, as an artifact."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from generation.core import photographs
from generation.core.grid import PhotographFolder
from generation.core.masks import SCALING
from generation.core.spec import digest, sha256_bytes
from generation.models import Artifact
from generation.services.artifacts import artifact_is_whole, artifact_store

#: How many names a sentence says before it counts the rest.
NAMED = 3


@dataclass(frozen=True)
class Pack:
    """A stored pack: its name, how many squares it holds, and what must be said of it."""

    sha256: str
    train: int
    validation: int
    notes: tuple[str, ...]


def listing_name(sha256: str) -> str:
    """Where the storage keeps what became of the files of a pack: names, SHA-256, part, crops, and those not used."""
    return f"data/{sha256}.files.json"


def pack_made(
    *,
    asked: PhotographFolder,
    place: Path,
    side: int,
    scenes: Sequence[bytes],
    masks: Path | None = None,
    grey: bool = False,
    called: str = "photographs",
    tick: Callable[[int, int], None] | None = None,
) -> Pack:
    """The pack of the folder ``place``: read and stored, or the one that was made before of the same files.

    ``scenes``: the pictures that the grid shows, never trained on unless ``asked`` has it otherwise. ``masks``: the
    folder of the masks, which may lie within ``place``. ``grey``: pictures without colours are taken. ``called``: what
    people know the files as. ``tick`` is told (steps done, steps in all) while the folder is read. Raises
    ``PhotographsError``.
    """
    options = photographs.PackOptions(
        side=side, validation=asked.validation, crops=asked.crops, limit=asked.limit, seed=asked.seed, grey=grey
    )
    kept_out = () if asked.with_scenes else scenes
    files = photographs.folder_files(place, without=masks)
    of_masks = photographs.folder_files(masks) if masks else None
    read = [photographs.fingerprint(place), options.to_json(), [sha256_bytes(scene) for scene in kept_out]]
    key = digest([*read, photographs.fingerprint(masks), SCALING] if masks else read)
    storage, name = storages["default"], f"data/{key}.json"
    if storage.exists(name):
        with storage.open(name) as file:
            known = json.loads(file.read())
        # A file without a listing was written when packs still held the names.
        if "listing" in known and _is_there(known["sha256"]):
            return _pack(known["sha256"], known["listing"], called)
    packed = photographs.pack(files, options, scenes=kept_out, tick=tick, masks=of_masks)
    artifact = artifact_store(data=packed.data, kind=Artifact.Kind.DATA)
    listing = json.loads(json.dumps(packed.listing))
    # Folders that differ in their names only give one pack: each has its own listing, the artifact that of the last.
    storage.save(listing_name(artifact.pk), ContentFile(json.dumps(listing).encode()))
    storage.save(name, ContentFile(json.dumps({"sha256": artifact.pk, "listing": listing}).encode()))
    return _pack(artifact.pk, listing, called)


def _is_there(sha256: str) -> bool:
    return Artifact.objects.filter(pk=sha256, stored=True).exists() and artifact_is_whole(sha256)


def _pack(sha256: str, listing: dict[str, Any], called: str) -> Pack:
    notes = []
    if listing["split"] == "by place":
        notes.append(
            f"Few {called}: those kept apart are the right thirds of the {called} trained on, so that the error "
            f"there is smaller than on {called} never seen."
        )
    if listing["skipped"]:
        notes.append(f"{_names(listing['skipped'])} in the folder of {called} cannot be trained on.")
    if listing["left_out"]:
        said = (
            "show scenes of this grid and were"
            if len(listing["left_out"]) > 1
            else "shows a scene of this grid and was"
        )
        notes.append(f"{_names([[name, ''] for name in listing['left_out']])} {said} left out of the training.")
    if left := [[name, ""] for name in listing.get("masks_left", ())]:
        notes.append(
            f"{_names(left)} in the folder of masks {'belong' if len(left) > 1 else 'belongs'} to no photograph."
        )
    return Pack(sha256, listing["train"], listing["validation"], tuple(notes))


def _names(entries: Sequence[Sequence[str]]) -> str:
    said = [f"{name} ({reason.rstrip('.')})" if reason else name for name, reason in entries[:NAMED]]
    more = f" and {len(entries) - NAMED} more" if len(entries) > NAMED else ""
    return ", ".join(said) + more
