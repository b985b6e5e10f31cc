"""What Lee, Liu and Trukhin trained, by name, with everything their report leaves open decided in the open."""

from __future__ import annotations

from collections.abc import Mapping

from generation.core.spec import Scalar
from generation.core.tasks import Preset

_SEED = "Lee, Liu and Trukhin, Effect of Hyper-Parameters on Image Colorization"

_PROTOCOL: Mapping[str, Scalar] = {
    "layers": "standard",
    "width": 64,
    "train_size": 256,
    "init": "normal",
    "init_gain": 0.02,
    "gan": "vanilla",
    "l1_weight": 100.0,
    "learning_rate": 5e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "batch": 16,
    "epochs": 100,
    "decay": "none",
}

_OPEN = (
    "Decided where the report is silent: photographs are scaled by their shorter side and cut in the middle, in a new "
    "order each epoch; He and Glorot as in the code it was built on (Glorot with gain 0.02)."
)

PRESETS: Mapping[str, Preset] = {
    "lee2022_isola": Preset(
        "U-Net of Isola et al. in a conditional GAN on L*a*b*",
        {**_PROTOCOL, "model": "isola", "ab_scale": 110.0},
        f"{_SEED}, table 2",
        f"{_OPEN} The default depth is 8 (its text says 7, its table varies 7 and 9 around it); 9 levels do not fit "
        "256 px, so the ninth holds 1 x 1.",
    ),
    "lee2022_zhang": Preset(
        "Network of Zhang et al. without its blocks 5 to 7 in a conditional GAN on L*a*b*",
        {**_PROTOCOL, "model": "zhang", "ab_scale": 1.0},
        f"{_SEED}, table 1",
        f"{_OPEN} Its losses are in raw units of a* and b*, 110 times those of table 2; ab_scale = 110 brings both to "
        "one scale.",
    ),
}
