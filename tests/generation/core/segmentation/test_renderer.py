"""Marked pictures: decided by spec and sources alone, the threshold without training, and sentences for what fails."""

import numpy as np
import pytest
import torch

from generation.core import images
from generation.core.segmentation import checkpoint, renderer, task
from generation.core.segmentation.marking import COLOUR, shown
from generation.core.segmentation.network import drawn
from generation.core.segmentation.samples import Sample
from generation.core.spec import TRAINED, RenderSpec, sha256_bytes
from tests.generation.core.segmentation.small import complete


def given(scene: Sample, **params: object) -> tuple[RenderSpec, dict[str, bytes]]:
    every = complete(size=80, **params)
    network = checkpoint.write(drawn(every, 0).eval(), task.training(every), "b" * 64, 3, {})
    content = scene.picture_png()
    sources = {sha256_bytes(content): content, sha256_bytes(network): network}
    spec = RenderSpec(
        "defects",
        "segmenter",
        sha256_bytes(content),
        None,
        every,
        0,
        {TRAINED: sha256_bytes(network)},
        "b" * 64,
        "f" * 64,
    )
    return spec, sources


def test_a_picture_is_its_own_whoever_is_beside_it(scene: Sample) -> None:
    spec, sources = given(scene)
    ticks: list[int] = []
    alone, *_ = renderer.render([spec], sources, {}, ticks.append)
    other, more = given(scene, width=6)
    beside = renderer.render([other, spec], {**sources, **more}, {}, ticks.append)
    assert alone.image is not None
    assert np.array_equal(alone.image, beside[1].image)  # type: ignore[arg-type]
    assert not np.array_equal(alone.image, beside[0].image)  # type: ignore[arg-type]
    assert ticks == [1, 1, 1]
    assert (alone.status, alone.final_step_reason) == ("ok", "epoch 3")
    assert alone.provenance["network_side"] == 32
    assert alone.image.shape == (80, 80, 3)


def test_the_mask_is_never_looked_at(scene: Sample) -> None:
    """The spec names one that nobody gave, and the picture is made."""
    spec, sources = given(scene)
    assert spec.mask not in sources
    assert renderer.render([spec], sources, {}, lambda _: None)[0].status == "ok"


def test_a_higher_threshold_marks_less_and_trains_nothing(scene: Sample) -> None:
    shares = []
    for threshold in (0.02, 0.5, 0.98):
        spec, sources = given(scene, threshold=threshold)
        (picture,) = renderer.render([spec], sources, {}, lambda _: None)
        assert picture.image is not None
        plain = images.resize_longest(images.decode(sources[spec.content]), 80)
        marked = shown(picture.image, plain)
        assert marked.mean() == pytest.approx(picture.provenance["marked_share"])
        shares.append(marked.mean())
    assert shares[0] >= shares[1] >= shares[2]
    assert shares[0] > shares[2]


def test_probabilities_are_cut_where_the_threshold_says() -> None:
    logits = torch.tensor([[-3.0, -3.0], [3.0, 3.0]])
    marked = renderer.marked(logits, 0.5, 8, 8)
    assert not marked[:4].any()
    assert marked[4:].all()
    assert renderer.marked(logits, 0.99, 8, 8).sum() == 0


def test_what_cannot_be_marked_says_why(scene: Sample) -> None:
    spec, sources = given(scene)
    renderer._read.cache_clear()
    (untrained,) = renderer.render([spec], {spec.content: sources[spec.content]}, {}, lambda _: None)
    assert "was not trained: its checkpoint" in untrained.reason
    damaged = {**sources, spec.weights[TRAINED]: b"x"}
    (broken,) = renderer.render([spec], damaged, {}, lambda _: None)
    assert "damaged" in broken.reason
    renderer._read.cache_clear()
    foreign = sources[spec.content]
    other = RenderSpec("defects", "segmenter", spec.content, None, spec.params, 0, {TRAINED: spec.content})
    (stranger,) = renderer.render([other], {spec.content: foreign}, {}, lambda _: None)
    assert "no checkpoint of a segmenter" in stranger.reason
    nothing = {**sources, spec.content: b"no picture"}
    (unread,) = renderer.render([spec], nothing, {}, lambda _: None)
    assert unread.status == "failed"


def test_a_network_whose_numbers_are_not_finite(scene: Sample) -> None:
    spec, sources = given(scene)
    found = renderer.marker(spec, sources)
    with torch.no_grad():
        next(iter(found.trained.network.parameters())).fill_(1e38)
    (picture,) = renderer.render([spec], sources, {}, lambda _: None)
    renderer._read.cache_clear()
    assert "not finite" in picture.reason
    assert tuple(COLOUR) == (213, 94, 0)
