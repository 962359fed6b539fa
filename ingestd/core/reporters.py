"""Who reported an incident from outside: remembered once, answered once, and told how it stands whenever that changes.

What is queued is one answer that says how the incident stands when it leaves: see ``workers.answering``. So nobody reads that their report
was received after they have read that it is over, and what a resolution and a return within a minute leave is no mail at all.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from ingestd.core.alert import Alert
from ingestd.core.draft import Draft
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKind, IncidentState
from ingestd.core.reporter import REPORTERS_MAX, Reporter
from ingestd.core.ruleset import Classification
from ingestd.core.safe_text import one_line

WORDS_CHARS_MAX = 500
"""So much of what a further reporter writes stands on the timeline and in the ticket; the whole of it is among the alerts."""


class Told(StrEnum):
    """What somebody who reported an incident has been told of it."""

    RECEIVED = "received"
    RESOLVED = "resolved"
    REOPENED = "reopened"


def joined(draft: Draft, incident: Incident, alert: Alert, *, is_opening: bool) -> Incident:
    """The alert has been taken into the incident: if it is a report, its reporter is remembered and answered.

    ``is_opening``: the ticket is being opened for this alert, so that what is written down stands in it anyway.
    """
    reporter = alert.reporter
    if reporter is None or not reporter.address:
        return incident
    before = of(incident, reporter.address)
    if before is not None:
        return _once_more(draft, incident, before, replace(reporter, reported_at=draft.now))
    if len(incident.reporters) >= REPORTERS_MAX:
        draft.note(
            incident, "report", "one more reported it and is not told of it: there are too many", reason="too_many"
        )
        return incident
    known = replace(reporter, reported_at=draft.now)
    incident = draft.put_incident(replace(incident, reporters=(*incident.reporters, known)))
    so_far = "" if len(incident.reporters) == 1 else f"; {len(incident.reporters)} people so far"
    # The first one's words stand in the ticket as its summary.
    words = "" if is_opening else one_line(alert.annotations.get("description", ""), WORDS_CHARS_MAX)
    text = f"reported by {_shown(reporter)}{so_far}{f': {words}' if words else ''}"
    draft.note(incident, "report", text, reason="reported", for_ticket=not is_opening)
    return _answer(draft, incident, known, Told.RECEIVED)


def _once_more(draft: Draft, incident: Incident, before: Reporter, again: Reporter) -> Incident:
    """Somebody reports it again: they count as of now, and are answered if nobody answers where they wrote first."""
    is_answered_now = bool(again.connector) and not before.connector
    known = again if is_answered_now else replace(before, reported_at=again.reported_at)
    reporters = tuple(known if one is before else one for one in incident.reporters)
    incident = draft.put_incident(replace(incident, reporters=reporters))
    return _answer(draft, incident, known, Told.RECEIVED) if is_answered_now else incident


def tell_all(draft: Draft, incident: Incident) -> Incident:
    """It is over, or has come back: whoever reported it is told, once each time."""
    told = Told.REOPENED if incident.state.is_open else Told.RESOLVED
    for reporter in incident.reporters:
        incident = _answer(draft, incident, reporter, told)
    return incident


def _answer(draft: Draft, incident: Incident, reporter: Reporter, told: Told) -> Incident:
    if not reporter.connector:
        return incident
    return draft.add_effect(
        incident,
        reporter.connector,
        EffectKind.ANSWER,
        channel=Channel.EMAIL,
        address=reporter.address,
        reason=told.value,
    )


def due(state: IncidentState, told: Told | None) -> Told | None:
    """What is to be told of an incident in this state to somebody who was told this last; None if nothing is."""
    if not state.is_open:
        return None if told is Told.RESOLVED else Told.RESOLVED
    if told is None:
        return Told.RECEIVED
    return Told.REOPENED if told is Told.RESOLVED else None


def of(incident: Incident, address: str) -> Reporter | None:
    """Who reported the incident from this address; None if nobody did."""
    plain = address.lower()
    return next((one for one in incident.reporters if plain and one.address.lower() == plain), None)


def weighed(draft: Draft, incident: Incident, label: Classification, alert: Alert) -> Classification:
    """The classification of a report that has joined this incident: so many people within that time mean more than one does."""
    many = label.many_reports
    if many is None or alert.reporter is None:
        return label
    begin = draft.now - timedelta(seconds=many.within_seconds)
    count = sum(one.reported_at is not None and one.reported_at > begin for one in incident.reporters)
    if count < many.count or not many.severity.is_worse_than(label.severity):
        return label
    if many.severity.is_worse_than(incident.severity):
        text = f"{count} people reported it within {many.within_seconds // 60} min"
        draft.note(incident, "report", text, reason="many_reports", for_ticket=True)
    return replace(
        label,
        impact=many.impact,
        urgency=many.urgency,
        severity=many.severity,
        policy=many.policy,
        page_when=many.page_when,
        ack_within_seconds=many.ack_within_seconds,
    )


def _shown(reporter: Reporter) -> str:
    return f"{reporter.name} <{reporter.address}>" if reporter.name else reporter.address
