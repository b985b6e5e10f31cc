"""Verdicts in the admin: read only, with the way to the report."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from evaluation.models import Analysis
from evaluation.selectors import readable_studies
from generation.admin.access import ReadOnlyAdmin


@admin.register(Analysis)
class AnalysisAdmin(ReadOnlyAdmin):
    """Analyses are made by ``manage.py evaluate`` and never changed."""

    list_display = ["study", "question", "verdict", "report", "created_at"]
    list_select_related = ["study", "question"]
    fields = ["study", "question", "verdict", "sentence", "report", "data_digest", "code_version", "created_at"]
    readonly_fields = [
        "study",
        "question",
        "verdict",
        "sentence",
        "report",
        "data_digest",
        "code_version",
        "created_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Analysis]:
        """Analyses of the studies one may read."""
        return super().get_queryset(request).filter(study__in=readable_studies(request.user))

    @admin.display(description="verdict")
    def verdict(self, analysis: Analysis) -> str:
        """Symbol and word, marked where no person voted."""
        head = analysis.results["headline"]
        simulated = "SIMULATED · " if analysis.study.simulated else ""
        return f"{simulated}{head['mark']} {head['verdict_word']}"

    @admin.display(description="in words")
    def sentence(self, analysis: Analysis) -> str:
        """The verdict's sentence."""
        return analysis.headline

    @admin.display(description="report")
    def report(self, analysis: Analysis) -> SafeString:
        """A link to the page."""
        return format_html('<a href="{}">Report</a>', reverse("evaluation:report", args=[analysis.study.slug]))
