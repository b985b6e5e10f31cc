"""The batched optimisers against separate ones of torch, Keras' Adam against its formula, and the table of options."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, optim

from generation.core.optimizer_table import OPTIMIZERS, complete_options, read_options
from generation.core.optimizers import FACTORIES, BatchedOptimizer, for_weights

STEPS = 25
SHAPE = (3, 3, 6, 5)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]

#: What torch calls an optimiser with options other than its defaults, and the same options in our words.
SEPARATE: Mapping[str, tuple[Callable[..., optim.Optimizer], dict[str, Any], dict[str, float]]] = {
    "sgd": (optim.SGD, {}, {}),
    "momentum": (optim.SGD, {"momentum": 0.7}, {"momentum": 0.7}),
    "nesterov": (optim.SGD, {"momentum": 0.7, "nesterov": True}, {"momentum": 0.7}),
    "adagrad": (optim.Adagrad, {"eps": 0.1}, {"epsilon": 0.1}),
    "adadelta": (optim.Adadelta, {"rho": 0.8, "eps": 1e-4}, {"rho": 0.8, "epsilon": 1e-4}),
    "rmsprop": (
        optim.RMSprop,
        {"alpha": 0.8, "eps": 0.01, "momentum": 0.5},
        {"alpha": 0.8, "epsilon": 0.01, "momentum": 0.5},
    ),
    "adam": (optim.Adam, {"betas": (0.8, 0.9), "eps": 0.1}, {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.1}),
    "amsgrad": (
        optim.Adam,
        {"betas": (0.8, 0.9), "eps": 0.1, "amsgrad": True},
        {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.1},
    ),
    "nadam": (
        optim.NAdam,
        {"betas": (0.8, 0.9), "eps": 0.1, "momentum_decay": 0.05},
        {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.1, "momentum_decay": 0.05},
    ),
    "adamax": (optim.Adamax, {"betas": (0.8, 0.9), "eps": 0.1}, {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.1}),
    "radam": (optim.RAdam, {"betas": (0.8, 0.9), "eps": 0.1}, {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.1}),
}


def _targets(images: Tensor) -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(1)).to(images)


def _rates(name: str) -> list[float]:
    """Large enough that pixels reach the border of [0, 1] and the clamp acts."""
    special = {"adadelta": [0.5, 0.01, 5.0], "lbfgs": [0.2, 0.05, 0.5]}
    return special.get(name, [0.02, 0.001, 0.1])


def _gradient(x: Tensor, targets: Tensor, step: int) -> Tensor:
    """Pulls x over the borders of [0, 1]; after half the steps to the other side, so that clamped pixels come back."""
    return (3.0 * (x - 2.0 * (targets if step < STEPS // 2 else 1.0 - targets) + 0.5)).detach()


def _batched(
    name: str, options: Mapping[str, float], clamp: bool = True, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Tensor:
    images = torch.full(SHAPE, 0.5, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    rates = torch.tensor(_rates(name), device=device, dtype=dtype)
    optimizer = BatchedOptimizer(name, images, rates, options, clamp)
    for step in range(STEPS):
        assert optimizer.step(_gradient(images, _targets(images), step), 1.0).all()
    return images.cpu()


def _alone(
    make: Callable[[list[Tensor], float], optim.Optimizer],
    name: str,
    clamp: bool = True,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    images = torch.full(SHAPE, 0.5, dtype=dtype)
    targets = _targets(images)
    for n, rate in enumerate(torch.tensor(_rates(name), dtype=dtype).tolist()):
        x = images[n].clone().requires_grad_()
        optimizer = make([x], rate)
        for step in range(STEPS):
            x.grad = _gradient(x, targets[n], step)
            optimizer.step(lambda: 0.0)
            if clamp:
                x.data.clamp_(0.0, 1.0)
        images[n] = x.detach()
    return images


def test_the_table_and_the_factories_name_the_same_optimisers() -> None:
    assert set(OPTIMIZERS) == {*FACTORIES, "rprop", "lbfgs"}
    assert set(SEPARATE) == set(FACTORIES) - {"keras_adam"}
    assert {name for name, kind in OPTIMIZERS.items() if kind.per_image} == {"rprop", "lbfgs"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("clamp", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("name", SEPARATE)
def test_a_batch_with_own_rates_equals_separate_optimisers(
    name: str, dtype: torch.dtype, tolerance: float, clamp: bool, device: str
) -> None:
    kind, words, options = SEPARATE[name]
    separate = _alone(lambda p, rate: kind(p, lr=rate, **words), name, clamp, dtype)
    batched = _batched(name, options, clamp, device, dtype)
    assert torch.allclose(batched, separate, rtol=0.0, atol=tolerance)
    if clamp:
        assert 0.0 <= float(batched.min()) <= float(batched.max()) <= 1.0
    if options:
        assert not torch.allclose(batched, _batched(name, {}, clamp, dtype=dtype), atol=1e-3), (
            "the options do not arrive"
        )


def test_a_large_rate_on_tiny_gradients_keeps_its_digits() -> None:
    images = torch.full((1, 3, 4, 4), 0.5)
    optimizer = BatchedOptimizer("sgd", images, torch.tensor([1e8]), {})
    optimizer.step(torch.full_like(images, 1.23e-9), 1.0)
    assert images.flatten().tolist() == pytest.approx([0.377] * 48)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("clamp", [True, False])
def test_rprop_is_one_optimiser_of_torch_per_image(clamp: bool, device: str) -> None:
    def make(p: list[Tensor], rate: float) -> optim.Optimizer:
        return optim.Rprop(p, lr=rate, etas=(0.4, 1.3), step_sizes=(1e-3, 0.2))

    options = {"eta_minus": 0.4, "eta_plus": 1.3, "step_min": 1e-3, "step_max": 0.2}
    batched, separate = _batched("rprop", options, clamp, device), _alone(make, "rprop", clamp)
    assert torch.equal(batched, separate) if device == "cpu" else torch.allclose(batched, separate, atol=1e-6)
    assert not torch.allclose(_batched("rprop", {}), separate, atol=1e-3)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("clamp", [True, False])
def test_lbfgs_is_one_optimiser_of_torch_per_image(clamp: bool, device: str) -> None:
    def make(p: list[Tensor], rate: float) -> optim.Optimizer:
        return optim.LBFGS(p, lr=rate, max_iter=1, tolerance_grad=0.0, tolerance_change=0.0, history_size=4)

    batched, separate = _batched("lbfgs", {"history": 4}, clamp, device), _alone(make, "lbfgs", clamp)
    assert torch.equal(batched, separate) if device == "cpu" else torch.allclose(batched, separate, atol=1e-4)


def test_lbfgs_does_not_stop_at_the_tolerances_of_torch() -> None:
    images = torch.full((1, 3, 4, 4), 0.5)
    optimizer = BatchedOptimizer("lbfgs", images, torch.tensor([1.0]), {})
    for gradient in (1e-3, 5e-8, 2e-8):
        before = images.clone()
        optimizer.step(torch.full_like(images, gradient), 1.0)
        assert not torch.equal(images, before), gradient


@pytest.mark.parametrize("history", [100, 2])
def test_lbfgs_in_single_steps_is_one_long_call_of_torch(history: int) -> None:
    stiffness = torch.logspace(-2, 2, 90).view(3, 6, 5)
    images = torch.zeros(SHAPE)
    targets = _targets(images)
    rates = torch.tensor([1.0, 0.5, 0.8])
    optimizer = BatchedOptimizer("lbfgs", images, rates, {"history": history}, clamp=False)
    for _ in range(STEPS):
        optimizer.step(stiffness * (images - targets), 1.0)
    for n, rate in enumerate(rates.tolist()):
        x = torch.zeros(SHAPE[1:], requires_grad=True)
        alone = optim.LBFGS(
            [x], lr=rate, max_iter=STEPS, tolerance_grad=0.0, tolerance_change=0.0, history_size=history
        )

        def closure(x: Tensor = x, target: Tensor = targets[n]) -> float:
            x.grad = (stiffness * (x - target)).detach()
            return float((stiffness * (x.detach() - target).square()).sum())

        alone.step(closure)  # type: ignore[no-untyped-call]
        assert alone.state[x]["n_iter"] == STEPS
        assert torch.equal(images[n], x.detach())
    if history == 2:
        return
    start, end = ((stiffness * (x - targets).square()).sum((1, 2, 3)) for x in (torch.zeros(SHAPE), images))
    assert bool((end < 0.01 * start).all())


@pytest.mark.parametrize("options", [{}, {"beta1": 0.99, "epsilon": 0.1}])
def test_keras_adam_is_the_formula_with_epsilon_hat(options: dict[str, float]) -> None:
    beta1, beta2, epsilon = options.get("beta1", 0.9), 0.999, options.get("epsilon", 1e-7)
    targets = _targets(torch.zeros(1, dtype=torch.float64))
    rates = np.array(_rates("keras_adam")).reshape(-1, 1, 1, 1)
    x, m, v = np.full(SHAPE, 0.5), np.zeros(SHAPE), np.zeros(SHAPE)
    for t in range(1, STEPS + 1):
        g = _gradient(torch.from_numpy(x), targets, t - 1).numpy()
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        step = rates * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + epsilon)
        x = np.clip(x - step, 0.0, 1.0)
    batched = _batched("keras_adam", options, dtype=torch.float64).numpy()
    assert np.abs(batched - x).max() < 1e-9
    algorithm_1 = _batched("adam", {"beta1": beta1, "beta2": beta2, "epsilon": epsilon}, dtype=torch.float64).numpy()
    assert (np.abs(algorithm_1 - x).max() > 0.01) == (epsilon == 0.1), "a large epsilon is where the two part"


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_broken_gradient_stops_one_image_and_no_other(name: str, broken: float) -> None:
    if name == "rprop" and broken == math.inf:
        pytest.skip("only the sign counts for Rprop")
    both = torch.full((2, 3, 4, 4), 0.5)
    alone = torch.full((1, 3, 4, 4), 0.5)
    pair = BatchedOptimizer(name, both, torch.tensor([0.01, 0.02]), {})
    single = BatchedOptimizer(name, alone, torch.tensor([0.02]), {})
    alive = torch.ones(2)
    for step in range(6):
        gradient = both - torch.linspace(0.0, 1.0, 16).view(4, 4)
        single.step(gradient[1:].clone(), 0.5)
        if step == 3:
            before = both[0].clone()
            gradient[0, 1, 2, 3] = broken
        finite = pair.step(gradient, 0.5 * alive)
        if step == 3:
            assert finite.tolist() == [False, True]
        alive = alive * finite
        assert torch.equal(both[1], alone[0])
    assert torch.equal(both[0], before)
    assert alive.tolist() == [0.0, 1.0]
    assert not torch.equal(both[1], torch.full((3, 4, 4), 0.5))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_factor_of_zero_keeps_an_image_and_a_schedule_shortens_the_move(name: str) -> None:
    images = torch.full((3, 3, 4, 4), 0.5)
    optimizer = BatchedOptimizer(name, images, torch.full((3,), 0.01), {})
    gradient = torch.linspace(-1.0, 1.0, 48).view(3, 4, 4).expand(3, -1, -1, -1).clone()
    assert optimizer.step(gradient, torch.tensor([0.0, 0.5, 1.0])).all()
    moves = images - 0.5
    assert torch.equal(moves[0], torch.zeros(3, 4, 4))
    assert float(moves[2].abs().max()) > 0.0
    assert torch.allclose(moves[1], 0.5 * moves[2], atol=1e-7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_scale_free_means_that_a_larger_loss_gives_the_same_image(name: str) -> None:
    def run(scale: float) -> Tensor:
        images = torch.full(SHAPE, 0.5)
        optimizer = BatchedOptimizer(name, images, torch.full((3,), 0.01), {}, clamp=False)
        for step in range(8):
            optimizer.step(scale * _gradient(images, _targets(images), step), 1.0)
        return images

    # Adadelta's epsilon stands beside the squared gradient, so the gradients must be well above its root.
    same = torch.allclose(run(1e4), run(64e4), atol=1e-4)
    assert same == OPTIMIZERS[name].scale_free


#: Where a paper's own number (or the field's, for a momentum that torch leaves out) stands instead of torch's.
OF_THE_PAPER = {
    ("momentum", "momentum"): 0.9,
    ("nesterov", "momentum"): 0.9,
    ("adadelta", "rho"): 0.95,
    ("rmsprop", "alpha"): 0.9,
    ("rprop", "rate"): 0.1,
    ("keras_adam", "epsilon"): 1e-7,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_those_of_torch_where_the_paper_names_none(name: str) -> None:
    others: dict[str, Any] = {"rprop": optim.Rprop, "lbfgs": optim.LBFGS, "keras_adam": optim.Adam}
    kind = OPTIMIZERS[name]
    defaults = dict((others[name] if name in others else SEPARATE[name][0])([torch.zeros(1)]).defaults)
    for pair, names in (("betas", "beta1 beta2"), ("etas", "eta_minus eta_plus"), ("step_sizes", "step_min step_max")):
        defaults |= dict(zip(names.split(), defaults.get(pair, ()), strict=False))
    words = {"rate": "lr", "epsilon": "eps", "history": "history_size"}
    for option, value in {"rate": kind.published_rate, **kind.options}.items():
        assert value == OF_THE_PAPER.get((name, option), defaults.get(words.get(option, option))), option
    assert kind.label
    assert kind.source


def test_options_are_completed_with_the_defaults_and_written_in_one_way() -> None:
    assert complete_options("adam", "") == "beta1=0.9,beta2=0.999,epsilon=1e-08"
    assert complete_options("keras_adam", " epsilon = 0.10 , beta1=.99") == "beta1=0.99,beta2=0.999,epsilon=0.1"
    assert complete_options("lbfgs", "history=2e1") == "history=20"
    assert complete_options("momentum", "momentum=-0.0") == "momentum=0.0"
    assert complete_options("sgd", "  ") == ""
    assert read_options("beta1=0.99,epsilon=1e-08") == {"beta1": 0.99, "epsilon": 1e-8}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("adam", "momentum=0.9", 'Adam has no option "momentum": it knows beta1, beta2, epsilon.'),
        ("sgd", "momentum=0.9", 'SGD has no option "momentum": it has none.'),
        ("adam", "beta1=1", "The option beta1 of Adam is 1.0; it must be at least 0 and below 1."),
        ("adam", "epsilon=-1e-9", "The option epsilon of Adam is -1e-09; it must be a finite number, 0 or more."),
        ("adam", "epsilon=nan", "The option epsilon of Adam is nan; it must be a finite number, 0 or more."),
        ("adam", "epsilon=inf", "The option epsilon of Adam is inf; it must be a finite number, 0 or more."),
        ("adam", "epsilon=small", 'Adam: The optimiser option epsilon = "small" is not a number.'),
        ("adam", "epsilon", '"epsilon" is no optimiser option: write name=number'),
        ("adam", "epsilon=0.1,", '"" is no optimiser option'),
        ("adam", "beta1=0.1,beta1=0.2", 'The optimiser option "beta1" is given twice'),
        ("lbfgs", "history=0", "The option history of L-BFGS is 0.0; it must be from 1 to 1000."),
        ("lbfgs", "history=2.5", "The option history of L-BFGS is 2.5; it must be a whole number."),
        ("rprop", "eta_plus=0.9", "The option eta_plus of Rprop is 0.9; it must be a number above 1 and at most 1000."),
        ("rprop", "step_min=2,step_max=1", "step_min above step_max"),
        ("nesterov", "momentum=0", "Nesterov momentum with momentum = 0 is plain SGD"),
        ("adamw", "", 'There is no optimiser "adamw": choose one of sgd, momentum, '),
    ],
)
def test_a_wrong_option_is_refused_with_a_sentence(name: str, text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (the sentence is compared below)
        complete_options(name, text)
    assert sentence in str(raised.value)


@given(st.sampled_from(sorted(OPTIMIZERS)), st.data())
def test_completing_twice_is_completing_once_and_torch_takes_what_it_allows(name: str, data: st.DataObject) -> None:
    options = sorted(OPTIMIZERS[name].options)
    chosen = data.draw(st.dictionaries(st.sampled_from(options), st.floats())) if options else {}
    try:
        once = complete_options(name, ",".join(f"{option} = {value!r}" for option, value in chosen.items()))
    except ValueError:
        return
    assert complete_options(name, once) == once
    read = read_options(once)
    assert sorted(read) == options
    assert all(read[option] == value for option, value in chosen.items())
    images = torch.full((1, 3, 2, 2), 0.5)
    BatchedOptimizer(name, images, torch.tensor([0.01]), read).step(torch.ones_like(images), 1.0)
    assert bool(torch.isfinite(images).all())


def _descended(name: str, stops: tuple[int, ...]) -> Tensor:
    """Weights after 8 steps, with a new optimiser that takes up the state after each of ``stops``."""
    draw = torch.Generator().manual_seed(3)
    weights = [torch.randn(4, 3, generator=draw).requires_grad_(), torch.randn(4, generator=draw).requires_grad_()]
    given, wanted = torch.randn(7, 3, generator=draw), torch.randn(7, 4, generator=draw)
    optimizer = for_weights(name, weights, 0.01, {})

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = (given @ weights[0].T + weights[1] - wanted).tanh().square().mean()
        value.backward()
        return value

    for step in range(8):
        optimizer.step(loss)
        if step in stops:
            kept = optimizer.state_dict()
            optimizer = for_weights(name, weights, 0.01, {})
            optimizer.load_state_dict(kept)
    return torch.cat([weight.detach().flatten() for weight in weights])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_of_weights_goes_on_from_its_state_as_if_it_had_never_stopped(name: str) -> None:
    assert torch.equal(_descended(name, ()), _descended(name, (0, 4)))


@pytest.mark.parametrize("name", SEPARATE)
def test_an_optimiser_of_weights_is_the_one_of_torch_at_that_rate(name: str) -> None:
    make, theirs, ours = SEPARATE[name]
    weights = torch.full((2, 3), 0.5).requires_grad_()
    optimizer = for_weights(name, iter([weights]), 0.02, ours)
    assert type(optimizer) is make
    group = optimizer.param_groups[0]
    assert group["lr"] == 0.02
    assert {key: group[key] for key in theirs} == theirs


def test_the_weights_of_a_network_are_moved_by_one_gradient_a_step() -> None:
    for name in ("rprop", "lbfgs"):
        weights, asked = torch.ones(3).requires_grad_(), 0

        def loss(weights: Tensor = weights) -> float:
            nonlocal asked
            asked += 1
            weights.grad = 2.0 * weights.detach()
            return float(weights.detach().square().sum())

        optimizer = for_weights(name, [weights], 0.1, {})
        for _ in range(5):
            optimizer.step(loss)
        assert asked == 5, name
        assert float(weights.detach().norm()) < 3**0.5, name
