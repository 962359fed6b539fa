"""A mail that came in, as people read it: who says to have sent it, what shows that, and what it says. All of it is a stranger's text."""

from __future__ import annotations

from typing import Any, Final

from ingestd.core.mail.arrival import parted
from ingestd.core.mail.message import read
from ingestd.core.mail.proof import proof_of
from ingestd.core.mail.source import MailSource
from ingestd.core.safe_text import one_line, plain_block

_TEXT_CHARS_MAX: Final = 2000
_LINE_CHARS_MAX: Final = 300
_LISTED_MAX: Final = 20


def mail_of(body: bytes, source: MailSource) -> dict[str, Any] | None:
    """The mail in an envelope's body; None if there is none. ``proof`` is what shows now who wrote it, empty for nothing."""
    parts = parted(body)
    if parts is None:
        return None
    how, raw = parts
    letter = read(raw, source.limits)
    name = f"{letter.sender_name} <{letter.sender}>" if letter.sender_name else letter.sender
    return {
        "from": one_line(name or letter.first("from"), _LINE_CHARS_MAX),
        "subject": one_line(letter.subject, _LINE_CHARS_MAX),
        "date": one_line(letter.first("date"), _LINE_CHARS_MAX),
        "message_id": one_line(letter.message_id, _LINE_CHARS_MAX),
        "envelope_from": one_line(how.sender, _LINE_CHARS_MAX),
        "envelope_to": [one_line(one, _LINE_CHARS_MAX) for one in how.recipients[:_LISTED_MAX]],
        "door": how.door,
        "handed_in_by": one_line(how.user or how.remote or how.account, _LINE_CHARS_MAX),
        "proof": str(proof_of(letter, how, source.trust) or ""),
        "is_cut": how.is_cut,
        "attachments": [
            {"name": one.name, "content_type": one.content_type, "size_bytes": one.size_bytes}
            for one in letter.attachments[:_LISTED_MAX]
        ],
        "text": plain_block(letter.text, _TEXT_CHARS_MAX),
    }
