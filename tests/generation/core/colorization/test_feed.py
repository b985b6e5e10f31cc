"""What is shown, and what doing nothing would score, against plain numpy and scikit-image; giving up and its words."""

import numpy as np
import pytest
import torch

from generation.core.colorization import baselines as subject
from generation.core.colorization import feed, lab, training
from generation.core.colorization.feed import Feed
from generation.core.colorization.training import hopeless
from generation.core.training.schedule import words
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


def test_hopeless() -> None:
    assert hopeless(0.0, 5, 10, 99.0, 1.0) == ""
    assert hopeless(1.2, 1, 20, 99.0, 1.0) == ""  # a tenth of 20 epochs is 2
    assert hopeless(1.2, 2, 20, 12.0, 10.0) == ""  # exceeds, not reaches
    assert hopeless(1.2, 2, 20, 12.1, 10.0).startswith("After epoch 2 of 20 the validation error was 12.10 Lab units")
    assert hopeless(1.2, 1, 3, 12.1, 10.0)
    assert hopeless(1.2, 3, 3, 12.1, 10.0) == ""  # nothing is left to give up


def test_words() -> None:
    said = words(
        "epoch 12 of 100", training.words({"g": 8.941, "ab_error": 7.71}), [900.0, 1.0, 2.0, 3.0, 2.0, 2.0], 88
    )
    assert said == "epoch 12 of 100 · G 8.94 (L1 7.7 Lab) · 2.9 min left"
    assert words("epoch 1 of 2, batch 1 of 9", {}, [], 2) == "epoch 1 of 2, batch 1 of 9"
