"""When two mails are about the same thing, as far as their subjects tell: without what only tells one sending from the next."""

from __future__ import annotations

from typing import Any, Final

import re2

SUBJECT_CHARS_MAX: Final = 1000
"""Characters of a subject that count."""

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def _compiled(pattern: str) -> Any:  # noqa: ANN401 (google-re2 has no types)
    return re2.compile(pattern, options=_OPTIONS)


_ANSWERED: Final = _compiled(
    r"(?i)^\s*(?:re|aw|sv|vs|antw|antwort|rv|res|rif|odp|ynt|回复|答复)\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*(?::|\x{FF1A})"
)
_PREFIX: Final = _compiled(
    r"(?i)^(?:\s*(?:re|fwd?|aw|wg|sv|vs|vb|antw|antwort|rv|res|enc|tr|rif|odp|pd|ynt|回复|转发|答复)"
    r"\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*(?::|\x{FF1A}))+\s*"
)
"""What mail programs of several languages put before a subject that is answered or passed on."""

_MONTH: Final = (
    r"(?:jan(?:uary?)?|feb(?:ruary?)?|mar(?:ch)?|märz?|apr(?:il)?|may|mai|jun[ei]?|jul[yi]?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\b\.?"
)
_DAY: Final = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},?"
_VARYING: Final = _compiled(
    r"(?i)(?P<kept>\b\d+(?:\.\d+){3,}[\w./:-]*)"
    r"|\b(?:"
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?:\s?(?:Z|[+-]\d{2}:?\d{2})\b)?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}\b"
    rf"|(?:{_DAY}\s+)?\d{{1,2}}\.?\s+{_MONTH}(?:,?\s+\d{{4}}\b)?"
    rf"|(?:{_DAY}\s+)?{_MONTH}\s+\d{{1,2}}\b(?:,?\s+\d{{4}}\b)?"
    r"|\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[ap]\.?m\b)?(?:\s?(?:Z|UTC|GMT|CEST|CET|[+-]\d{2}:?\d{2})\b)?"
    r"|(?:for|after|in|since|last|past)\s+(?:\d+[dhms]\s?)+\b"
    r"|\d+[dhm]\s?\d+[hms]\b"
    r"|\d+(?:[.,]\d+)?\s?(?:days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|ms|[kmgtp]i?b|bytes?|mb/s|°c|rpm)\b"
    r")"
    r"|\b(?P<kept_too>\d+(?:\.\d+){2,}[\w./:-]*)"
    r"|\b\d+(?:[.,]\d+)?\s?%"
    r"|\b\d+[.,]\d+\b"
)
"""Dates, times, durations, and what was measured; addresses and versions are found so that they are kept.

A bare whole number stays: ``disk 1`` and ``disk 2`` are two things.
"""


def bare_subject(subject: str) -> str:
    """The subject without what was put before it when it was answered or passed on (``Re:``, ``Fwd:``, ``AW:``)."""
    text = _safe(subject[:SUBJECT_CHARS_MAX])
    found = _PREFIX.match(text)
    return text[found.end() :] if found is not None else text


def is_answer(subject: str) -> bool:
    """Whether the subject says that it answers another mail (``Re:``); one that is passed on does not."""
    return _ANSWERED.match(_safe(subject[:SUBJECT_CHARS_MAX])) is not None


def steady_subject(subject: str) -> str:
    """What stays the same when the same thing is mailed again: the bare subject without dates, times and measured values, on one line.

    Fails towards two alerts for one thing, never towards one for two: whole numbers and names with digits stay.
    """
    return " ".join(_VARYING.sub(_kept, bare_subject(subject)).split())


def _kept(found: Any) -> str:  # noqa: ANN401 (google-re2 has no types)
    return found.group("kept") or found.group("kept_too") or " "


def _safe(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
