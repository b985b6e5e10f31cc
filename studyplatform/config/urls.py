"""Root addresses. Participant routes have a URLconf of their own with nothing of admin in it."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from evaluation.api import DictionaryView
from studyplatform.config import health, views

urlpatterns = [
    path("", views.home, name="home"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("admin/", admin.site.urls),
    path("report/", include("evaluation.urls")),
    path("grids/", include("generation.urls")),
    path("api/v1/dictionary/", DictionaryView.as_view(), name="dictionary"),
    path("", include("studyplatform.voting.urls")),
]
if settings.EYEBALLOT_METRICS:
    from studyplatform.config.metrics import metrics

    urlpatterns.append(path("metrics", metrics, name="metrics"))
