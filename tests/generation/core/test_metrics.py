"""Scores are taken on the stored pixels alone, and a number that cannot be had is a status with a sentence."""

import dataclasses
import warnings
from collections.abc import Mapping

import pytest
import torch

from generation.core import catalogue, images, style_transfer, weights
from generation.core.metrics import similarity
from generation.core.metrics import style_transfer as measures
from generation.core.metrics.lpips import Lpips
from generation.core.spec import MetricSpec, RenderSpec, ScoreValue, sha256_bytes
from generation.core.style.pictures import to_tensor
from generation.core.style.renderer import style_loss
from generation.core.tasks import Method

from .conftest import drawn

METHOD: Method = style_transfer.STYLE_TRANSFER.methods["gatys"]
PARAMS = METHOD.complete({"backbone": "random-shallow", "size": 96, "content_weight": 0.5})
SHALLOW = {"random-shallow": weights.find("random-shallow").sha256}
CONTENT, STYLE = images.encode_png(drawn(1)), images.encode_png(drawn(2, 80, 80))
SOURCES = {sha256_bytes(data): data for data in (CONTENT, STYLE)}
SPEC = RenderSpec("style_transfer", "gatys", sha256_bytes(CONTENT), sha256_bytes(STYLE), PARAMS, 1, SHALLOW)


def _scores(
    image: images.Image, spec: RenderSpec = SPEC, found: Mapping[str, str] = SHALLOW, params: object = None
) -> dict[str, ScoreValue]:
    metrics = style_transfer.metrics(PARAMS if params is None else params, found)  # type: ignore[arg-type]
    return {score.metric: score for score in measures.measure(image, spec, SOURCES, metrics)}


def test_the_losses_are_those_of_the_definition_on_the_stored_pixels() -> None:
    image = drawn(7)
    c, s, x = (
        to_tensor(i, torch.device("cpu")) for i in (drawn(1), images.resize_longest(drawn(2, 80, 80), 96), image)
    )
    terms = style_loss(style_transfer.features(PARAMS), weights.find("random-shallow"), c, s)(x)
    scores = _scores(image)
    assert scores["style_loss"].value == pytest.approx(float(terms.style[0]), rel=1e-6)
    assert scores["content_loss"].value == pytest.approx(float(terms.content[0]), rel=1e-6)
    total = float(terms.style[0]) + 0.5 * float(terms.content[0]) + 0.02 * float(terms.tv[0])
    assert scores["total_loss"].value == pytest.approx(total, rel=1e-6)


def test_total_is_under_the_reference_and_own_under_the_images_own_weights() -> None:
    own = dataclasses.replace(SPEC, params={**PARAMS, "style_weight": 3.0, "content_weight": 0.0, "tv_weight": 0.0})
    scores = _scores(drawn(7), own)
    assert scores["own_loss"].value == pytest.approx(3.0 * scores["style_loss"].value, rel=1e-9)  # type: ignore[operator]
    assert scores["total_loss"].value == _scores(drawn(7))["total_loss"].value


def test_the_photograph_is_measured_under_the_reference_and_has_no_objective_of_its_own() -> None:
    photograph = dataclasses.replace(SPEC, method="identity", params={"size": 96}, weights={})
    scores = _scores(drawn(1), photograph)
    assert scores["content_loss"].value == 0.0
    assert scores["total_loss"].status == "ok"
    assert (scores["own_loss"].status, scores["own_loss"].value) == ("unavailable", None)
    assert "no objective of its own" in scores["own_loss"].reason


def test_a_score_does_not_depend_on_what_was_measured_before() -> None:
    first = _scores(drawn(7))
    measures._terms.cache_clear()
    measures._loss.cache_clear()
    _scores(drawn(8, 64, 64))
    assert _scores(drawn(7)) == first


@pytest.mark.parametrize(
    "declared",
    [{"statistic": "gram_chw", "style_form": "sum"}, {"layer_weights": "sum"}, {"content_form": "mean"},
     {"style_layers": "level1"}, {"style_unit": 4.0}],
)  # fmt: skip
def test_every_part_of_the_declared_objective_is_measured_as_declared(declared: dict[str, object]) -> None:
    params = METHOD.complete({**PARAMS, **declared})
    c, s, x = (
        to_tensor(i, torch.device("cpu")) for i in (drawn(1), images.resize_to(drawn(2, 80, 80), 96, 96), drawn(7))
    )
    terms = style_loss(style_transfer.features(params), weights.find("random-shallow"), c, s)(x)
    scores, plain = _scores(drawn(7), params=params), _scores(drawn(7))
    assert scores["style_loss"].value == pytest.approx(float(terms.style[0]), rel=1e-6)
    assert scores["content_loss"].value == pytest.approx(float(terms.content[0]), rel=1e-6)
    assert scores["total_loss"].value != pytest.approx(plain["total_loss"].value, rel=1e-3)
    assert scores["own_loss"].value == plain["own_loss"].value  # under the condition's parameters, not the reference
    own = _scores(drawn(7), dataclasses.replace(SPEC, params=params))["own_loss"].value
    assert own == pytest.approx(scores["total_loss"].value, rel=1e-6)


def test_the_pictures_are_scaled_as_declared() -> None:
    params = METHOD.complete({**PARAMS, "resize": "bilinear"})
    smaller = images.resize_longest(drawn(1), 70)
    assert _scores(smaller)["content_loss"].value == 0.0
    assert _scores(smaller, params=params)["content_loss"].value > 1e-4  # type: ignore[operator]
    assert _scores(drawn(1), params=params)["content_loss"].value == 0.0


def test_scores_are_taken_at_the_images_own_size() -> None:
    assert _scores(images.resize_longest(drawn(1), 72))["content_loss"].value == 0.0


def test_lpips_without_its_trunk_is_unavailable_never_a_number() -> None:
    unplanned = _scores(drawn(7))["lpips_content"]
    lost = _scores(drawn(7), found={**SHALLOW, "squeezenet1_1": "a" * 64})["lpips_content"]
    for score in (unplanned, lost):
        assert (score.value, score.status) == (None, "unavailable")
        assert "EYEBALLOT_WEIGHTS" in score.reason
    assert unplanned.reason.startswith("When the grid was planned")


def test_an_unknown_metric_and_a_missing_style_are_statuses() -> None:
    (score,) = measures.measure(drawn(7), SPEC, SOURCES, [MetricSpec("beauty", "Beauty")])
    assert (score.status, score.value) == ("failed", None)
    assert _scores(drawn(7), dataclasses.replace(SPEC, style=None))["style_loss"].status == "unavailable"


def test_metrics_of_other_references_or_weights_are_other_metrics() -> None:
    one = {m.key: m.digest for m in style_transfer.metrics(PARAMS, SHALLOW)}
    two = {m.key: m.digest for m in style_transfer.metrics({**PARAMS, "content_weight": 9.0}, SHALLOW)}
    assert one["total_loss"] != two["total_loss"]
    assert one["style_loss"] == two["style_loss"]
    other = {m.key: m.digest for m in style_transfer.metrics(PARAMS, {"random-shallow": "b" * 64})}
    assert one["style_loss"] != other["style_loss"]


@pytest.mark.usefixtures("real_weights")
class TestLpips:
    """Against the lpips package itself, given the same trunk."""

    def _ours(self) -> Lpips:
        return Lpips(weights.find("squeezenet1_1"), catalogue.LPIPS_HEADS_SHA256)

    def test_identical_images_have_distance_zero(self) -> None:
        assert self._ours()(drawn(1), drawn(1)) == 0.0

    def test_the_value_is_the_packages(self) -> None:
        import lpips
        from safetensors.torch import load_file

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reference = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
        path = weights.find("squeezenet1_1").path
        assert path is not None
        state = {name.removeprefix("features."): value.float() for name, value in load_file(path).items()}
        for number in range(1, 8):
            part = getattr(reference.net, f"slice{number}")
            part.load_state_dict({name: state[name] for name in part.state_dict()})
        pictures = [to_tensor(drawn(seed), torch.device("cpu")).contiguous() for seed in (1, 7)]
        expected = float(reference(*pictures, normalize=True).detach())
        assert expected > 0.05
        assert self._ours()(drawn(1), drawn(7)) == pytest.approx(expected, rel=1e-5)

    def test_another_training_of_the_same_network_is_refused(self) -> None:
        other = dataclasses.replace(weights.find("squeezenet1_1"), training="onnx-zoo")
        with pytest.raises(weights.WeightsError, match="which the linear heads do not fit"):
            Lpips(other, catalogue.LPIPS_HEADS_SHA256)

    def test_the_score_carries_it(self) -> None:
        found = {**SHALLOW, "squeezenet1_1": weights.find("squeezenet1_1").sha256}
        assert _scores(drawn(7), found=found)["lpips_content"].value == pytest.approx(self._ours()(drawn(7), drawn(1)))

    def test_style_and_reductions_are_held_against_the_right_picture(self) -> None:
        found = {**SHALLOW, "squeezenet1_1": weights.find("squeezenet1_1").sha256}
        scores, ours, image = _scores(drawn(7), found=found), self._ours(), drawn(7)
        assert scores["lpips_style"].value == pytest.approx(ours(image, similarity.cover(drawn(2, 80, 80), 72, 96)))
        for factor in (2, 4):
            expected = ours(image, similarity.reduced(image, factor))
            assert scores[f"lpips_reduced_{factor}"].value == pytest.approx(expected)
        assert scores["lpips_reduced_4"].value > scores["lpips_reduced_2"].value > 0.01  # type: ignore[operator]
