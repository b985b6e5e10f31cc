"""The losses of a colourised picture under its own discriminator, against arithmetic on paper."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from generation.core import images, photo, tasks
from generation.core.colorization import checkpoint, renderer
from generation.core.colorization import task as _task  # noqa: F401  (importing it registers it)
from generation.core.metrics import chroma, colorization
from generation.core.spec import JobItem, MetricSpec, RenderSpec, ScoreValue
from tests.generation.core.colorization.pictured import (
    LOSSES,
    SIDE,
    classified,
    flat,
    photograph,
    random_network,
    sources,
    spec,
)

OWN = ("g_gan", "generator_loss")
RUN = ("train_g", "train_g_gan", "train_g_l1", "val_g", "val_ab_error")
PHOTO = photograph(SIDE, SIDE)
DATA = images.encode_png(PHOTO)


def _scores(image: images.Image, about: RenderSpec, keys: Sequence[str], *given: bytes) -> dict[str, ScoreValue]:
    metrics = [MetricSpec(key, f"the {key}") for key in keys]
    return {score.metric: score for score in colorization.measure(image, about, sources(*given), metrics)}


def _values(image: images.Image, about: RenderSpec, keys: Sequence[str], *given: bytes) -> list[float]:
    scores = _scores(image, about, keys, *given)
    assert {score.status for score in scores.values()} == {"ok"}, scores
    return [float(scores[key].value or 0.0) for key in keys]


def _rendered(about: RenderSpec, *given: bytes) -> images.Image:
    (picture,) = renderer.render([about], sources(*given), {}, lambda _: None)
    assert picture.image is not None, picture.reason
    return picture.image


@pytest.mark.parametrize("verdict", [-2.0, 0.0, 1.5])
@pytest.mark.parametrize("gan", ["vanilla", "lsgan"])
def test_the_adversarial_loss_is_that_of_the_verdict(verdict: float, gan: str) -> None:
    trained = flat(5.0, 5.0, verdict, gan=gan)
    wanted = np.log1p(np.exp(-verdict)) if gan == "vanilla" else (verdict - 1) ** 2
    (found,) = _values(photograph(20, 30), spec(DATA, trained), ["g_gan"], DATA, trained)
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("ab_scale", [1.0, 110.0])
@pytest.mark.parametrize("l1_weight", [10.0, 100.0])
def test_the_generator_loss_adds_the_colour_error_in_the_units_of_the_run(ab_scale: float, l1_weight: float) -> None:
    trained = flat(5.0, 5.0, 0.7, ab_scale=ab_scale, l1_weight=l1_weight)
    image = photograph(SIDE, SIDE, 7)
    g_gan, g, error = _values(image, spec(DATA, trained), ("g_gan", "generator_loss", "ab_error"), DATA, trained)
    assert error == pytest.approx(np.abs(rgb2lab(image) - rgb2lab(PHOTO))[..., 1:].mean(), abs=1e-6)
    assert g - g_gan == pytest.approx(l1_weight * error / ab_scale, rel=1e-4)


def test_the_photograph_scores_only_the_adversarial_loss() -> None:
    trained = flat(5.0, 5.0, 0.7)
    g_gan, g, error = _values(PHOTO, spec(DATA, trained), ("g_gan", "generator_loss", "ab_error"), DATA, trained)
    assert g == g_gan
    assert error == 0.0


@pytest.mark.parametrize("ab_scale", [1.0, 110.0])
def test_the_discriminator_is_shown_luminance_and_colour_in_the_units_it_was_trained_on(
    ab_scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = flat(5.0, 5.0, ab_scale=ab_scale)
    network = checkpoint.read(trained)
    seen: list[torch.Tensor] = []

    def judge(pair: torch.Tensor) -> torch.Tensor:
        seen.append(pair)
        return pair[:, :1]

    monkeypatch.setattr(network.discriminator, "forward", judge)
    monkeypatch.setattr(checkpoint, "read", lambda _: network)
    renderer._read.cache_clear()
    image = photograph(16, SIDE, 5)  # half as high as wide: mirrored above and below
    _values(image, spec(DATA, trained), OWN, DATA, trained)
    renderer._read.cache_clear()
    (pair,) = seen  # both numbers of a picture come from one look at it
    reference = rgb2lab(np.pad(image, ((8, 8), (0, 0), (0, 0)), mode="symmetric"))
    assert pair[0, 0].numpy() == pytest.approx(reference[..., 0] / 50 - 1, abs=1e-4)
    assert pair[0, 1:].numpy() == pytest.approx(reference[..., 1:].transpose(2, 0, 1) / ab_scale, abs=1e-3)


def test_the_mirrored_part_counts_in_no_colour_error() -> None:
    trained = flat(5.0, 5.0, 0.0)
    tall = photograph(SIDE, 13, 3)  # mirrored unequally often
    data = images.encode_png(photograph(SIDE, 13, 4))
    g_gan, g, error = _values(tall, spec(data, trained), ("g_gan", "generator_loss", "ab_error"), data, trained)
    assert g - g_gan == pytest.approx(100 * error / 110, rel=1e-4)


def test_a_random_discriminator_tells_pictures_apart_and_is_the_same_each_time() -> None:
    trained = random_network()
    about = spec(DATA, trained)
    one, two = (_values(image, about, OWN, DATA, trained) for image in (PHOTO, images.grey(PHOTO)))
    assert one[0] != two[0]
    colorization._judged.cache_clear()
    renderer._read.cache_clear()
    assert _values(PHOTO, about, OWN, DATA, trained) == one


def test_a_stimulus_of_another_size_than_the_network_is_judged_at_its_side() -> None:
    trained = flat(8.0, -4.0, 0.3)
    data = images.encode_png(photograph(90, 120))
    about = spec(data, trained, size=100)
    image = _rendered(about, data, trained)
    g_gan, g = _values(image, about, OWN, data, trained)
    truth = images.resize_longest(photograph(90, 120), 100)
    small, small_truth = (images.resize_longest(picture, SIDE) for picture in (image, truth))
    assert g - g_gan == pytest.approx(100 / 110 * chroma.ab_error(small, small_truth), rel=1e-3)


def test_the_losses_of_the_run_are_read_from_its_checkpoint() -> None:
    trained = flat(5.0, 5.0)
    about = spec(DATA, trained)
    wanted = [LOSSES[name] for name in ("g", "g_gan", "g_l1", "val_g", "val_ab_error")]
    assert _values(PHOTO, about, RUN, DATA, trained) == wanted
    assert _values(photograph(20, 20), about, RUN, DATA, trained) == wanted


def test_a_loss_that_was_no_number_is_a_reason() -> None:
    networks = checkpoint.read(flat(5.0, 5.0))
    without = checkpoint.write(
        networks.generator, networks.discriminator, networks.params, "t" * 64, 3, {"g": float("nan"), "g_gan": 2.0}
    )
    scores = _scores(PHOTO, spec(DATA, without), ("train_g", "train_g_gan"), DATA, without)
    assert scores["train_g"] == ScoreValue(
        "train_g", None, "unavailable", "The training left no finite number for the train_g."
    )
    assert scores["train_g_gan"].value == 2.0


def test_a_classifier_has_no_adversarial_loss_and_says_so() -> None:
    trained = classified({100: 1.0}, 0.38)
    scores = _scores(PHOTO, spec(DATA, trained), (*OWN, *RUN, "ab_error", "out_of_gamut"), DATA, trained)
    without = {key for key, score in scores.items() if score.status == "unavailable"}
    assert without == {"g_gan", "generator_loss", "train_g_gan", "train_g_l1"}
    assert all("without a discriminator" in scores[key].reason for key in without)
    assert (scores["train_g"].value, scores["val_ab_error"].value) == (3.5, 9.0)


def test_a_control_has_no_run_and_its_colour_error_all_the_same() -> None:
    about = RenderSpec("colorization", "identity", spec(DATA, None).content, None, {"size": SIDE}, 0)
    scores = _scores(PHOTO, about, (*OWN, *RUN, "out_of_gamut", "ab_error"), DATA)
    assert scores.pop("ab_error").value == 0.0
    assert {score.status for score in scores.values()} == {"unavailable"}
    assert {score.reason for score in scores.values()} == {
        "This picture was not coloured by a trained network; there is no run whose loss it could have."
    }


def test_a_checkpoint_that_is_gone_is_a_reason() -> None:
    scores = _scores(PHOTO, spec(DATA, b"gone"), ("g_gan", "train_g", "ab_error"), DATA)
    assert scores["ab_error"].status == "ok"
    assert scores["g_gan"].status == scores["train_g"].status == "failed"
    assert "was not given to the job" in scores["g_gan"].reason


@pytest.mark.parametrize("gain", [0.0, 1.0, 3.0])
def test_the_clipped_share_is_that_of_the_rendering(gain: float) -> None:
    trained = random_network()
    about = spec(DATA, trained, chroma_gain=gain, size=48)
    (picture,) = renderer.render([about], sources(DATA, trained), {}, lambda _: None)
    assert picture.image is not None
    (share,) = _values(picture.image, about, ["out_of_gamut"], DATA, trained)
    assert share == picture.provenance["out_of_gamut"]
    assert (share == 0.0) == (gain == 0.0)


def test_a_planted_colour_is_as_far_from_the_photograph_as_it_was_planted() -> None:
    grey = images.grey(PHOTO)
    data = images.encode_png((grey // 2 + 60).astype(np.uint8))  # middle greys, which have room for colour
    trained = flat(9.0, -5.0)
    about = spec(data, trained)
    image = _rendered(about, data, trained)
    (error,) = _values(image, about, ["ab_error"], data, trained)
    assert error == pytest.approx((9 + 5) / 2, abs=0.1)


def test_every_metric_of_the_task_is_a_number_or_a_reason_through_a_job() -> None:
    from generation.core.render import run_job
    from generation.core.spec import JobSpec

    task: Any = tasks.get("colorization")
    trained = random_network(epochs=2)
    about = spec(DATA, trained)
    control = RenderSpec("colorization", "identity", about.content, None, {"size": 64}, 0)
    job = JobSpec((JobItem(about), JobItem(control)), tuple(task.metrics(about.params, {})), {})
    renderers = {"colorizer": task.methods["colorizer"].render, "identity": photo.COMMON_METHODS["identity"].render}
    coloured, original = run_job(job, sources(DATA, trained), renderers, task.measure)
    assert (coloured.status, original.status) == ("ok", "ok"), coloured.reason
    for result in (coloured, original):
        for score in result.scores:
            assert score.status in ("ok", "unavailable"), score
            assert (score.value is None) == bool(score.reason)
    missing = {score.metric for score in coloured.scores if score.status != "ok"}
    assert missing == {"lpips_content"}  # no weights here
    assert {"psnr_rgb", "psnr_ab", *OWN, *RUN} <= {s.metric for s in original.scores if s.status != "ok"}
