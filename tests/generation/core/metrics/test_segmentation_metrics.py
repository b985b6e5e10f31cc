"""IoU and the boundary F against known answers; the numbers of a stored picture, and what cannot be had."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from torch.nn.functional import interpolate

from generation.core import images, masks
from generation.core.metrics import segmentation
from generation.core.metrics.segmentation import boundary_f, iou, measure
from generation.core.segmentation import checkpoint, losses, marking, renderer, task
from generation.core.segmentation.network import drawn
from generation.core.segmentation.samples import SampleOptions, sample
from generation.core.spec import TRAINED, MetricSpec, Params, RenderSpec, ScoreValue, sha256_bytes

PARAMS: Params = task.SEGMENTER.complete({"levels": 3, "width": 4, "train_size": 32, "epochs": 2, "size": 96})
METRICS = task.metrics(PARAMS, {})
LEFT = {"loss": 0.5, "dice": 0.4, "focal": 0.1, "val_loss": 0.7, "val_dice": 0.5, "val_focal": 0.2, "val_iou": 0.3}


def square(side: int = 40, low: int = 10, high: int = 20, shift: int = 0) -> marking.Marked:
    marked = np.zeros((side, side), dtype=bool)
    marked[low:high, low + shift : high + shift] = True
    return marked


def test_iou_by_hand() -> None:
    """Ten columns against the same ten moved by five: 50 shared of 150."""
    assert iou(square(), square(shift=5)) == pytest.approx(1 / 3)
    assert iou(square(), square()) == 1
    assert iou(square(), square(shift=15)) == 0
    nothing = np.zeros((40, 40), dtype=bool)
    assert iou(nothing, nothing) == 1
    assert iou(nothing, square()) == 0


def test_boundary_f_by_hand() -> None:
    """Within two pixels a contour may be moved by two, and not by three."""
    assert boundary_f(square(), square(shift=2), 2) == 1
    assert boundary_f(square(), square(shift=3), 2) < 1
    assert boundary_f(square(), square(shift=1), 0) < 1
    assert boundary_f(square(), square(), 0) == 1
    nothing = np.zeros((40, 40), dtype=bool)
    assert boundary_f(nothing, nothing, 2) == 1
    assert boundary_f(nothing, square(), 2) == boundary_f(square(), nothing, 2) == 0
    assert boundary_f(square(), square(shift=18), 2) == 0


def test_marking_all_of_a_clean_picture_is_no_agreement() -> None:
    """Neither has a contour, and yet they say the opposite."""
    nothing, everything = np.zeros((40, 40), dtype=bool), np.ones((40, 40), dtype=bool)
    assert boundary_f(everything, nothing, 2) == boundary_f(nothing, everything, 2) == 0
    assert boundary_f(everything, everything, 2) == boundary_f(nothing, nothing, 2) == 1
    assert iou(everything, nothing) == 0


def test_boundary_f_counts_both_ways() -> None:
    """A second square that is not there halves the precision and leaves the recall: F = 2 (1/2) 1 / (3/2)."""
    both = square() | square(low=28, high=38)
    assert boundary_f(both, square(), 2) == pytest.approx(2 / 3)
    assert boundary_f(square(), both, 2) == pytest.approx(2 / 3)


def test_boundary_f_against_distances() -> None:
    """The same from scipy's exact distance transform, on random blobs."""
    noise = np.random.default_rng(0)
    for tolerance in (0, 1, 2, 3):
        one, other = (
            images.resize_to(noise.integers(0, 256, (6, 6, 3), dtype=np.uint8), 50, 60)[..., 0] > 130 for _ in "ab"
        )
        contours = [blob & ~marking.eroded(blob, 1) for blob in (one, other)]
        away = [distance_transform_edt(~contour) for contour in contours]
        precision = (away[1][contours[0]] <= tolerance).mean()
        recall = (away[0][contours[1]] <= tolerance).mean()
        wanted = 2 * precision * recall / (precision + recall)
        assert boundary_f(one, other, tolerance) == pytest.approx(wanted, abs=1e-12)


@pytest.fixture(scope="module")
def given() -> tuple[dict[str, bytes], RenderSpec]:
    """A scene of 96 x 64 px with its mask, and a network that was never trained."""
    whole = sample(SampleOptions(side=96, share=(0.04, 0.06), seed=1), 0)
    content = images.encode_png(np.repeat(whole.grey[16:80, :, None], 3, axis=2))
    mask = images.encode_png(np.repeat(whole.mask[16:80, :, None], 3, axis=2).astype(np.uint8) * 255)
    network = checkpoint.write(drawn(PARAMS, 0).eval(), task.training(PARAMS), "a" * 64, 2, LEFT)
    sources = {sha256_bytes(data): data for data in (content, mask, network)}
    content_sha, mask_sha, network_sha = sources
    spec = RenderSpec(
        "defects", "segmenter", content_sha, None, PARAMS, 0, {TRAINED: network_sha}, training="a" * 64, mask=mask_sha
    )
    return sources, spec


def numbers(scores: list[ScoreValue]) -> dict[str, float | str]:
    return {s.metric: s.value if s.value is not None else f"{s.status}: {s.reason}" for s in scores}


def of(image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> dict[str, float | str]:
    return numbers(measure(image, spec, sources, METRICS))


def test_the_numbers_of_a_marked_picture(given: tuple[dict[str, bytes], RenderSpec]) -> None:
    sources, spec = given
    (picture,) = renderer.render([spec], sources, {}, lambda _: None)
    assert picture.image is not None
    assert picture.image.shape == (64, 96, 3)
    found = of(picture.image, spec, sources)
    network = renderer.marker(spec, sources)
    logits = network.logits(sources[spec.content], "content")
    assert logits.shape == (21, 32), "what is mirrored around it is no part of the picture"
    true = marking.read_mask(sources[spec.mask], "mask", 64, 96)
    marked = renderer.marked(logits, 0.5, 64, 96)
    assert found["iou"] == pytest.approx(iou(marked, true))
    assert found["boundary_f"] == pytest.approx(boundary_f(marked, true, 2))
    assert found["marked_share"] == pytest.approx(marked.mean())
    likely = torch.sigmoid(logits.double())[None, None]
    likely = interpolate(likely, size=(64, 96), mode="bilinear", align_corners=False, antialias=True)
    whole = torch.from_numpy(masks.read(sources[spec.mask]))[None, None]
    assert whole.shape[2:] == (64, 96), "the mask is not scaled"
    wanted = losses.losses(torch.logit(likely), whole, losses.Form())
    for key, name in (("defect_loss", "loss"), ("dice_loss", "dice"), ("focal_loss", "focal"), ("own_loss", "loss")):
        assert found[key] == pytest.approx(float(wanted[name]), rel=1e-5)
    assert {key: found[key] for key in task.OF_RUN} == {key: LEFT[segmentation._OF_RUN[key]] for key in task.OF_RUN}


def test_a_loss_is_of_the_same_pixels_whatever_the_side_of_the_network_and_of_the_picture(
    given: tuple[dict[str, bytes], RenderSpec],
) -> None:
    """Networks of any side that are as sure of every pixel have one and the same loss."""
    sources, spec = given
    plain = images.decode(sources[spec.content])
    found: dict[tuple[int, int], dict[str, float | str]] = {}
    for side in (32, 64):
        params = task.SEGMENTER.complete({**PARAMS, "train_size": side})
        network = drawn(params, 0).eval()
        assert isinstance(network.up[0].bias, torch.Tensor)
        with torch.no_grad():
            network.up[0].weight.zero_()
            network.up[0].bias.fill_(-1.5)
        data = checkpoint.write(network, task.training(params), "a" * 64, 2, LEFT)
        own = {**sources, sha256_bytes(data): data}
        for size in (96, 48):
            sized = replace(spec, params={**params, "size": size}, weights={TRAINED: sha256_bytes(data)})
            found[side, size] = of(images.resize_longest(plain, size), sized, own)
    for key in ("defect_loss", "dice_loss", "focal_loss"):
        values = [float(numbers[key]) for numbers in found.values()]
        assert values == pytest.approx([values[0]] * 4, rel=1e-6)


def test_a_network_that_is_certain_has_a_finite_loss() -> None:
    """Scaled to its own size it says what it said, however sure of it."""
    logits = torch.tensor([[300.0, -300.0, 3.0], [-30.0, 0.0, 90.0]])
    assert torch.allclose(renderer.scaled(logits, 2, 3).float(), logits, rtol=1e-6)
    assert torch.isfinite(renderer.scaled(1e6 * logits, 5, 7)).all()


def test_the_reference_loss_is_that_of_the_reference_whatever_the_network_minimised(
    given: tuple[dict[str, bytes], RenderSpec],
) -> None:
    sources, spec = given
    plain = marking.overlay(images.decode(sources[spec.content]), np.zeros((64, 96), dtype=bool))
    other = task.SEGMENTER.complete({**PARAMS, "focal_weight": 3.0})
    reference = next(m for m in task.metrics(other, {}) if m.key == "defect_loss")
    (score,) = measure(plain, spec, sources, [reference])
    found = of(plain, spec, sources)
    assert score.value == pytest.approx(float(found["dice_loss"]) + 3 * float(found["focal_loss"]), rel=1e-6)
    assert found["own_loss"] == pytest.approx(float(found["dice_loss"]) + float(found["focal_loss"]), rel=1e-6)


def test_the_controls_have_the_numbers_of_markings_and_no_losses(given: tuple[dict[str, bytes], RenderSpec]) -> None:
    sources, spec = given
    control = RenderSpec("defects", "true_marking", spec.content, None, {"size": 96}, 0, mask=spec.mask)
    (true,) = marking.truth([control], sources, {}, lambda _: None)
    assert true.image is not None
    found = of(true.image, control, sources)
    assert (found["iou"], found["boundary_f"]) == (1, 1)
    assert float(found["marked_share"]) == pytest.approx(0.05 * 1.5, abs=0.03)
    assert "unavailable: No trained network marked this picture" in str(found["defect_loss"])
    nothing = of(images.resize_longest(images.decode(sources[spec.content]), 96), control, sources)
    assert (nothing["iou"], nothing["boundary_f"], nothing["marked_share"]) == (0, 0, 0)


def test_what_cannot_be_had_is_said(given: tuple[dict[str, bytes], RenderSpec]) -> None:
    sources, spec = given
    image = images.decode(sources[spec.content])
    bare = RenderSpec("defects", "segmenter", spec.content, None, PARAMS, 0, dict(spec.weights), training="a" * 64)
    assert "The scene has no mask" in str(of(image, bare, sources)["iou"])
    assert "The scene has no mask" in str(of(image, bare, sources)["defect_loss"])
    packed = RenderSpec("defects", "segmenter", spec.content, None, PARAMS, 0, training="a" * 64, mask=spec.mask)
    assert "read from a pack" in str(of(image, packed, sources)["defect_loss"])
    assert isinstance(of(image, packed, sources)["iou"], float), "what is on the picture needs no network"
    away = {sha: data for sha, data in sources.items() if sha != spec.content}
    assert "no picture to tell the marking from" in str(of(image, spec, away)["marked_share"])
    colours = images.encode_png(np.dstack([np.full((64, 96), v, np.uint8) for v in (9, 8, 7)]))
    odd = RenderSpec("defects", "segmenter", spec.content, None, PARAMS, 0, mask=sha256_bytes(colours))
    assert "has colours" in str(of(image, odd, {**sources, odd.mask: colours})["iou"])
    damaged = {**sources, spec.weights[TRAINED]: b"nothing"}
    renderer._read.cache_clear()
    assert "damaged" in str(of(image, spec, damaged)["defect_loss"])
    (unknown,) = measure(image, spec, sources, [MetricSpec("nonsense", "Nonsense")])
    assert unknown.status == "failed"


def test_a_loss_that_the_training_did_not_leave(given: tuple[dict[str, bytes], RenderSpec]) -> None:
    sources, spec = given
    network = checkpoint.write(drawn(PARAMS, 0).eval(), task.training(PARAMS), "a" * 64, 2, {"loss": float("nan")})
    sha = sha256_bytes(network)
    other = RenderSpec("defects", "segmenter", spec.content, None, PARAMS, 0, {TRAINED: sha}, "a" * 64, spec.mask)
    found = of(images.decode(sources[spec.content]), other, {**sources, sha: network})
    assert "left no finite number" in str(found["train_loss"])
