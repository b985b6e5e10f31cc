"""The grid file: its four designs, how they join, labels, and a sentence for every mistake."""

import pytest

from generation.core import style_transfer  # noqa: F401  (registers the task)
from generation.core.grid import GridError, GridFile, parse

HEAD = """
[grid]
title = "Learning rate and naturalness"
slug = "learning-rate"
task = "style_transfer"

[sources.cat]
file = "cat.png"
title = "Cat"
[sources.cup]
file = "cup.png"
[sources.waves]
file = "waves.png"
title = "Waves"

[scenes]
content = ["cat", "cup"]
style = ["waves"]

[parameters]
backbone = "random-shallow"
size = 96
learning_rate = 0.02
"""
PRODUCT = """
[[conditions]]
design = "product"
learning_rate = [0.005, 0.02]
"""


def grid(conditions: str = PRODUCT, head: str = HEAD) -> GridFile:
    return parse(head + conditions)


def test_scenes_are_content_times_style_and_named_by_their_titles() -> None:
    assert [s.label for s in grid().scenes] == ["Cat × Waves", "cup × Waves"]


def test_a_list_of_scenes_may_name_them() -> None:
    head = HEAD.replace(
        'content = ["cat", "cup"]\nstyle = ["waves"]', 'list = [{content="cat", style="waves", label="A"}]'
    )
    assert [s.label for s in grid(head=head).scenes] == ["A"]


def test_product_makes_every_combination() -> None:
    rows = grid('[[conditions]]\ndesign="product"\nlearning_rate=[0.01, 0.02]\nstyle_weight=[1, 10, 100]').conditions
    assert len(rows) == 6
    assert {(r.params["learning_rate"], r.params["style_weight"]) for r in rows} == {
        (lr, w) for lr in (0.01, 0.02) for w in (1.0, 10.0, 100.0)
    }


def test_paired_axes_advance_together_and_cross_with_another_block() -> None:
    rows = grid(
        '[[conditions]]\ndesign="paired"\nstyle_weight=[1e-5, 1e-1]\ncontent_weight=[0.05, 500]\n'
        '[[conditions]]\ndesign="product"\njoin="cross"\nlearning_rate=[0.01, 0.02, 0.05]'
    ).conditions
    assert len(rows) == 6
    assert {(r.params["style_weight"], r.params["content_weight"]) for r in rows} == {(1e-5, 0.05), (1e-1, 500.0)}
    assert rows[0].label == "style 1e-05, content 0.05, lr 0.01"


def test_one_at_a_time_marks_the_default_and_the_factor_of_each_row() -> None:
    rows = grid(
        '[[conditions]]\ndesign="one_at_a_time"\nlearning_rate=[0.002, 0.2]\noptimizer=["sgd"]\ninit=["noise"]'
    ).conditions
    assert [(r.label, r.is_default, r.factor) for r in rows] == [
        ("default", True, ""),
        ("lr 0.002", False, "learning_rate"),
        ("lr 0.2", False, "learning_rate"),
        ("optimiser sgd", False, "optimizer"),
        ("init noise", False, "init"),
    ]


def test_blocks_are_added_and_a_list_may_label_its_rows() -> None:
    rows = grid(
        PRODUCT + '[[conditions]]\ndesign="list"\nrows=[{optimizer="sgd", learning_rate=10, label="SGD"}]'
    ).conditions
    assert [r.label for r in rows] == ["optimiser adam, lr 0.005", "optimiser adam, lr 0.02", "SGD"]


def test_a_product_marks_the_condition_that_equals_the_shared_parameters() -> None:
    assert [r.is_default for r in grid().conditions] == [False, True]
    assert [r.label for r in grid().conditions] == ["lr 0.005", "lr 0.02"]


def test_controls_share_the_size_of_the_grid_and_are_no_grid_conditions() -> None:
    rows = grid(PRODUCT + "[controls]\nphotograph = true\n").conditions
    assert rows[-1].role == "control"
    assert rows[-1].params == {"size": 96}
    assert rows[-1].label == "photograph"


def test_seeds_multiply_the_images() -> None:
    assert grid(PRODUCT + "[replicates]\nseeds = [0, 1, 2]\n").renders == 2 * 2 * 3


def test_the_reference_objective_is_the_shared_parameters_unless_it_is_written() -> None:
    assert grid().reference["style_weight"] == 1.0
    assert grid(PRODUCT + "[reference]\nstyle_weight = 7\n").reference["style_weight"] == 7.0


def test_auto_asks_for_what_can_be_had() -> None:
    text = (HEAD + PRODUCT).replace('"random-shallow"', '"auto"')
    assert parse(text, lambda name, param: "squeezenet1_1").conditions[0].params["backbone"] == "squeezenet1_1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[grid", "not valid TOML"),
        ("a = " + "9" * 5000, "more than 18 digits"),
        ("a = " + "[" * 50_000, "deeper than 20 levels"),
        ("a = " + "[" * 20 + "]" * 20, "deeper than 20 levels"),
        (HEAD, "no conditions"),
        (HEAD + PRODUCT + "[contrls]\n", "unknown key 'contrls'"),
        (HEAD + PRODUCT.replace("product", "latin"), "Choose one of product, paired"),
        (HEAD + PRODUCT.replace("[0.005, 0.02]", "[]"), "axis learning_rate is empty"),
        (HEAD + PRODUCT.replace("[0.005, 0.02]", "0.02"), "must be a list of values"),
        (HEAD + PRODUCT.replace("[0.005, 0.02]", "[0.02, 0.02]"), "stands there twice"),
        (HEAD + PRODUCT.replace("learning_rate", "lerning_rate"), "lerning_rate is not a parameter"),
        (HEAD + PRODUCT.replace("0.005", '"fast"'), "write a number"),
        (HEAD + PRODUCT.replace("0.005", "nan"), "finite"),
        (HEAD + PRODUCT.replace("0.005", "-1.0"), "below the smallest value"),
        (HEAD + '[[conditions]]\ndesign="paired"\nstyle_weight=[1]\ncontent_weight=[1,2]\n', "equally long"),
        (HEAD + '[[conditions]]\ndesign="product"\njoin="cross"\ninit=["noise"]\n', "needs a block before it"),
        (HEAD + PRODUCT + PRODUCT.replace("[[cond", "[[cond").replace("0.005, ", ""), "stands there twice"),
        (HEAD.replace('"style_transfer"', '"styl"') + PRODUCT, "There is no task 'styl'"),
        (HEAD.replace('style = ["waves"]', 'style = ["fire"]') + PRODUCT, "style = 'fire' is not among the sources"),
        (HEAD.replace('["cat", "cup"]', '["cat", "cat"]') + PRODUCT, "stands there twice"),
        (HEAD.replace('slug = "learning-rate"', 'slug = "Learning Rate"') + PRODUCT, "lower-case letters"),
        (HEAD.replace('title = "Learning rate and naturalness"\n', "") + PRODUCT, "title is missing"),
        (HEAD.replace('file = "cat.png"', 'fil = "cat.png"') + PRODUCT, "unknown key 'fil'"),
        (HEAD.replace('backbone = "random-shallow"', 'backbone = "vgg99"') + PRODUCT, "choose one of"),
        (HEAD + PRODUCT + "[replicates]\nseeds = [1, 1]\n", "twice"),
        (HEAD + PRODUCT + "[replicates]\nseeds = [0.5]\n", "whole numbers"),
        (HEAD + PRODUCT + '[controls]\nphotograph = "yes"\n', "write true or false"),
        (HEAD + PRODUCT + "[controls]\nsepia = true\n", "unknown key 'sepia'"),
        (HEAD.replace('["cat", "cup"]', '[["cat"]]') + PRODUCT, "not among the sources"),
        (HEAD.replace('task = "style', 'method = ["x"]\ntask = "style') + PRODUCT, "Style transfer knows"),
        (HEAD + PRODUCT.replace("learning_rate = [0.005, 0.02]", "steps = [inf]"), "finite"),
        (HEAD + PRODUCT.replace("learning_rate = [0.005, 0.02]", "init = [[1]]"), "choose one of"),
        (HEAD.replace('"Learning rate and naturalness"', f'"{"x" * 121}"') + PRODUCT, "121 characters"),
    ],
)
def test_every_mistake_ends_in_a_sentence_that_names_it(text: str, words: str) -> None:
    with pytest.raises(GridError, match=words.replace("[", r"\[")):
        parse(text)
