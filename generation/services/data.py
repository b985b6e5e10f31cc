"""Folders of photographs, packed once: what networks are trained on, as an artifact."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from generation.core import photographs
from generation.core.grid import PhotographFolder
from generation.core.spec import digest, sha256_bytes
from generation.models import Artifact
from generation.services.artifacts import artifact_store

#: How many names a sentence says before it counts the rest.
NAMED = 3


@dataclass(frozen=True)
class Pack:
    """A stored pack: its name, how many squares it holds, and what must be said of it."""

    sha256: str
    train: int
    validation: int
    notes: tuple[str, ...]


def pack_made(*, asked: PhotographFolder, place: Path, side: int, scenes: Sequence[bytes]) -> Pack:
    """The pack of the folder ``place``: read and stored, or the one that was made before of the same files.

    ``scenes``: the photographs that will be coloured; they are never trained on. Raises ``PhotographsError``.
    """
    options = photographs.PackOptions(
        side=side, validation=asked.validation, crops=asked.crops, limit=asked.limit, seed=asked.seed
    )
    files = photographs.folder_files(place)
    key = digest([photographs.fingerprint(place), vars(options), [sha256_bytes(scene) for scene in scenes]])
    storage, name = storages["default"], f"data/{key}.json"
    if storage.exists(name):
        with storage.open(name) as file:
            known = json.loads(file.read())
        if Artifact.objects.filter(pk=known["sha256"], stored=True).exists():
            return _pack(known["sha256"], known["header"])
        storage.delete(name)
    data = photographs.pack(files, options, scenes=scenes)
    header = photographs.read(data).header
    artifact = artifact_store(data=data, kind=Artifact.Kind.DATA)
    storage.save(name, ContentFile(json.dumps({"sha256": artifact.pk, "header": header}).encode()))
    return _pack(artifact.pk, header)


def _pack(sha256: str, header: dict[str, Any]) -> Pack:
    count = {part: header[part] for part in ("train", "validation")}
    notes = []
    if header["skipped"]:
        notes.append(f"{_names(header['skipped'])} in the folder of photographs cannot be trained on.")
    if header["left_out"]:
        said = "are scenes of this grid and were" if len(header["left_out"]) > 1 else "is a scene of this grid and was"
        notes.append(f"{_names([[name, ''] for name in header['left_out']])} {said} left out of the training.")
    return Pack(sha256, count["train"], count["validation"], tuple(notes))


def _names(entries: Sequence[Sequence[str]]) -> str:
    said = [f"{name} ({reason.rstrip('.')})" if reason else name for name, reason in entries[:NAMED]]
    more = f" and {len(entries) - NAMED} more" if len(entries) > NAMED else ""
    return ", ".join(said) + more
