"""What the simulator must know of a ticket service to check the books, whatever protocol the service speaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from ingestd.ports import TicketSystem
from ingestd.testing.outside import Fault, OutsideTickets
from ingestd.testing.world import World


class TicketBooks(Protocol):
    """The ticket service as the books see it, whatever protocol it speaks."""

    faults: list[Any]
    """Befall the next requests; consumed."""

    def known_faults(self) -> Sequence[Any]:
        """What can befall a request."""

    def refuses_for_good(self, fault: object) -> bool:
        """Whether a request that meets this fault is never answered with success."""

    def lag(self, seconds: float) -> None:
        """Let the search be late by so much."""

    def system(self, world: World) -> TicketSystem:
        """The connector of a new life."""

    def incidents(self) -> list[str]:
        """The incident of every ticket that exists."""

    def doubled_comments(self) -> list[str]:
        """Comments that stand twice in one ticket."""


class ModelBooks:
    """The ticket system at the height of the port: ``OutsideTickets``."""

    def __init__(self) -> None:
        self.faults: list[Any] = []
        self._kept: OutsideTickets | None = None

    def known_faults(self) -> Sequence[Any]:
        """See ``TicketBooks``."""
        return tuple(Fault)

    def refuses_for_good(self, fault: object) -> bool:
        """See ``TicketBooks``."""
        return fault is Fault.REJECT

    def lag(self, seconds: float) -> None:
        """See ``TicketBooks``."""
        assert self._kept is not None, "the world was started"
        self._kept.index_lag = timedelta(seconds=seconds)

    def system(self, world: World) -> TicketSystem:
        """See ``TicketBooks``."""
        self._kept = world.tickets
        self._kept.faults = self.faults
        return self._kept

    def incidents(self) -> list[str]:
        """See ``TicketBooks``."""
        assert self._kept is not None, "the world was started"
        return [ticket.incident for ticket in self._kept.kept if not ticket.is_deleted]

    def doubled_comments(self) -> list[str]:
        """See ``TicketBooks``."""
        assert self._kept is not None, "the world was started"
        return [
            key
            for ticket in self._kept.kept
            for key, count in Counter(key for key, _ in ticket.comments).items()
            if count > 1
        ]
