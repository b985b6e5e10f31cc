"""The defect detection of Geng et al. by name, with everything that their abstract leaves open decided in the open."""

from __future__ import annotations

from collections.abc import Mapping

from generation.core.tasks import Preset

PRESETS: Mapping[str, Preset] = {
    "geng2021_defects": Preset(
        "U-Net with Dice + focal loss, as Geng et al. compare optimisers on",
        {
            "levels": 5,
            "width": 16,
            "train_size": 256,
            "dice_weight": 1.0,
            "focal_weight": 1.0,
            "dice_smooth": 1.0,
            "focal_gamma": 2.0,
            "focal_alpha": 0.25,
            "batch": 4,
            "epochs": 100,
            "decay": "none",
        },
        "Geng et al. 2021, Comparing optimization methods for deep learning in image processing applications: abstract "
        "and references (U-Net, Dice, AnatomyNet's Dice + focal, RetinaNet)",
        "Only the abstract and the references are at hand: network, loss and optimisers are inferred from what they "
        "cite. Sizes, epochs and batch are ours, and so are the pictures unless a folder of real ones is given.",
    ),
}
