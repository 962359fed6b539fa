"""In which order deliveries of one connector leave: what matters soonest first, and among equals every service in turn."""

from __future__ import annotations

from typing import Final

from ingestd.core.effects import PageReason
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind, PersonName, Severity
from ingestd.core.throttle import FIRST_RANK

AFTER_PAGES: Final = 5
"""The rank of the end of an incident, of posts to rooms and of answers to reporters: nobody has to get up for them."""
WORD_RANK: Final = 9
"""Words come after everything else."""
_AGAIN = frozenset({PageReason.REPEATED, PageReason.STAGE})
STANDS_IN: Final = frozenset({PageReason.CHANNEL_FAILED, PageReason.VENDOR_FAILED, PageReason.NO_RECEIPT})
"""Why a page is sent because another one of the same incident did not get through: it may be the first that the person reads of it."""
_ANEW = frozenset({PageReason.SEVERITY_ROSE, PageReason.REOPENED})


def rank_of(kind: EffectKind, incident: Incident, person: PersonName | None, cause: PageReason | None) -> int:
    """0 for the first page that a person gets of a critical incident; then by severity; what is no page of one comes after."""
    if kind in {EffectKind.NOTICE, EffectKind.POST, EffectKind.ANSWER}:
        return AFTER_PAGES
    if kind is EffectKind.PAGE and incident.severity is Severity.CRITICAL and cause not in _AGAIN:
        told = {name for name, _ in incident.escalation.paged} if incident.escalation else set()
        if cause in _ANEW or person not in told:
            return FIRST_RANK
    return incident.severity.rank + 1


def share_of(rank: int, whose: str) -> str:
    """What deliveries are shared out by: those of one share leave one after the other, those of several take turns.

    Begins with the rank, one digit, so that shares sort by it.
    """
    return f"{rank} {whose}"
