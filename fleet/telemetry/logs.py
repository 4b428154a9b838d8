"""How does the fleet write log lines?

structlog over the standard library, so that Celery's and every library's lines get the same shape, ids and redaction.
One line of JSON for machines or coloured text for people, on standard error; levels may differ per subsystem.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Literal, TextIO

# structlog takes rich along if it finds it, for tracebacks nobody asks for here: a tenth of a second and 7 MB per worker.
_HIDDEN = "rich" not in sys.modules and sys.modules.setdefault("rich", None) is None  # type: ignore[arg-type]
import structlog  # noqa: E402
from structlog.stdlib import BoundLogger  # noqa: E402
from structlog.typing import Processor  # noqa: E402

from fleet.errors import ConfigurationError, did_you_mean  # noqa: E402
from fleet.telemetry import tracing  # noqa: E402
from fleet.telemetry.redaction import redact  # noqa: E402

if _HIDDEN:
    del sys.modules["rich"]

ROOT = "fleet"
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def get(subsystem: str) -> BoundLogger:
    """Return the logger of a subsystem: `get("dispatcher").info(Event.TASK_RELEASED, task_id=...)`."""
    logger: BoundLogger = structlog.stdlib.get_logger(f"{ROOT}.{subsystem}", subsystem=subsystem)
    return logger


def configure(level: str = "INFO", form: Literal["console", "json"] = "console", stream: TextIO | None = None) -> None:
    """Set up logging of this process; `level` is `INFO` or `INFO,dispatcher=DEBUG,kombu=ERROR`."""
    levels = parse_levels(level)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace_ids,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _redact,
                *_renderers(form, handler),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(levels.pop(""))
    for name, wanted in levels.items():
        logging.getLogger(f"{ROOT}.{name}").setLevel(wanted)
        logging.getLogger(name).setLevel(wanted)  # a library's own logger, such as kombu


def parse_levels(text: str) -> dict[str, str]:
    """Return level by subsystem; the key `""` is everybody else's."""
    levels = {"": "INFO"}
    for part in filter(None, (item.strip() for item in text.split(","))):
        subsystem, _, level = part.rpartition("=")
        if level.upper() not in _LEVELS:
            hint = did_you_mean(level.upper(), _LEVELS)
            raise ConfigurationError(
                f"log level {level!r}{hint} is unknown: use {', '.join(_LEVELS)}, or `INFO,scaling=DEBUG`"
            )
        levels[subsystem.strip()] = level.upper()
    return levels


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Put ids (task_id, attempt, pool, tenant...) on every line written inside the block."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def _renderers(form: str, handler: logging.StreamHandler[TextIO]) -> list[Processor]:
    if form == "json":
        return [structlog.processors.JSONRenderer(serializer=_dump)]
    return [
        structlog.dev.ConsoleRenderer(colors=handler.stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    ]


def _dump(line: Mapping[str, Any], **_: Any) -> str:
    import orjson

    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _add_trace_ids(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if ids := tracing.current_ids():
        line["trace_id"], line["span_id"] = ids
    return line


def _unconfigured() -> None:
    """Until `configure` runs, write like any library: warnings as plain lines on standard error, redacted."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _redact(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: redact(value, key) for key, value in line.items()}


if not structlog.is_configured():
    _unconfigured()
