"""Checkpoints: there and back, the same bytes for the same numbers, and files that are none."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from generation.core.colorization import bins, build, checkpoint
from generation.core.colorization.zhang import ZhangClass
from generation.core.spec import Scalar
from generation.core.training.checkpoint import CheckpointError

LOSSES = {"g": 8.94, "g_gan": 1.9, "val_g": 9.5}


def params(model: str = "isola", layers: str = "5") -> dict[str, Scalar]:
    return {
        "model": model,
        "layers": layers,
        "width": 4,
        "train_size": 32,
        "init": "normal",
        "init_gain": 0.02,
        "learning_rate": 5e-4,
        "shuffle": True,
        "gan": "vanilla",
    }


def written(chosen: dict[str, Scalar], seed: int = 0) -> bytes:
    g, d = build.networks(chosen, seed)
    return checkpoint.write(g, d, chosen, "ab" * 32, 12, LOSSES)


@pytest.fixture(scope="module")
def data() -> bytes:
    return written(params())


@pytest.mark.parametrize(("model", "layers"), [("isola", "6"), ("zhang", "removal348"), ("zhang_class", "full")])
def test_there_and_back(model: str, layers: str) -> None:
    chosen = params(model, layers)
    g, d = build.networks(chosen, 3)
    picture = torch.randn(3, 1, 32, 32)
    g(picture)  # moves the running statistics of the batch norms
    if isinstance(g, ZhangClass):
        g.class_weights.copy_(torch.rand(261))
    found = checkpoint.read(checkpoint.write(g, d, chosen, "ab" * 32, 12, LOSSES))
    assert found.params == chosen
    assert found.training == "ab" * 32
    assert found.epoch == 12
    assert found.losses == LOSSES
    assert not found.generator.training
    assert torch.equal(found.generator(picture), g.eval()(picture))
    for kept, own in ((found.generator, g), (found.discriminator, d)):
        assert (kept is None) == (own is None) == (own is d and model == "zhang_class")
        if kept is not None and own is not None:
            assert kept.state_dict().keys() == own.state_dict().keys()
            assert all(torch.equal(value, own.state_dict()[name]) for name, value in kept.state_dict().items())
            assert not kept.training
    if isinstance(found.generator, ZhangClass):
        assert torch.equal(found.generator.centres_ab_lab, bins.centres())


def test_the_same_numbers_are_the_same_bytes_however_they_lie(data: bytes) -> None:
    g, d = build.networks(params(), 0)
    assert d is not None
    backwards = dict(reversed(params().items()))
    losses = dict(reversed(LOSSES.items()))
    lying = g.to(memory_format=torch.channels_last), d.double()
    assert checkpoint.write(*lying, backwards, "ab" * 32, 12, losses) == data
    assert written(params(), seed=1) != data


def test_what_is_read_can_be_written_again(data: bytes) -> None:
    found = checkpoint.read(data)
    again = checkpoint.write(
        found.generator, found.discriminator, found.params, found.training, found.epoch, found.losses
    )
    assert again == data


def test_a_loss_that_is_no_number_is_left_out() -> None:
    g, d = build.networks(params(), 0)
    found = checkpoint.read(
        checkpoint.write(g, d, params(), "", 1, {"g": float("nan"), "d": float("inf"), "g_l1": 1.0})
    )
    assert found.losses == {"g_l1": 1.0}


def test_diverged_weights_are_not_stored_and_not_read(data: bytes) -> None:
    g, d = build.networks(params(), 0)
    with torch.no_grad():
        next(g.parameters())[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"'g\.down\.0\.weight' hold numbers that are not finite"):
        checkpoint.write(g, d, params(), "", 1, {})
    tensors = load(data)
    tensors["d.layers.0.bias"][0] = float("inf")
    with pytest.raises(CheckpointError, match=r"'d\.layers\.0\.bias' hold numbers that are not finite"):
        checkpoint.read(save(tensors, metadata(data)))


def metadata(data: bytes) -> dict[str, str]:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return dict(header["__metadata__"])


def with_said(data: bytes, **changes: object) -> bytes:
    said = json.loads(metadata(data)["eyeballot"]) | changes
    return save(load(data), {"eyeballot": json.dumps({key: v for key, v in said.items() if v is not None})})


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"abc",
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"\xff" * 64,
        (2).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        save({"g.x": torch.zeros(3)}),
        save({"g.x": torch.zeros(3)}, {"eyeballot": "no JSON"}),
        save({"g.x": torch.zeros(3)}, {"eyeballot": "[1]"}),
        save({"g.x": torch.zeros(3)}, {"eyeballot": '{"format": "another 7"}'}),
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
    ],
)
def test_foreign_files_are_refused(foreign: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"is no checkpoint of a colorizer.*train the condition again"):
        checkpoint.read(foreign)


def test_torch_pickles_are_refused(tmp_path: Path) -> None:
    torch.save({"g": torch.zeros(3)}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoint.read((tmp_path / "x.pth").read_bytes())


def test_files_cut_short_or_longer_are_refused(data: bytes) -> None:
    for damaged in (data[:-1], data[: len(data) // 2], data + b"\0", data[:9], data[1:]):
        with pytest.raises(CheckpointError, match=r"damaged.*again\."):
            checkpoint.read(damaged)


def test_files_whose_tensors_are_not_those_of_their_parameters_are_refused(data: bytes) -> None:
    tensors = load(data)
    missing = {name: value for name, value in tensors.items() if name != "g.up.0.bias"}
    misshapen = tensors | {"g.up.0.bias": torch.zeros(3)}
    half = tensors | {"g.up.0.bias": torch.zeros(2, dtype=torch.float16)}
    for changed, says in (
        (missing, "'g.up.0.bias' is missing"),
        (misshapen, r"'g.up.0.bias' is float32 \(3,\), not float32 \(2,\)"),
        (half, r"'g.up.0.bias' is float16 \(2,\), not float32 \(2,\)"),
        (tensors | {"g.more": torch.zeros(3)}, "no place for, 'g.more' among them"),
        (tensors | {"more": torch.zeros(3)}, "no place for, 'more' among them"),
    ):
        with pytest.raises(CheckpointError, match=says):
            checkpoint.read(save(changed, metadata(data)))


@pytest.mark.parametrize(
    "changes",
    [
        {"params": None},
        {"params": 3},
        {"params": {"model": "isola"}},
        {"params": params() | {"train_size": 33}},
        {"params": params() | {"width": "wide"}},
        {"params": params() | {"layers": "99999999"}},
        {"epoch": None},
        {"epoch": "last"},
        {"losses": {"g": "much"}},
        {"losses": None},
        {"training": None},
    ],
)
def test_files_that_do_not_say_what_they_hold_are_refused(data: bytes, changes: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="does not say which networks it holds"):
        checkpoint.read(with_said(data, **changes))


@pytest.mark.parametrize("width", [8, 10**6])
def test_another_width_than_the_tensors_is_refused_without_making_the_networks(data: bytes, width: int) -> None:
    with pytest.raises(CheckpointError, match="does not fit its own parameters"):
        checkpoint.read(with_said(data, params=params() | {"width": width}))
