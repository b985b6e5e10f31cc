"""`manage.py rerender GRID`: make stored pictures again and say whether the same bytes come out."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.models import Grid, Render
from generation.selectors import condition_labels
from generation.services.artifacts import ArtifactMissing
from generation.services.rerender import rerender


class Command(BaseCommand):
    help = "Render stored pictures of a grid again, each alone and deterministic, and compare. Nothing is written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("grid", help="slug of the grid")
        parser.add_argument("--scene", help="label of one scene (default: the first)")
        parser.add_argument("--condition", help="label of one condition (default: all)")

    def handle(self, *args: Any, grid: str, scene: str | None, condition: str | None, **options: Any) -> None:
        found = Grid.objects.filter(slug=grid).first()
        if found is None:
            known = ", ".join(Grid.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no grid {grid!r}. Grids: {known}.")
        labels = condition_labels(found)
        cells = list(found.cells.select_related("scene", "render", "render__image"))
        scenes = list(dict.fromkeys(cell.scene.label for cell in cells))
        wanted = scene or scenes[0]
        if wanted not in scenes:
            raise CommandError(f"The grid has no scene {wanted!r}. Scenes: {', '.join(scenes)}.")
        if condition is not None and condition not in labels.values():
            raise CommandError(f"The grid has no condition {condition!r}. Conditions: {', '.join(labels.values())}.")
        for cell in cells:
            label = labels[cell.condition_id]
            made = cell.render.status in (Render.Status.OK, Render.Status.NAN)
            if cell.scene.label == wanted and condition in (None, label) and made:
                try:
                    self.stdout.write(f"{wanted}, {label}: {rerender(render=cell.render).words}.")
                except (ArtifactMissing, KeyError) as error:
                    raise CommandError(str(error.args[0])) from None
