"""Generation: makes pictures and measures them."""

from django.apps import AppConfig


class GenerationApp(AppConfig):
    name = "generation"
    verbose_name = "Grids"

    def ready(self) -> None:
        """Register the tasks (torch-free; a task is what a grid file can name)."""
        from generation.core import imported, style_transfer  # noqa: F401
        from generation.core.colorization import task as colorization  # noqa: F401
        from generation.core.segmentation import task as defects  # noqa: F401
