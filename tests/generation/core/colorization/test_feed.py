"""Order, cuts and baselines against plain numpy and scikit-image."""

import numpy as np
import pytest
import torch

from generation.core.colorization import baselines as subject
from generation.core.colorization import feed, lab
from generation.core.colorization.feed import Feed, Order, Plan, seed_of
from generation.core.colorization.schedule import decay_factor, hopeless, words
from tests.generation.core.colorization.conftest import scene

CPU = torch.device("cpu")
PICTURES = np.stack([scene(seed, 16) for seed in range(7)])


def test_a_batch_is_gathered_flipped_and_split() -> None:
    l_unit, ab_lab = Feed(PICTURES, CPU).batch(torch.tensor([5, 2, 5]), torch.tensor([True, False, False]))
    expected = np.stack([PICTURES[5][:, ::-1], PICTURES[2], PICTURES[5]])
    own_l, own_ab = lab.split(torch.tensor(np.ascontiguousarray(expected.transpose(0, 3, 1, 2))))
    assert torch.equal(l_unit, own_l)
    assert torch.equal(ab_lab, own_ab)


def test_in_order_gives_every_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "EVALUATION_BATCH", 3)
    pictures = Feed(PICTURES, CPU)
    parts = list(pictures.in_order())
    assert [len(ab_lab) for _, ab_lab in parts] == [3, 3, 1]
    whole = pictures.batch(torch.arange(7), torch.zeros(7, dtype=torch.bool))
    assert torch.equal(torch.cat([ab_lab for _, ab_lab in parts]), whole[1])
    assert len(pictures) == 7


def test_orders() -> None:
    first = Order.of(200, 0, 1, True, True, CPU)
    assert sorted(first.rows.tolist()) == list(range(200))
    assert 70 < int(first.flipped.sum()) < 130
    again = Order.of(200, 0, 1, True, True, CPU)
    assert torch.equal(first.rows, again.rows)
    assert torch.equal(first.flipped, again.flipped)
    for seed, epoch in ((0, 2), (1, 1), (1, 0)):
        assert not torch.equal(first.rows, Order.of(200, seed, epoch, True, True, CPU).rows)
        assert not torch.equal(first.flipped, Order.of(200, seed, epoch, True, True, CPU).flipped)
    plain = Order.of(200, 0, 1, False, False, CPU)
    assert plain.rows.tolist() == list(range(200))
    assert not plain.flipped.any()


def test_seeds_are_of_all_their_parts() -> None:
    assert len({seed_of(1, 11), seed_of(11, 1), seed_of(1, 11, "order"), seed_of(0), seed_of(1)}) == 5
    assert all(0 <= seed_of(n) < 2**63 for n in range(100))


@pytest.mark.parametrize(
    ("count", "batch", "smallest", "sizes", "dropped"),
    [
        (8, 4, 1, (4, 4), 0),
        (9, 4, 1, (4, 4, 1), 0),
        (9, 4, 2, (4, 4), 1),
        (10, 4, 2, (4, 4, 2), 0),
        (3, 4, 2, (3,), 0),
        (3, 1, 1, (1, 1, 1), 0),
    ],
)
def test_cuts(count: int, batch: int, smallest: int, sizes: tuple[int, ...], dropped: int) -> None:
    assert Plan.of(count, batch, smallest) == Plan(sizes, dropped)


def test_cuts_that_cannot_be_trained_on() -> None:
    with pytest.raises(ValueError, match="batch of at least 2"):
        Plan.of(9, 1, 2)
    with pytest.raises(ValueError, match=r"too few pictures to train on \(1\)"):
        Plan.of(1, 4, 2)


def test_baselines_against_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "EVALUATION_BATCH", 2)
    color = pytest.importorskip("skimage.color")
    train, validation = (color.rgb2lab(part)[..., 1:] for part in (PICTURES[:4], PICTURES[4:]))
    found = subject.baselines(Feed(PICTURES[:4], CPU), Feed(PICTURES[4:], CPU))
    own = np.median(validation, axis=(1, 2), keepdims=True)
    expected = {
        "grey_ab_error": np.abs(train).mean(),
        "grey_val_ab_error": np.abs(validation).mean(),
        "median_val_ab_error": np.abs(validation - np.median(train, axis=(0, 1, 2))).mean(),
        "own_median_val_ab_error": np.abs(validation - own).mean(),
    }
    assert found == pytest.approx(expected, abs=0.02)
    assert found["grey_ab_error"] == pytest.approx(expected["grey_ab_error"], rel=1e-5)


def test_decay() -> None:
    assert [decay_factor("none", epoch, 4) for epoch in (1, 4)] == [1.0, 1.0]
    assert [decay_factor("linear", epoch, 4) for epoch in (1, 2, 3, 4)] == pytest.approx([1, 1, 2 / 3, 1 / 3])
    assert [decay_factor("linear", epoch, 3) for epoch in (1, 2, 3)] == [1.0, 1.0, 0.5]
    assert decay_factor("linear", 1, 1) == 1.0


def test_hopeless() -> None:
    assert hopeless(0.0, 5, 10, 99.0, 1.0) == ""
    assert hopeless(1.2, 1, 20, 99.0, 1.0) == ""  # a tenth of 20 epochs is 2
    assert hopeless(1.2, 2, 20, 12.0, 10.0) == ""  # exceeds, not reaches
    assert hopeless(1.2, 2, 20, 12.1, 10.0).startswith("After epoch 2 of 20 the validation error was 12.10 Lab units")
    assert hopeless(1.2, 1, 3, 12.1, 10.0)
    assert hopeless(1.2, 3, 3, 12.1, 10.0) == ""  # nothing is left to give up


def test_words() -> None:
    said = words("epoch 12 of 100", {"g": 8.941, "ab_error": 7.71}, [900.0, 1.0, 2.0, 3.0, 2.0, 2.0], 88)
    assert said == "epoch 12 of 100 · G 8.94 (L1 7.7 Lab) · 2.9 min left"
    assert words("epoch 1 of 2, batch 1 of 9", {}, [], 2) == "epoch 1 of 2, batch 1 of 9"
