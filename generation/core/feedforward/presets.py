"""What was published on trained style networks, by name: every constant where its source has it. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping

from generation.core.spec import Scalar
from generation.core.tasks import Preset

_JOHNSON: Mapping[str, Scalar] = {
    "backbone": "vgg16",
    "training": "torchvision",
    "preprocessing": "imagenet",
    "style_layers": "relu1_2,relu2_2,relu3_3,relu4_3",
    "content_layers": "relu2_2",
    "layer_weights": "sum",
    "statistic": "gram_chw",
    "style_form": "mean",
    "content_form": "mean",
    "tv_form": "l2",
    "style_weight": 1e10,
    "content_weight": 1e5,
    "tv_weight": 0.0,
    "width": 32,
    "blocks": 5,
    "output": "linear",
    "train_size": 256,
    "style_size": 0,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "batch": 4,
    "epochs": 2,
    "decay": "none",
    "flip": False,
}

_JOHNSON_OPEN = (
    "Architecture and constants are those of PyTorch's examples, which differ from the paper: instance for batch "
    "normalisation, nearest neighbours for transposed convolutions, no smoothness term, a linear last layer for a "
    "scaled tanh. There the style picture keeps its own size; here its longest side is that of the photographs."
)

FEEDFORWARD_PRESETS: Mapping[str, Preset] = {
    "johnson2016": Preset(
        "Johnson et al. 2016, as PyTorch's examples have it",
        _JOHNSON,
        "Johnson, Alahi and Fei-Fei 2016, Perceptual losses for real-time style transfer and super-resolution; "
        "pytorch/examples, fast_neural_style (two epochs of COCO 2014, 83 thousand photographs)",
        _JOHNSON_OPEN,
    ),
    "geng2021-feedforward": Preset(
        "Optimisers compared on a network for one style, after Geng et al. 2021",
        _JOHNSON,
        "Geng et al. 2021, of which only its abstract and references are at hand; one of these is the program "
        "puneet29/StyleTransferApp, whose losses, weights, batch, size and epochs are these",
        "What Geng et al. ran is inferred from that program and from the optimisers among their references; whether "
        "each of these was run is not known. Two oddities of the program are not repeated: the first convolution of "
        "its residual blocks has no effect, and it enlarges by transposed convolutions.",
    ),
}

ARBITRARY_PRESETS: Mapping[str, Preset] = {
    "ghiasi2017": Preset(
        "Ghiasi et al. 2017, as Magenta has it",
        {
            "backbone": "vgg16",
            "training": "oxford",
            "preprocessing": "caffe",
            "pooling": "average",
            "style_layers": "relu1_2,relu2_2,relu3_3,relu4_3",
            "content_layers": "relu3_3",
            "layer_weights": "sum",
            "statistic": "gram",
            "style_form": "mean",
            "content_form": "mean",
            "tv_form": "l2",
            "style_weight": 5e-4,
            "content_weight": 1.0,
            "tv_weight": 5e3,
            "width": 32,
            "blocks": 5,
            "output": "sigmoid",
            "train_size": 256,
            "bottleneck": 100,
            "predictor_width": 32,
            "optimizer": "adam",
            "learning_rate": 1e-5,
            "batch": 8,
            "epochs": 50,
            "decay": "none",
            "flip": True,
        },
        "Ghiasi et al. 2017, Exploring the structure of a real-time, arbitrary neural artistic stylization network; "
        "magenta/magenta, arbitrary_image_stylization (8 million steps: 50 epochs of ImageNet's 1.28 million "
        "photographs; styles: Painter by Numbers, about 80 thousand paintings)",
        "The style-prediction network is a small one of our own, trained from the beginning, where the paper begins "
        "with Inception-v3 trained on ImageNet. The contraction has instance for batch normalisation, first weights "
        "are torch's, scales start at 1, and style pictures are cut but not otherwise varied. Magenta halves the "
        "smoothness term: its weight of 10 000 is 5000 here.",
    ),
}
