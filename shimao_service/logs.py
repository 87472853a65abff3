"""One line a fact, and no line that opens anything.

The application logs with ``structlog.get_logger(__name__).info("notice_sent", notice=7)``; Django,
Celery and gunicorn (``access_log.py``) log as they do. All of it passes ``redact``: a tracking link opens an owner's
request, so its token never reaches a log, neither as a path nor in a referrer or an error.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

TOKEN = re.compile(r"(/track/)[^/\s?#\"'<>]+")
PASSWORD = re.compile(r"(\w+://[^:/@\s]*:)[^@/\s]+@")  # of a database's or broker's address
HIDDEN = "…"
SECRET_WORDS = ("password", "token", "secret", "phone", "authorization", "cookie")


def redact_text(text: str) -> str:
    """``text`` without tracking tokens and without passwords in addresses."""
    return PASSWORD.sub(rf"\1{HIDDEN}@", TOKEN.sub(rf"\1{HIDDEN}", text))


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last step before a line is written."""
    for key, value in event.items():
        if key.startswith("_"):
            continue
        if any(word in key.lower() for word in SECRET_WORDS):
            event[key] = HIDDEN
        elif isinstance(value, str):
            event[key] = redact_text(value)
        elif not isinstance(value, int | float | bool | None):
            event[key] = redact_text(str(value))
    return event


def as_line(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    """``time level logger: event key=value …``, an exception below it."""
    error = event.pop("exception", None)
    head = " ".join(str(event.pop(name, "-")) for name in ("timestamp", "level", "logger"))
    line = f"{head}: {event.pop('event', '')}" + "".join(f" {key}={value!r}" for key, value in event.items())
    return f"{line}\n{error}" if error else line


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S%z", utc=False),
]


def configure() -> None:
    """Send structlog through the standard library's handlers, so that there is one stream and one format."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def configuration(form: str, level: str) -> dict[str, Any]:
    """The dictConfig for Django: ``form`` is ``line`` or ``json``, ``level`` the least that is written."""
    render: list[Any] = [structlog.processors.JSONRenderer(ensure_ascii=False)] if form == "json" else [as_line]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "fact": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    redact,
                    *render,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "fact"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers (mail to admins, the coloured console) would write past the filter.
            "django": {"handlers": [], "propagate": True, "level": level},
            "django.server": {"handlers": [], "propagate": True, "level": level},
            "celery": {"level": level},
            # A line a beat and a line a task received say nothing; what a task did, it says itself.
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "amqp": {"level": "WARNING"},
            "PIL": {"level": "WARNING"},
        },
    }
