"""Which pretrained file answers to the name of a network: find it, verify it, or say in words what is missing.

Torch-free: paths, digests and how the file wants its pictures. ``core.backbones`` reads the tensors. Searched in order:

1. the folder ``EYEBALLOT_WEIGHTS``: its manifest ``weights.toml`` first, then torchvision's files by their own name;
2. the torch hub cache (``TORCH_HOME/hub/checkpoints``);
3. torchvision's own download into that cache, unless ``EYEBALLOT_DOWNLOAD`` is ``0``.

A file that is asked for by its digest may also be one that another machine sent here (``core.received``).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from generation.core.weights.advice import TORCHVISION, mend, what_helps
from generation.core.weights.files import Weights, WeightsError, WeightsMissing, file_sha256
from generation.core.weights.manifest import in_manifest
from generation.core.weights.networks import (
    LAYERS,
    RANDOM_SHALLOW,
    RANDOM_SHALLOW_SEED,
    receptive_field,
    smallest_side,
)
from generation.core.weights.published import download, hub_cache, published_file
from generation.core.weights.sent import about, sent

__all__ = [
    "LAYERS",
    "RANDOM_SHALLOW",
    "RANDOM_SHALLOW_SEED",
    "Weights",
    "WeightsError",
    "WeightsMissing",
    "about",
    "file_sha256",
    "find",
    "held",
    "lacking",
    "receptive_field",
    "smallest_side",
]


class _WouldFetch(Exception):  # noqa: N818  (reads as what it says)
    """Only a download tells whether the file can be had."""


def lacking(network: str, layers: Sequence[str] = ()) -> str:
    """Why :func:`find` would refuse, as far as that is known without a download; empty where nothing is known to."""

    try:
        find(network, layers=layers, fetch=_fetch_nothing)
    except _WouldFetch:
        return ""
    except WeightsError as error:
        return str(error)
    return ""


def held(sha256: str) -> Weights | None:
    """The verified weights with this digest that lie on this machine; None where a download would be needed."""
    if (found := sent(sha256)) is not None:
        return found
    for network in LAYERS:
        try:
            for found in _candidates(network, "", _fetch_nothing):
                if found.sha256 == sha256:
                    return found
        except (_WouldFetch, WeightsError):  # a damaged file is none; whoever asks for it by name is told
            continue
    return None


def _fetch_nothing(_network: str) -> Path:
    raise _WouldFetch


def find(
    network: str,
    sha256: str | None = None,
    layers: Sequence[str] = (),
    *,
    fetch: Callable[[str], Path] | None = None,
) -> Weights:
    """Return the verified weights of ``network``: the first in the search order, or the one with this ``sha256``.

    ``network``: a name of :data:`LAYERS`, or ``name/training`` where only that training will do (``vgg19/oxford``).
    ``layers`` that are needed: a file that ends before them is passed over for one that does not. ``fetch``: in place
    of :func:`download`. Raises
    :class:`WeightsMissing` when there is none and :class:`WeightsError` when a file or manifest is damaged, or when
    every file ends too early.
    """
    name, _, training = network.partition("/")
    if name not in LAYERS:
        raise WeightsMissing(f"There is no network {name!r}. Known: {', '.join(sorted(LAYERS))}.")
    # Asked for by its digest, a network that was sent here is as good as one of the folders.
    kept = sent(sha256) if sha256 else None
    if kept and kept.network == name and training in ("", kept.training) and not kept.ends_before(layers):
        return kept
    others: list[str] = []
    short: list[Weights] = []
    for found in _candidates(name, training, fetch or download):
        if training and found.training != training:
            others.append(f"{found.title} ({found.training})")
        elif sha256 is not None and found.sha256 != sha256:
            others.append(f"{found.title} ({found.sha256[:12]})")
        elif found.ends_before(layers):
            short.append(found)
        else:
            return found
    if short:
        short[0].require(layers, training)
    asked = f"{name} weights" + (f" of the training {training!r}" if training else "")
    if others:
        raise WeightsMissing(
            f"The render asks for {asked}{f' with SHA-256 {sha256}' if sha256 else ''}, but only these were found: "
            f"{', '.join(others)}. {mend(training) or 'Put the right file into the folder EYEBALLOT_WEIGHTS'}, or "
            "plan the grid anew."
        )
    raise WeightsMissing(f"No weights file for {network} was found: {what_helps(name, training)}.")


def _candidates(network: str, training: str, fetch: Callable[[str], Path]) -> Iterator[Weights]:
    if network == RANDOM_SHALLOW:
        yield Weights(
            network=RANDOM_SHALLOW,
            title="random-shallow (seeded random filters; nothing was learned)",
            sha256=hashlib.sha256(RANDOM_SHALLOW_SEED.encode()).hexdigest(),
            path=None,
            last_layer=LAYERS[RANDOM_SHALLOW][-1],
            training="random",
            source=f"generated from the seed {RANDOM_SHALLOW_SEED!r}",
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
        )
        return
    folder = os.environ.get("EYEBALLOT_WEIGHTS", "")
    if folder:
        yield from (w for w in in_manifest(Path(folder)) if w.network == network)
    name = TORCHVISION[network]
    places = [Path(folder) / name] if folder else []
    places.append(hub_cache() / name)
    present = [place for place in places if place.is_file()]
    for place in present:
        yield published_file(network, place)
    wanted = training in ("", "torchvision") and os.environ.get("EYEBALLOT_DOWNLOAD", "1") != "0"
    if not present and wanted:
        yield published_file(network, fetch(network))
