"""Settings of ``manage.py evaluate --bundle``: no database, no secret, nothing written beside --out."""

from typing import Any

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "generation",
    "studyplatform.voting",
    "evaluation",
]
DATABASES: dict[str, Any] = {}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
