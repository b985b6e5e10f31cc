"""What to say where a weights file is missing: which file to put where."""

from __future__ import annotations

from collections.abc import Mapping

from generation.core.weights.networks import RANDOM_SHALLOW

#: File names of torchvision; the eight digits after the dash begin the SHA-256 of the file.
TORCHVISION: Mapping[str, str] = {
    "vgg19": "vgg19-dcbb9e9d.pth",
    "vgg16": "vgg16-397923af.pth",
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
}
DOWNLOADS = "https://download.pytorch.org/models/"


def mend(training: str) -> str:
    """Where only one training will do and torchvision's is not it: what helps, or an empty string."""
    if training in ("", "torchvision"):
        return ""
    return (
        f"Put the file of the training {training!r} into the folder EYEBALLOT_WEIGHTS and name it in its weights.toml "
        '(docs/weights.md), or let the grid take another: training = "any" and preprocessing = "network", which '
        "is a departure from its preset"
    )


def what_helps(network: str, training: str = "") -> str:
    """What helps where no file answers to ``network``; the middle of a sentence."""
    if special := mend(training):
        return special[0].lower() + special[1:]
    name = TORCHVISION.get(network, network)
    return (
        f"put {name} (from {DOWNLOADS}{name}) into the folder that EYEBALLOT_WEIGHTS names, "
        "or let Eyeballot download it once (EYEBALLOT_DOWNLOAD=1 and a network), "
        f"or choose the backbone {RANDOM_SHALLOW}, which needs no file"
    )
