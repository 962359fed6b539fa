"""Waiting for a state, never for a while: every wait asks again and again until it holds, and says at its deadline what did not come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02


def until(ask: Callable[[], T], seconds: float, what: str, *, last_words: Callable[[], str] = lambda: "") -> T:
    """The first answer of ``ask`` that is true. Fails with ``what`` and ``last_words`` if none is within ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := ask():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}\n{last_words()}".rstrip())
        time.sleep(PAUSE_SECONDS)
