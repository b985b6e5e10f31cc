"""The numbers about one stored picture of the task ``defects``.

What is marked is read off the stored picture itself, by its difference to the picture without a marking: IoU, the
boundary F and the share are of the pixels that people see, whoever marked them. The losses need probabilities, which no
picture shows: the network of the picture says them again. They are scaled to the mask, which is as it was given, so
that networks of different sides are held against one truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from generation.core import images, masks
from generation.core.metrics import Unavailable, pictures
from generation.core.segmentation import losses
from generation.core.segmentation.checkpoint import CheckpointError
from generation.core.segmentation.marking import Marked, eroded, shown
from generation.core.segmentation.renderer import Marker, marker, scaled
from generation.core.spec import TRAINED, MetricSpec, RenderSpec, ScoreValue

_OF_RUN = {
    "train_loss": "loss",
    "train_dice": "dice",
    "train_focal": "focal",
    "val_loss": "val_loss",
    "val_dice": "val_dice",
    "val_focal": "val_focal",
}


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """Signature of ``core.protocols.Measure``. A number that cannot be had is a status and a sentence, no guess."""
    return [pictures.score(_TAKES.get(m.key, pictures.take), m, image, spec, sources) for m in metrics]


def iou(marked: Marked, true: Marked) -> float:
    """Intersection over union of two markings of one size (bool, H x W); 1 where both are empty (Jaccard 1901)."""
    either = np.count_nonzero(marked | true)
    return np.count_nonzero(marked & true) / either if either else 1.0


def boundary_f(marked: Marked, true: Marked, tolerance: int) -> float:
    """How well two contours agree: the F1 score of Csurka et al. 2013, "What is a good evaluation measure for semantic
    segmentation?", section 3.2, from Martin et al. 2004, section 3.

    Precision is the share of the marked contour within ``tolerance`` pixels of the true one, recall the share of the
    true contour within ``tolerance`` of the marked one; F = 2 P R / (P + R). A contour is the pixels of a marking with
    an unmarked one among their eight neighbours; pixels are as far apart as their middles, sqrt(dx^2 + dy^2). The
    tolerance of two pixels is our own: theirs is .75 % of the diagonal, which at 256 px is 2.7. Where neither has a
    contour each marks all or nothing: 1 where both do the same, else 0. A contour on one side only is 0.
    """
    one, other = (contour & ~eroded(contour, 1) for contour in (marked, true))
    if not one.any() or not other.any():
        return float(np.array_equal(marked, true))
    precision = np.count_nonzero(one & _near(other, tolerance)) / np.count_nonzero(one)
    recall = np.count_nonzero(other & _near(one, tolerance)) / np.count_nonzero(other)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _near(contour: Marked, reach: int) -> Marked:
    """The pixels within ``reach`` of one of ``contour``."""
    wide = np.pad(contour, reach)
    near = np.zeros_like(contour)
    height, width = contour.shape
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx * dx + dy * dy <= reach * reach:
                near |= wide[reach + dy : reach + dy + height, reach + dx : reach + dx + width]
    return near


def _marking(image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> Marked:
    """What is marked in a stored picture."""
    if spec.content not in sources:
        raise Unavailable("The scene has no picture to tell the marking from.")
    return shown(image, images.resize_to(images.decode(sources[spec.content], "the content picture"), *image.shape[:2]))


def _truth(spec: RenderSpec, sources: Mapping[str, bytes]) -> masks.Mask:
    """The mask of the scene as it was given."""
    if not spec.mask or spec.mask not in sources:
        raise Unavailable("The scene has no mask to measure against.")
    try:
        return masks.read(sources[spec.mask], "the mask")
    except masks.MaskError as error:
        raise Unavailable(str(error)) from None


def _of_marking(number: Callable[[MetricSpec, Marked, Marked], float]) -> pictures.Take:
    def take(metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
        true = masks.resize_to(_truth(spec, sources), *image.shape[:2]).astype(bool)
        return number(metric, _marking(image, spec, sources), true)

    return take


def _share(_metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    return float(_marking(image, spec, sources).mean())


def _loss(term: str) -> pictures.Take:
    """``term`` of the losses of what the picture's own network says of it."""

    def take(metric: MetricSpec, _image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
        network = _network(spec, sources)
        logits = network.logits(sources[spec.content], spec.content[:12])
        true = torch.from_numpy(_truth(spec, sources))
        # A metric of a single part says of the form only what that part needs.
        form = losses.Form.of({**network.trained.params, **_named(metric)})
        found = losses.losses(scaled(logits, *true.shape)[None, None], true[None, None], form)
        return float(found[term])

    return take


def _named(metric: MetricSpec) -> dict[str, float]:
    """The form that a metric's config fixes; the rest is that of the network."""
    return {name: float(value) for name, value in metric.config.items() if name.startswith(("dice_", "focal_"))}


def _of_run(metric: MetricSpec, _image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    known = _network(spec, sources).trained.losses
    if _OF_RUN[metric.key] not in known:
        raise Unavailable(f"The training left no finite number for {metric.label or metric.key}.")
    return known[_OF_RUN[metric.key]]


def _network(spec: RenderSpec, sources: Mapping[str, bytes]) -> Marker:
    if TRAINED not in spec.weights and spec.training:
        raise Unavailable("The network that marked this picture is not here: its grid was read from a pack.")
    if TRAINED not in spec.weights:
        raise Unavailable("No trained network marked this picture; there are no probabilities whose loss it could be.")
    try:
        return marker(spec, sources)
    except CheckpointError as error:
        raise Unavailable(str(error)) from None


_TAKES: Mapping[str, pictures.Take] = {
    "defect_loss": _loss("loss"),
    "dice_loss": _loss("dice"),
    "focal_loss": _loss("focal"),
    "own_loss": _loss("loss"),
    "iou": _of_marking(lambda metric, marked, true: iou(marked, true)),
    "boundary_f": _of_marking(lambda metric, marked, true: boundary_f(marked, true, int(metric.config["tolerance"]))),
    "marked_share": _share,
    **dict.fromkeys(_OF_RUN, _of_run),
}
