"""The WSGI entry: `gunicorn studyplatform.config.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyplatform.config.settings")
application = get_wsgi_application()
