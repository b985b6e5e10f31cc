"""Root addresses. Participant routes have a URLconf of their own with nothing of admin in it."""

from django.contrib import admin
from django.urls import include, path

from studyplatform.config import views

urlpatterns = [
    path("", views.home, name="home"),
    path("admin/", admin.site.urls),
    path("report/", include("evaluation.urls")),
    path("grids/", include("generation.urls")),
    path("", include("studyplatform.voting.urls")),
]
