"""What the list of studies and the head of a study's form show: how far it is, never which pictures win."""

import contextlib

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from studyplatform.voting.models import Study
from studyplatform.voting.selectors import study_pair
from studyplatform.voting.selectors.lists import counts_of, pairs_of, study_counts, votes_said


class StudyList(ChangeList):
    """The list of studies: counts and pictures of all its rows are read together."""

    def get_results(self, request: HttpRequest) -> None:
        """The rows of the page, each with what its columns show."""
        super().get_results(request)
        shown = list(self.result_list)
        counts, pairs = counts_of(shown), pairs_of(shown)
        for study in shown:
            study.counts, study.pictures = counts[study.pk], pairs.get(study.pk)
        self.result_list = shown


class StudyColumns:
    """The columns of the study's admin."""

    @admin.display(description="state", ordering="state")
    def state_badge(self, study: Study) -> SafeString:
        """The state, and whether the votes are simulated."""
        if study.pk is None:
            return format_html("{}", "new")
        badge = format_html('<span class="state state-{}">{}</span>', study.state, study.get_state_display())
        if study.simulated:
            badge = format_html('{} <span class="state state-simulated">SIMULATED</span>', badge)
        return badge

    @admin.display(description="pictures")
    def pair(self, study: Study) -> SafeString:
        """Two pictures of the first scene, in the order of their random names."""
        pair = study.pictures if hasattr(study, "pictures") else study_pair(study) if study.pk else None
        if pair is None:
            return format_html("{}", "published when the study opens")
        return format_html_join(" ", '<img class="thumb" src="{}" alt="">', [(pair.left,), (pair.right,)])

    @admin.display(description="participants")
    def people(self, study: Study) -> str:
        """How far it is."""
        if study.pk is None:
            return "none yet"
        c = study.counts if hasattr(study, "counts") else study_counts(study)
        apart = f"; apart from {c.previews} previews, pilots or simulated participants" if c.previews else ""
        votes = votes_said(study, c.votes)
        return f"{c.started} started, {c.finished} of {c.planned} finished, {votes}{apart}"

    @admin.display(description="pages")
    def links(self, study: Study) -> SafeString:
        """Where to vote, and what came out."""
        if study.pk is None:
            return format_html("{}", "after saving")
        if study.state == Study.State.DRAFT:  # nobody can vote yet, and there is nothing to report
            return format_html('<a href="{}">{}</a>', reverse("admin:voting_study_preview", args=[study.pk]), "Preview")
        pages = [(reverse("voting:landing", args=[study.slug]), "Vote page")]
        with contextlib.suppress(NoReverseMatch):  # voting can be served without evaluation's pages
            pages.append((reverse("evaluation:report", args=[study.slug]), "Report"))
        return format_html_join(" · ", '<a href="{}">{}</a>', pages)

    @admin.display(description="frozen design")
    def frozen_design(self, study: Study) -> str:
        """The digest, once there is one."""
        return f"SHA-256 {study.design_digest}" if study.design_digest else "not frozen yet"
