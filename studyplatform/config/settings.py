"""Settings, all from the environment; `var/` holds everything the project makes on this machine.

One file for every place it runs: `EYEBALLOT_DEBUG` is off unless asked for, and production refuses to start without a
secret key (see `checks.py` for the rest).
"""

from ipaddress import ip_network
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from studyplatform.config.logs import logging_settings
from studyplatform.config.places import origin, places

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.Env()

VAR = Path(env.str("EYEBALLOT_VAR", default=str(BASE_DIR / "var"))).resolve()
VAR.mkdir(parents=True, exist_ok=True)
DEBUG = env.bool("EYEBALLOT_DEBUG", default=False)


def _secret_key() -> str:
    """The key from the environment; in development one made at first run and kept in `var/` (never in the tree)."""
    if key := env.str("EYEBALLOT_SECRET_KEY", default=""):
        return str(key)
    if not DEBUG:
        raise environ.ImproperlyConfigured(
            "EYEBALLOT_SECRET_KEY is not set. Give production a secret key of 50 random characters in the environment, "
            "or set EYEBALLOT_DEBUG=1 for development (make serve does)."
        )
    from django.core.management.utils import get_random_secret_key

    path = VAR / "secret_key"
    if not path.exists():
        path.write_text(get_random_secret_key())
        path.chmod(0o600)
    return path.read_text()


SECRET_KEY = _secret_key()
# Keys of before: what they signed is still taken, nothing new is signed with them.
SECRET_KEY_FALLBACKS = env.list("EYEBALLOT_SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("EYEBALLOT_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = env.list("EYEBALLOT_ORIGINS", default=[])

INSTALLED_APPS = [
    "studyplatform.config.apps.ConfigApp",
    "evaluation",
    "studyplatform.voting",
    "generation",
    "studyplatform.config.apps.EyeballotAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "axes",
]

MIDDLEWARE = [
    "studyplatform.config.observed.Observed",
    "django.middleware.security.SecurityMiddleware",
    "studyplatform.config.front.Guarded",
    "studyplatform.voting.api.short_way.ShortWay",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "studyplatform.config.front.Watchers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "studyplatform.voting.middleware.DatabaseAway",
]

# A proxy of ours stands in front: it ends HTTPS and says who asks (X-Forwarded-Proto, X-Forwarded-For).
EYEBALLOT_BEHIND_PROXY = env.bool("EYEBALLOT_BEHIND_PROXY", default=False)
# Where our proxies are; without it this machine and private networks (RFC 1918, RFC 4193).
try:
    EYEBALLOT_PROXIES = [ip_network(name.strip()) for name in env.list("EYEBALLOT_PROXIES", default=[])]
except ValueError as error:
    raise environ.ImproperlyConfigured(
        f"EYEBALLOT_PROXIES: {error}. Give networks or addresses separated by commas, like 100.64.0.0/10,203.0.113.5."
    ) from error
# Sessions of one study that begin from one network in a day, 0 for no limit: a university has as many behind one.
EYEBALLOT_JOINS_PER_NETWORK = env.int("EYEBALLOT_JOINS_PER_NETWORK", default=300)
if EYEBALLOT_JOINS_PER_NETWORK < 0:
    raise environ.ImproperlyConfigured(
        f"EYEBALLOT_JOINS_PER_NETWORK is {EYEBALLOT_JOINS_PER_NETWORK}, which would let nobody begin. Give a number "
        "of sessions, or 0 for no limit."
    )

# What this process answers: everything, or participants alone (studies, their pictures, their API).
_URLS = {"all": "studyplatform.config.urls", "participants": "studyplatform.config.participant_urls"}
EYEBALLOT_SERVE = env.str("EYEBALLOT_SERVE", default="all")
if EYEBALLOT_SERVE not in _URLS:
    raise environ.ImproperlyConfigured(
        f"EYEBALLOT_SERVE is {EYEBALLOT_SERVE!r}. It may be all (the default) or participants, which serves nothing of "
        "the admin, the grids, the reports and the researchers' API."
    )
ROOT_URLCONF = _URLS[EYEBALLOT_SERVE]
WSGI_APPLICATION = "studyplatform.config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# SQLite is the embedded default; DATABASE_URL names a PostgreSQL for real studies.
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR / 'eyeballot.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
# Opening a connection costs several times what a vote costs.
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# The folder of pg_dump, pg_restore and psql, where they are not on the PATH.
EYEBALLOT_PG_BIN = env.str("EYEBALLOT_PG_BIN", default="")

# Shared by all processes and needing no further service; it holds only the counts of failed sign-ins. Of a full cache a
# third is thrown away whatever it counts: it must not fill before `forget_networks` has been over it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "shared_cache",
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},
    }
}

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 1  # hours
AXES_ENABLE_ADMIN = False
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "studyplatform.config.sign_ins.SignIns"  # counts under hashed keys: no address is written down
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Whatever the names: as many failures from one network end its sign-ins for the rest of the hour.
EYEBALLOT_FAILURES_PER_NETWORK = 100
AXES_DISABLE_ACCESS_LOG = True
# Behind the proxy all come from its address, and one person's mistakes would lock everybody's door to that account.
AXES_CLIENT_IP_CALLABLE = "studyplatform.voting.addresses.network_asking"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "studyplatform" / "voting" / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
WHITENOISE_USE_FINDERS = DEBUG
STATIC_ROOT.mkdir(exist_ok=True)

# Masters are private. Stimuli are what participants see: pixels only, random names. Reports are the evaluation's files.
REPORTS_ROOT = VAR / "reports"
STIMULI_URL = env.str("EYEBALLOT_STIMULI_URL", default="")
STORAGES = {
    **places(env.str("EYEBALLOT_STORAGE", default=""), VAR, STIMULI_URL),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "studyplatform.config.storage.StaticFiles"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 2000  # a grid of renders made elsewhere comes in one form
FILE_UPLOAD_PERMISSIONS = 0o644

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# What was said to a researcher (titles, names) stays on the server: their cookie would carry no prefix.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]  # asked on the machine itself, see front.Watchers
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
if not DEBUG:
    SECURE_SSL_REDIRECT = env.bool("EYEBALLOT_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    LANGUAGE_COOKIE_SECURE = True
    # Browsers take a cookie of such a name from this host over HTTPS alone, never from a neighbouring host name.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    LANGUAGE_COOKIE_NAME = "__Host-language"
    if EYEBALLOT_BEHIND_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        # The admin's own stylesheet carries two icons as data.
        "img-src": [SELF, "data:", *([origin(STIMULI_URL)] if STIMULI_URL else [])],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["studyplatform.voting.api.bodies.Body"],
    "EXCEPTION_HANDLER": "studyplatform.voting.api.refusals.as_problem",
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Eyeballot",
    "DESCRIPTION": "Serve image pairs, take votes, read the data.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "studyplatform.voting.api.refusals.declare_refusals",
    ],
}

# Rendering: which executor, how many torch threads a worker takes (0: the cores divided by the workers).
EYEBALLOT_ENGINE = env.str("EYEBALLOT_ENGINE", default="processes")
EYEBALLOT_THREADS = env.int("EYEBALLOT_THREADS", default=0)
EYEBALLOT_LEASE_SECONDS = env.int("EYEBALLOT_LEASE_SECONDS", default=300)
EYEBALLOT_BATCH = env.int("EYEBALLOT_BATCH", default=8)
EYEBALLOT_DTYPE = env.str("EYEBALLOT_DTYPE", default="float32")
EYEBALLOT_DETERMINISTIC = env.bool("EYEBALLOT_DETERMINISTIC", default=False)
# Where a training that is under way keeps its state, so that one that was killed goes on. Each machine has its own.
EYEBALLOT_SCRATCH = Path(env.str("EYEBALLOT_SCRATCH", default=str(VAR / "training"))).resolve()

# Lines of JSON for machines to read, or plain words for a terminal. INFO adds a line for each answer.
EYEBALLOT_LOG_FORMAT = env.str("EYEBALLOT_LOG_FORMAT", default="plain" if DEBUG else "json")
if EYEBALLOT_LOG_FORMAT not in ("plain", "json"):
    raise environ.ImproperlyConfigured(f"EYEBALLOT_LOG_FORMAT is {EYEBALLOT_LOG_FORMAT!r}. It may be json or plain.")
LOGGING = logging_settings(form=EYEBALLOT_LOG_FORMAT, level=env.str("EYEBALLOT_LOG", default="WARNING"))

# Numbers for Prometheus under /metrics of the process that serves everything.
EYEBALLOT_METRICS = env.bool("EYEBALLOT_METRICS", default=False)
# Where the daily errand puts backups; /metrics says how old the newest is.
EYEBALLOT_BACKUPS = env.str("EYEBALLOT_BACKUPS", default="")
