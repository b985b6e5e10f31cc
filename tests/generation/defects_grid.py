"""A grid of defects small enough to be trained in a test: 32 px, width 4, a few pictures of the fixtures."""

from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from generation.models import Grid
from generation.services import grid_lay, grid_layout

FOLDER: Path = settings.BASE_DIR / "fixtures" / "defects"

HEAD = """
[grid]
title = "Tiny defects"
slug = "tiny-defects"
task = "defects"
[sources.hole]
file = "scenes/hole.png"
title = "Hole"
[sources.hole-mask]
file = "scenes/hole-mask.png"
[sources.fold]
file = "scenes/fold.png"
title = "Fold"
[sources.fold-mask]
file = "scenes/fold-mask.png"
[scenes]
content = ["hole", "fold"]
mask = ["hole-mask", "fold-mask"]
[data]
folder = "learning/pictures"
masks = "learning/masks"
limit = 16
[parameters]
levels = 3
width = 4
train_size = 32
epochs = 2
size = 96
flip = false
"""

TOML = (
    HEAD
    + """
[[conditions]]
design = "list"
rows = [
    { optimizer = "adam", learning_rate = 0.03 },
    { optimizer = "sgd", learning_rate = 1.0 },
    { optimizer = "lbfgs", learning_rate = 0.3, full_batch_steps = 2 },
]
[controls]
photograph = true
marking = true
"""
)


def lay(owner: User, text: str = TOML) -> Grid:
    """Lay the grid; nothing is trained yet."""
    return grid_lay(owner=owner, layout=grid_layout(text=text, read=lambda f: (FOLDER / f).read_bytes(), folder=FOLDER))
