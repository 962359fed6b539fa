"""Reads what is posted to an Alertmanager's API (``POST /api/v2/alerts``): what a Prometheus sends to its Alertmanagers.

A Prometheus says every alert that fires about once a minute, with an end some minutes ahead, and one that is over for a quarter of an hour
with the end that it had. So an alert fires until its ``endsAt``, and whoever stops saying it lets it end. Facts from Alertmanager's
specification of version 2, and from Prometheus' rule manager and notifier.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.names import AlertStatus
from ingestd.core.sources.alert_list import read_alert_list
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, quoted, unreadable
from ingestd.core.sources.timestamps import read_timestamp

RESOLVE_TIMEOUT_SECONDS: Final = 300
"""So long is an alert good for whose sender names no end; Alertmanager's own default."""


def read_alertmanager_api(
    document: object, source: str, limits: ReadLimits, received_at: datetime | None, good_for_seconds: int | None
) -> ParsedEnvelope | Unreadable:
    """The alerts of the list. One is resolved if its end is not after ``received_at``, else it fires until then; identity is its labels.

    ``good_for_seconds``: for alerts that name no end; Alertmanager's five minutes if None. Without ``received_at`` nobody can tell what is
    over, and everything fires. Both clocks are taken for right: a sender's that is ahead lets alerts end so much later, one that is behind
    by more than the minutes for which an alert is good lets it look resolved when it comes.
    """
    if not isinstance(document, list):
        return unreadable(
            QuarantineReason.NO_ALERTS_FIELD,
            f"the body is {quoted(document)}, not a list of alerts; for the webhook of an Alertmanager set `kind: alertmanager`",
        )
    judged = [_judged(raw, received_at) for raw in document]
    parsed = read_alert_list({"alerts": judged}, source, limits)
    if isinstance(parsed, Unreadable):
        return parsed
    seconds = good_for_seconds or RESOLVE_TIMEOUT_SECONDS
    until = None if received_at is None else received_at + timedelta(seconds=seconds)
    return replace(parsed, alerts=tuple(_expiring(alert, until) for alert in parsed.alerts))


def _judged(raw: object, received_at: datetime | None) -> object:
    """The alert with the status that its end means, and without what this API does not know."""
    if not isinstance(raw, dict):
        return raw
    ends_at = read_timestamp(raw.get("endsAt"))
    is_over = ends_at is not None and received_at is not None and ends_at <= received_at
    return {**raw, "status": "resolved" if is_over else "firing", "fingerprint": None}


def _expiring(alert: Alert, until: datetime | None) -> Alert:
    if alert.status is AlertStatus.RESOLVED:
        return alert
    return replace(alert, ends_at=None, expires_at=alert.ends_at or until)
