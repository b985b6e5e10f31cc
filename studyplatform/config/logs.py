"""What the server says, one JSON object a line, and nothing about whoever asked.

No address, user agent, cookie, query, token or panel id may come into a log (reliability, F27). Messages of other
packages and of exceptions quote whatever they were given, so while a request is answered only their fixed words, the
exception's class and the places in the code are told; our own messages are told as they are. It imports nothing of
Django: gunicorn's master uses it too.
"""

import json
import logging
import re
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

#: What is told of the request that this thread is answering; empty outside of requests.
request_fields: ContextVar[Mapping[str, Any]] = ContextVar("request_fields", default={})  # noqa: B039 (never changed)
OURS = ("studyplatform", "generation", "evaluation")
# gunicorn writes these with an address or a whole request line in them.
_GUNICORN_ASKED = re.compile(r"(Invalid request|Error handling request)\b")


class JsonFormatter(logging.Formatter):
    """time, level, logger, message; of a request: request, method, route, and at its end status, duration_ms, study."""

    def format(self, record: logging.LogRecord) -> str:
        asking = request_fields.get()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message_of(record, private=bool(asking)),
            **asking,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _told(record.exc_info[1], private=bool(asking) or _asked(record))
        return json.dumps(line, ensure_ascii=False, default=str)


def message_of(record: logging.LogRecord, *, private: bool) -> str:
    """The words of a record; with ``private`` those of other packages without what was filled in."""
    if _asked(record):
        return str(_GUNICORN_ASKED.match(str(record.msg))[0])  # type: ignore[index]  # it did match
    if private or hasattr(record, "request"):
        if record.name.partition(".")[0] in OURS:
            return record.getMessage().split("\n")[0]  # a database quotes rows in the lines after the first
        # Django's words are a template, or the text of an exception that quotes what came.
        return str(record.msg) if record.args else record.name
    return record.getMessage()


def _asked(record: logging.LogRecord) -> bool:
    return record.name.startswith("gunicorn") and _GUNICORN_ASKED.match(str(record.msg)) is not None


def _told(error: BaseException, *, private: bool) -> str:
    """The traceback; with ``private`` each exception of the chain by its class and the lines of code alone."""
    if not private:
        return "".join(traceback.format_exception(error)).rstrip()
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        places = "".join(traceback.format_list(traceback.extract_tb(current.__traceback__)))
        parts.append(f"{places}{type(current).__module__}.{type(current).__qualname__}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n\n".join(reversed(parts))


def logging_settings(*, form: str, level: str) -> dict[str, Any]:
    """A dictionary for ``logging.config``; ``form`` is ``json`` or ``plain``, ``level`` the least that is told."""
    formatters = {"json": {"()": "studyplatform.config.logs.JsonFormatter"}, "plain": {"format": "%(message)s"}}
    console = {"class": "logging.StreamHandler", "formatter": form}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": formatters,
        "handlers": {"console": console},
        "root": {"handlers": ["console"], "level": level},
        # Django's own handlers mail and print whole requests.
        "loggers": {"django": {"handlers": [], "level": "NOTSET", "propagate": True}} if form == "json" else {},
    }
