"""Generation: makes pictures and measures them."""

from django.apps import AppConfig


class GenerationApp(AppConfig):
    name = "generation"
    verbose_name = "Grids"
