"""The wiring's own app: settings checks, base templates, the demo."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core import checks


class ConfigApp(AppConfig):
    name = "studyplatform.config"
    label = "config"
    verbose_name = "Eyeballot"

    def ready(self) -> None:
        from studyplatform.config.checks import check_database
        from studyplatform.config.checks_production import check_production

        checks.register(check_database, checks.Tags.database)
        checks.register(check_production, checks.Tags.security, deploy=True)


class EyeballotAdminConfig(AdminConfig):
    """Django's own admin under our name, opening on studies and grids."""

    default_site = "studyplatform.config.admin_site.EyeballotAdminSite"
