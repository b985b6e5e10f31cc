"""Evaluation: holds votes against losses."""

from django.apps import AppConfig


class EvaluationApp(AppConfig):
    name = "evaluation"
    verbose_name = "Verdicts"

    def ready(self) -> None:
        """Whoever is erased is erased from analyses too."""
        from evaluation.erasing import analyses_forget
        from studyplatform.voting.services.people import ERASERS

        if analyses_forget not in ERASERS:
            ERASERS.append(analyses_forget)
