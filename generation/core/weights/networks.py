"""The networks by name: their layers in order, what a layer sees, and how small a picture may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

RANDOM_SHALLOW = "random-shallow"
RANDOM_SHALLOW_SEED = "eyeballot random-shallow version 1"


def _vgg_layers(convolutions: Sequence[int]) -> tuple[str, ...]:
    numbers = ((b, i) for b, n in enumerate(convolutions, 1) for i in range(1, n + 1))
    return tuple(f"{kind}{b}_{i}" for b, i in numbers for kind in ("conv", "relu"))


#: The layers that may be asked for by name, in order; ``conv...`` is taken before the ReLU.
LAYERS: Mapping[str, tuple[str, ...]] = {
    "vgg19": _vgg_layers((2, 2, 4, 4, 4)),
    "vgg16": _vgg_layers((2, 2, 3, 3, 3)),
    "squeezenet1_1": ("relu1", *(f"fire{i}" for i in range(2, 10))),
    RANDOM_SHALLOW: ("level1", "level2", "level3", "level4"),
}


def smallest_side(network: str, layers: Sequence[str]) -> int:
    """The smallest side of a picture, in pixels, in which every one of ``layers`` has at least 2 x 2 positions."""
    if network == RANDOM_SHALLOW:
        return 1  # strips too thin for it are mirrored
    if network == "squeezenet1_1":
        strides = {"relu1": 2, "fire2": 4, "fire3": 4, "fire4": 8, "fire5": 8}
        return 2 * max(strides.get(layer, 16) for layer in layers) + 3  # its first convolution has no padding
    return max(2 << (int(layer.removeprefix("conv").removeprefix("relu")[0]) - 1) for layer in layers)


def receptive_field(network: str, layers: Sequence[str]) -> int:
    """The side of the patch, in pixels, that one position of the deepest of ``layers`` sees."""
    if network == RANDOM_SHALLOW:
        return max(7 << (int(layer.removeprefix("level")) - 1) for layer in layers)
    order = LAYERS[network]
    last = order.index(max(layers, key=order.index))
    field, stride = 1, 1
    for name, kernel, step in _operations(network):
        field, stride = field + (kernel - 1) * stride, stride * step
        if name and order.index(name) >= last:
            break
    return field


def _operations(network: str) -> Iterator[tuple[str, int, int]]:
    """Layer name (where it can be asked for), kernel and stride of each operation, in order."""
    if network == "squeezenet1_1":
        yield "relu1", 3, 2
        for pooled in (("fire2", "fire3"), ("fire4", "fire5"), ("fire6", "fire7", "fire8", "fire9")):
            yield "", 3, 2
            for fire in pooled:
                yield fire, 3, 1
        return
    block = "1"
    for name in (layer for layer in LAYERS[network] if layer.startswith("relu")):
        if name[4] != block:
            block = name[4]
            yield "", 2, 2
        yield name, 3, 1
