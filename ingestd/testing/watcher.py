"""Who watches ingestd from outside: a service that is called while all is well, as an HTTP client that keeps when it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ingestd.errors import OutcomeUnknown
from ingestd.ports import HttpReply, HttpRequest


@dataclass(slots=True)
class OutsideWatcher:
    """Counts the beats that reach it. ``is_reachable``: whether any does."""

    now: Callable[[], datetime]
    beats: list[datetime] = field(default_factory=list)
    urls: set[str] = field(default_factory=set)
    is_reachable: bool = True

    async def send(self, request: HttpRequest) -> HttpReply:
        """See ``HttpClient``."""
        if not self.is_reachable:
            raise OutcomeUnknown("the watcher does not answer")
        self.beats.append(self.now())
        self.urls.add(request.url)
        return HttpReply(200)
