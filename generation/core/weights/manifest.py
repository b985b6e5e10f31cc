"""The manifest of a weights folder admits cuts and other trainings, named as what they are.

``weights.toml``, in that folder::

    [[weights]]
    file = "vgg19_oxford_conv1_1-conv3_4_fp16.safetensors"   # relative to the manifest, or absolute
    sha256 = "43a7..."
    network = "vgg19"
    title = "VGG19 (Oxford), conv1_1-conv3_4"
    training = "oxford"
    last_layer = "relu3_4"
    colour_order = "RGB"
    scale = 255.0                        # pixels in 0..1 are multiplied by this, then mean and std apply
    mean = [123.68, 116.779, 103.939]
    std = [1.0, 1.0, 1.0]
    source = "where the file comes from, and its licence"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from generation.core.weights.files import Weights, WeightsError, file_sha256
from generation.core.weights.networks import LAYERS, RANDOM_SHALLOW


def in_manifest(folder: Path) -> Iterator[Weights]:
    """The files that the manifest of a folder names, verified; none where it has no manifest.

    Raises :class:`WeightsError` where the manifest cannot be read or a file is not the one it names.
    """
    manifest = folder / "weights.toml"
    if not manifest.is_file():
        return
    try:
        entries = tomllib.loads(manifest.read_text("utf-8"))["weights"]
        yield from [_entry(folder, entry) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{manifest} cannot be read: {error}. Its form is described in docs/weights.md.") from error


def _entry(folder: Path, entry: Mapping[str, Any]) -> Weights:
    network = entry["network"]
    if network not in LAYERS or network == RANDOM_SHALLOW:
        raise ValueError(f"unknown network {network!r}")
    if entry["last_layer"] not in LAYERS[network]:
        raise ValueError(f"{network} has no layer {entry['last_layer']!r}")
    if entry.get("colour_order", "RGB") not in ("RGB", "BGR"):
        raise ValueError("colour_order is RGB or BGR")
    path = folder / entry["file"]
    if path.suffix not in (".pth", ".safetensors"):
        raise ValueError(f"{path.name} is neither .pth nor .safetensors")
    if not path.is_file():
        raise ValueError(f"the file {path} is not there")
    if (digest := file_sha256(path)) != entry["sha256"]:
        raise WeightsError(
            f"{path} is not the file of the manifest: its SHA-256 is {digest}, the manifest says {entry['sha256']}. "
            "Fetch the file again, or correct weights.toml if you changed the file on purpose."
        )
    return Weights(
        network=network,
        title=str(entry["title"]),
        sha256=digest,
        path=path,
        last_layer=entry["last_layer"],
        training=str(entry.get("training", "other")),
        source=str(entry.get("source", "")),
        colour_order=entry.get("colour_order", "RGB"),
        scale=float(entry.get("scale", 1.0)),
        mean=_triple(entry.get("mean", (0.485, 0.456, 0.406))),
        std=_triple(entry.get("std", (0.229, 0.224, 0.225))),
    )


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = values
    return float(first), float(second), float(third)
