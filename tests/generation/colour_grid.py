"""A colorization grid small enough to be trained in a test: 32 px, width 8, crops of the photographs in fixtures."""

from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from generation.models import Grid
from generation.services import grid_lay, grid_layout

FOLDER: Path = settings.BASE_DIR / "fixtures" / "colour"

TOML = """
[grid]
title = "Tiny colours"
slug = "tiny-colours"
task = "colorization"
[sources.cat]
file = "scenes/cat.jpg"
title = "Cat"
[sources.coffee]
file = "scenes/coffee.jpg"
title = "Coffee"
[scenes]
content = ["cat", "coffee"]
[data]
folder = "photographs"
crops = 8
[parameters]
width = 8
train_size = 32
epochs = 2
learning_rate = 1e-3
size = 96
[[conditions]]
design = "one_at_a_time"
default = { model = "isola", label = "U-Net" }
learning_rate = [2e-4]
[[conditions]]
design = "one_at_a_time"
default = { model = "zhang", label = "Zhang" }
[controls]
grey = true
"""


def lay(owner: User, text: str = TOML) -> Grid:
    """Lay the grid; nothing is trained yet."""
    return grid_lay(owner=owner, layout=grid_layout(text=text, read=lambda f: (FOLDER / f).read_bytes(), folder=FOLDER))
