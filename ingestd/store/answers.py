"""What people tell the daemon about an incident, decided and written in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ingestd.core.answers import Answer, AnswerAction, decide_answer
from ingestd.core.effects import Decision
from ingestd.core.incident import Incident
from ingestd.core.policy import Policy
from ingestd.store import apply, dialect, roster
from ingestd.store import incidents as incident_store

__all__ = ["Answer", "AnswerAction", "Answered", "give"]


@dataclass(frozen=True, slots=True)
class Answered:
    """The incident before and after the answer; ``is_first`` says whether this answer changed its state."""

    before: Incident
    after: Incident
    decision: Decision

    @property
    def is_first(self) -> bool:
        """Whether the answer took effect; otherwise somebody was first, or it was over."""
        return not any(line.reason == "answered_late" for line in self.decision.timeline)


def give(connection: Connection, answer: Answer, policy: Policy, now: datetime) -> Answered | None:
    """Apply the answer; None if there is no such incident."""
    dialect.serialise_decisions(connection)
    before = incident_store.load(connection, answer.incident_id)
    if before is None:
        return None
    decision = decide_answer(answer, before, roster.effective(connection, policy, now), now)
    apply.write(connection, decision, now)
    after = incident_store.load(connection, answer.incident_id)
    assert after is not None, "an incident does not vanish within a transaction"
    return Answered(before, after, decision)
