"""Training a small segmenter: what comes back, that it learns, that a killed one ends with the same bytes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.core import photographs
from generation.core.photographs import PackOptions, PhotographsError, pack
from generation.core.segmentation import checkpoint
from generation.core.segmentation.losses import Form, losses
from generation.core.segmentation.network import unit
from generation.core.segmentation.samples import Sample
from generation.core.segmentation.training import Segmenting, mean_iou
from generation.core.training import loop
from tests.generation.core.segmentation.small import parameters, spec_of, trained
from tests.generation.core.segmentation.test_task import TEN
from tests.generation.core.training.killed import killed_in_its_second_epoch


def test_what_comes_back(drawn_pack: bytes) -> None:
    spec = spec_of(drawn_pack)
    result = trained(spec, drawn_pack, save_at=(1,))
    assert (result.status, result.epochs, result.final_reason) == ("ok", 3, "all epochs")
    assert list(result.checkpoints) == [1, 3]
    assert list(result.curve) == ["dice", "focal", "loss", "iou", "val_dice", "val_focal", "val_loss", "val_iou"]
    assert np.allclose(result.curve["loss"], result.curve["dice"] + result.curve["focal"])
    assert {"nothing_val_iou", "everything_val_iou"} <= set(result.losses)
    assert result.losses["nothing_val_iou"] == 0
    assert 0 < result.losses["everything_val_iou"] < 0.1
    assert result.provenance["photographs"] == {"train": 10, "validation": 2}
    assert result.provenance["batches_per_epoch"] == 3
    assert 0.02 < result.provenance["defect_share"]["train"] < 0.07
    json.dumps(result.provenance, allow_nan=False)
    found = checkpoint.read(result.checkpoints[3])
    assert (found.training, found.epoch, dict(found.params)) == (spec.digest, 3, dict(spec.params))
    assert trained(spec, drawn_pack, save_at=(1,)).checkpoints == result.checkpoints, "the same bytes again"


def test_the_numbers_are_those_of_the_stored_network(drawn_pack: bytes) -> None:
    result = trained(spec_of(drawn_pack), drawn_pack)
    network = checkpoint.read(result.checkpoints[3]).network
    kept = photographs.read(drawn_pack)
    assert kept.validation_masks is not None
    grey = unit(torch.from_numpy(kept.validation.transpose(0, 3, 1, 2).copy()))
    mask = torch.from_numpy(kept.validation_masks.copy())[:, None].float()
    with torch.no_grad():
        logits = network(grey)
    found = losses(logits, mask, Form())
    for name, value in found.items():
        assert result.losses[f"val_{name}"] == pytest.approx(float(value), rel=1e-5)
    ious = [
        np.logical_and(one, true).sum() / np.logical_or(one, true).sum()
        for one, true in zip(logits[:, 0].numpy() > 0, kept.validation_masks > 0, strict=True)
    ]
    assert result.losses["val_iou"] == pytest.approx(np.mean(ious), abs=1e-6)


@pytest.mark.slow
def test_it_learns_to_mark_holes(drawn_pack: bytes) -> None:
    result = trained(spec_of(drawn_pack, epochs=40, learning_rate=0.02, width=8), drawn_pack)
    assert result.losses["loss"] < 0.25
    assert result.losses["val_iou"] > 0.5


@pytest.mark.parametrize("name", TEN)
def test_every_optimizer_trains_and_goes_on_where_it_was(
    drawn_pack: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A state kept after the first epoch gives the bytes of an unbroken training."""
    monkeypatch.setattr(loop, "KEEP_EVERY", 0.0)
    rate = {"rprop": 1e-3, "lbfgs": 0.1}.get(name, 0.01)
    spec = spec_of(drawn_pack, optimizer=name, learning_rate=rate, full_batch_steps=2)
    whole = trained(spec, drawn_pack)
    assert whole.status == "ok"
    assert whole.curve["loss"][-1] != whole.curve["loss"][0]

    class KilledError(BaseException):
        pass

    def kill(number: int) -> None:
        if number == 2:
            raise KilledError

    broken = Segmenting.epoch

    def epoch(self: Segmenting, number: int, tell: object) -> torch.Tensor:
        kill(number)
        return broken(self, number, tell)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Segmenting, "epoch", epoch)
        with pytest.raises(KilledError):
            trained(spec, drawn_pack, scratch=tmp_path)
    again = trained(spec, drawn_pack, scratch=tmp_path)
    assert again.provenance["resumed_from"] == [1]
    assert again.checkpoints == whole.checkpoints
    assert all(np.array_equal(again.curve[k], whole.curve[k]) for k in whole.curve)


@pytest.mark.slow
def test_a_killed_process_is_gone_on_from(drawn_pack: bytes, tmp_path: Path) -> None:
    spec = spec_of(drawn_pack, optimizer="lbfgs", learning_rate=0.1, epochs=4)
    where = "generation.core.segmentation.training:train"
    scratch = killed_in_its_second_epoch(where, spec, {spec.data: drawn_pack}, tmp_path)
    result = trained(spec, drawn_pack, scratch=scratch)
    assert result.provenance["resumed_from"] == [2]
    assert result.checkpoints == trained(spec, drawn_pack).checkpoints


def test_a_full_batch_is_the_gradient_of_all_pictures(drawn_pack: bytes) -> None:
    """One step of Rprop moves each weight by its first step, against the sign of the gradient over the whole pack."""
    spec = spec_of(drawn_pack, optimizer="rprop", learning_rate=1e-4, epochs=1, batch=10)
    segmenting = Segmenting(spec, photographs.read(drawn_pack))
    network = segmenting.networks["segmenter"].train()
    before = [value.detach().clone() for value in network.parameters()]
    kept = photographs.read(drawn_pack)
    assert kept.train_masks is not None
    grey = unit(torch.from_numpy(kept.train.transpose(0, 3, 1, 2).copy()))
    mask = torch.from_numpy(kept.train_masks.copy())[:, None].float()
    wanted = torch.autograd.grad(losses(network(grey), mask, Form())["loss"], list(network.parameters()))
    told: list[int] = []
    segmenting.epoch(1, told.append)
    assert told == [1]
    for value, old, gradient in zip(network.parameters(), before, wanted, strict=True):
        clear = gradient.abs() > 1e-7
        assert torch.allclose((value - old)[clear], -1e-4 * gradient.sign()[clear], atol=2e-7)


def test_small_batches_add_up_to_the_full_one(drawn_pack: bytes) -> None:
    """Where no batch norm looks across pictures they are one gradient however it is cut; here the numbers say so."""
    whole, cut = (
        Segmenting(
            spec_of(drawn_pack, optimizer="lbfgs", learning_rate=0.1, batch=batch, levels=2),
            photographs.read(drawn_pack),
        )
        for batch in (10, 4)
    )
    assert whole.steps == cut.steps == 1
    for segmenting in (whole, cut):
        segmenting.networks["segmenter"].eval()
    one, other = (segmenting.epoch(1, lambda _: None) for segmenting in (whole, cut))
    assert torch.allclose(one, other, rtol=1e-5)
    first, second = (list(segmenting.networks["segmenter"].parameters()) for segmenting in (whole, cut))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(first, second, strict=True))


def test_a_rate_that_diverges_keeps_the_last_finite_network(drawn_pack: bytes) -> None:
    diverged = trained(spec_of(drawn_pack, optimizer="lbfgs", learning_rate=30.0, epochs=30), drawn_pack)
    assert diverged.status == "nan"
    assert "stopped being finite in epoch" in diverged.reason
    assert 0 < diverged.epochs < 30
    assert list(diverged.checkpoints) == [diverged.epochs]
    kept = checkpoint.read(diverged.checkpoints[diverged.epochs])
    assert kept.epoch == diverged.epochs
    assert all(bool(torch.isfinite(value).all()) for value in kept.network.state_dict().values())
    assert np.isfinite([diverged.losses[name] for name in ("loss", "val_loss")]).all()


def test_a_rate_that_diverges_at_once_leaves_no_network(drawn_pack: bytes) -> None:
    diverged = trained(spec_of(drawn_pack, optimizer="sgd", learning_rate=1e6, epochs=30), drawn_pack)
    assert (diverged.status, diverged.epochs, dict(diverged.checkpoints)) == ("nan", 0, {})
    assert "in epoch 1 of 30, the first one, so there is no network to keep" in diverged.reason


def test_a_pack_without_masks_is_refused(samples: list[Sample]) -> None:
    files = [(f"{number}.png", one.picture_png) for number, one in enumerate(samples)]
    data = pack(files, PackOptions(32, validation=0.25, grey=True)).data
    with pytest.raises(PhotographsError, match="no masks"):
        trained(spec_of(data), data)


def test_a_pack_of_another_side_and_an_unknown_type_are_refused(drawn_pack: bytes) -> None:
    with pytest.raises(ValueError, match="The pack holds pictures of 32 px, and the training is of 64 px"):
        trained(spec_of(drawn_pack, train_size=64), drawn_pack)
    with pytest.raises(ValueError, match="float32 or bfloat16, not in float16"):
        trained(spec_of(drawn_pack), drawn_pack, engine={"dtype": "float16"})


def test_bfloat16_trains_too(drawn_pack: bytes) -> None:
    result = trained(spec_of(drawn_pack, epochs=2), drawn_pack, engine={"dtype": "bfloat16"})
    assert result.status == "ok"


def test_every_optimizer_sees_the_same_order(drawn_pack: bytes) -> None:
    """At a rate of next to nothing the losses of an epoch are those of its batches, whoever steps."""
    first = [
        trained(spec_of(drawn_pack, optimizer=name, learning_rate=1e-9, epochs=1), drawn_pack).curve["loss"][0]
        for name in ("sgd", "adam", "nadam")
    ]
    assert first == pytest.approx([first[0]] * 3, rel=1e-5)


def test_full_batches_are_neither_shuffled_nor_mirrored(drawn_pack: bytes) -> None:
    spec = spec_of(drawn_pack, optimizer="rprop", learning_rate=1e-3)
    # As the trainer is never asked: a spec says of both what is the default.
    asked = [replace(spec, params={**spec.params, "shuffle": on, "flip": on}) for on in (True, False)]
    one, other = (trained(each, drawn_pack) for each in asked)
    assert np.array_equal(one.curve["loss"], other.curve["loss"])


def test_a_short_last_batch_settles_by_what_it_holds(drawn_pack: bytes) -> None:
    """Ten pictures in batches of four and in one: after a step that moves nothing the norms are the same."""
    first = []
    for batch in (4, 10):
        segmenting = Segmenting(
            spec_of(drawn_pack, optimizer="sgd", learning_rate=1e-9, batch=batch), photographs.read(drawn_pack)
        )
        segmenting.epoch(1, lambda _: None)
        norms = [m for m in segmenting.networks["segmenter"].modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert norms[0].running_mean is not None
        first.append(norms[0].running_mean)
    assert torch.allclose(first[0], first[1], rtol=1e-4)


def test_intersection_over_union_of_empty_markings() -> None:
    nothing = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    one = nothing.clone()
    one[0, 0, :2] = True
    assert float(mean_iou(nothing, nothing)) == 1
    assert float(mean_iou(one, nothing)) == 0.5
    assert float(mean_iou(one, one)) == 1


def test_parameters_decide_the_digest(drawn_pack: bytes) -> None:
    assert spec_of(drawn_pack).digest != spec_of(drawn_pack, optimizer="sgd").digest
    assert "threshold" not in parameters()
