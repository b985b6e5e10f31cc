"""Pictures of trained networks: their size, their style and its strength, and what makes none."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

from generation.core import images
from generation.core.feedforward import build, renderer, training
from generation.core.feedforward.renderer import render
from generation.core.metrics.style_transfer import measure
from generation.core.photo import cover
from generation.core.protocols import Picture
from generation.core.spec import TRAINED, RenderSpec, ScoreValue, sha256_bytes
from generation.core.style_transfer import OF_RUN, STYLE_TRANSFER
from generation.core.train_spec import TrainResult
from tests.generation.core.feedforward.conftest import Given, drawn, given, png, striped

CONTENT, STYLE = png(drawn(50, 72, 100)), png(striped(0))
OTHER = png(striped(7))


@lru_cache
def run(method: str) -> tuple[Given, TrainResult]:
    of = given(method)
    return of, training.train(of.spec, of.data, (1,), {"dtype": "float32"}, lambda *_: None, None)


def asked(method: str, style: bytes = STYLE, epoch: int = 2, **changed: Any) -> tuple[RenderSpec, dict[str, bytes]]:
    """A spec with its sources."""
    of, result = run(method)
    network = result.checkpoints[epoch]
    weights = {**of.spec.weights, TRAINED: sha256_bytes(network)}
    spec = RenderSpec(
        "style_transfer", method, sha256_bytes(CONTENT), sha256_bytes(style), {**of.params, **changed}, 0, weights,
        of.spec.digest,
    )  # fmt: skip
    return spec, {sha256_bytes(data): data for data in (CONTENT, style, network)}


def painted(spec: RenderSpec, sources: Mapping[str, bytes]) -> Picture:
    (picture,) = render([spec], sources, {}, lambda _n: None)
    return picture


def pixels(picture: Picture) -> np.ndarray:
    assert picture.image is not None, picture.reason
    return picture.image


def test_a_photograph_comes_out_whole_at_the_size_asked_for(method: str) -> None:
    for size, shape in ((64, (46, 64, 3)), (101, (73, 101, 3))):
        picture = painted(*asked(method, size=size))
        assert pixels(picture).shape == shape
        assert (picture.status, picture.final_step_reason) == ("ok", "epoch 2")
        assert picture.provenance["height_width"] == list(shape[:2])


def test_it_is_what_the_network_makes_of_it() -> None:
    spec, sources = asked("feedforward")
    networks, _ = build.restored("feedforward", sources[spec.weights[TRAINED]])
    small = images.resize_longest(images.decode(CONTENT, "content"), 64)
    x = torch.tensor(small.copy()).permute(2, 0, 1)[None] / 255.0
    with torch.no_grad():
        made = (networks(x)[0].clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(made - pixels(painted(spec, sources)).astype(float)).max() <= 1


def test_an_epoch_on_the_way_is_another_network(method: str) -> None:
    first, last = (pixels(painted(*asked(method, epoch=epoch))) for epoch in (1, 2))
    assert not np.array_equal(first, last)


def test_strength_goes_from_the_photographs_own_style_to_that_of_the_picture() -> None:
    none, half, full = (
        pixels(painted(*asked("arbitrary", strength=strength))).astype(int) for strength in (0.0, 0.5, 1.0)
    )
    other = pixels(painted(*asked("arbitrary", OTHER, strength=0.0))).astype(int)
    assert np.array_equal(none, other), "at strength 0 the style picture does not count"
    assert not np.array_equal(full, pixels(painted(*asked("arbitrary", OTHER))).astype(int))
    assert 0 < np.abs(half - none).mean() < np.abs(full - none).mean()
    # Half way between the two points, not between the two pictures.
    spec, sources = asked("arbitrary", strength=0.5)
    networks, _ = build.restored("arbitrary", sources[spec.weights[TRAINED]])
    photograph, style = images.decode(CONTENT, "content"), images.decode(STYLE, "style")
    squares = np.stack([cover(picture, 32, 32) for picture in (photograph, style)])
    small = images.resize_longest(photograph, 64)
    with torch.no_grad():
        points = networks.predictor.embed(torch.tensor(squares).permute(0, 3, 1, 2) / 255.0)
        x = torch.tensor(small.copy()).permute(2, 0, 1)[None] / 255.0
        made = networks.transformer(x, networks.predictor.statistics(points.mean(0, keepdim=True)))
    assert np.abs((made[0].permute(1, 2, 0).numpy() * 255).round() - half).max() <= 1


def test_a_picture_is_its_own_whatever_is_made_beside_it() -> None:
    specs, sources = [], {}
    for method in ("feedforward", "arbitrary"):
        for size in (64, 80):
            spec, given_ = asked(method, size=size)
            specs.append(spec)
            sources.update(given_)
    ticks: list[int] = []
    together = render(specs, sources, {}, ticks.append)
    assert ticks == [1] * 4
    for spec, picture in zip(specs, together, strict=True):
        assert np.array_equal(pixels(painted(spec, sources)), pixels(picture))


def test_what_makes_no_picture_says_why(method: str) -> None:
    spec, sources = asked(method)
    network = spec.weights[TRAINED]
    untrained = replace(spec, weights={})
    damaged = {**sources, network: sources[network][:-10]}
    thin = png(drawn(1, 8, 400))
    strip = replace(spec, content=sha256_bytes(thin))
    foreign = replace(spec, weights={TRAINED: sha256_bytes(b"foreign")})
    cases: list[tuple[RenderSpec, Mapping[str, bytes], str]] = [
        (untrained, sources, "was not trained: there is no checkpoint of it"),
        (spec, {k: v for k, v in sources.items() if k != network}, "was not given to the job"),
        (spec, damaged, "is damaged: its bytes have another SHA-256"),
        (strip, {**sources, sha256_bytes(thin): thin}, "the network needs at least 8 on each side"),
        (foreign, {**sources, sha256_bytes(b"foreign"): b"foreign"}, "This file is no checkpoint of a style network"),
        (spec, {**sources, spec.content: b"no picture"}, ""),
    ]
    if method == "arbitrary":
        cases.append((replace(spec, style=None), sources, "Style transfer needs a style picture"))
    for one, given_, words in cases:
        picture = painted(one, given_)
        assert (picture.status, picture.image) == ("failed", None)
        assert words in picture.reason
        assert picture.reason


def test_colours_that_are_no_numbers_make_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, sources = asked("feedforward", size=96)
    network = renderer.painting(spec, sources)
    monkeypatch.setattr(network, "_networks", build.first(spec.params, 0))
    with torch.no_grad():
        network._networks.transformer.paint.convolution.bias.fill_(float("nan"))
    assert "its training has diverged. Take an earlier epoch" in painted(spec, sources).reason


def scores(method: str, **changed: Any) -> dict[str, ScoreValue]:
    spec, sources = asked(method, **changed)
    image = pixels(painted(spec, sources))
    metrics = STYLE_TRANSFER.metrics(spec.params, spec.weights)
    return {score.metric: score for score in measure(image, spec, sources, metrics)}


def test_a_picture_has_the_numbers_of_style_transfer_and_of_its_training(method: str) -> None:
    found, losses = scores(method), run(method)[1].losses
    for key in OF_RUN:
        assert found[key].value == pytest.approx(losses[key.removeprefix("train_")]), key
    for key in ("total_loss", "style_loss", "content_loss", "own_loss", "ssim_content"):
        assert found[key].status == "ok", found[key].reason
    params = run(method)[0].params
    assert found["total_loss"].value == found["own_loss"].value
    parts = params["style_weight"] * found["style_loss"].value + params["content_weight"] * found["content_loss"].value
    assert parts <= found["total_loss"].value


def test_pixels_that_were_optimised_have_no_training() -> None:
    plain = STYLE_TRANSFER.default_method.complete({"backbone": "random-shallow"})
    assert not {m.key for m in STYLE_TRANSFER.metrics(plain, {})} & set(OF_RUN)
    spec, sources = asked("feedforward")
    metrics = [m for m in STYLE_TRANSFER.metrics(spec.params, {}) if m.key in OF_RUN]
    image = drawn(1)
    for changed, words in (
        (replace(spec, weights={}), "its grid was read from a pack"),
        (replace(spec, weights={}, training=""), "there is no run whose loss it could have"),
    ):
        for score in measure(image, changed, sources, metrics):
            assert score.status == "unavailable"
            assert words in score.reason
