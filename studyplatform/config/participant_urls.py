"""Root addresses of a process for participants alone: no admin, no grid, no report, no researchers' API.

``EYEBALLOT_SERVE=participants`` chooses it.
"""

from django.urls import include, path

from studyplatform.config import health
from studyplatform.voting import urls as voting

urlpatterns = [
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("", include((voting.participants, voting.app_name))),
]
