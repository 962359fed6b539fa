"""A reply by mail, read from the raw message: which page it answers, who says to have sent it, and its first words.

Anybody can write any of this. ``From`` proves nothing. What binds a reply to a page is the token in the address that it was sent to, or
among the references that a mail program copies from the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ingestd.core.mail.automatic import AutomaticKind, has_bounce_subject, kind_of
from ingestd.core.mail.letter import Letter, LetterLimits
from ingestd.core.mail.message import read as read_letter
from ingestd.core.mail.reply_tokens import tokens_of
from ingestd.core.safe_text import plain_block

MESSAGE_BYTES_MAX: Final = 65_536
"""The beginning of a message is enough: what stands behind is quoted text and attachments."""
_TEXT_CHARS_MAX: Final = 4000
_LIMITS: Final = LetterLimits(
    message_bytes_max=MESSAGE_BYTES_MAX, parts_max=20, depth_max=4, text_chars_max=_TEXT_CHARS_MAX * 4
)
# An invitation is written by a person, and answers nothing.
_NO_ANSWERS: Final = ("text/calendar", "message/delivery-status")


@dataclass(frozen=True, slots=True)
class MailReply:
    """A reply by mail. ``tokens`` are what may bind it to a page, likely ones first; ``text`` what the person wrote, without the quote."""

    id: str
    """The same for every copy of this message; hexadecimal digits."""
    tokens: tuple[str, ...]
    sender: str
    """The address that it says to come from, in lower case; empty if it names none, or more than one."""
    text: str
    is_automatic: bool
    """A program wrote it: an absence note, a bounce, a mailing list. It must neither act nor be answered."""


def read(raw: bytes) -> MailReply:
    """The reply that the message is; never raises. What stands behind ``MESSAGE_BYTES_MAX`` is not looked at."""
    letter = read_letter(raw[:MESSAGE_BYTES_MAX], _LIMITS)
    return MailReply(
        id=letter.digest,
        tokens=tokens_of(letter.headers, letter.references),
        sender=letter.sender,
        text=plain_block(letter.own_text, _TEXT_CHARS_MAX),
        is_automatic=is_automatic(letter),
    )


def is_automatic(letter: Letter) -> bool:
    """Whether the letter must not count as an answer of a person."""
    if kind_of(letter) is not AutomaticKind.NONE or has_bounce_subject(letter):
        return True
    return letter.first("content-type").lower().startswith(_NO_ANSWERS)
