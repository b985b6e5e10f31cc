"""Trainings of a second or less on drawn photographs: that they learn, and that nothing else decides how they end."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.core import photographs
from generation.core.colorization import build, checkpoint, feed, lab
from generation.core.colorization import training as subject
from generation.core.protocols import forget
from generation.core.train_spec import TrainResult, TrainSpec
from generation.core.training import loop
from generation.core.training.order import Order, seed_of
from generation.core.training.state import find
from tests.generation.core.colorization.conftest import packed, training
from tests.generation.core.training.killed import killed_in_its_second_epoch

#: With dropout, a hold level and a last batch that is smaller: all that could make a resumed training differ.
UNEVEN = {"layers": "6", "batch": 7, "epochs": 4, "decay": "linear"}


def trained(spec: TrainSpec, data: bytes, save_at=(), dtype="float32", say=None, scratch=None) -> TrainResult:
    return subject.train(spec, {spec.data: data}, save_at, {"dtype": dtype}, say or (lambda *_: None), scratch)


def tensors(result: TrainResult, epoch: int) -> dict[str, torch.Tensor]:
    return checkpoint.read(result.checkpoints[epoch]).generator.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize(("model", "layers"), [("isola", "5"), ("zhang", "skip567"), ("zhang_class", "skip567")])
def test_it_learns_colour(model: str, layers: str) -> None:
    data = packed(80)
    # Without skips and batch norms in its head, Zhang's network hangs on its first weights: He's start it surely.
    init = "normal" if model == "isola" else "he"
    result = trained(training(data, model=model, layers=layers, width=8, epochs=8, init=init), data)
    assert (result.status, result.epochs, result.final_reason) == ("ok", 8, "all epochs")
    assert result.losses["val_ab_error"] < 0.6 * result.losses["grey_val_ab_error"]
    assert result.losses["val_ab_error"] < 0.65 * result.losses["own_median_val_ab_error"]
    assert result.curve["val_g"][-1] < result.curve["val_g"][0]


def test_what_comes_back(pack: bytes) -> None:
    said: list[tuple[int, int, str]] = []
    spec = training(pack, epochs=3)
    result = trained(spec, pack, (1, 9, 0), say=lambda *words: said.append(words))
    both = {f"{part}{name}" for part in ("", "val_") for name in ("g_gan", "g_l1", "g", "d", "ab_error")}
    baselines = {"grey_ab_error", "grey_val_ab_error", "median_val_ab_error", "own_median_val_ab_error"}
    assert set(result.losses) == both | baselines
    assert set(result.curve) == both
    assert all(values.shape == (3,) and values.dtype == np.float64 for values in result.curve.values())
    assert all(result.losses[name] == result.curve[name][-1] for name in both)
    assert result.losses["g"] == pytest.approx(result.losses["g_gan"] + result.losses["g_l1"])
    assert result.losses["g_l1"] == pytest.approx(100 * result.losses["ab_error"] / 110)
    assert list(result.checkpoints) == [1, 3]
    assert result.provenance["photographs"] == {"train": 16, "validation": 3}
    assert result.provenance["batches_per_epoch"] == 2
    assert result.provenance["dropped_pictures"] == 0
    assert result.provenance["resumed_from"] == []
    assert result.provenance["cuda_graph"].startswith("no: ") or torch.cuda.is_available()
    json.dumps(result.provenance, allow_nan=False)
    last = checkpoint.read(result.checkpoints[3])
    assert (last.epoch, last.training, last.params) == (3, spec.digest, spec.params)
    assert last.losses == result.losses
    assert checkpoint.read(result.checkpoints[1]).losses["g"] == result.curve["g"][0]
    assert [(done, total) for done, total, _ in said] == [(2, 6), (4, 6), (6, 6)]
    assert said[1][2].startswith(f"epoch 2 of 3 · G {result.curve['g'][1]:.2f} (L1 {result.curve['ab_error'][1]:.1f} ")
    assert said[1][2].endswith(" s left")


def test_a_classifier_has_no_discriminator(pack: bytes) -> None:
    result = trained(training(pack, model="zhang_class", layers="skip567"), pack)
    assert set(result.curve) == {"g", "ab_error", "val_g", "val_ab_error"}
    read = checkpoint.read(result.checkpoints[2])
    assert read.discriminator is None
    weights = read.generator.class_weights
    assert weights.min() < 0.9
    assert weights.max() > 1.1  # counted, not the ones it was made with


def test_validation_losses_are_those_of_the_stored_network(pack: bytes) -> None:
    result = trained(training(pack, layers="6"), pack)
    found = checkpoint.read(result.checkpoints[2])
    pictures = torch.tensor(photographs.read(pack).validation).permute(0, 3, 1, 2)
    l_unit, ab_lab = lab.split(pictures)
    with torch.no_grad():
        net_out = found.generator(l_unit)
        logits = found.discriminator(torch.cat([l_unit, net_out], 1))
        real = found.discriminator(torch.cat([l_unit, ab_lab / 110], 1))
    assert result.losses["val_ab_error"] == pytest.approx(float((net_out * 110 - ab_lab).abs().mean()), rel=1e-5)
    softplus = torch.nn.functional.softplus
    assert result.losses["val_g_gan"] == pytest.approx(float(softplus(-logits).mean()), rel=1e-4)
    expected = float(softplus(logits).mean() + softplus(-real).mean()) / 2
    assert result.losses["val_d"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("layers", "batch", "sizes"), [("5", 7, (7, 7, 2)), ("6", 15, (15,))])
def test_training_losses_are_means_over_pictures(pack: bytes, layers: str, batch: int, sizes: tuple[int, ...]) -> None:
    """In training mode, of what is shown in that epoch; at the rate 0, so that the networks stay as they were."""
    spec = training(pack, layers=layers, batch=batch, learning_rate=0.0, epochs=1)
    result = trained(spec, pack)
    generator, discriminator = build.networks(spec.params, spec.seed)
    assert discriminator is not None
    cpu = torch.device("cpu")
    pictures, order = feed.Feed(photographs.read(pack).train, cpu), Order.of(16, spec.seed, 1, True, True, cpu)
    torch.manual_seed(seed_of(spec.seed, 1))
    errors, g_gan, start = [], [], 0
    for size in sizes:
        shown = slice(start, start + size)
        l_unit, ab_lab = pictures.batch(order.rows[shown], order.flipped[shown])
        with torch.no_grad():
            net_out = generator(l_unit)
            logits = discriminator(torch.cat([l_unit, net_out], 1))
        errors += [(net_out * 110 - ab_lab).abs().mean().item()] * size
        g_gan += [torch.nn.functional.softplus(-logits).mean().item()] * size
        start += size
    assert result.losses["ab_error"] == pytest.approx(np.mean(errors), rel=1e-6)
    assert result.losses["g_gan"] == pytest.approx(np.mean(g_gan), rel=1e-6)


def test_evaluation_does_not_depend_on_its_batches(pack: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = training(pack, layers="6")
    whole = trained(spec, pack)
    monkeypatch.setattr(feed, "EVALUATION_BATCH", 2)
    parts = trained(spec, pack)
    assert tensors(parts, 2).keys() == tensors(whole, 2).keys()
    assert all(torch.equal(value, tensors(whole, 2)[name]) for name, value in tensors(parts, 2).items())
    for name, value in whole.losses.items():
        assert parts.losses[name] == pytest.approx(value, rel=1e-5)


def test_the_seed_and_nothing_else_decides(pack: bytes) -> None:
    spec = training(pack, **UNEVEN)
    torch.manual_seed(1)
    seeds: list[int] = []
    first = trained(spec, pack, say=lambda *_: seeds.append(torch.initial_seed()))
    assert len(set(seeds)) == 4  # each epoch has dropout of its own
    drawn = torch.rand(1)
    torch.manual_seed(2)
    assert trained(spec, pack).checkpoints == first.checkpoints
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)  # the caller's random numbers are its own
    other = trained(training(pack, seed=1, **UNEVEN), pack)
    assert other.checkpoints[4] != first.checkpoints[4]
    unshuffled = trained(training(pack, shuffle=False, **UNEVEN), pack)
    assert unshuffled.losses["g"] != first.losses["g"]


def test_resumed_is_uninterrupted(pack: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "KEEP_EVERY", 0.0)
    spec = training(pack, **UNEVEN)
    whole = trained(spec, pack, (1, 3))
    for stop in (1, 3):

        def say(done: int, total: int, words: str, stop: int = stop) -> None:
            if words.startswith(f"epoch {stop} "):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trained(spec, pack, (1, 3), say=say, scratch=tmp_path)
    said: list[str] = []
    result = trained(spec, pack, (1, 3), say=lambda _done, _total, words: said.append(words), scratch=tmp_path)
    assert [words[:7] for words in said] == ["epoch 4"]
    assert result.provenance["resumed_from"] == [1, 3]
    assert result.checkpoints == whole.checkpoints
    assert list(result.checkpoints) == [1, 3, 4]
    assert all(np.array_equal(values, result.curve[name]) for name, values in whole.curve.items())
    assert result.losses == whole.losses
    assert list(tmp_path.glob(f"{spec.digest}.*"))
    forget(tmp_path, spec.digest)
    assert not list(tmp_path.iterdir())


def test_a_finished_training_is_there_until_it_is_forgotten(
    pack: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "KEEP_EVERY", 0.0)
    spec = training(pack)
    first = trained(spec, pack, scratch=tmp_path)
    again = trained(spec, pack, say=pytest.fail, scratch=tmp_path)
    assert again.checkpoints == first.checkpoints
    assert (again.status, again.final_reason, again.epochs) == ("ok", "all epochs", 2)
    kept, _ = find(tmp_path, spec.digest, {"dtype": "float32"}, frozenset())
    assert kept is not None
    assert again.seconds > kept.seconds > 0  # of all its starts together


@pytest.mark.slow
def test_a_killed_process_is_gone_on_from(pack: bytes, tmp_path: Path) -> None:
    spec = training(pack, **UNEVEN)
    where = "generation.core.colorization.training:train"
    scratch = killed_in_its_second_epoch(where, spec, {spec.data: pack}, tmp_path)
    result = trained(spec, pack, scratch=scratch)
    assert result.provenance["resumed_from"] == [2]
    assert result.checkpoints == trained(spec, pack).checkpoints


def test_a_state_that_cannot_be_used_is_put_aside(pack: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "KEEP_EVERY", 0.0)
    spec = training(pack)
    whole = trained(spec, pack, scratch=tmp_path)
    kept = tmp_path / f"{spec.digest}.state"
    kept.write_bytes(kept.read_bytes()[:-100])
    result = trained(spec, pack, scratch=tmp_path)
    assert result.checkpoints == whole.checkpoints
    assert result.provenance["resumed_from"] == []
    (note,) = result.provenance["notes"]
    assert "damaged" in note
    assert kept.with_name(f"{kept.name}.aside").exists()


def test_a_scratch_folder_that_cannot_be_written_stops_nothing(
    pack: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "KEEP_EVERY", 0.0)
    (tmp_path / "file").write_text("")
    result = trained(training(pack), pack, scratch=tmp_path / "file")
    assert result.status == "ok"
    assert len(result.provenance["notes"]) == 1
    assert "could not be kept" in result.provenance["notes"][0]


def test_a_young_state_is_not_written(pack: bytes, tmp_path: Path) -> None:
    trained(training(pack), pack, scratch=tmp_path)
    assert not list(tmp_path.iterdir())


def test_divergence_ends_with_the_last_finite_network(pack: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = training(pack, epochs=4)
    sound = trained(spec, pack, (1, 2))
    plain = subject.decay_factor
    monkeypatch.setattr(subject, "decay_factor", lambda kind, epoch, of: 1e30 if epoch == 3 else plain(kind, epoch, of))
    result = trained(spec, pack, (1, 4))
    assert (result.status, result.final_reason, result.epochs) == ("nan", "diverged", 2)
    assert "in epoch 3 of 4; the network after epoch 2 is the last one" in result.reason
    assert result.checkpoints == {epoch: sound.checkpoints[epoch] for epoch in (1, 2)}
    assert checkpoint.read(result.checkpoints[2]).losses == result.losses
    assert all(np.array_equal(values, sound.curve[name][:2]) for name, values in result.curve.items())
    assert all(map(math.isfinite, result.losses.values()))


def test_divergence_at_once_leaves_no_network(pack: bytes) -> None:
    result = trained(training(pack, learning_rate=1e20), pack)
    assert (result.status, result.epochs, result.checkpoints) == ("nan", 0, {})
    assert "in epoch 1 of 2, the first one" in result.reason
    assert "grey_val_ab_error" in result.losses


def test_giving_up(pack: bytes) -> None:
    result = trained(training(pack, give_up=0.01, epochs=11), pack, (1, 11))
    assert (result.status, result.final_reason, result.epochs) == ("ok", "given up", 2)
    assert list(result.checkpoints) == [1, 2]
    assert "After epoch 2 of 11 the validation error was" in result.reason
    patient = trained(training(pack, give_up=50.0), pack)
    assert (patient.final_reason, patient.reason) == ("all epochs", "")


def test_decay_acts_in_the_second_half_only(pack: bytes) -> None:
    constant, linear = (trained(training(pack, epochs=4, decay=decay), pack, (2,)) for decay in ("none", "linear"))
    for epoch, same in ((2, True), (4, False)):
        assert torch.equal(tensors(constant, epoch)["down.1.weight"], tensors(linear, epoch)["down.1.weight"]) is same


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"gan": "lsgan"}, False),
        ({"ab_scale": 1.0}, False),
        ({"l1_weight": 10.0}, False),
        ({"beta1": 0.9}, False),
        ({"beta2": 0.9}, False),
        ({"flip": False}, False),
        ({"give_up": 50.0}, True),
    ],
)
def test_parameters_reach_the_training(pack: bytes, change: dict[str, object], same: bool) -> None:
    plain, changed = tensors(trained(training(pack), pack), 2), tensors(trained(training(pack, **change), pack), 2)
    assert torch.equal(plain["down.1.weight"], changed["down.1.weight"]) is same


def test_bfloat16_is_near_float32(pack: bytes) -> None:
    spec = training(pack, epochs=1)
    exact, rough = trained(spec, pack), trained(spec, pack, dtype="bfloat16")
    assert rough.checkpoints != exact.checkpoints
    for name, value in exact.losses.items():
        assert rough.losses[name] == pytest.approx(value, rel=0.05)
    assert rough.losses["grey_ab_error"] == exact.losses["grey_ab_error"]


def test_a_last_picture_that_cannot_be_normalised_is_dropped(pack: bytes) -> None:
    result = trained(training(pack, layers="6", batch=15), pack)
    assert (result.provenance["batches_per_epoch"], result.provenance["dropped_pictures"]) == (1, 1)
    fits = trained(training(pack, layers="5", batch=15), pack)
    assert (fits.provenance["batches_per_epoch"], fits.provenance["dropped_pictures"]) == (2, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_size": 33}, "33 px"),
        ({"train_size": 64}, "pictures of 32 px"),
        ({"layers": "6", "batch": 1}, "batch of at least 2"),
        ({"width": 0}, "width"),
    ],
)
def test_what_cannot_be_trained_is_said(pack: bytes, change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        trained(training(pack, **change), pack)


def test_a_damaged_pack_and_an_unknown_type_are_said(pack: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        trained(training(pack), pack[:-1])
    with pytest.raises(ValueError, match="not in float16"):
        trained(training(pack), pack, dtype="float16")


def test_progress_within_a_long_epoch(pack: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAY_EVERY", 0.0)
    said: list[tuple[int, int, str]] = []
    trained(training(pack), pack, say=lambda *words: said.append(words))
    assert [done for done, _, _ in said] == [1, 2, 2, 2, 3, 4, 4, 4], (
        "each batch, the look at those kept apart, the epoch"
    )
    assert said[0][2] == "epoch 1 of 2, batch 1 of 2"
    assert said[4][2].startswith("epoch 2 of 2, batch 1 of 2 · G ")


def test_giving_up_looks_at_the_pictures_kept_apart(pack: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []

    def never(_factor: float, _epoch: int, _epochs: int, error: float, grey: float) -> str:
        asked.append((error, grey))
        return ""

    monkeypatch.setattr(subject, "hopeless", never)
    result = trained(training(pack), pack)
    grey = result.losses["grey_val_ab_error"]
    assert set(asked) == {(error, grey) for error in result.curve["val_ab_error"]}
