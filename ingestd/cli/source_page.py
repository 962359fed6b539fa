"""What a source makes of a body, as a page for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from ingestd.cli.layout import heading, joined, labelled, rows, word
from ingestd.cli.terminal import safe
from ingestd.core.alert import Alert, Unreadable
from ingestd.core.mail.mail_alert import PROBLEM_ANNOTATION
from ingestd.core.mail.reading import MailReading, MailShape
from ingestd.core.mail.sorting import MailWay
from ingestd.core.names import AlertStatus
from ingestd.core.sources.mapping import NOTE, JsonMapping, unfilled
from ingestd.trial.route import Route
from ingestd.trial.tried_body import TriedBody, TriedMail

_ODD: Final = (PROBLEM_ANNOTATION, NOTE)
"""Annotations that say what of a mail or of a mapping did not fit."""

_SHAPES: Final = {
    MailShape.REPORT: "a person's report",
    MailShape.PLAIN: "the mail itself as an alert: no profile knows it",
}


def is_read(tried: TriedBody) -> bool:
    """Whether the source reads all of it; a mail of which nothing is to come is read too."""
    return not isinstance(tried.parsed, Unreadable) and not tried.parsed.refused


def page(tried: TriedBody, routes: Sequence[Route], *, is_explained: bool) -> Iterator[RenderableType]:
    """What it is, then each alert with its identity and where it goes."""
    if tried.mail is not None:
        yield labelled(_mail(tried.mail))
        if is_explained and tried.mail.reading is not None:
            yield heading("Profiles that were asked")
            yield rows(_profiles(tried.mail.reading))
    if isinstance(tried.parsed, Unreadable):
        yield labelled([("unreadable", safe(tried.parsed.reason, "red")), ("", safe(tried.parsed.detail))])
        return
    for number, (alert, route) in enumerate(zip(tried.parsed.alerts, routes, strict=True), start=1):
        yield heading(f"alert {number} of {len(routes)}")
        yield labelled([*_alert(alert), *_empty(alert, tried.mapping), *_route(route)])
    if tried.parsed.refused:
        yield heading("Not read")
        yield rows((safe(one.reason, "red"), safe(one.detail)) for one in tried.parsed.refused)
    if not tried.parsed.alerts and tried.mail is None:
        why = ": its list is empty, or its status or `ignore` says that it is none" if tried.mapping else ""
        yield safe(f"no alert is in it{why}")


def as_json(tried: TriedBody, routes: Sequence[Route]) -> dict[str, Any]:
    """The same for programs; times in UTC."""
    parsed = tried.parsed
    refused = () if isinstance(parsed, Unreadable) else parsed.refused
    return {
        "source": tried.source,
        "kind": tried.kind.value,
        "mail": _mail_as_json(tried.mail) if tried.mail is not None else None,
        "unreadable": {"reason": parsed.reason, "detail": parsed.detail} if isinstance(parsed, Unreadable) else None,
        "refused": [{"reason": one.reason, "detail": one.detail} for one in refused],
        "alerts": [_alert_as_json(route, tried.mapping) for route in routes],
    }


def _mail(mail: TriedMail) -> Iterator[tuple[str, Text]]:
    reading, found = mail.reading, mail.sorted
    yield "from", safe(mail.letter.sender or "no one address")
    yield "subject", safe(mail.letter.subject)
    if reading is None:
        what = "a bounce" if found.way is MailWay.BOUNCE else f"{found.disposition} ({found.reason})"
        yield "read as", safe(f"{what}: no alert comes of it", "yellow")
        return
    yield "read as", safe(_SHAPES.get(reading.shape, f"machine mail, by the profile {reading.profile}"))
    if found.way is MailWay.REPLY:
        yield (
            "reply",
            safe(
                "it holds the token of a page: if the daemon knows that page, this is its answer and no alert", "yellow"
            ),
        )
    if reading.shape is MailShape.PROFILE and not reading.envelope.alerts:
        yield "ignored", safe(f"the profile {reading.profile} says that nothing comes of such a mail", "yellow")
    yield "believed", _belief(mail)


def _belief(mail: TriedMail) -> Text:
    found = mail.sorted
    unknown = (
        "" if mail.is_stored else "; a file does not say how the mail came: login and trusted networks count besides"
    )
    if found.refusal is not None:
        return safe(f"no, it would be put aside ({found.refusal.reason}): {found.refusal.detail}{unknown}", "yellow")
    return safe(f"yes, by {found.proof.value}" if found.proof else "without proof: the source says  auth: none")


def _profiles(reading: MailReading) -> Iterator[Sequence[Text]]:
    for tried in reading.tried:
        if tried.failed_on:
            yield safe(tried.profile), safe("no"), safe(f"needs {tried.failed_on}", "dim")
        else:
            yield safe(tried.profile, "bold"), safe("MATCH", "bold green"), Text()
    if not reading.tried:
        yield safe("none"), Text(), safe("the source asks none, or a person answered a machine's mail", "dim")


def _empty(alert: Alert, mapping: JsonMapping | None) -> Iterator[tuple[str, Text]]:
    """What its mapping found nothing for: no fault in itself, and where a slip in a path shows."""
    missing = unfilled(mapping, alert) if mapping is not None else {}
    if missing:
        yield "empty", safe(", ".join(f'{name} (nothing at "{path}")' for name, path in missing.items()), "dim")


def _alert(alert: Alert) -> Iterator[tuple[str, Text]]:
    is_over = alert.status is AlertStatus.RESOLVED
    yield "status", joined((word(alert.status), safe("ends what fires under this identity" if is_over else "", "dim")))
    yield "identity", safe(alert.key)
    yield "labels", safe(" ".join(f"{name}={value}" for name, value in alert.labels.items()))
    yield "summary", safe(alert.summary)
    yield "odd", safe(next((alert.annotations[name] for name in _ODD if name in alert.annotations), ""), "yellow")
    yield "since", safe(_instant(alert.starts_at) or "")
    yield "over at", safe(_instant(alert.ends_at) or "")
    yield "expires", safe(_instant(alert.expires_at) or "")


def _route(route: Route) -> Iterator[tuple[str, Text]]:
    label = route.label
    yield "rule", safe(label.rule, "bold")
    yield "severity", joined((word(label.severity), safe(f"impact {label.impact} × urgency {label.urgency}", "dim")))
    yield "team", safe(label.team)
    yield "ticket", safe(label.ticket.connector if label.ticket else "none")
    yield "page", safe(label.policy or "none")


def _mail_as_json(mail: TriedMail) -> dict[str, Any]:
    reading, found = mail.reading, mail.sorted
    return {
        "sender": mail.letter.sender,
        "subject": mail.letter.subject,
        "way": found.way.value,
        "disposition": found.disposition.value if found.disposition else None,
        "reason": found.reason.value if found.reason else None,
        "read_as": reading.shape.value if reading else None,
        "profile": reading.profile or None if reading else None,
        "ignored_count": reading.ignored_count if reading else 0,
        "proof": found.proof.value if found.proof else None,
        "refusal": {"reason": found.refusal.reason.value, "detail": found.refusal.detail} if found.refusal else None,
        "profiles": [{"profile": one.profile, "failed_on": one.failed_on} for one in reading.tried] if reading else [],
    }


def _alert_as_json(route: Route, mapping: JsonMapping | None) -> dict[str, Any]:
    alert, label = route.alert, route.label
    return {
        "status": alert.status.value,
        "key": alert.key,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "summary": alert.summary,
        "starts_at": _instant(alert.starts_at),
        "ends_at": _instant(alert.ends_at),
        "expires_at": _instant(alert.expires_at),
        "empty": unfilled(mapping, alert) if mapping is not None else {},
        "rule": label.rule,
        "severity": label.severity.value,
        "team": label.team,
        "ticket": label.ticket.connector if label.ticket else None,
        "page": label.policy,
    }


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at is not None else None
