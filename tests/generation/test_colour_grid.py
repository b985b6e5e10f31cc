"""A colorization grid through the real trainer: every picture with its numbers, made again to the same bytes."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from generation.models import Render, Score, Training
from generation.selectors import grid_progress
from generation.services.rerender import rerender
from generation.services.work import work
from tests.generation import colour_grid

pytestmark = pytest.mark.django_db

TOML = (
    colour_grid.TOML[: colour_grid.TOML.index("[[conditions]]")]
    + """
[[conditions]]
design = "list"
rows = [
    { label = "U-Net" },
    { label = "U-Net, epoch 1", at_epoch = 1 },
    { label = "U-Net, vivid", chroma_gain = 1.5 },
    { label = "classes, cold", model = "zhang_class", layers = "skip567", temperature = 0.1 },
    { label = "classes, warm", model = "zhang_class", layers = "skip567", temperature = 1.0 },
]
[controls]
photograph = true
"""
)


def scores(render: Render) -> dict[str, float | str]:
    """Key -> value, or the reason why there is none."""
    rows = render.scores.select_related("metric")
    return {s.metric.key: s.value if s.value is not None else s.reason for s in rows}


def test_one_network_gives_the_pictures_of_all_its_conditions(
    owner: User, settings: LazySettings, tmp_path: Path
) -> None:
    settings.EYEBALLOT_SCRATCH = tmp_path
    settings.EYEBALLOT_DETERMINISTIC = True
    grid = colour_grid.lay(owner, TOML)
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "12 of 12 rendered"
    assert Training.objects.count() == 2, "epochs, gains and temperatures train nothing"
    assert not Score.objects.filter(status=Score.Status.FAILED).exists()

    labels = dict(grid.conditions.values_list("label", "condition_id"))
    of = {label: grid.cells.filter(condition=pk).first().render for label, pk in labels.items()}  # type: ignore[union-attr]
    told = {label: scores(render) for label, render in of.items()}
    assert told["U-Net, epoch 1"]["train_g"] != told["U-Net"]["train_g"], "each epoch has its own losses"
    assert told["U-Net, vivid"]["train_g"] == told["U-Net"]["train_g"]
    assert float(told["U-Net, vivid"]["chroma_ratio"]) > float(told["U-Net"]["chroma_ratio"])
    assert float(told["classes, cold"]["chroma_ratio"]) > float(told["classes, warm"]["chroma_ratio"])
    assert "discriminator" in str(told["classes, warm"]["g_gan"])
    assert told["photograph"]["ab_error"] == 0.0
    assert (of["U-Net"].steps, of["U-Net, epoch 1"].steps) == (2, 1)

    again = rerender(render=of["U-Net, vivid"])
    assert again.same, again.words
