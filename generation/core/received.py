"""What another machine sent to this one, by SHA-256: pictures, photographs, networks. Torch-free.

It lies in the folder ``EYEBALLOT_CACHE`` (``~/.cache/eyeballot``), of which it takes at most ``EYEBALLOT_CACHE_GB``
(20): what was used longest ago goes first, and nothing else in the folder is touched. A file appears whole and
verified, or not at all, so the workers of one machine share the folder, and may lose a file to each other at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generation.core.spec import sha256_bytes

SUFFIXES = ("", ".pth", ".safetensors")
ABOUT = ".json"  # what was said of a network; it comes and goes with it
GB = 10**9
STALE = 3600.0  # seconds after which a delivery that gets no more blocks has failed
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WHOLE = re.compile(rf"({_DIGEST.pattern})(?:{'|'.join(map(re.escape, (*SUFFIXES, ABOUT)))})")
_PART = re.compile(rf"\.{_DIGEST.pattern}\.[0-9a-f]+\.part")


def folder() -> Path:
    """Where it lies."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "eyeballot"
    return Path(os.environ.get("EYEBALLOT_CACHE", cache)).expanduser()


def find(sha256: str) -> Path | None:
    """The file with this digest, or None. It was verified on arrival."""
    for suffix in SUFFIXES:
        path = folder() / f"{sha256}{suffix}"
        if path.is_file():
            return path
    return None


def read(sha256: str) -> bytes | None:
    """The bytes with this digest, verified again: a file that was damaged since is thrown away, so that it is sent
    anew."""
    path = find(sha256)
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except FileNotFoundError:  # another worker made room meanwhile
        return None
    if sha256_bytes(data) != sha256:
        path.unlink(missing_ok=True)
        return None
    used(path)
    return data


def used(path: Path) -> None:
    """Note that a file is in use, with what was said of it: what was used longest ago goes first."""
    for one in (path, path.with_name(path.stem + ABOUT)):
        # A folder of somebody else can be read, though nothing can be noted there.
        with contextlib.suppress(OSError):
            # The time of its content stays: digests are remembered by it.
            os.utime(one, (time.time(), one.stat().st_mtime))


def receive(
    sha256: str, suffix: str, about: Mapping[str, Any], delivery: str, offset: int, block: bytes, size: int
) -> str:
    """Take a block of a file of ``size`` bytes; with the last one it appears, if it is what its digest says.

    ``about``: what is to be known of it, as :func:`about_it` gives it. ``delivery``: a word of the sender's own, the
    same for all blocks. Returns a sentence where it cannot be kept, or an empty string.
    """
    if not _DIGEST.fullmatch(sha256) or suffix not in SUFFIXES or not delivery.isalnum():
        return f"Something called {sha256[:64]}{suffix} was sent, which is no SHA-256; nothing was kept."
    part = folder() / f".{sha256}.{delivery}.part"
    try:
        limit = _limit()
        folder().mkdir(parents=True, exist_ok=True)
        with part.open("r+b" if offset else "wb") as stream:
            stream.seek(offset)
            stream.write(block)
        if offset + len(block) < size:
            return ""
        if _sha256(part) != sha256:
            part.unlink()
            return f"What arrived as {sha256[:12]} is damaged: its bytes have another SHA-256. It was thrown away."
        if about:
            said = folder() / f".{sha256}.{delivery}0.part"
            said.write_text(json.dumps(dict(about)), encoding="utf-8")
            said.replace(folder() / f"{sha256}{ABOUT}")
        part.replace(folder() / f"{sha256}{suffix}")
        _make_room(limit)
    except ValueError as error:
        return str(error)
    except OSError as error:
        part.unlink(missing_ok=True)
        return f"The folder {folder()} (EYEBALLOT_CACHE) cannot keep it: {error.strerror or error}."
    return ""


def about_it(sha256: str) -> dict[str, Any]:
    """What was said of a file when it was sent; empty where nothing was."""
    try:
        said: dict[str, Any] = json.loads((folder() / f"{sha256}{ABOUT}").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _limit() -> int:
    """``EYEBALLOT_CACHE_GB`` in bytes; ``ValueError`` with a sentence where it is no number."""
    said = os.environ.get("EYEBALLOT_CACHE_GB", "20")
    try:
        limit = float(said)
    except ValueError:
        limit = math.nan
    if not 0 <= limit < math.inf:
        raise ValueError(f"EYEBALLOT_CACHE_GB is {said!r}, which is no number of gigabytes. Write 20 for 20 GB.")
    return int(limit * GB)


def _make_room(limit: int) -> None:
    """Delete what was used longest ago until the files that were received take ``limit`` bytes.

    A network goes together with what was said of it, and a delivery that was broken off with neither.
    """
    sizes: dict[str, int] = {}
    uses: dict[str, float] = {}
    files: dict[str, list[Path]] = {}
    for path in folder().iterdir():
        named, part = _WHOLE.fullmatch(path.name), _PART.fullmatch(path.name)
        if not (named or part):
            continue
        with contextlib.suppress(OSError):  # another worker makes room at the same time
            stat = path.stat()
            unit = named[1] if named else path.name
            if named or time.time() - stat.st_mtime > STALE:
                files.setdefault(unit, []).append(path)
                uses[unit] = max(uses.get(unit, 0.0), stat.st_atime, stat.st_mtime) if named else 0.0
            sizes[unit] = sizes.get(unit, 0) + stat.st_size
    total = sum(sizes.values())
    for unit in sorted(files, key=lambda one: uses[one]):
        if total <= limit and uses[unit]:
            return
        with contextlib.suppress(OSError):
            for path in files[unit]:
                path.unlink(missing_ok=True)
            total -= sizes[unit]
