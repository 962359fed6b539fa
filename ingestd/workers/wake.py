"""Who is woken after a commit. A bell that nobody hears loses nothing: every worker looks by itself after a while."""

from __future__ import annotations

from collections.abc import Iterable

from ingestd.core.effects import Decision
from ingestd.workers.worker import Bell


class Wake:
    """The bells of the workers, hung up by the composition root."""

    def __init__(self) -> None:
        self.processor = Bell()
        self.timekeeper = Bell()
        self.drills = Bell()
        self.receipts = Bell()
        self.contacts = Bell()
        self.roster = Bell()
        self.dispatchers: dict[str, Bell] = {}

    def after(self, connectors: Iterable[str], *, has_deadlines: bool) -> None:
        """A transaction queued deliveries for these connectors, and perhaps set deadlines."""
        for connector in connectors:
            if connector in self.dispatchers:
                self.dispatchers[connector].ring()
        if has_deadlines:
            self.timekeeper.ring()

    def after_decision(self, decision: Decision) -> None:
        """A decision was written."""
        # In the order in which they were queued: a set of names would ring the bells in another order in each process.
        queued = [effect.connector for effect in decision.effects] + [word.connector for word in decision.words]
        self.after(dict.fromkeys(queued), has_deadlines=decision.has_dues)
        if decision.contacts:
            self.contacts.ring()
