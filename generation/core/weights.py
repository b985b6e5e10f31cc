"""Which pretrained file answers to the name of a network: find it, verify it, or say in words what is missing.

Torch-free: paths, digests and how the file wants its pictures. ``core.backbones`` reads the tensors. Searched in order:

1. the folder ``EYEBALLOT_WEIGHTS``: its manifest ``weights.toml`` first, then torchvision's files by their own name;
2. the torch hub cache (``TORCH_HOME/hub/checkpoints``);
3. torchvision's own download into that cache, unless ``EYEBALLOT_DOWNLOAD`` is ``0``.

The manifest admits cuts and other trainings, named as what they are::

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

import hashlib
import os
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

RANDOM_SHALLOW = "random-shallow"
RANDOM_SHALLOW_SEED = "eyeballot random-shallow version 1"
DOWNLOAD_TIMEOUT = 10.0  # seconds without an answer; a missing network must not hold up a grid


class WeightsError(RuntimeError):
    """A weights file is there but cannot be used; the text says which one, why, and the mend."""


class WeightsMissing(WeightsError):  # noqa: N818  (reads as what it says)
    """No file answers to the name of the network; the text says what to put where."""


@dataclass(frozen=True)
class Weights:
    """A verified weights file and the input it was trained on.

    ``path`` is ``None`` for a network that is generated. The input of the network is
    ``(scale * pixels - mean) / std`` for RGB pixels in [0, 1], channels in ``colour_order``.
    ``training`` is ``torchvision`` for the files whose features the LPIPS heads were fitted to.
    """

    network: str
    title: str
    sha256: str
    path: Path | None
    last_layer: str
    training: str
    source: str
    colour_order: str = "RGB"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def require(self, layers: Sequence[str], training: str = "") -> None:
        """Raise :class:`WeightsError` with a sentence when the file ends before one of ``layers``.

        ``training``: the only one that will do, for the mend.
        """
        order = LAYERS[self.network]
        for layer in layers:
            if layer not in order:
                raise WeightsError(f"{self.network} has no layer {layer}. It has: {', '.join(order)}.")
        if layer := self.ends_before(layers):
            raise WeightsError(
                f"The weights file {self.title!r} ends at {self.last_layer}, but {layer} is asked for. "
                f"Choose earlier layers, or provide the whole {self.network} ({_advice(self.network, training)})."
            )

    def ends_before(self, layers: Sequence[str]) -> str:
        """The first of ``layers`` that lies behind the last one of the file; empty when it has them all."""
        order = LAYERS[self.network]
        end = order.index(self.last_layer)
        return next((layer for layer in layers if layer in order and order.index(layer) > end), "")


def _vgg_layers(convolutions: Sequence[int]) -> tuple[str, ...]:
    numbers = ((b, i) for b, n in enumerate(convolutions, 1) for i in range(1, n + 1))
    return tuple(f"{kind}{b}_{i}" for b, i in numbers for kind in ("conv", "relu"))


#: The layers that may be asked for by name, in order; ``conv...`` is taken before the ReLU.
LAYERS: Mapping[str, tuple[str, ...]] = {
    "vgg19": _vgg_layers((2, 2, 4, 4, 4)),
    "vgg16": _vgg_layers((2, 2, 3, 3, 3)),
    "squeezenet1_1": ("relu1", *(f"fire{i}" for i in range(2, 10))),
    RANDOM_SHALLOW: ("level1", "level2", "level3", "level4"),
}


def smallest_side(network: str, layers: Sequence[str]) -> int:
    """The smallest side of a picture, in pixels, in which every one of ``layers`` has at least 2 x 2 positions."""
    if network == RANDOM_SHALLOW:
        return 1  # strips too thin for it are mirrored
    if network == "squeezenet1_1":
        strides = {"relu1": 2, "fire2": 4, "fire3": 4, "fire4": 8, "fire5": 8}
        return 2 * max(strides.get(layer, 16) for layer in layers) + 3  # its first convolution has no padding
    return max(2 << (int(layer.removeprefix("conv").removeprefix("relu")[0]) - 1) for layer in layers)


def receptive_field(network: str, layers: Sequence[str]) -> int:
    """The side of the patch, in pixels, that one position of the deepest of ``layers`` sees."""
    if network == RANDOM_SHALLOW:
        return max(7 << (int(layer.removeprefix("level")) - 1) for layer in layers)
    order = LAYERS[network]
    last = order.index(max(layers, key=order.index))
    field, stride = 1, 1
    for name, kernel, step in _operations(network):
        field, stride = field + (kernel - 1) * stride, stride * step
        if name and order.index(name) >= last:
            break
    return field


def _operations(network: str) -> Iterator[tuple[str, int, int]]:
    """Layer name (where it can be asked for), kernel and stride of each operation, in order."""
    if network == "squeezenet1_1":
        yield "relu1", 3, 2
        for pooled in (("fire2", "fire3"), ("fire4", "fire5"), ("fire6", "fire7", "fire8", "fire9")):
            yield "", 3, 2
            for fire in pooled:
                yield fire, 3, 1
        return
    block = "1"
    for name in (layer for layer in LAYERS[network] if layer.startswith("relu")):
        if name[4] != block:
            block = name[4]
            yield "", 2, 2
        yield name, 3, 1


#: File names of torchvision; the eight digits after the dash begin the SHA-256 of the file.
_TORCHVISION: Mapping[str, str] = {
    "vgg19": "vgg19-dcbb9e9d.pth",
    "vgg16": "vgg16-397923af.pth",
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
}
_DOWNLOADS = "https://download.pytorch.org/models/"


def find(network: str, sha256: str | None = None, layers: Sequence[str] = ()) -> Weights:
    """Return the verified weights of ``network``: the first in the search order, or the one with this ``sha256``.

    ``network``: a name of :data:`LAYERS`, or ``name/training`` where only that training will do (``vgg19/oxford``).
    ``layers`` that are needed: a file that ends before them is passed over for one that does not. Raises
    :class:`WeightsMissing` when there is none and :class:`WeightsError` when a file or manifest is damaged, or when
    every file ends too early.
    """
    name, _, training = network.partition("/")
    if name not in LAYERS:
        raise WeightsMissing(f"There is no network {name!r}. Known: {', '.join(sorted(LAYERS))}.")
    others: list[str] = []
    short: list[Weights] = []
    for found in _candidates(name, training):
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
            f"{', '.join(others)}. {_mend(training) or 'Put the right file into the folder EYEBALLOT_WEIGHTS'}, or "
            "plan the grid anew."
        )
    raise WeightsMissing(f"No weights file for {network} was found: {_advice(name, training)}.")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file; read once per process for an unchanged file."""
    stat = path.stat()
    return _file_sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _file_sha256(path: Path, _size: int, _mtime: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _candidates(network: str, training: str) -> Iterator[Weights]:
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
        yield from (w for w in _manifest(Path(folder)) if w.network == network)
    name = _TORCHVISION[network]
    places = [Path(folder) / name] if folder else []
    places.append(_hub_cache() / name)
    present = [place for place in places if place.is_file()]
    for place in present:
        yield _torchvision(network, place)
    wanted = training in ("", "torchvision") and os.environ.get("EYEBALLOT_DOWNLOAD", "1") != "0"
    if not present and wanted:
        yield _torchvision(network, _download(network))


def _torchvision(network: str, path: Path) -> Weights:
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
        source=_DOWNLOADS + path.name,
    )


def _manifest(folder: Path) -> Iterator[Weights]:
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


def _hub_cache() -> Path:
    # The rule of torch.hub.get_dir, without importing torch.
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser() / "hub" / "checkpoints"


def _mend(training: str) -> str:
    """Where only one training will do and torchvision's is not it: what helps, or an empty string."""
    if training in ("", "torchvision"):
        return ""
    return (
        f"Put the file of the training {training!r} into the folder EYEBALLOT_WEIGHTS and name it in its weights.toml "
        '(docs/weights.md), or let the grid take another: training = "any" and preprocessing = "network", which '
        "is a departure from its preset"
    )


def _advice(network: str, training: str = "") -> str:
    if special := _mend(training):
        return special[0].lower() + special[1:]
    name = _TORCHVISION.get(network, network)
    return (
        f"put {name} (from {_DOWNLOADS}{name}) into the folder that EYEBALLOT_WEIGHTS names, "
        "or let Eyeballot download it once (EYEBALLOT_DOWNLOAD=1 and a network), "
        f"or choose the backbone {RANDOM_SHALLOW}, which needs no file"
    )


def _download(network: str) -> Path:
    """Fetch torchvision's file into the hub cache; the file appears there whole and verified, or not at all."""
    target = _hub_cache() / _TORCHVISION[network]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
            try:
                url = _DOWNLOADS + target.name
                with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT) as answer:  # noqa: S310  (https, fixed above)
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
            f"No weights file for {network} was found and the download failed ({error}): {_advice(network)}."
        ) from error
    return target
