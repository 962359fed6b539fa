"""Source readers: the raw body of a webhook becomes alerts, or a reason why it cannot.

Pure functions of bytes. A reader trusts nothing but its limits, refuses as little as it can (an alert that nobody sees is
worse than one with a text cut short) and says in one line what it could not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.names import AlertStatus
from ingestd.core.sources.alertmanager import read_alertmanager
from ingestd.core.sources.alertmanager_api import read_alertmanager_api
from ingestd.core.sources.elastic import ELASTALERT2, KIBANA, WATCHER
from ingestd.core.sources.embedded_json import is_form, load_form
from ingestd.core.sources.freshdesk_ticket import read_freshdesk_ticket
from ingestd.core.sources.grafana import read_grafana
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.mapped import read_mapped
from ingestd.core.sources.mapping import JsonMapping
from ingestd.core.sources.quarantine import QuarantineReason, quoted, unreadable
from ingestd.core.sources.strict_json import load_document, load_object
from ingestd.core.sources.ways import SourceWays

__all__ = ["MAPPED_KINDS", "QuarantineReason", "ReadLimits", "SourceKind", "SourceWays", "read", "with_expiry"]


class SourceKind(StrEnum):
    """What a source's bodies are written in; the configuration's ``kind:``."""

    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    ALERTMANAGER_API = "alertmanager_api"
    EMAIL = "email"
    FRESHDESK_TICKET = "freshdesk_ticket"
    JSON = "json"
    KIBANA = "kibana"
    WATCHER = "watcher"
    ELASTALERT2 = "elastalert2"


MAPPED_KINDS: Final[Mapping[SourceKind, JsonMapping | None]] = {
    SourceKind.JSON: None,
    SourceKind.KIBANA: KIBANA,
    SourceKind.WATCHER: WATCHER,
    SourceKind.ELASTALERT2: ELASTALERT2,
}
"""The kinds that are read by a mapping: one of ours, or that of the source's configuration."""


class _Reader(Protocol):
    def __call__(self, document: dict[str, object], source: str, limits: ReadLimits) -> ParsedEnvelope | Unreadable: ...


_READERS: Final[Mapping[SourceKind, _Reader]] = {
    SourceKind.ALERTMANAGER: read_alertmanager,
    SourceKind.GRAFANA: read_grafana,
}
_NO_WAYS: Final = SourceWays()


def read(
    kind: SourceKind,
    source: str,
    body: bytes,
    limits: ReadLimits,
    ways: SourceWays = _NO_WAYS,
    received_at: datetime | None = None,
) -> ParsedEnvelope | Unreadable:
    """The alerts in the body of the source called ``source``, or why it cannot be read. Never raises, whatever the bytes.

    ``received_at``: when it came, which some alerts are judged by. The same arguments give the same answer. With the default limits 2 MiB
    of anything cost about 0.1 s of processor time at worst (measured on one shared core: 60 ms for 2,600 real alerts) and less than 50 MiB;
    by a mapping of a dozen texts 0.3 s (0.24 s for 5,000 alerts, the most that are read).
    """
    parsed = _read(kind, source, body, limits, ways, received_at)
    return parsed if isinstance(parsed, Unreadable) else with_expiry(parsed, ways, received_at)


def with_expiry(parsed: ParsedEnvelope, ways: SourceWays, received_at: datetime | None) -> ParsedEnvelope:
    """The alerts, those that fire with the instant at which they count as cleared if their source says when that is."""
    if ways.auto_resolve_seconds is None or received_at is None:
        return parsed
    until = received_at + timedelta(seconds=ways.auto_resolve_seconds)
    return replace(parsed, alerts=tuple(_expiring(alert, until) for alert in parsed.alerts))


def _read(
    kind: SourceKind, source: str, body: bytes, limits: ReadLimits, ways: SourceWays, received_at: datetime | None
) -> ParsedEnvelope | Unreadable:
    if kind is SourceKind.EMAIL:
        from ingestd.core.mail.reading import read_mail  # noqa: PLC0415 (the readers of mail need this package themselves)

        return read_mail(source, body, limits, ways.mail)
    if kind is SourceKind.FRESHDESK_TICKET:
        return read_freshdesk_ticket(body, source, limits, ways.tickets)
    if kind in MAPPED_KINDS:
        return _read_mapped(kind, source, body, limits, ways)
    if kind is SourceKind.ALERTMANAGER_API:
        listed = load_document(body, limits)
        if isinstance(listed, Unreadable):
            return listed
        return read_alertmanager_api(listed, source, limits, received_at, ways.auto_resolve_seconds)
    document = load_object(body, limits)
    if isinstance(document, Unreadable):
        return document
    return _READERS[kind](document, source, limits)


def _read_mapped(
    kind: SourceKind, source: str, body: bytes, limits: ReadLimits, ways: SourceWays
) -> ParsedEnvelope | Unreadable:
    mapping = MAPPED_KINDS[kind] or ways.mapping
    if mapping is None:
        return unreadable(
            QuarantineReason.NOT_THIS_KIND,
            f"the source {quoted(source)} has no mapping now: write its section `json`, then retry the envelope",
        )
    document = load_form(body) if kind is SourceKind.JSON and is_form(body) else load_document(body, limits)
    if isinstance(document, Unreadable):
        return document
    return read_mapped(document, source, limits, mapping, len(body))


def _expiring(alert: Alert, until: datetime) -> Alert:
    if alert.status is not AlertStatus.FIRING or alert.expires_at is not None:
        return alert
    return replace(alert, expires_at=until)
