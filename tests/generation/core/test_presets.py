"""The presets against their formulas, written out in float64 on a whole VGG19 with seeded random weights."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core import images, style_objective, style_transfer, weights
from generation.core.grid import GridError, parse
from generation.core.optimizer_table import read_options
from generation.core.style import engine
from generation.core.style.losses import StyleLoss
from generation.core.style.pictures import scaled
from generation.core.style.renderer import style_loss
from generation.core.tasks import ParameterError
from tests.generation.style_grid import grid_toml

METHOD = style_transfer.STYLE_TRANSFER.methods["gatys"]
CPU = torch.device("cpu")
WIDTHS = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """A whole VGG19 in torchvision's naming, He-normal, with Caffe's size of input in mind."""
    generator, channels, number, found = torch.Generator().manual_seed(7), 3, 0, {}
    for block in WIDTHS:
        for width in block:
            deviation = math.sqrt(2 / (9 * channels))
            found[f"features.{number}.weight"] = torch.randn(width, channels, 3, 3, generator=generator) * deviation
            found[f"features.{number}.bias"] = torch.randn(width, generator=generator)
            channels, number = width, number + 2
        number += 1
    return found


@pytest.fixture
def folder(
    state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], weights.Weights]:
    """Puts the network into a weights folder under a training, its filters in RGB or BGR order."""

    def put(training: str, order: str) -> weights.Weights:
        path = tmp_path / "vgg19.pth"
        first = state["features.0.weight"]
        torch.save({**state, "features.0.weight": first.flip(1) if order == "BGR" else first}, path)
        (tmp_path / "weights.toml").write_text(
            f'[[weights]]\nfile = "vgg19.pth"\nsha256 = "{weights.file_sha256(path)}"\nnetwork = "vgg19"\n'
            f'title = "random"\ntraining = "{training}"\nlast_layer = "relu5_4"\ncolour_order = "{order}"\n'
        )
        monkeypatch.setenv("EYEBALLOT_WEIGHTS", str(tmp_path))
        return weights.find(f"vgg19/{training}")

    return put


def _features(state: dict[str, Tensor], prepared: Tensor) -> dict[str, Tensor]:
    """Every layer before and after its ReLU, in float64; ``state`` has RGB filters."""
    x, number, found = prepared.double(), 0, {}
    for b, block in enumerate(WIDTHS, 1):
        for i in range(1, len(block) + 1):
            kernel, bias = state[f"features.{number}.weight"].double(), state[f"features.{number}.bias"].double()
            found[f"conv{b}_{i}"] = F.conv2d(x, kernel, bias, padding=1)
            found[f"relu{b}_{i}"] = x = F.relu(found[f"conv{b}_{i}"])
            number += 2
        x, number = F.max_pool2d(x, 2), number + 1
    return found


def _caffe(x: Tensor) -> Tensor:
    return x.double() * 255 - torch.tensor([123.68, 116.779, 103.939], dtype=torch.float64).view(1, 3, 1, 1)


def _imagenet(x: Tensor) -> Tensor:
    mean, std = (torch.tensor(v).double().view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return (x.double() - mean) / std


def _gram(f: Tensor) -> Tensor:
    return f.flatten(2)[0] @ f.flatten(2)[0].T / f[0, 0].numel()


def _meng(fx: dict[str, Tensor], fs: dict[str, Tensor], fc: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    style = sum(((_gram(fx[k]) - _gram(fs[k])) ** 2).mean() for k in layers) / 5
    return style, ((fx["relu5_2"] - fc["relu5_2"]) ** 2).mean()  # type: ignore[return-value]


def _gatys(fx: dict[str, Tensor], fs: dict[str, Tensor], fc: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    style = sum(((_gram(fx[k]) - _gram(fs[k])) ** 2).mean() / fx[k].shape[1] ** 2 for k in layers)
    return style, ((fx["relu4_2"] - fc["relu4_2"]) ** 2).mean()  # type: ignore[return-value]


def _tutorial(fx: dict[str, Tensor], fs: dict[str, Tensor], fc: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    def gram(f: Tensor) -> Tensor:
        return f.flatten(2)[0] @ f.flatten(2)[0].T / f.numel()

    layers = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
    style = sum(((gram(fx[k]) - gram(fs[k])) ** 2).mean() for k in layers)
    return style, ((fx["conv2_2"] - fc["conv2_2"]) ** 2).mean()  # type: ignore[return-value]


def _under(
    preset: str, found: weights.Weights, content: images.Image, style: images.Image
) -> tuple[Tensor, Tensor, StyleLoss]:
    """Both pictures at 48 x 64 and the loss between them, as the preset has it."""
    params = METHOD.complete({**METHOD.presets[preset].values, "size": 64})
    c, s = (scaled(i, (48, 64), str(params["resize"]), CPU) for i in (content, style))
    return c, s, style_loss(style_objective.features(params), found, c, s)


@pytest.mark.parametrize(
    ("name", "training", "order", "prepare", "formula"),
    [
        ("meng2023", "oxford", "RGB", _caffe, _meng),
        ("meng2023", "oxford", "BGR", _caffe, _meng),
        ("gatys2016", "oxford", "RGB", _caffe, _gatys),
        ("pytorch_tutorial", "torchvision", "RGB", _imagenet, _tutorial),
    ],
)
def test_a_preset_minimises_what_its_source_writes(
    name: str,
    training: str,
    order: str,
    prepare: Callable[[Tensor], Tensor],
    formula: Callable[..., tuple[Tensor, Tensor]],
    state: dict[str, Tensor],
    folder: Callable[[str, str], weights.Weights],
    content: images.Image,
    style: images.Image,
) -> None:
    found = folder(training, order)
    c, s, loss = _under(name, found, content, style)
    x = (c + 0.05 * torch.randn(c.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 1)
    terms = loss(x)
    expected = formula(*(_features(state, prepare(i)) for i in (x, s, c)))
    assert float(terms.style[0]) == pytest.approx(float(expected[0]), rel=1e-4)
    assert float(terms.content[0]) == pytest.approx(float(expected[1]), rel=1e-4)


def test_meng2023_takes_the_steps_of_keras_adam_on_her_loss(
    state: dict[str, Tensor],
    folder: Callable[[str, str], weights.Weights],
    content: images.Image,
    style: images.Image,
) -> None:
    """The whole preset, three steps, against a loop in float64: scaling, loss, epsilon-hat, clipping."""
    found = folder("oxford", "RGB")
    params = METHOD.complete({**METHOD.presets["meng2023"].values, "size": 64, "steps": 3})
    config = style_objective.features(params)
    settings = engine.Settings(
        64, 3, 1, "keras_adam", "none", read_options(str(params["optimizer_options"])), "bilinear", "step", "none"
    )
    sample = engine.Sample(0.02, 1e-3, 1e4, 0.0, "content", 0, (3,))
    (outcome,) = engine.transfer(
        content, style, [sample], settings, lambda c, s: style_loss(config, found, c, s), CPU, lambda n: None
    )
    sizes = [tuple(round(side * 64 / max(i.shape[:2])) for side in i.shape[:2]) for i in (content, style)]
    c, s = (
        F.interpolate(torch.from_numpy(i / 255.0).permute(2, 0, 1)[None], size, mode="bilinear", align_corners=False)
        for i, size in zip((content, style), sizes, strict=True)
    )
    fs, fc = (_features(state, _caffe(i)) for i in (s, c))
    x, m, v, totals = c.clone(), torch.zeros_like(c), torch.zeros_like(c), []
    for t in range(1, 4):
        x.requires_grad_(True)
        raw_style, raw_content = _meng(_features(state, _caffe(x)), fs, fc)
        total = 1e-3 * raw_style + 1e4 * raw_content
        (g,) = torch.autograd.grad(total, x)
        totals.append(float(total.detach()))
        m, v = 0.99 * m + 0.01 * g, 0.999 * v + 0.001 * g**2
        rate = 0.02 * math.sqrt(1 - 0.999**t) / (1 - 0.99**t)
        x = (x.detach() - rate * m / (v.sqrt() + 0.1)).clamp(0, 1)
    assert outcome.curve["total"] == pytest.approx(totals, rel=1e-3)
    expected = (x[0].permute(1, 2, 0).numpy() * 255).round()
    assert np.abs(outcome.images[3] - expected).mean() < 0.05
    assert np.abs(expected - c[0].permute(1, 2, 0).numpy() * 255).mean() > 1, "the steps move something"


def test_relative_weights_are_hers_over_the_start_and_the_content(
    state: dict[str, Tensor],
    folder: Callable[[str, str], weights.Weights],
    content: images.Image,
    style: images.Image,
) -> None:
    found = folder("torchvision", "RGB")
    c, s, loss = _under("meng2023-relative", found, content, style)
    x = torch.rand(c.shape, generator=torch.Generator().manual_seed(2))
    fx, fs, fc = (_features(state, _imagenet(i)) for i in (x, s, c))
    raw, start = _meng(fx, fs, fc), _meng(fc, fs, fc)
    terms = loss(x)
    assert float(loss(c).style[0]) == pytest.approx(4.83e10, rel=1e-5), "the photograph counts one unit"
    assert float(terms.style[0]) == pytest.approx(4.83e10 * float(raw[0] / start[0]), rel=1e-3)
    assert float(terms.content[0]) == pytest.approx(1e3 * float(raw[1] / (fc["relu5_2"] ** 2).mean()), rel=1e-3)


def _grid(preset: str = "meng2023", parameters: str = "", more: str = "") -> str:
    """Her weight groups and her default, under a preset."""
    groups = (
        '[[conditions]]\ndesign = "paired"\n'
        "style_weight = [1e-5, 1e-3, 1e-1, 1e-3]\ncontent_weight = [5e-2, 5.0, 5e2, 1e4]\n"
    )
    return grid_toml("t", groups + more, contents=["one"], preset=preset, parameters=parameters)


def test_a_preset_fills_the_parameters_and_what_is_written_goes_before_it() -> None:
    file = parse(_grid(parameters="size = 96"))
    (params, *_) = [c.params for c in file.conditions]
    assert (params["size"], params["steps"], params["content_layers"]) == (96, 1000, "relu5_2")
    assert file.preset == "meng2023"
    assert file.conditions[-1].is_default, "her default is a condition of this grid"
    assert "no number of steps" in file.notes[0]


def test_her_weight_groups_are_said_to_be_one_picture() -> None:
    notes = parse(_grid()).notes
    (said,) = [note for note in notes if "ratio" in note]
    for label in ("style 1e-05, content 0.05", "style 0.001, content 5", "style 0.1, content 500"):
        assert label in said
    assert "content 10000" not in said


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(GridError, match=r"preset = 'meng': .* knows meng2023, "):
        parse(_grid("meng"))


def test_the_exact_preset_refuses_without_the_whole_file_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    params = METHOD.complete(METHOD.presets["meng2023"].values)
    ((network, layers),) = style_objective.networks(params).items()
    assert network == "vgg19/oxford"
    with pytest.raises(weights.WeightsMissing, match="No weights file for vgg19"):
        weights.find(network, layers=layers)


@pytest.mark.usefixtures("real_weights")
def test_a_cut_file_is_not_taken_for_the_whole_one() -> None:
    params = METHOD.complete(METHOD.presets["meng2023"].values)
    ((network, layers),) = style_objective.networks(params).items()
    with pytest.raises(weights.WeightsError, match="ends at relu3_4, but relu4_1 is asked for"):
        weights.find(network, layers=layers)


@pytest.mark.parametrize("name", list(METHOD.presets))
def test_every_preset_is_complete_and_says_its_source(name: str) -> None:
    preset = METHOD.presets[name]
    params = METHOD.complete(preset.values)
    assert METHOD.complete(params) == params, "complete parameters are their own completion"
    assert preset.source
    assert preset.label


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"style_layers": "relu9_1"}, "vgg19 has no layer 'relu9_1'. It has conv1_1, relu1_1"),
        ({"style_layers": "relu1_1,relu1_1"}, "each only once"),
        ({"style_layers": ""}, "name at least one layer"),
        ({"layer_weights": "0.5,0.5"}, "5 numbers from 0, one for each of relu1_1"),
        ({"layer_weights": "a,b,c,d,e"}, "write mean, sum, channels"),
        ({"backbone": "squeezenet1_1", "layer_weights": "channels"}, "write numbers for squeezenet1_1"),
        ({"backbone": "random-shallow", "pooling": "average"}, "Take pooling = 'average' out"),
        ({"optimizer_options": "beta3=1"}, "optimizer_options: "),
        ({"at_step": 400}, "at_step = 400 lies behind the last of 300 steps"),
        ({"learning_rate": 1e300}, "above the largest value"),
    ],
)
def test_a_wrong_parameter_ends_in_a_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(sentence)):
        METHOD.complete(given)


def test_lists_and_tables_of_a_grid_file_are_texts() -> None:
    options = {"beta1": 0.99, "epsilon": 0.1}
    params = METHOD.complete(
        {"style_layers": ["relu1_1", "relu2_1"], "layer_weights": [1, 0.5], "optimizer_options": options}
    )
    assert params["style_layers"] == "relu1_1,relu2_1"
    assert style_objective.layer_weights(params) == [1.0, 0.5]
    assert read_options(str(params["optimizer_options"]))["epsilon"] == 0.1


def test_derived_columns_are_ratio_and_magnitude() -> None:
    assert style_objective.derived({"style_weight": 4.0, "content_weight": 16.0}) == {
        "sc_ratio": 0.25,
        "weight_magnitude": 8.0,
    }
    assert "sc_ratio" not in style_objective.derived({"style_weight": 4.0, "content_weight": 0.0})


@pytest.mark.parametrize(
    ("layers", "numbers", "stored"),
    [
        ("relu1_1,relu2_1", "0.5,0.5", "mean"),
        ("relu1_1,relu2_1", "1, 1.0", "sum"),
        ("relu2_1,relu1_1", "0.25,2.5e-1", "0.25,0.25"),
        ("relu2_1,relu1_1", "2,1", "1.0,2.0"),
        ("relu2_1,relu1_1", "mean", "mean"),
    ],
)
def test_one_loss_has_one_name(layers: str, numbers: str, stored: str) -> None:
    params = METHOD.complete({"style_layers": layers, "layer_weights": numbers})
    assert (params["style_layers"], params["layer_weights"]) == ("relu1_1,relu2_1", stored)


def test_what_a_grid_changes_of_its_preset_is_said() -> None:
    notes = parse(_grid(parameters='size = 96\noptimizer = "sgd"\noptimizer_options = ""')).notes
    (said,) = [note for note in notes if "as it stands" in note]
    assert "'Meng 2023'" in said
    assert "size = 96, optimizer = sgd" in said
    assert not any("as it stands" in note for note in parse(_grid()).notes)


@pytest.mark.parametrize(
    ("parameters", "axis", "sentence"),
    [
        ("", "at_step = [0, 50, 100, 150]", "Beside other steps write its number"),
        ('content_form = "sum"', "size = [64, 96, 128, 192]", "would be smallest on the smallest picture"),
    ],
)
def test_conditions_that_cannot_stand_side_by_side_are_refused(parameters: str, axis: str, sentence: str) -> None:
    with pytest.raises(GridError, match=re.escape(sentence)):
        parse(_grid(parameters=parameters, more=axis))


def test_seeds_without_noise_are_said_to_be_one_picture() -> None:
    text = _grid(more="[replicates]\nseeds = [1, 2]\n")
    assert any("one picture but for rounding" in note for note in parse(text).notes)
    noisy = text.replace("[parameters]", '[parameters]\ninit = "noise"')
    assert not any("one picture but for rounding" in note for note in parse(noisy).notes)


def test_a_reference_on_squeezenet_still_asks_for_the_layers_of_lpips() -> None:
    params = METHOD.complete({"backbone": "squeezenet1_1"})
    assert {"fire2", "fire5", "fire9"} <= set(style_transfer.measured_networks(params)["squeezenet1_1"])


def test_where_only_one_training_will_do_the_mend_is_one_that_helps() -> None:
    with pytest.raises(weights.WeightsMissing) as said:
        weights.find("vgg19/oxford")
    assert "weights.toml" in str(said.value)
    assert 'training = "any"' in str(said.value)
    assert "vgg19-dcbb9e9d.pth" not in str(said.value)
