"""A mail as it was read: plain values, within bounds, whatever its sender wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LetterLimits:
    """How much of one message is read. What is beyond is left out and counted; it never refuses the message."""

    message_bytes_max: int = 10 * 1024**2
    header_lines_max: int = 500
    header_chars_max: int = 16_000
    parts_max: int = 100
    depth_max: int = 8
    text_chars_max: int = 100_000
    attachment_bytes_max: int = 5 * 1024**2
    attachments_max: int = 20


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is no text of the message. Never executed or shown; ``name`` is safe as a file name."""

    name: str
    content_type: str
    size_bytes: int
    """Of its content; where that was not kept, of what stood in the message."""
    index: int
    """Which one of the message it is, from 0: finds it again in the raw message."""
    is_kept: bool = True
    """False: larger than what is kept, or one too many."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message. Everything in it is what its sender wrote, and proves nothing."""

    headers: Mapping[str, tuple[str, ...]]
    """By name in lower case: values unfolded, not decoded, in the order in which they stand."""
    sender: str = ""
    """The one address of From, in lower case; empty if it names none or more than one."""
    sender_name: str = ""
    subject: str = ""
    """Decoded, on one line."""
    message_id: str = ""
    """With its angle brackets; empty if there is none, or more than one."""
    references: tuple[str, ...] = ()
    """The Message-IDs of In-Reply-To and References, the newest first."""
    text: str = ""
    """The whole text, HTML turned into lines."""
    own_text: str = ""
    """What its writer wrote: without quotes, what announces them, and the signature."""
    attachments: tuple[Attachment, ...] = ()
    digest: str = ""
    """Of the message's identity: the same for every copy of it."""
    cut_count: int = 0
    """How many things were left out or cut to a limit."""
    parts: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    """Content type and decoded content of the parts of a report (RFC 6522): what a bounce says and about what. Empty for other mail."""

    def first(self, name: str) -> str:
        """The first value of a header; empty if there is none."""
        values = self.headers.get(name, ())
        return values[0] if values else ""
