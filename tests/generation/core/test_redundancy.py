"""Axes of a grid that change weights and not pictures are named."""

import time
from typing import Any

from generation.core.redundancy import redundant
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


def test_what_may_still_differ_is_said() -> None:
    def only(name: str, options: str = "") -> str:
        others: dict[str, Any] = {"optimizer": name, "optimizer_options": options}
        (sentence,) = redundant([_condition("a", 1, 5, **others), _condition("b", 2, 10, **others)])
        return sentence

    nearly = "(nearly, as long as gradients are much larger than epsilon)"
    assert f"but for epsilon = 0.1 and rounding {nearly}: Adam (Keras) takes" in only("keras_adam", "epsilon=0.1")
    assert "but for epsilon = 1e-07 and rounding: Adam (Keras) takes" in only("keras_adam")
    assert "same image but for rounding: Rprop takes" in only("rprop")
    assert "the absolute gradients of the first step sum to more than 1): L-BFGS takes" in only("lbfgs")


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
