"""Published style transfers as presets: every constant where its source has it (specs and docs/style-transfer.md).

Torch-free. The exact ones name what the source states; what a departure changes stands in its ``departure``.
"""

from __future__ import annotations

from collections.abc import Mapping

from generation.core.spec import Scalar
from generation.core.tasks import Preset

#: What Meng's losses are like in her network's own units: the raw style loss where an image starts and the mean square
#: of its content features. The first is printed by a stored log of the same recipe (style 4.8348e8 at iteration 0
#: under the weight 1e-2); the second is the size of that log's content losses. A relative loss of 1 counts as this
#: much, so that her weights press in the same proportion on a network with other units.
CAFFE_STYLE_UNIT, CAFFE_CONTENT_UNIT = 4.83e10, 1e3

_MENG: Mapping[str, Scalar] = {
    "backbone": "vgg19",
    "training": "oxford",
    "preprocessing": "caffe",
    "style_layers": "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
    "content_layers": "relu5_2",
    "layer_weights": "mean",
    "statistic": "gram",
    "style_form": "mean",
    "content_form": "mean",
    "tv_form": "l1_sum",
    "style_weight": 1e-3,
    "content_weight": 1e4,
    "tv_weight": 0.0,
    "loss_scale": "none",
    "size": 512,
    "resize": "bilinear",
    "steps": 1000,
    "scales": 1,
    "init": "content",
    "clamp": "step",
    "optimizer": "keras_adam",
    "optimizer_options": "beta1=0.99,beta2=0.999,epsilon=0.1",
    "learning_rate": 0.02,
    "decay": "none",
}

_RELATIVE: Mapping[str, Scalar] = {
    **_MENG,
    "training": "any",
    "preprocessing": "network",
    "style_form": "start",
    "content_form": "relative",
    "style_unit": CAFFE_STYLE_UNIT,
    "content_unit": CAFFE_CONTENT_UNIT,
}

_UNITS = (
    "Losses are relative: the style loss of the photograph counts as 4.83e10 and the mean square of its content "
    "features as 1000, about what they are in the network of the paper."
)

PRESETS: Mapping[str, Preset] = {
    "meng2023": Preset(
        "Meng 2023",
        _MENG,
        "Meng 2023, read as the TensorFlow tutorial on neural style transfer that it follows (its notebook's "
        "constants); Keras' Adam with epsilon-hat",
        "The paper gives no number of steps: 1000, as in the tutorial. Pictures are stored rounded, not truncated.",
    ),
    "meng2023-relative": Preset(
        "Meng 2023, relative weights",
        _RELATIVE,
        "as meng2023",
        f"A departure from Meng 2023: any training of VGG19. {_UNITS}",
    ),
    "meng2023-conv3": Preset(
        "Meng 2023 on the first three blocks of VGG19",
        {**_RELATIVE, "style_layers": "relu1_1,relu2_1,relu3_1", "content_layers": "relu3_2"},
        "as meng2023",
        f"A departure from Meng 2023: VGG19 cut after its third block (content relu3_2, not relu5_2). {_UNITS}",
    ),
    "meng2023-squeeze": Preset(
        "Meng 2023 on SqueezeNet 1.1",
        {
            **_RELATIVE,
            "backbone": "squeezenet1_1",
            "style_layers": "relu1,fire2,fire3,fire5",
            "content_layers": "fire5",
        },
        "as meng2023",
        f"A departure from Meng 2023: SqueezeNet 1.1 instead of VGG19. {_UNITS}",
    ),
    "gatys2016": Preset(
        "Gatys et al. 2016, the authors' notebook",
        {
            "backbone": "vgg19",
            "training": "oxford",
            "preprocessing": "caffe",
            "style_layers": "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
            "content_layers": "relu4_2",
            "layer_weights": "channels",
            "statistic": "gram",
            "style_form": "mean",
            "content_form": "mean",
            "style_weight": 1e3,
            "content_weight": 1.0,
            "tv_weight": 0.0,
            "loss_scale": "none",
            "size": 512,
            "steps": 500,
            "scales": 1,
            "init": "content",
            "clamp": "end",
            "optimizer": "lbfgs",
            "learning_rate": 1.0,
            "decay": "none",
        },
        "leongatys/PytorchNeuralStyleTransfer, NeuralStyleTransfer.ipynb",
        "One evaluation per step: 500 steps are the notebook's 500 evaluations. The longest side has the size (there "
        "the shorter one) and pictures are scaled by Lanczos (there bilinear). Pixels run from 0 to 1 here and from 0 "
        "to 255 there, which L-BFGS feels in its first steps and hardly at the end.",
    ),
    "pytorch_tutorial": Preset(
        "PyTorch's tutorial on neural style transfer",
        {
            "backbone": "vgg19",
            "training": "torchvision",
            "preprocessing": "imagenet",
            "style_layers": "conv1_1,conv1_2,conv2_1,conv2_2,conv3_1",
            "content_layers": "conv2_2",
            "layer_weights": "sum",
            "statistic": "gram_chw",
            "style_form": "mean",
            "content_form": "mean",
            "style_weight": 1e6,
            "content_weight": 1.0,
            "tv_weight": 0.0,
            "loss_scale": "none",
            "size": 512,
            "steps": 300,
            "scales": 1,
            "init": "content",
            "clamp": "step",
            "optimizer": "lbfgs",
            "learning_rate": 1.0,
            "decay": "none",
        },
        "pytorch/tutorials, advanced_source/neural_style_tutorial.py",
        "The longest side has the size; the tutorial scales the shorter one and wants both pictures in one shape. "
        "Pixels are clipped after each step, there before each evaluation.",
    ),
    "geng2021": Preset(
        "Optimisers compared, after Geng et al. 2021",
        {
            "backbone": "vgg19",
            "scales": 1,
            "decay": "none",
            "init": "content",
            "clamp": "step",
            "style_weight": 1.0,
            "content_weight": 0.2,
            "tv_weight": 0.0,
        },
        "Geng et al. 2021; only its abstract and references are at hand",
        "The list of optimisers is inferred from the paper's references. The paper compares them on the weights of a "
        "trained network; here they move the pixels of one image.",
    ),
}
