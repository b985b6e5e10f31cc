"""Trainings of a second on drawn pictures: what is minimised, that it goes down, and that nothing else decides it."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.core import photographs
from generation.core.feedforward import build, foretell
from generation.core.feedforward import training as subject
from generation.core.optimizer_table import OPTIMIZERS
from generation.core.spec import sha256_bytes
from generation.core.style.losses import Objective, StyleLoss
from generation.core.style.renderer import style_loss
from generation.core.style_objective import features
from generation.core.train_spec import TrainResult, TrainSpec
from generation.core.training import loop
from generation.core.weights import find
from tests.generation.core.feedforward.conftest import METHODS, Given, drawn, given, packed, png, striped
from tests.generation.core.training.killed import killed_in_its_second_epoch

ROOT = Path(__file__).resolve().parents[4]
TERMS = ("total", "style", "content", "tv", "style_level1", "style_level2")


def trained(
    of: Given, save_at: Sequence[int] = (), dtype: str = "float32", say=None, scratch: Path | None = None
) -> TrainResult:
    return subject.train(of.spec, of.data, save_at, {"dtype": dtype}, say or (lambda *_: None), scratch)


def floats(pictures: np.ndarray) -> torch.Tensor:
    return torch.tensor(pictures).permute(0, 3, 1, 2) / 255.0


def eight(nine: np.ndarray) -> np.ndarray:
    """What random-shallow is normalised on of nine pictures: from the first to the last."""
    assert len(nine) == 9
    return nine[[0, 1, 2, 3, 5, 6, 7, 8]]


def loss_of(of: Given, *styles: np.ndarray) -> StyleLoss:
    """The declared losses, on the photographs that random-shallow is normalised on; against the first style."""
    pack = photographs.read(of.data[of.spec.data])
    some = torch.cat(list(floats(eight(pack.train))), dim=1)[None]
    style = torch.cat(list(floats(np.array(styles))), dim=1)[None]
    return style_loss(features(of.params), find("random-shallow"), some, style)


def test_what_comes_back(method: str) -> None:
    of = given(method, epochs=3)
    said: list[tuple[int, int, str]] = []
    result = trained(of, (1, 9, 0), say=lambda *words: said.append(words))
    assert (result.status, result.epochs, result.final_reason) == ("ok", 3, "all epochs")
    assert set(result.curve) == {f"{part}{term}" for part in ("", "val_") for term in TERMS}
    assert all(values.shape == (3,) and values.dtype == np.float64 for values in result.curve.values())
    assert set(result.losses) == {*result.curve, *(f"photograph_val_{term}" for term in TERMS)}
    assert result.losses["photograph_val_content"] == 0.0
    params, last = of.params, result.losses
    weighted = sum(params[f"{term}_weight"] * last[term] for term in ("style", "content", "tv"))
    assert last["total"] == pytest.approx(weighted, rel=1e-5)
    assert last["style"] == pytest.approx((last["style_level1"] + last["style_level2"]) / 2, rel=1e-5)
    assert list(result.checkpoints) == [1, 3]
    networks, what = build.restored(method, result.checkpoints[3])
    assert (what.epoch, what.training, what.params) == (3, of.spec.digest, of.spec.params)
    assert what.losses == result.losses
    assert (networks.predictor is None) == (method == "feedforward")
    assert result.provenance["photographs"] == {"train": 9, "validation": 5}
    assert result.provenance["batches_per_epoch"] == 3
    json.dumps(result.provenance, allow_nan=False)
    assert [(done, total) for done, total, _ in said] == [(3, 9), (6, 9), (9, 9)]
    assert f"loss {result.curve['total'][1]:.4g}" in said[1][2]


def test_every_photograph_has_a_part_in_what_random_shallow_is_normalised_on() -> None:
    """In a pack of four photographs with ten cuts each the first eight pictures are all of one photograph."""
    cuts = np.repeat(np.arange(4, dtype=np.uint8) * 80, 10)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    seen = subject._normalised_on(cuts, torch.device("cpu"))
    assert seen.shape == (1, 3, 64, 8)
    assert seen.mul(255).unique().tolist() == pytest.approx([0, 80, 160, 240])
    few = subject._normalised_on(cuts[::20], torch.device("cpu"))
    assert few.mul(255).unique().tolist() == pytest.approx([0, 160])


def test_losses_of_one_style_are_those_of_the_stored_network() -> None:
    of = given("feedforward", style_size=40)
    result = trained(of)
    pack = photographs.read(of.data[of.spec.data])
    style = subject.scaled(striped(0), (40, 40), "lanczos", torch.device("cpu"))
    some = torch.cat(list(floats(eight(pack.train))), dim=1)[None]
    loss = style_loss(features(of.params), find("random-shallow"), some, style)
    networks, _ = build.restored("feedforward", result.checkpoints[2])
    content = floats(pack.validation)
    with torch.no_grad():
        terms = loss.against(content)(networks(content))
        photograph = loss.against(content)(content)
    for name in ("style", "content", "tv"):
        assert result.losses[f"val_{name}"] == pytest.approx(float(getattr(terms, name).mean()), rel=1e-4)
    assert result.losses["photograph_val_style"] == pytest.approx(float(photograph.style.mean()), rel=1e-4)


def test_every_photograph_kept_apart_has_a_style_kept_apart() -> None:
    of = given("arbitrary")
    result = trained(of)
    pack, styles = photographs.read(of.data[of.spec.data]), photographs.read(of.data[of.spec.style])
    loss = loss_of(of, *eight(styles.train))
    networks, _ = build.restored("arbitrary", result.checkpoints[2])
    content = floats(pack.validation)
    style = floats(styles.validation[[0, 1, 2, 0, 1]])
    with torch.no_grad():
        terms = loss.against(content, style)(networks(content, style))
    assert result.losses["val_style"] == pytest.approx(float(terms.style.mean()), rel=1e-4)
    assert result.losses["val_content"] == pytest.approx(float(terms.content.mean()), rel=1e-4)


def test_a_batch_has_the_losses_of_its_pictures_alone() -> None:
    of = given("arbitrary")
    pack, styles = photographs.read(of.data[of.spec.data]), photographs.read(of.data[of.spec.style])
    for changed in ({}, {"content_form": "relative", "tv_form": "relative"}, {"style_form": "start"}):
        config = features(given("arbitrary", **changed).params)
        some = torch.cat(list(floats(pack.train)), dim=1)[None]
        loss = style_loss(config, find("random-shallow"), some, some)
        assert Objective.of(config) == loss.objective
        content, style, made = floats(pack.train[:3]), floats(styles.train[:3]), floats(pack.train[3:6])
        together = loss.against(content, style)(made)
        for n in range(3):
            alone = loss.against(content[n : n + 1], style[n : n + 1])(made[n : n + 1])
            for name in ("style", "content", "tv", "layers"):
                one, all_of_them = getattr(alone, name), getattr(together, name)[n : n + 1]
                torch.testing.assert_close(one, all_of_them, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_it_learns(method: str) -> None:
    # From fewer styles nothing can be told of those that were kept apart.
    few = {"epochs": 24, "width": 8, "learning_rate": 1e-3, "content_weight": 0.05, "tv_weight": 0.0}
    result = trained(given(method, (60, 60), **few))
    assert result.losses["total"] < 0.7 * result.curve["total"][0]
    assert result.losses["val_total"] < 0.95 * result.losses["photograph_val_total"]
    assert result.losses["val_style"] < 0.95 * result.losses["photograph_val_style"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_any_optimiser_moves_the_weights(name: str) -> None:
    of = given(optimizer=name, learning_rate=OPTIMIZERS[name].published_rate, epochs=1)
    result = trained(of)
    assert result.status == "ok", result.reason
    networks, _ = build.restored("feedforward", result.checkpoints[1])
    before = build.first(of.params, 0).state_dict()
    moved = [not torch.equal(value, before[key]) for key, value in networks.state_dict().items()]
    assert sum(moved) > len(moved) / 2


@pytest.mark.parametrize("name", ["adam", "lbfgs", "keras_adam"])
def test_resumed_is_uninterrupted(method: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "KEEP_EVERY", 0.0)
    of = given(method, optimizer=name, epochs=4, decay="linear")
    whole = trained(of, (1, 3))

    def say(_done: int, _total: int, words: str) -> None:
        if words.startswith("epoch 2 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(of, (1, 3), say=say, scratch=tmp_path)
    result = trained(of, (1, 3), scratch=tmp_path)
    assert result.provenance["resumed_from"] == [2]
    assert result.checkpoints == whole.checkpoints
    assert result.losses == whole.losses


@pytest.mark.slow
def test_a_killed_process_is_gone_on_from(method: str, tmp_path: Path) -> None:
    of = given(method, epochs=4)
    scratch = killed_in_its_second_epoch("generation.core.feedforward.training:train", of.spec, of.data, tmp_path)
    result = trained(of, scratch=scratch)
    assert result.provenance["resumed_from"] == [2]
    assert result.checkpoints == trained(of).checkpoints


def test_the_seed_and_nothing_else_decides(method: str) -> None:
    of = given(method)
    torch.manual_seed(1)
    first = trained(of)
    drawn = torch.rand(1)
    torch.manual_seed(2)
    assert trained(of).checkpoints == first.checkpoints
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)  # the caller's random numbers are its own
    assert trained(of.with_seed(1)).checkpoints != first.checkpoints


def test_divergence_ends_with_the_last_finite_network(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = given(method, epochs=3)
    sound = trained(of, (1,))
    monkeypatch.setattr(subject, "decay_factor", lambda kind, epoch, of: 1e30 if epoch == 2 else 1.0)
    result = trained(of, (1, 3))
    assert (result.status, result.final_reason, result.epochs) == ("nan", "diverged", 1)
    assert "in epoch 2 of 3; the network after epoch 1 is the last one" in result.reason
    assert result.checkpoints == {1: sound.checkpoints[1]}
    assert all(map(math.isfinite, result.losses.values()))


def test_divergence_at_once_leaves_no_network() -> None:
    result = trained(given(optimizer="sgd", learning_rate=1e12))
    assert (result.status, result.epochs, result.checkpoints) == ("nan", 0, {})
    assert "in epoch 1 of 2, the first one, so there is no network to keep" in result.reason


def test_it_may_compute_in_bfloat16(method: str) -> None:
    slow = given(method, learning_rate=1e-6)  # roads part soon
    exact, coarse = (trained(slow, dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert coarse.losses["val_total"] == pytest.approx(exact.losses["val_total"], rel=0.02)
    assert coarse.losses != exact.losses


def _with(of: Given, name: str, other: bytes) -> Given:
    """The training with ``other`` in the place of its ``data`` or ``style``."""
    digest = sha256_bytes(other)
    return replace(of, spec=replace(of.spec, **{name: digest}), data={**of.data, digest: other})


def test_what_cannot_be_trained_is_said_in_a_sentence() -> None:
    of = given()
    wide = packed(lambda seed: drawn(seed, 48, 48), side=48)
    thin = png(striped(0, 8, 400))
    broken = b"no picture"
    cases: list[tuple[Given, str]] = [
        (
            _with(of, "data", wide),
            "The pack holds photographs of 48 px, and the training is of 32 px. Pack the folder again",
        ),
        (_with(of, "data", broken), "The file is no pack of photographs"),
        (_with(of, "style", broken), "the style picture"),
    ]
    for case, words in cases:
        with pytest.raises(ValueError, match=words):
            trained(case)
    with pytest.raises(ValueError, match="float32 or bfloat16, not in float16"):
        trained(of, dtype="float16")
    # A strip of style is no reason to stop for random-shallow, and for no network to end without a sentence.
    assert trained(_with(of, "style", thin)).status == "ok"
    unknown = replace(of, spec=replace(of.spec, weights={"random-shallow": "0" * 64}))
    with pytest.raises(ValueError, match="random-shallow"):
        trained(unknown)


def test_a_pack_of_styles_is_looked_at_like_one_of_photographs() -> None:
    of = given("arbitrary")
    wide = packed(lambda seed: drawn(seed, 48, 48), side=48)
    with pytest.raises(ValueError, match="The pack holds style pictures of 48 px"):
        trained(_with(of, "style", wide))


def test_how_long_it_will_take_grows_with_what_there_is_to_do(method: str) -> None:
    params = given(method).spec.params
    twice = {**params, "epochs": 2 * int(params["epochs"])}
    one, two, three = foretell.seconds([(params, 10.0), (twice, 10.0), (params, 30.0)], {"dtype": "float32"})
    assert 0 < one < 60
    assert two == pytest.approx(2 * one)
    assert three == pytest.approx(3 * one)


def test_a_training_says_which_weights_its_loss_looked_through(method: str) -> None:
    of = given(method)
    assert trained(of).provenance["weights"] == dict(of.spec.weights)
    assert TrainSpec.from_json(of.spec.to_json()).digest == of.spec.digest


@pytest.mark.usefixtures("real_weights")
@pytest.mark.parametrize(
    ("backbone", "layers"),
    [("squeezenet1_1", {}), ("vgg19", {"style_layers": "relu1_1,relu2_1", "content_layers": "relu2_1"})],
)
def test_a_pretrained_network_is_looked_through(method: str, backbone: str, layers: dict[str, str]) -> None:
    of = given(method, backbone=backbone, **({"style_layers": "early", "content_layers": "early"} | layers), epochs=6)
    ((network, needed),) = METHODS[method].networks(of.params).items()
    found = find(network, None, needed)
    of = replace(of, spec=replace(of.spec, weights={network: found.sha256}))
    result = trained(of)
    assert result.status == "ok", result.reason
    assert result.curve["total"][-1] < 0.9 * result.curve["total"][0]
    assert result.provenance["weights"] == {backbone: found.sha256}
    assert {f"style_{name}" for name in result.provenance["loss"]["style_layers"]} <= set(result.losses)
