"""gunicorn as the project is served: ``gunicorn --config deploy/gunicorn.conf.py studyplatform.config.wsgi``.

How many workers and threads comes from the environment; what cannot be chosen well in two ways is fixed here.
"""

import contextlib
import os
from pathlib import Path

from gunicorn.glogging import Logger

from studyplatform.config.logs import logging_settings

# A socket handed over by systemd goes before this.
bind = os.environ.get("EYEBALLOT_BIND", "127.0.0.1:8000")
# Threads wait for the database most of the time: 2.6 times the votes of workers without.
worker_class = "gthread"
workers = int(os.environ.get("EYEBALLOT_WEB_WORKERS", "2"))
threads = int(os.environ.get("EYEBALLOT_WEB_THREADS", "4"))
# Each worker loads the code itself: HUP then brings new code up while the old still answers. Preloading would share
# some memory, and keep the old code for as long as the master lives.
preload_app = False
# A worker that answers nothing for so long is hung. Those told to stop may finish what they are at.
timeout = 60
graceful_timeout = 30
# Memory that a library loses stays bounded; the jitter keeps workers from going at once.
max_requests = 20_000
max_requests_jitter = 2_000
# nginx opens a connection per request; one that waits longer than that is somebody else.
keepalive = 5
# A reload must not fail for the want of a folder to write in.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  (Linux's memory, not a file)
control_socket_disable = True
# gunicorn's own words quote addresses and paths with keys in them (see studyplatform/config/logs.py).
_level = os.environ.get("EYEBALLOT_LOG", "WARNING")
logconfig_dict = {
    **logging_settings(form=os.environ.get("EYEBALLOT_LOG_FORMAT", "json"), level=_level),
    "loggers": {"gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True}},
}


class logger_class(Logger):  # noqa: N801  (gunicorn's name for the setting)
    """No access log, which gunicorn switches on for whoever configures logging: it is all about whoever asked."""

    access_log_enabled = False

    def access(self, *about):  # type: ignore[no-untyped-def]
        """Says nothing; versions before 25 ask no property."""


_counted = None
if os.environ.get("EYEBALLOT_METRICS", "").lower() in ("1", "true", "yes", "on"):
    # Beside one another, by what each serves: /metrics of the researchers' process adds up all of them.
    _var = Path(os.environ.get("EYEBALLOT_VAR", Path(__file__).resolve().parent.parent / "var"))
    _counted = _var / "metrics" / os.environ.get("EYEBALLOT_SERVE", "all")
    _counted.mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_counted)


def on_starting(server):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Counts begin anew with the server, not with a reload; Prometheus expects that. What a worker counted stays when
    it ends, so this is also when the files of those that ended go."""
    if _counted is not None:
        for file in _counted.glob("*.db"):
            with contextlib.suppress(OSError):
                file.unlink()
