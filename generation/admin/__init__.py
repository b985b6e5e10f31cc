"""Generation in the admin: pictures, grids from the first line to the contact sheet, metrics, the queue."""

from generation.admin import grids, metrics, queue, sources, trainings

__all__ = ["grids", "metrics", "queue", "sources", "trainings"]
