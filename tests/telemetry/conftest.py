"""A log that is set up as the daemon sets it up, and put back afterwards."""

from __future__ import annotations

import io
import logging as stdlib_logging
from datetime import UTC, datetime

import pytest
import structlog

from ingestd.telemetry import logging


class StoppedClock:
    def now(self):
        return datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.fixture
def set_up():
    """``set_up("json", secrets=[...])`` gives the stream that the log goes to."""
    root = stdlib_logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def configure(form="json", *, level="debug", secrets=()):
        stream = io.StringIO()
        logging.configure(level, form, secrets, clock=StoppedClock(), stream=stream)
        return stream

    yield configure
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    stdlib_logging.captureWarnings(False)
