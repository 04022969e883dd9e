"""Structured logs, one JSON object a line, with secrets redacted.

Redaction is the last step before writing. It matches values as well as names, since a foreign error message may carry a
token. Standard-library loggers (gunicorn, rq, alembic, urllib3) go through the same pipeline.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from structlog.typing import Processor

REDACTION = "[redacted]"
_SECRET_NAME = re.compile(
    r"secret|token|password|passwd|authorization|api_?key|\botp\b|\bjwt\b|cookie|credential", re.IGNORECASE
)
_SECRET_VALUES = (
    (re.compile(r"(?i)jwt=[^&\s\"']+"), f"jwt={REDACTION}"),
    (re.compile(r"(?i)(jwt|bearer|basic)\s+[A-Za-z0-9+/_=.~-]{8,}"), rf"\1 {REDACTION}"),
    (re.compile(r"(?<![\w-])(?=[\w-]*?eyJ)[\w-]++\.[\w.-]*"), REDACTION),
    (re.compile(r"sei_[A-Za-z0-9]{8}_[A-Za-z0-9_-]*"), REDACTION),
    (
        re.compile(
            r"(?<![0-9A-Za-z-])[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{4}(-[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{4}){3}(?![0-9A-Za-z-])"
        ),
        REDACTION,
    ),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s]*(?=@)"), REDACTION),
    (re.compile(r"(?<![\w.%+-])[\w.%+-]+@[\w-]+(\.[\w-]+)+"), REDACTION),
)
_DEPTH = 6
_LARGEST = 10**100
"""Longer numbers are no measure of ours; Python refuses to write those of more than 4,300 digits."""
_UNWRITABLE_NUMBER = "[no number]"
_UNWRITABLE = "a log line could not be written"


def configure(*, is_production: bool, level: int = logging.INFO) -> None:
    """Send all logs of this process to standard error: JSON in production, readable lines in development."""
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(default=str)
        if is_production
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for quiet in ("urllib3", "alembic", "rq.worker", "rq.cron", "rq.scheduler", "rq.worker_pool"):
        logging.getLogger(quiet).setLevel(logging.WARNING)


def redact(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Replace secrets by name and by shape, at any depth. Never raises: a log line must not stop the work it tells of."""
    try:
        return {str(name): REDACTION if _SECRET_NAME.search(str(name)) else scrub(event[name]) for name in event}
    except Exception as error:  # noqa: BLE001 - any, by design
        return {"event": _UNWRITABLE, "level": "error", "error": type(error).__name__}


def scrub(value: object, depth: int = 0) -> object:
    """A value with tokens, passwords in URLs and e-mail addresses replaced."""
    if isinstance(value, str):
        for pattern, replacement in _SECRET_VALUES:
            value = pattern.sub(replacement, value)
        return value.encode("utf-8", "replace").decode()  # without lone surrogates, which no strict parser takes
    if depth >= _DEPTH:
        return "[too deep]"
    if isinstance(value, dict):
        return {
            str(scrub(str(name))): REDACTION if _SECRET_NAME.search(str(name)) else scrub(child, depth + 1)
            for name, child in value.items()
        }
    if isinstance(value, list | tuple | set):
        return [scrub(child, depth + 1) for child in value]
    if isinstance(value, int | float | bool | type(None)):
        return value if value is None or -_LARGEST < value < _LARGEST else _UNWRITABLE_NUMBER
    return scrub(_text_of(value), depth + 1)


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the object's own code
        return f"[{type(value).__name__}]"


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to standard error. A line that can't be formatted is told without its contents, which aren't redacted yet."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line. `logging` would raise for an argument of deep nesting."""
        try:
            super().emit(record)
        except RecursionError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Write one fixed line; `logging` would write the message and its arguments."""
        error = type(sys.exc_info()[1]).__name__
        line = {"event": _UNWRITABLE, "level": "error", "logger": record.name, "error": error}
        with suppress(Exception):
            self.stream.write(json.dumps(line) + self.terminator)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
