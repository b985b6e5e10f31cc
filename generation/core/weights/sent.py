"""Networks that another machine sent to this one: their file, and what its folder said of it."""

from __future__ import annotations

import dataclasses
from typing import Any

from generation.core import received
from generation.core.weights.files import Weights, file_sha256


def sent(sha256: str) -> Weights | None:
    """The network with this digest that was sent here, or None. One that was damaged since is thrown away."""
    path, about = received.find(sha256), received.about_it(sha256)
    if path is None or not about:
        return None
    try:
        if file_sha256(path) != sha256:
            path.unlink(missing_ok=True)
            return None
    except FileNotFoundError:  # another worker made room meanwhile
        return None
    received.used(path)
    return Weights(**{**about, "mean": tuple(about["mean"]), "std": tuple(about["std"]), "path": path})


def about(weights: Weights) -> dict[str, Any]:
    """What travels with the file of ``weights``; :func:`sent` reads it."""
    return {name: value for name, value in dataclasses.asdict(weights).items() if name != "path"}
