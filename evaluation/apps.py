"""Evaluation: holds votes against losses."""

from django.apps import AppConfig


class EvaluationApp(AppConfig):
    name = "evaluation"
    verbose_name = "Verdicts"
