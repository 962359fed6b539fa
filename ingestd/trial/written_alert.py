"""Alerts as people write them down, made real by the production reader: identity, limits and links are those of a webhook.

The names are those of matchers: a bare name is a label, ``annotations.NAME`` an annotation, ``alert.source`` who sends it,
``alert.summary`` and ``alert.value`` what it says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from ingestd.config.model import Config
from ingestd.config.problems import did_you_mean
from ingestd.core import sources
from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.fingerprint import alert_key, label_fingerprint
from ingestd.core.mail.arrival import Arrival, joined, parted
from ingestd.core.matchers import ANNOTATION_PREFIX
from ingestd.core.names import AlertStatus
from ingestd.core.sources import ReadLimits, SourceKind, SourceWays

SOURCE_FIELD: Final = "alert.source"
SUMMARY_FIELD: Final = "alert.summary"
VALUE_FIELD: Final = "alert.value"
_OF_MAIL: Final = {"alert.sender": "sender", "alert.subject": "subject", "alert.body": "body"}
_WRITABLE: Final = (SOURCE_FIELD, SUMMARY_FIELD, VALUE_FIELD, *_OF_MAIL)
_DERIVED: Final = {
    "alert.rule": "it follows from the label alertname (or rulename): write that",
    "alert.status": "an alert fires; for its end there is  resolve",
}


class WrittenAlertError(ValueError):
    """What is written makes no alert. ``name`` is the field at fault, or empty; ``hint`` says what to write and may be empty."""

    def __init__(self, text: str, *, name: str = "", hint: str = "") -> None:
        super().__init__(text)
        self.name = name
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Doors:
    """The sources of a configuration, as their readers see them; a source that is not there reads as Alertmanager does."""

    kinds: Mapping[str, SourceKind] = field(default_factory=dict)
    limits: Mapping[str, ReadLimits] = field(default_factory=dict)
    ways: Mapping[str, SourceWays] = field(default_factory=dict)

    @property
    def usual(self) -> str:
        """The source of an alert that names none: the first Alertmanager, else the first of all."""
        managers = [name for name, kind in self.kinds.items() if kind is SourceKind.ALERTMANAGER]
        return next(iter([*managers, *self.kinds]), SourceKind.ALERTMANAGER.value)

    def knows(self, source: str) -> bool:
        """Whether a payload can be read as from this source: it is one, or the name of a kind."""
        return source in self.kinds or source in set(SourceKind)

    def read(self, source: str, body: bytes, received_at: datetime | None = None) -> ParsedEnvelope | Unreadable:
        """What the daemon would make of the body at that instant; without one, what does not depend on it."""
        kind = self.kinds.get(source) or (SourceKind(source) if source in set(SourceKind) else SourceKind.ALERTMANAGER)
        ways = self.ways.get(source) or SourceWays()
        if kind is SourceKind.EMAIL and parted(body) is None:  # a raw message, which a person saved as a file
            body = joined(Arrival("smtp"), body)
        return sources.read(kind, source, body, self.limits.get(source) or ReadLimits(), ways, received_at)


def doors_of(config: Config) -> Doors:
    """The sources of this configuration."""
    return Doors(
        {name: source.kind for name, source in config.sources.items()},
        {name: config.limits_of(name).reading for name in config.sources},
        {name: config.ways_of(name) for name in config.sources},
    )


def check_name(name: str) -> None:
    """Raise ``WrittenAlertError`` for a name that nothing can be written under."""
    if name in _DERIVED:
        raise WrittenAlertError(f'"{name}" cannot be written', name=name, hint=_DERIVED[name])
    if name.startswith("alert.") and name not in _WRITABLE:
        raise WrittenAlertError(f'there is no field "{name}"', name=name, hint=did_you_mean(name, _WRITABLE))
    if name.startswith("labels.") and len(name) > len("labels."):
        hint = f'a bare name is a label: write "{name.removeprefix("labels.")}"'
        raise WrittenAlertError(f'there is no field "{name}"', name=name, hint=hint)
    if name == ANNOTATION_PREFIX:
        raise WrittenAlertError("an annotation has a name", name=name, hint="write  annotations.NAME")


def source_of(fields: Mapping[str, str], doors: Doors) -> str:
    """Who sends what is written."""
    return fields.get(SOURCE_FIELD) or doors.usual


def written_alert(
    fields: Mapping[str, str],
    doors: Doors,
    status: AlertStatus,
    *,
    starts_at: datetime,
    ends_at: datetime | None = None,
) -> Alert:
    """The alert that is read from a webhook with these fields, when it starts. Raises ``WrittenAlertError`` if there is none.

    It expires as ``auto_resolve_after`` of its source says.
    """
    for name in fields:
        check_name(name)
    source = source_of(fields, doors)
    labels = {n: v for n, v in fields.items() if n not in _WRITABLE and not n.startswith(ANNOTATION_PREFIX)}
    annotations = {
        name.removeprefix(ANNOTATION_PREFIX): value
        for name, value in fields.items()
        if name.startswith(ANNOTATION_PREFIX)
    }
    if SUMMARY_FIELD in fields:
        annotations["summary"] = fields[SUMMARY_FIELD]
    mail: dict[str, str] = {attribute: fields[name] for name, attribute in _OF_MAIL.items() if name in fields}
    raw = {
        "status": status.value,
        "labels": labels or dict.fromkeys(mail, "mail"),  # a mail need not have any, a webhook's alert must
        "annotations": annotations,
        "startsAt": starts_at.isoformat(),
        "endsAt": ends_at.isoformat() if ends_at else None,
        "valueString": fields.get(VALUE_FIELD),
    }
    # What other sources make of a body is tried with a payload; alerts that are written down are written as for Alertmanager.
    is_grafana = doors.kinds.get(source) is SourceKind.GRAFANA or source == SourceKind.GRAFANA
    kind = SourceKind.GRAFANA if is_grafana else SourceKind.ALERTMANAGER
    head: dict[str, object] = {"version": "1", "orgId": 1} if is_grafana else {"version": "4"}
    body = json.dumps({**head, "alerts": [raw]}).encode()
    parsed = sources.read(kind, source, body, doors.limits.get(source) or ReadLimits())
    if isinstance(parsed, Unreadable):
        raise WrittenAlertError(parsed.detail.partition(";")[0].replace("alerts[0].", ""))
    alert = sources.with_expiry(parsed, doors.ways.get(source) or SourceWays(), starts_at).alerts[0]
    if not mail:
        return alert
    # Two mails that differ in who sent them or in their subject are two alerts, if their labels say nothing else.
    identity = labels | {name: mail[name] for name in ("sender", "subject") if name in mail}
    return replace(
        alert,
        labels=labels if not labels else alert.labels,
        key=alert_key(source, label_fingerprint(identity)),
        sender=mail.get("sender", ""),
        subject=mail.get("subject", ""),
        body=mail.get("body", ""),
    )
