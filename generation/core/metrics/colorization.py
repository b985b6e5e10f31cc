"""The numbers about one stored image of the task ``colorization``, taken on its decoded pixels.

The colour error to the photograph, the losses of the picture under the networks it was made by, and the losses that its
training ended with; what can be said of any picture is in the catalogue. One image at a time: a score depends on the
picture, its sources and its checkpoint, never on who else is measured. Discriminators judge on the processor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch

from generation.core import images
from generation.core.colorization import lab, losses
from generation.core.colorization.renderer import Colouriser, coloured, colouriser, squared
from generation.core.metrics import Unavailable, chroma, pictures
from generation.core.spec import TRAINED, MetricSpec, RenderSpec, ScoreValue

#: Keys of numbers that the training left behind -> what they are called in the losses of a checkpoint.
_OF_RUN = {
    "train_g": "g",
    "train_g_gan": "g_gan",
    "train_g_l1": "g_l1",
    "val_g": "val_g",
    "val_ab_error": "val_ab_error",
}

_NO_DISCRIMINATOR = "zhang_class is trained as a classifier, without a discriminator: it has no adversarial loss."


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """Signature of ``core.protocols.Measure``. A number that cannot be had is a status and a sentence, no guess."""
    return [pictures.score(_TAKES.get(m.key, pictures.take), m, image, spec, sources) for m in metrics]


def _ab_error(_metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    if spec.content not in sources:
        raise Unavailable("The scene has no photograph to measure against.")
    return chroma.ab_error(image, images.decode(sources[spec.content], "the content picture"))


def _of_run(metric: MetricSpec, _image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    trained = _network(spec, sources).trained
    name = _OF_RUN[metric.key]
    if name not in trained.losses:
        if trained.discriminator is None and name in ("g_gan", "g_l1"):
            raise Unavailable(_NO_DISCRIMINATOR)
        raise Unavailable(f"The training left no finite number for {metric.label or metric.key}.")
    return trained.losses[name]


def _own(term: str) -> pictures.Take:
    def take(_metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
        height, width = image.shape[:2]
        return dict(_judged(_network(spec, sources), image.tobytes(), height, width, sources[spec.content]))[term]

    return take


def _out_of_gamut(_metric: MetricSpec, _image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    # The stored picture is clipped already: only colourising it again can tell.
    _network(spec, sources)
    return coloured(spec, sources)[1]


_TAKES: Mapping[str, pictures.Take] = {
    "ab_error": _ab_error,
    "g_gan": _own("g_gan"),
    "generator_loss": _own("g"),
    "out_of_gamut": _out_of_gamut,
    **dict.fromkeys(_OF_RUN, _of_run),
}


def _network(spec: RenderSpec, sources: Mapping[str, bytes]) -> Colouriser:
    if TRAINED not in spec.weights and spec.training:
        raise Unavailable("The network that made this picture is not here: its grid was read from a pack.")
    if TRAINED not in spec.weights:
        raise Unavailable(
            "This picture was not coloured by a trained network; there is no run whose loss it could have."
        )
    return colouriser(spec, sources)


@lru_cache(maxsize=2)
@torch.no_grad()
def _judged(
    network: Colouriser, pixels: bytes, height: int, width: int, photograph: bytes
) -> tuple[tuple[str, float], ...]:
    """``losses.generator_losses`` of a picture under its own discriminator, in the units of its run.

    Picture and photograph are brought to the network's square as the renderer does; the L1 leaves out what is mirrored.
    """
    discriminator, params = network.trained.discriminator, network.trained.params
    if discriminator is None:
        raise Unavailable(_NO_DISCRIMINATOR)
    image = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    truth = images.resize_to(images.decode(photograph, "the content picture"), height, width)
    fake, real = squared(image, network.side), squared(truth, network.side)
    l_unit, fake_unit = lab.split(fake.tensor())
    _, real_unit = lab.split(real.tensor())
    fake_unit, real_unit = (ab / float(params["ab_scale"]) for ab in (fake_unit, real_unit))
    logits = discriminator(torch.cat([l_unit, fake_unit], dim=1))
    part = (..., *fake.part)
    found = losses.generator_losses(
        logits, fake_unit[part], real_unit[part], float(params["l1_weight"]), str(params["gan"])
    )
    return tuple((name, float(value)) for name, value in found.items())
