"""What becomes of a mail that brings no alert, and why: the same words in the log, the metrics, the command line and the documentation."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class MailDisposition(StrEnum):
    """What a mail was, if it was neither an alert nor put aside."""

    ANSWERED = "answered"
    """It answered a page, and what it said was done, or was refused and told so."""
    NOTED = "noted"
    """It belongs to an incident, on whose timeline it stands."""
    BOUNCE = "bounce"
    """A mail server says what became of a mail."""
    OWN = "own"
    """We wrote it, or a ticket system wrote it of our ticket, or it goes round in a circle."""
    ABSENCE = "absence"
    """A program answered in the place of a person."""
    COPY = "copy"
    """The same mail was taken before."""


class MailReason(StrEnum):
    """Why a mail is ignored, or put aside."""

    OWN_PAGE = "own_page"
    OWN_TICKET = "own_ticket"
    TOO_MANY_HOPS = "too_many_hops"
    PAGE_BOUNCED = "page_bounced"
    NOT_FAILED = "not_failed"
    ANSWER_BOUNCED = "answer_bounced"
    BOUNCE_REPEATED = "bounce_repeated"
    FOREIGN_BOUNCE = "foreign_bounce"
    ABSENCE_NOTE = "absence_note"
    AUTOMATIC_REPLY = "automatic_reply"
    SAME_MAIL = "same_mail"
    THREAD = "thread"

    MALFORMED = "malformed"
    NO_SENDER = "no_sender"
    UNAUTHENTICATED = "unauthenticated"
    SENDER_NOT_ALLOWED = "sender_not_allowed"
    NOT_WHO_WAS_PAGED = "not_who_was_paged"
    PAGE_TOO_OLD = "page_too_old"
    UNPROVED_REPORT = "unproved_report"
    UNPROVED_RECOVERY = "unproved_recovery"
    TOO_MANY_FROM_SENDER = "too_many_from_sender"


BY_STRANGERS: Final = frozenset(
    {
        MailReason.NO_SENDER,
        MailReason.UNAUTHENTICATED,
        MailReason.SENDER_NOT_ALLOWED,
        MailReason.NOT_WHO_WAS_PAGED,
        MailReason.PAGE_TOO_OLD,
        MailReason.UNPROVED_REPORT,
        MailReason.UNPROVED_RECOVERY,
        MailReason.TOO_MANY_FROM_SENDER,
    }
)
"""What anybody who knows our address can bring about: it is kept, listed, counted and logged, and wakes nobody."""
