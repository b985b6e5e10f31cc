"""Addresses under /api/v1/: participants' and, apart from them, researchers'."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from studyplatform.voting.api import participant as p
from studyplatform.voting.api import researcher as r

session = "studies/<slug:slug>/session/"

participants: list[URLPattern] = [
    path("schema/", SpectacularAPIView.as_view(permission_classes=[AllowAny]), name="api-schema"),
    path(
        "docs/",
        # Split: the page's own script comes from an address, as the policy asks; the template does the same for styles.
        SpectacularSwaggerSplitView.as_view(
            url_name="voting:api-schema", template_name="voting/api_docs.html", permission_classes=[AllowAny]
        ),
        name="api-docs",
    ),
    path(session, p.SessionView.as_view(), name="api-session"),
    path(session + "consent/", p.ConsentView.as_view(), name="api-consent"),
    path(session + "decline/", p.DeclineView.as_view(), name="api-decline"),
    path(session + "checks/", p.ChecksView.as_view(), name="api-checks"),
    path(session + "instructions/", p.InstructionsView.as_view(), name="api-instructions"),
    path(session + "plan/", p.PlanView.as_view(), name="api-plan"),
    path(session + "votes/", p.VoteView.as_view(), name="api-votes"),
    path(session + "undo/", p.UndoView.as_view(), name="api-undo"),
    path(session + "events/", p.EventsView.as_view(), name="api-events"),
    path(session + "finish/", p.FinishView.as_view(), name="api-finish"),
    path(session + "debrief/", p.DebriefView.as_view(), name="api-debrief"),
    path(session + "withdraw/", p.WithdrawView.as_view(), name="api-withdraw"),
]

researchers: list[URLPattern] = [
    path("studies/", r.StudyListView.as_view(), name="api-studies"),
    path("studies/<slug:slug>/stimuli/", r.StimuliView.as_view(), name="api-stimuli"),
    path("studies/<slug:slug>/trials/", r.TrialsView.as_view(), name="api-trials"),
    path("studies/<slug:slug>/votes/", r.VotesView.as_view(), name="api-study-votes"),
    path("studies/<slug:slug>/exports/", r.ExportsView.as_view(), name="api-exports"),
]
