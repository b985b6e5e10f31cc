"""The order of an epoch and its cuts."""

import pytest
import torch

from generation.core.training.order import Order, Plan, seed_of

CPU = torch.device("cpu")


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
