"""Log lines as JSON with the trace id; knows no event. Ids may be logged, names and phone numbers never."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry import trace

from fieldwise_runtime.metrics import counter

# Not by `tracing`, which logs what it cannot do.
LINES: Final = counter("fieldwise_log_lines", "Lines that this process logged, by level.", "level")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, service, logger, event, trace_id when there is one, then the fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "event": record.getMessage(),
        }
        LINES.labels(record.levelname).inc()
        trace_id = trace.get_current_span().get_span_context().trace_id
        if trace_id:
            line["trace_id"] = f"{trace_id:032x}"
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class Logger:
    """Events with fields: ``log.info("plan rejected", reason=..., accounts=...)``."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, **fields: object) -> None:
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """An error with the traceback of the exception being handled."""
        self._write(logging.ERROR, event, fields, exc_info=True)

    def _write(self, level: int, event: str, fields: dict[str, object], exc_info: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            # %-signs of an event are text, not a format: no arguments are passed.
            self._logger.log(level, event, exc_info=exc_info, extra={"fields": fields})


def get_logger(name: str) -> Logger:
    """A module's logger: ``log = get_logger(__name__)``."""
    return Logger(logging.getLogger(name))


def configure(service: str, level: str = "INFO") -> None:
    """Sends all log lines of this process to stderr as JSON under ``service``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Third parties tell what they do at INFO; an operator asks what we do.
    for chatty in ("alembic", "grpc", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
