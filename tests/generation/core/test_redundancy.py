"""Axes of a grid that change weights and not pictures are named."""

import time
from typing import Any

from generation.core.redundancy import one_picture, redundant
from generation.core.spec import Params, Scalar


def _condition(label: str, style: float, content: float, tv: float = 0.0, **others: Scalar) -> tuple[str, Params]:
    params: dict[str, Any] = {
        "backbone": "vgg19",
        "optimizer": "adam",
        "optimizer_options": "",
        "learning_rate": 0.02,
        "style_weight": style,
        "content_weight": content,
        "tv_weight": tv,
        **others,
    }
    return label, params


def test_meng_s_three_weight_groups_are_one_condition_and_the_default_another() -> None:
    conditions = [
        _condition("default", 1e-3, 1e4),
        _condition("group 1", 1e-5, 5e-2),
        _condition("group 2", 1e-3, 5),
        _condition("group 3", 1e-1, 5e2),
    ]
    assert redundant(conditions) == [
        '"group 1", "group 2" and "group 3" give the same image but for epsilon = 1e-08 and rounding: Adam takes only '
        "the ratio of the weights into account, and theirs is equal (style : content : tv = 0.0002 : 1 : 0). "
        "Keep one, or change the ratio or the learning rate."
    ]


def test_everything_else_has_to_be_equal() -> None:
    for name, value in (("learning_rate", 0.05), ("backbone", "vgg16"), ("tv_weight", 1.0)):
        other: dict[str, Scalar] = {"optimizer_options": "", name: value}
        assert redundant([_condition("a", 1, 5), ("b", {**_condition("b", 2, 10)[1], **other})]) == []
    short = _condition("b", 2, 10, optimizer_options="beta1=0.9")
    assert len(redundant([_condition("a", 1, 5), short])) == 1, "a default that is written out changes nothing"
    assert redundant([_condition("a", 1, 5), _condition("b", 2, 10, optimizer_options="beta1=0.99")]) == []


def test_ratios_are_equal_but_for_rounding_and_no_more() -> None:
    assert len(redundant([_condition("a", 0.1, 0.3, 0.7), _condition("b", 0.1 * 3, 0.3 * 3, 0.7 * 3)])) == 1
    assert redundant([_condition("a", 1, 5), _condition("b", 1 + 1e-8, 5)]) == []
    crossed = [_condition(f"{style} {tv}", style, 1.0, tv) for tv in (0.0, 1.0) for style in (0.3, 0.1 + 0.2)]
    assert [sentence.split(" give")[0] for sentence in redundant(crossed)] == [
        '"0.3 0.0" and "0.30000000000000004 0.0"',
        '"0.3 1.0" and "0.30000000000000004 1.0"',
    ]


def test_weights_of_zero_have_ratios_too() -> None:
    conditions = [
        _condition("nothing", 0, 0),
        _condition("style 1", 1, 0),
        _condition("style 7", 7, 0),
        _condition("content", 0, 3),
        _condition("content 2", 0, 6),
        _condition("tv", 0, 0, 1),
        _condition("tv 2", 0, 0, 2),
        _condition("all", 1, 1, 1),
    ]
    sentences = redundant(conditions)
    assert [s.split(" give")[0] for s in sentences] == [
        '"style 1" and "style 7"',
        '"content" and "content 2"',
        '"tv" and "tv 2"',
    ]
    assert "(style : content : tv = 1 : 0 : 0)" in sentences[0]


def test_plain_gradient_descent_counts_rate_times_weights() -> None:
    for name, label in (("sgd", "SGD"), ("momentum", "SGD with momentum"), ("nesterov", "Nesterov momentum")):
        conditions = [
            _condition("a", 1, 5, optimizer=name, learning_rate=0.3),
            _condition("b", 3, 15, optimizer=name, learning_rate=0.1),
            _condition("equal ratio", 3, 15, optimizer=name, learning_rate=0.3),
        ]
        assert redundant(conditions) == [
            f'"a" and "b" give the same image but for rounding: {label} moves by the learning rate times the weights, '
            "and theirs are equal (style 0.3, content 1.5, tv 0). Keep one, or change the product of learning rate and "
            "weights."
        ]


def _only(name: str, options: str = "", **others: Scalar) -> str:
    """The sentence about two conditions with weights in equal ratio, and for SGD under equal pressure."""
    run: dict[str, Any] = {"optimizer": name, "optimizer_options": options, **others}
    rate = 0.02 / 2 if name == "sgd" else 0.02
    (sentence,) = redundant([_condition("a", 1, 5, **run), _condition("b", 2, 10, **run, learning_rate=rate)])
    return sentence


def test_what_may_still_differ_is_said() -> None:
    nearly = "same image (nearly, as long as gradients are much larger than"
    assert f"{nearly} epsilon = 0.1): Adam (Keras) takes" in _only("keras_adam", "epsilon=0.1")
    assert "but for epsilon = 1e-07 and rounding: Adam (Keras) takes" in _only("keras_adam")
    assert "same image but for rounding: Rprop takes" in _only("rprop")
    assert "the absolute gradients of the first step sum to more than 1): L-BFGS takes" in _only("lbfgs")


def test_adadelta_s_epsilon_stands_under_the_root() -> None:
    nearly = "same image (nearly, as long as gradients are much larger than"
    assert f"{nearly} sqrt(epsilon) = 0.001): AdaDelta takes" in _only("adadelta")
    assert "but for epsilon = 9e-09 and rounding: AdaDelta takes" in _only("adadelta", "epsilon=9e-9")
    assert f"{nearly} sqrt(epsilon) = 9.48683e-05)" in _only("adadelta", "epsilon=9e-9", loss_scale="none")


def test_no_epsilon_is_small_beside_the_gradients_of_an_unscaled_loss() -> None:
    nearly = "same image (nearly, as long as gradients are much larger than"
    assert f"{nearly} epsilon = 1e-08): Adam takes" in _only("adam", loss_scale="none")
    assert "but for epsilon = 1e-08 and rounding: Adam takes" in _only("adam", loss_scale="pixels")
    for name, options in (("adam", "epsilon=0"), ("rprop", ""), ("sgd", "")):
        assert "same image but for rounding: " in _only(name, options, loss_scale="none")
    assert "same image but for rounding (as long as the absolute" in _only("lbfgs", loss_scale="none")


_RUN: dict[str, Any] = {"scales": 1, "decay": "none"}


def test_a_short_run_and_a_step_of_a_longer_one_are_one_picture() -> None:
    for optimizer in ("adam", "sgd", "radam", "lbfgs"):
        run: dict[str, Any] = {**_RUN, "optimizer": optimizer}
        conditions = [
            _condition("short", 1, 5, **run, steps=3, at_step=3),
            _condition("end", 1, 5, **run, steps=6, at_step=6),
            _condition("at 3", 1, 5, **run, steps=6, at_step=3),
            _condition("0 is the end", 1, 5, **run, steps=3, at_step=0),
        ]
        expected = [
            '"short", "at 3" and "0 is the end" are one picture: the one after 3 steps of the same run. Keep one.'
        ]
        assert redundant(conditions) == one_picture(conditions) == expected
    first = [_condition("a", 1, 5, **_RUN, steps=1), _condition("b", 1, 5, **_RUN, steps=2, at_step=1)]
    assert redundant(first) == ['"a" and "b" are one picture: the one after 1 step of the same run. Keep one.']


def test_runs_that_know_their_end_or_differ_elsewhere_are_not_one_picture() -> None:
    for other in ({"scales": 2}, {"decay": "linear"}):
        run: dict[str, Any] = {**_RUN, **other}
        pair = [_condition("a", 1, 5, **run, steps=3, at_step=3), _condition("b", 1, 5, **run, steps=6, at_step=3)]
        assert redundant(pair) == []
    for change in ({"denoise": "median"}, {"backbone": "vgg16"}, {"optimizer_options": "beta1=0.99"}, {"at_step": 4}):
        params: dict[str, Any] = {**_RUN, "denoise": "none", "steps": 6, "at_step": 3, **change}
        short = _condition("a", 1, 5, **{**_RUN, "denoise": "none"}, steps=3, at_step=3)
        assert redundant([short, _condition("b", 1, 5, **params)]) == []


def test_one_picture_stands_once_among_equal_weights() -> None:
    conditions = [
        _condition("short", 1, 5, **_RUN, steps=3, at_step=3),
        _condition("at 3", 1, 5, **_RUN, steps=6, at_step=3, optimizer_options="beta1=0.9"),
        _condition("double", 2, 10, **_RUN, steps=9, at_step=3),
        _condition("double, later", 2, 10, **_RUN, steps=9, at_step=9),
    ]
    sentences = redundant(conditions)
    assert sentences[:1] == one_picture(conditions)
    assert [s.split(":")[0] for s in sentences] == [
        '"short" and "at 3" are one picture',
        '"short" and "double" give the same image but for epsilon = 1e-08 and rounding',
    ]


def test_optimisers_that_do_look_at_the_size_of_the_loss_and_controls_are_passed_over() -> None:
    assert redundant([_condition("a", 1, 5, optimizer="radam"), _condition("b", 2, 10, optimizer="radam")]) == []
    assert redundant([("photograph", {}), ("grey", {})]) == []
    assert redundant([]) == []


def test_a_large_grid_is_quick_and_its_sentences_stay_short() -> None:
    conditions = [
        _condition(f"c{n}", 1e-3 * 2.0**k, 2.0**k, learning_rate=1e-4 * (n % 4 + 1))
        for n in range(2000)
        for k in [n // 4 % 50]
    ]
    conditions += [_condition(f"d{n}", n + 1.0, 1.0) for n in range(2000)]
    start = time.process_time()
    sentences = redundant(conditions)
    assert time.process_time() - start < 2.0
    assert len(sentences) == 4
    assert sentences[0].startswith('"c0", "c4", "c8", "c12", "c16", "c20" and 494 more give the same image')
    assert max(map(len, sentences)) < 400


def test_steps_of_many_long_runs_are_quick() -> None:
    others: dict[str, Any] = {**_RUN, **{f"parameter {n}": "value" for n in range(30)}}
    conditions = [
        _condition(f"{n} {steps}", n + 1.0, 1.0, **others, steps=steps, at_step=3)
        for n in range(1000)
        for steps in (3, 6, 9, 12)
    ]
    start = time.process_time()
    sentences = redundant(conditions)
    assert time.process_time() - start < 2.0
    assert len(sentences) == 1000
    assert sentences[0].startswith('"0 3", "0 6", "0 9" and "0 12" are one picture')
