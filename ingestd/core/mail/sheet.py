"""What a profile can look at of one mail: its texts by the names that rules and profiles use for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from ingestd.core.mail.letter import Letter
from ingestd.core.mail.likeness import bare_subject, steady_subject
from ingestd.core.mail.profile import AUTHOR, BODY, HEADER_PREFIX, SENDER, SUBJECT
from ingestd.core.safe_text import one_line, storable

_SUBJECT_CHARS_MAX: Final = 2000
_ADDRESS_CHARS_MAX: Final = 320
_DATE_CHARS_MAX: Final = 100
_HEADER_CHARS_MAX: Final = 4096


class Author(StrEnum):
    """Who seems to have written a mail."""

    MACHINE = "machine"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Sheet:
    """The texts of one mail, storable and on clean lines. Nothing in it is proved."""

    letter: Letter
    sender: str
    subject: str
    """Whole, on one line."""
    bare_subject: str
    """Without ``Re:`` and ``Fwd:``: what profiles see."""
    body: str
    """The whole text, quotes and signature among it: machines write both for something else."""
    author: Author
    sent_at: datetime | None
    """As the mail says; None if it does not, or not plausibly."""

    def text(self, name: str) -> str:
        """The text of a name as in a matcher; empty if the mail has none."""
        match name:
            case _ if name == SUBJECT:
                return self.bare_subject
            case _ if name == SENDER:
                return self.sender
            case _ if name == BODY:
                return self.body
            case _ if name == AUTHOR:
                return self.author.value
        if name.startswith(HEADER_PREFIX):
            value = self.letter.first(name.removeprefix(HEADER_PREFIX).lower())
            return one_line(value, _HEADER_CHARS_MAX)
        return ""

    def given(self) -> Mapping[str, str]:
        """The fields that need no expression (``GIVEN_FIELDS``)."""
        return {
            "subject": self.bare_subject,
            "steady_subject": steady_subject(self.subject),
            "sender": self.sender,
        }


def sheet_of(letter: Letter, author: Author) -> Sheet:
    """The sheet of a mail. Never raises."""
    subject = one_line(letter.subject, _SUBJECT_CHARS_MAX)
    body = storable(letter.text).replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    return Sheet(
        letter=letter,
        sender=one_line(letter.sender, _ADDRESS_CHARS_MAX).lower(),
        subject=subject,
        bare_subject=bare_subject(subject),
        body=body,
        author=author,
        sent_at=_sent_at(letter.first("date")),
    )


def _sent_at(text: str) -> datetime | None:
    """The instant of a Date header in UTC; one without a zone is UTC (RFC 5322 calls it unknown)."""
    if not text or len(text) > _DATE_CHARS_MAX:
        return None
    try:
        at = parsedate_to_datetime(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if 2000 <= at.year < 2999 else None
