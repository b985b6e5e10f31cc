"""The files that torchvision publishes: where they lie, whether they are whole, and their download."""

from __future__ import annotations

import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from generation.core.weights.advice import DOWNLOADS, TORCHVISION, what_helps
from generation.core.weights.files import Weights, WeightsError, WeightsMissing, file_sha256
from generation.core.weights.networks import LAYERS

DOWNLOAD_TIMEOUT = 10.0  # seconds without an answer; a missing network must not hold up a grid


def published_file(network: str, path: Path) -> Weights:
    """Torchvision's file of ``network`` at ``path``; :class:`WeightsError` when it is not what its name says."""
    digest = file_sha256(path)
    prefix = path.stem.rpartition("-")[2]
    if not digest.startswith(prefix):
        raise WeightsError(
            f"{path} is damaged: its SHA-256 begins with {digest[:8]}, not with {prefix}. Delete it and fetch it again."
        )
    return Weights(
        network=network,
        title=f"{network} (torchvision, ImageNet)",
        sha256=digest,
        path=path,
        last_layer=LAYERS[network][-1],
        training="torchvision",
        source=DOWNLOADS + path.name,
    )


def hub_cache() -> Path:
    """Where torch keeps what it downloaded."""
    # The rule of torch.hub.get_dir, without importing torch.
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser() / "hub" / "checkpoints"


def download(network: str) -> Path:
    """Fetch torchvision's file into the hub cache; the file appears there whole and verified, or not at all."""
    target = hub_cache() / TORCHVISION[network]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
            try:
                url = DOWNLOADS + target.name
                with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT) as answer:  # noqa: S310  (https, a constant)
                    while block := answer.read(1 << 20):
                        part.write(block)
                part.close()
                if not file_sha256(Path(part.name)).startswith(target.stem.rpartition("-")[2]):
                    raise OSError("what came is not the file that was asked for")
                Path(part.name).replace(target)
            finally:
                Path(part.name).unlink(missing_ok=True)
    except (OSError, urllib.error.URLError) as error:
        raise WeightsMissing(
            f"No weights file for {network} was found and the download failed ({error}): {what_helps(network)}."
        ) from error
    return target
