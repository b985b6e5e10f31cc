"""What a grid file may say of style networks, and what is said of it before anything is trained."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from generation.core import style_objective, tasks
from generation.core.feedforward.task import ARBITRARY, FEEDFORWARD, notes
from generation.core.grid import parse
from generation.core.spec import canonical_json
from generation.core.style_objective import features, network_name
from generation.core.style_transfer import STYLE_TRANSFER
from generation.core.tasks import Method, ParameterError
from tests.generation.core.feedforward.conftest import METHODS


def complete(method: Method, **given: Any) -> dict[str, Any]:
    return method.complete({"backbone": "random-shallow", **given})


def test_they_stand_beside_the_pixel_optimiser() -> None:
    assert list(tasks.get("style_transfer").methods) == ["gatys", "feedforward", "arbitrary"]
    assert tasks.get("style_transfer").default_method.name == "gatys"


@pytest.mark.parametrize("name", ["johnson2016", "geng2021-feedforward"])
def test_the_presets_for_one_style_are_the_published_numbers(name: str) -> None:
    params = FEEDFORWARD.complete(FEEDFORWARD.presets[name].values)
    config = features(params)
    assert config["style_layers"] == ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]
    assert config["content_layers"] == ["relu2_2"]
    assert config["layer_weights"] == [1.0] * 4
    assert (config["statistic"], config["style_form"], config["content_form"]) == ("gram_chw", "mean", "mean")
    assert network_name(params) == "vgg16/torchvision"
    wanted = {"style_weight": 1e10, "content_weight": 1e5, "tv_weight": 0.0, "train_size": 256, "batch": 4}
    wanted |= {"epochs": 2, "learning_rate": 1e-3, "width": 32, "blocks": 5}
    assert {key: params[key] for key in wanted} == wanted
    assert params["optimizer"] == "adam"
    assert FEEDFORWARD.presets[name].departure


def test_the_preset_for_any_style_is_the_published_numbers() -> None:
    params = ARBITRARY.complete(ARBITRARY.presets["ghiasi2017"].values)
    config = features(params)
    assert config["content_layers"] == ["relu3_3"]
    assert config["pooling"] == "average"
    assert network_name(params) == "vgg16/oxford"
    wanted = {"style_weight": 5e-4, "content_weight": 1.0, "tv_weight": 5e3, "batch": 8, "learning_rate": 1e-5}
    wanted |= {"bottleneck": 100, "train_size": 256}
    assert {key: params[key] for key in wanted} == wanted
    # 50 epochs of ImageNet in batches of 8 are the 8 million steps.
    assert int(params["epochs"]) * 1_281_167 / int(params["batch"]) == pytest.approx(8e6, rel=0.01)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_what_is_done_with_a_network_trains_no_other(method: Method) -> None:
    assert method.trainer is not None
    plain = complete(method, epochs=4)
    rendering = {"size": 100, "at_epoch": 2} | ({"strength": 0.5} if "strength" in method.params else {})
    assert method.trainer.params(complete(method, epochs=4, **rendering)) == method.trainer.params(plain)
    assert method.trainer.epoch(complete(method, epochs=4)) == 4
    assert method.trainer.epoch(complete(method, epochs=4, at_epoch=2)) == 2
    assert not set(rendering) & set(method.trainer.params(plain))
    assert dict(method.trainer.networks(plain)) == {"random-shallow": ("level1", "level2", "level3", "level4")}
    assert method.trainer.style(plain) == {"feedforward": "scene", "arbitrary": "folder"}[method.name]
    assert method.trainer.grey


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"at_epoch": 3}, "at_epoch = 3 lies behind the last of 2 epochs"),
        ({"style_layers": "relu1_1"}, "random-shallow has no layer 'relu1_1'"),
        ({"optimizer_options": "rho=1"}, "Adam has no option"),
        (
            {"style_weight": 0.0, "content_weight": 0.0, "tv_weight": 0.0},
            "style_weight, content_weight, tv_weight are all 0, so that a network has nothing to learn. Give one",
        ),
        ({"steps": 3}, "steps is not a parameter of A network trained for one style"),
        ({"strength": 0.5}, "strength is not a parameter"),
        ({"blocks": 0}, "below the smallest value 1"),
    ],
)
def test_mistakes_are_sentences(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        complete(FEEDFORWARD, **given)


def test_two_ways_to_say_one_thing_are_one_condition() -> None:
    assert complete(FEEDFORWARD, style_size=256) == complete(FEEDFORWARD)
    assert complete(FEEDFORWARD, at_epoch=2) == complete(FEEDFORWARD)
    assert complete(FEEDFORWARD, epochs=1, decay="linear") == complete(FEEDFORWARD, epochs=1)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_what_makes_no_difference_to_a_training_trains_no_other(method: Method) -> None:
    assert method.trainer is not None
    of = method.trainer.params

    def said(**given: Any) -> dict[str, Any]:
        return dict(of(complete(method, **given)))

    assert said(tv_weight=0.0, tv_form="l1_sum") == said(tv_weight=0.0)
    assert said(tv_form="l1_sum") != said()
    # The one style picture of a network is scaled for its training, styles in a pack are not.
    assert (said(resize="bilinear") == said()) == (method.name == "arbitrary")
    forms = [(form, complete(method, tv_weight=0.0, tv_form=form)) for form in ("l2", "relative")]
    assert '"l2" and "relative" give the same image' in notes(forms, [0])[0]
    assert complete(method, tv_weight=0.0, tv_form="l2") == forms[0][1], "the condition stays as it was written"


def test_networks_that_come_out_alike_are_named() -> None:
    pair = [("one", complete(FEEDFORWARD)), ("ten", complete(FEEDFORWARD, style_weight=10.0, content_weight=2.0,
                                                             tv_weight=0.2))]  # fmt: skip
    (seeds, alike) = notes(pair, [0])
    assert "One seed per condition" in seeds
    assert '"one" and "ten" give the same image (nearly' in alike
    assert notes(pair[:1], [0]) == []
    epochs = [("early", complete(FEEDFORWARD, at_epoch=1)), ("late", complete(FEEDFORWARD))]
    assert notes(epochs, [0]) == [], "one network, looked at twice"
    assert len(notes(pair, [0, 1, 2])) == 1


def test_what_the_networks_were_trained_on_decides_their_objective() -> None:
    one, other = complete(FEEDFORWARD), complete(FEEDFORWARD, train_size=128)
    assert STYLE_TRANSFER.objective(one) != STYLE_TRANSFER.objective(other)
    assert STYLE_TRANSFER.objective(one) == STYLE_TRANSFER.objective(complete(FEEDFORWARD, width=8, epochs=5))
    assert tasks.derived("feedforward", one)["sc_ratio"] == pytest.approx(5.0)


def test_the_page_names_every_parameter_of_networks_and_training() -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "style-networks.md").read_text("utf-8")
    for method in METHODS.values():
        own = set(method.params) - set(style_objective.PARAMS) - {"resize"}
        assert [name for name in own if f"`{name}`" not in page] == []
        assert [name for name in method.presets if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("grid", "networks"),
    [
        ("feedforward-toy", 2),
        ("arbitrary-toy", 1),
        ("feedforward-johnson2016", 3),
        ("arbitrary-ghiasi2017", 1),
        ("geng2021-feedforward-search", 70),
        ("geng2021-feedforward-toy-search", 50),
        ("geng2021-feedforward-toy", 18),
    ],
)
def test_the_grids_that_come_with_the_project_are_sound(grid: str, networks: int) -> None:
    """``networks``: of each style."""
    path = Path(__file__).resolve().parents[4] / "fixtures" / "grids" / f"{grid}.toml"
    file = parse(path.read_text("utf-8"))
    trainer = METHODS[file.conditions[0].method].trainer
    assert trainer is not None
    rows = [condition.params for condition in file.conditions if condition.role == "grid"]
    assert len({canonical_json(dict(trainer.params(params))) for params in rows}) == networks
    assert file.slug == grid
    if grid.endswith("search"):
        by_optimiser = Counter(str(params["optimizer"]) for params in rows)
        assert len(by_optimiser) == 10
        assert len(set(by_optimiser.values())) == 1
