"""Sets up the log: one line per event on stderr, as JSON or logfmt, with everything secret taken out.

Whoever can set a label can put text into a field. So the name of an event is a constant, text stands in fields only, and every
control character in a field is written as an escape: no text can begin a second line or colour a terminal.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ingestd.ambient import Clock, SystemClock
from ingestd.telemetry import log_events
from ingestd.telemetry.log_masking import Mask, visible

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LEVELS_DOWN = sorted({*LEVELS.values(), logging.CRITICAL}, reverse=True)
FORMATS = ("logfmt", "json")
_FIRST_KEYS = ["at", "level", "event"]


class _Line:
    """A stream that takes whole lines. A log that cannot be written (full disk, closed pipe) never stops the daemon."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def msg(self, message: str) -> None:
        """Write one line and flush it."""
        try:
            stream = self._stream or sys.stderr
            stream.write(message + "\n")
            stream.flush()
        except (OSError, ValueError):
            return

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = err = msg


_REPEATED_SECONDS = 10.0
_REPEATED_CHARS = 60
_REPEATED_MAX = 1000


class _FromLibraries(logging.Handler):
    """Brings the records of libraries, which use the standard library's logging, into the same log.

    What begins like a record of a moment ago is counted instead: without file handles left, asyncio writes thousands in a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str, str], tuple[float, int]] = {}

    def _repeated_count(self, record: logging.LogRecord, text: str) -> int | None:
        """How many like it were left out before this one; None if it is to be left out too."""
        key = (record.name, text[:_REPEATED_CHARS], repr(record.exc_info[1])[:200] if record.exc_info else "")
        since, count = self._seen.get(key, (float("-inf"), 0))
        if 0 <= record.created - since < _REPEATED_SECONDS:
            self._seen[key] = (since, count + 1)
            return None
        if len(self._seen) >= _REPEATED_MAX:
            self._seen.clear()
        self._seen[key] = (record.created, 0)
        return count

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 (a library's broken format string is no reason to fail)
            text = str(record.msg)
        repeated = self._repeated_count(record, text)
        if repeated is None:
            return
        structlog.get_logger().log(
            next((level for level in _LEVELS_DOWN if record.levelno >= level), logging.DEBUG),
            log_events.LIBRARY_MESSAGE,
            logger=record.name,
            text=text,
            exc_info=record.exc_info,
            **({"repeated": repeated} if repeated else {}),
        )


def configure(
    level: str,
    format: str,  # noqa: A002 (the word of the configuration file)
    secrets: Iterable[str] = (),
    *,
    clock: Clock | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send every log event from now on to ``stream`` (stderr), from ``level`` up, as ``logfmt`` or ``json``.

    ``secrets`` never appear in a line, whatever field they stand in. May be called again after a reload.
    """
    at_least = LEVELS[level]
    if format not in FORMATS:
        raise ValueError(f"there is no log format {format!r}; there are {', '.join(FORMATS)}")
    structlog.configure(
        processors=[
            _Stamp(clock or SystemClock()),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            Mask(secrets),
            _renderer(format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(at_least),
        logger_factory=lambda *_: _Line(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_FromLibraries()]
    root.setLevel(max(at_least, logging.INFO))
    logging.captureWarnings(True)  # noqa: FBT003 (the standard library's signature)


class _Stamp:
    """Adds the time of day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, _logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        at = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"at": at, **fields}


def _renderer(format: str) -> Processor:  # noqa: A002 (see configure)
    if format == "json":
        return _ordered_json
    return _logfmt


def _ordered_json(logger: WrappedLogger, method: str, fields: EventDict) -> str:
    # ASCII only, so that no line separator of Unicode reaches a reader that splits at it.
    rendered = _JSON(logger, method, _in_order(fields))
    return rendered if isinstance(rendered, str) else rendered.decode()


def _logfmt(logger: WrappedLogger, method: str, fields: EventDict) -> str:
    plain = {_key(key): visible(value) if isinstance(value, str) else value for key, value in _in_order(fields).items()}
    return _LOGFMT(logger, method, plain)


_JSON = structlog.processors.JSONRenderer(ensure_ascii=True)
_LOGFMT = structlog.processors.LogfmtRenderer(bool_as_flag=False)


def _in_order(fields: EventDict) -> dict[str, object]:
    first = {key: fields[key] for key in _FIRST_KEYS if key in fields}
    return {**first, **{str(key): value for key, value in fields.items() if key not in first}}


def _key(key: str) -> str:
    """A key that cannot be taken for anything else; ours are identifiers already."""
    return "".join(char if char.isalnum() or char in "_.-" else "_" for char in key) or "_"
