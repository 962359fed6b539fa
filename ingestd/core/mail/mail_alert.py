"""Makes the alert of what was found in a mail: its key, labels, annotations and times, within the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ingestd.core.alert import Alert
from ingestd.core.fingerprint import alert_key, label_fingerprint
from ingestd.core.mail.likeness import steady_subject
from ingestd.core.mail.profile import Choice, MailProfile, Meaning, StartsAt
from ingestd.core.mail.sheet import Sheet
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.safe_text import plain_block
from ingestd.core.sources.texts import TextLimiter, read_link

PROFILE_LABEL: Final = "mail_profile"
"""The label that names the profile by which a mail was read."""

SEVERITY_LABEL: Final = "severity"
"""The label that says how bad it is, in words that the rules know, whatever the sender calls it."""

PROBLEM_ANNOTATION: Final = "mail_problem"
"""The annotation that tells why a mail is not what its profile expects."""

PLAIN_NAME: Final = "Mail"
"""The label ``alertname`` of a mail that no profile knows."""

_KEY_PREFIX: Final = "mail."
"""No field can begin with it: fields are names of groups."""

_LINKS: Final = ("generator", "silence", "dashboard", "panel", "image", "runbook")
_TIME_CHARS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class AlertDraft:
    """What a profile found for one alert. ``identity`` empty: its subject tells what it is about. ``problem`` empty: nothing is odd."""

    profile: MailProfile
    meaning: Meaning
    identity: Mapping[str, str]
    text: str
    fields: Mapping[str, str]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    problem: str = ""


def drafted(draft: AlertDraft, sheet: Sheet, source: str, texts: TextLimiter) -> Alert:
    """The alert. ``texts`` counts what is cut."""
    profile = draft.profile
    is_over = draft.meaning is Meaning.RECOVERY
    labels = {**draft.labels, **_rendered(profile.labels, draft.fields)}
    if severity := _severity(profile, draft.fields):
        labels[SEVERITY_LABEL] = severity
    labels.setdefault("alertname", _first(profile.alertname, draft.fields) or profile.name)
    labels.setdefault(PROFILE_LABEL, profile.name)
    annotations = {**draft.annotations, **_rendered(profile.annotations, draft.fields)}
    annotations.setdefault("summary", sheet.bare_subject if profile.split is None else labels["alertname"])
    annotations.setdefault("description", draft.text)
    if draft.problem:
        annotations[PROBLEM_ANNOTATION] = draft.problem
    at = _stated(profile.starts_at, draft.fields, sheet.sent_at)
    short = texts.labels({name: line for name, value in labels.items() if (line := texts.line(value))})
    return Alert(
        source=source,
        key=_key(draft, sheet, source),
        status=AlertStatus.RESOLVED if is_over else AlertStatus.FIRING,
        labels=short,
        annotations=_annotated(annotations, texts),
        starts_at=None if is_over else at,
        ends_at=at if is_over else None,
        links={name: url for name in _LINKS if (url := read_link(annotations.get(f"{name}_url")))},
        rule_name=short.get("alertname", ""),
        sender=sheet.sender,
        subject=texts.line(sheet.subject),
        body=plain_block(draft.text, texts.limits.annotation_chars_max),
    )


def plain_alert(sheet: Sheet, source: str, texts: TextLimiter, own_text: str) -> Alert:
    """The mail itself as an alert that fires: what no profile knows is still told to somebody.

    The same sender with the same subject, but for dates, times and measured values, is the same alert; without a subject each mail is one.
    """
    body = plain_block(own_text, texts.limits.annotation_chars_max)
    annotations = {"summary": sheet.bare_subject, "description": body}
    return Alert(
        source=source,
        key=subject_key(sheet, source),
        status=AlertStatus.FIRING,
        labels={"alertname": PLAIN_NAME},
        annotations=_annotated(annotations, texts),
        starts_at=sheet.sent_at,
        rule_name=PLAIN_NAME,
        sender=sheet.sender,
        subject=texts.line(sheet.subject),
        body=body,
    )


def subject_key(sheet: Sheet, source: str, text: str = "") -> AlertKey:
    """The key of what only its sender and subject identify; with ``text`` also of one section among several."""
    steady = steady_subject(sheet.subject).lower()
    parts = {
        f"{_KEY_PREFIX}sender": sheet.sender,
        f"{_KEY_PREFIX}subject": steady,
        f"{_KEY_PREFIX}section": text,
        f"{_KEY_PREFIX}digest": "" if steady else sheet.letter.digest,
    }
    return alert_key(source, label_fingerprint({name: value for name, value in parts.items() if value}))


def _key(draft: AlertDraft, sheet: Sheet, source: str) -> AlertKey:
    if not draft.identity:
        return subject_key(sheet, source, draft.text if draft.profile.split is not None else "")
    return alert_key(source, label_fingerprint({f"{_KEY_PREFIX}profile": draft.profile.name, **draft.identity}))


def _first(choice: Choice, fields: Mapping[str, str]) -> str:
    """The first text that can be filled; empty if none can be."""
    return next((text for one in choice if (text := one.render(fields))), "")


def _severity(profile: MailProfile, fields: Mapping[str, str]) -> str:
    """Empty if the mail does not say it in a word that the profile knows: then the rules know that nobody said it."""
    word = " ".join(fields.get(profile.severity.field, "").lower().split())
    return profile.severity.words.get(word, "")


def _rendered(choices: Mapping[str, Choice], fields: Mapping[str, str]) -> dict[str, str]:
    found = {name: _first(choice, fields) for name, choice in choices.items()}
    return {name: text for name, text in found.items() if text.strip()}


def _annotated(full: Mapping[str, str], texts: TextLimiter) -> dict[str, str]:
    return texts.annotations({name: text for name, text in full.items() if text.strip()})


def _stated(plan: StartsAt | None, fields: Mapping[str, str], sent_at: datetime | None) -> datetime | None:
    """When it happened, as the mail says; else when it was sent. What lies after that was read wrongly."""
    text = fields.get(plan.field, "").strip()[:_TIME_CHARS_MAX] if plan is not None else ""
    if plan is None or not text:
        return sent_at
    try:
        at = _read_time(text, plan)
    except (ValueError, OverflowError):
        return sent_at
    if not 2000 <= at.year < 2999 or (sent_at is not None and at > sent_at):
        return sent_at
    return at


def _read_time(text: str, plan: StartsAt) -> datetime:
    """The instant that is written there. Raises ``ValueError`` or ``OverflowError`` for what is none, or names no zone where the plan has none."""
    written = datetime.strptime(text, plan.pattern) if plan.pattern else datetime.fromisoformat(text)  # noqa: DTZ007 (the zone follows)
    if written.tzinfo is None and plan.zone is None:
        raise ValueError("a time without a zone")
    return (written.replace(tzinfo=plan.zone) if written.tzinfo is None else written).astimezone(UTC)
