"""Addresses of voting: participants' pages, their pictures, the API. Nothing of the admin is in here.

``participants`` alone is what a process for participants serves.
"""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.i18n import set_language

from studyplatform.voting import views
from studyplatform.voting.api import urls as api

app_name = "voting"

participants: list[URLPattern | URLResolver] = [
    path("s/<slug:slug>/", views.landing, name="landing"),
    path("s/<slug:slug>/start/", views.start, name="start"),
    path("s/<slug:slug>/consent/", views.consent, name="consent"),
    path("s/<slug:slug>/decline/", views.decline, name="decline"),
    path("s/<slug:slug>/checks/", views.checks, name="checks"),
    re_path(
        r"^s/(?P<slug>[-\w]+)/checks/(?P<tries>[0-9]+)/(?P<name>shapes|plate[0-2])\.png$",
        views.check_picture,
        name="check_picture",
    ),
    path("s/<slug:slug>/instructions/", views.instructions, name="instructions"),
    path("s/<slug:slug>/vote/", views.trial, name="trial"),
    path("s/<slug:slug>/back/", views.back, name="back"),
    path("s/<slug:slug>/debrief/", views.debrief, name="debrief"),
    path("s/<slug:slug>/thanks/", views.thanks, name="thanks"),
    path("s/<slug:slug>/withdraw/", views.withdraw, name="withdraw"),
    re_path(r"^stimuli/(?P<folder>[0-9a-f]{32})/(?P<name>[0-9a-f]{32})\.png$", views.stimulus, name="stimulus"),
    path("language/", set_language, name="language"),
    path("api/v1/", include(api.participants)),
]

urlpatterns = [
    *participants,
    re_path(
        r"^stimuli/(?P<folder>preview-[0-9a-f]{24})/(?P<name>[0-9a-f]{32})\.png$",
        views.preview_stimulus,
        name="preview_stimulus",
    ),
    path("api/v1/", include(api.researchers)),
]
