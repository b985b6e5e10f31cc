"""The task as grid files see it: parameters that belong together, what is said of a grid, what is refused."""

import pytest

from generation.core import tasks
from generation.core.optimizer_table import OPTIMIZERS
from generation.core.segmentation import task
from generation.core.tasks import ParameterError

TEN = ("sgd", "nesterov", "adagrad", "adadelta", "rprop", "rmsprop", "adam", "amsgrad", "nadam", "lbfgs")


def complete(**given: object) -> dict[str, object]:
    return dict(task.SEGMENTER.complete(given))


def test_it_is_registered_with_its_question_and_controls() -> None:
    found = tasks.get("defects")
    assert found.question == "marking"
    assert found.sources == ("content", "mask")
    assert found.controls["marking"][1].name == "true_marking"
    assert found.default_method.trainer is not None
    assert found.default_method.trainer.masks
    assert found.default_method.trainer.grey


def test_the_ten_optimizers_of_the_paper_are_known() -> None:
    assert set(TEN) <= set(OPTIMIZERS)
    assert set(task.FULL_BATCH) <= set(TEN)


def test_a_search_varies_nothing_but_the_optimizer_and_its_rate() -> None:
    """What only some optimisers use stays as it is written: a search of rates compares what is equal but for them."""
    every = [complete(optimizer=name, full_batch_steps=3, flip=False) for name in TEN]
    varying = {name for name in every[0] if len({repr(params[name]) for params in every}) > 1}
    assert varying == {"optimizer", "optimizer_options"}


def test_options_are_complete_and_the_last_epoch_has_its_number() -> None:
    params = complete(optimizer="nesterov", epochs=7)
    assert params["optimizer_options"] == "momentum=0.9"
    assert params["at_epoch"] == 7
    again = {k: v for k, v in params.items() if k != "at_epoch"}
    assert complete(**again) == params


def test_what_only_renders_trains_nothing_anew() -> None:
    one, other = complete(threshold=0.3, size=200, at_epoch=5), complete()
    assert task.training(one) == task.training(other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"optimizer": "adam", "full_batch_steps": 20}, {"optimizer": "adam"}),
        ({"optimizer": "rprop", "shuffle": False, "flip": False}, {"optimizer": "rprop"}),
        ({"optimizer": "lbfgs", "flip": False}, {"optimizer": "lbfgs", "shuffle": False}),
        ({"epochs": 1, "decay": "linear"}, {"epochs": 1}),
    ],
)
def test_one_and_the_same_training_is_one(one: dict[str, object], other: dict[str, object]) -> None:
    first, second = complete(**one), complete(**other)
    assert first != second, "the condition says what was written"
    assert task.training(first) == task.training(second)  # type: ignore[arg-type]
    assert task.training(first) == task.training(task.training(first))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        {"optimizer": "rprop", "full_batch_steps": 2},
        {"shuffle": False},
        {"flip": False},
        {"epochs": 2, "decay": "linear"},
        {"batch": 8, "optimizer": "rprop"},
    ],
)
def test_what_is_used_trains_anew(given: dict[str, object]) -> None:
    plain = complete(**{name: value for name, value in given.items() if name in ("optimizer", "epochs")})
    assert task.training(complete(**given)) != task.training(plain)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"train_size": 100}, "halves it until it is odd. Take a multiple of 32, such as 96 or 128"),
        ({"levels": 6, "train_size": 32}, "1 x 1 after 5"),
        ({"dice_weight": 0, "focal_weight": 0}, "there is no loss"),
        ({"at_epoch": 40, "epochs": 30}, "behind the last of 30"),
        ({"optimizer": "adam", "optimizer_options": "momentum=0.5"}, "Adam has no option"),
        ({"optimizer": "lion"}, "choose one of"),
        ({"colour": 1}, "not a parameter of A trained segmenter"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(given: dict[str, object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        complete(**given)


def test_notes_flag_full_batches_seeds_and_losses() -> None:
    conditions = [(name, complete(optimizer=name)) for name in ("adam", "rprop", "lbfgs")]
    said = task.notes(conditions, [0])  # type: ignore[arg-type]
    assert len(said) == 2
    assert "One seed" in said[0]
    assert said[1].startswith("Rprop and L-BFGS take full batches: 1 step an epoch")
    assert task.notes(conditions[:1], [0, 1, 2]) == []  # type: ignore[arg-type]
    other = [*conditions[:1], ("gamma", complete(focal_gamma=0.0))]
    assert "The loss differs" in task.notes(other, [0, 1])[0]  # type: ignore[arg-type]
    bold = [("low", complete(threshold=0.2)), ("high", complete())]
    (note,) = task.notes(bold, [0, 1])  # type: ignore[arg-type]
    assert note.startswith("threshold varies, and no loss knows it")
    assert "iou" in note


def test_the_reference_is_part_of_the_metric_and_the_own_loss_is_not_compared_across_losses() -> None:
    one, other = (
        {m.key: m for m in task.metrics(complete(focal_gamma=gamma), {})}  # type: ignore[arg-type]
        for gamma in (2.0, 3.0)
    )
    assert one["defect_loss"].digest != other["defect_loss"].digest
    assert one["dice_loss"].digest == other["dice_loss"].digest
    assert one["own_loss"].comparable_within == "objective"
    assert one["iou"].direction == one["boundary_f"].direction == "higher_better"
    assert next(iter(one.values())).key == task.DEFECTS.primary_metric


def test_presets_fit_the_method() -> None:
    for preset in task.SEGMENTER.presets.values():
        params = task.SEGMENTER.complete(preset.values)
        assert {name: params[name] for name in preset.values} == preset.values
        assert preset.departure
