"""What a mail server says of a mail that it could not deliver: to whom, why, for good or not, and which mail it was.

RFC 3464 first. Some servers (qmail, Exim, gateways of Exchange) write prose instead, with the mail below: of that only what is plain is
read. A bounce proves nothing: it counts only for a mail whose Message-ID or key it can name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ingestd.core.mail.addresses import mailbox
from ingestd.core.mail.allowance import Allowance
from ingestd.core.mail.automatic import is_bounce
from ingestd.core.mail.headers import Fields, first, read_head
from ingestd.core.mail.letter import Letter, LetterLimits
from ingestd.core.safe_text import one_line

_LIMITS: Final = LetterLimits()
_RECIPIENTS_MAX: Final = 100
_REASON_CHARS_MAX: Final = 400
_STATUS: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY_CODE: Final = re.compile(r"(?<![\d.#])([45])\d\d(?=[ \-#])")
_IDENTIFIER: Final = re.compile(r"<[^<>\s]{1,500}>")
_STATUS_PARTS: Final = ("message/delivery-status", "message/global-delivery-status")
_ORIGINAL_PARTS: Final = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/global",
    "message/global-headers",
    "message/rfc822-headers",
)
# Nobody will ever read mail there: no such address, no such domain, moved without a trace, closed. Not: full, refused for what it says.
_GONE: Final = re.compile(r"5\.1\.(?:[0-6]|10)|5\.2\.1|5\.4\.4")
_GONE_WORDS: Final = re.compile(
    r"user unknown|unknown user|no such (?:user|mailbox|recipient|address)|(?:user|recipient|address|mailbox|account) (?:does(?:n't| not) exist"
    r"|not found|is disabled|is inactive)|unknown (?:recipient|address|mailbox)|couldn't find any host|no mailbox here by that name"
    r"|recipientnotfound|host or domain name not found|domain not found",
    re.IGNORECASE,
)
_LATE_WORDS: Final = re.compile(
    r"(?:delivery|message) (?:\S+ ){0,4}(?:delayed|deferred)|temporarily (?:deferred|suspended|delayed)|will (?:be retried|continue to (?:be )?tr|keep trying|retry)"
    r"|has not (?:yet )?been delivered|still trying|this is a warning message only|do not need to resend",
    re.IGNORECASE,
)


class BounceKind(StrEnum):
    """What became of the mail to one address."""

    PERMANENT = "permanent"
    """It did not arrive, and none will: nobody has that address."""
    FAILED = "failed"
    """It did not arrive: the mailbox is full, the mail was refused, time ran out. Another may."""
    DELAYED = "delayed"
    """It has not arrived yet; the server goes on trying. Not a failure."""
    DELIVERED = "delivered"
    """It arrived, or went on to a server that tells no more."""


@dataclass(frozen=True, slots=True)
class BouncedRecipient:
    """One address, and what the server says of it."""

    address: str
    """In lower case, as the server had it in the end; empty if it does not say."""
    kind: BounceKind
    status: str = ""
    """The code of RFC 3463, as ``5.1.1``; empty if there is none."""
    reason: str = ""
    """In the server's words, on one line."""
    original_address: str = ""
    """As the mail was sent to, where the server says that too."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """What one bounce says. Empty where it does not."""

    recipients: tuple[BouncedRecipient, ...]
    """In the order of the report; at least one."""
    message_id: str = ""
    """Of the mail that it is about, with angle brackets."""
    ingestd_id: str = ""
    """Its X-Ingestd-Id."""
    references: tuple[str, ...] = ()
    """Its In-Reply-To and References, the newest first."""

    @property
    def worst(self) -> BouncedRecipient:
        """The recipient who fared worst."""
        return min(self.recipients, key=lambda one: list(BounceKind).index(one.kind))


def read_bounce(letter: Letter, *, is_null_sender: bool = False) -> Bounce | None:
    """What the letter says as a bounce; None if it is none. Never raises."""
    if not is_bounce(letter, is_null_sender=is_null_sender or letter.first("return-path").replace(" ", "") == "<>"):
        return None
    original: Fields = {}
    recipients: list[BouncedRecipient] = []
    for kind, content in letter.parts:
        if kind in _STATUS_PARTS and not recipients:
            recipients = _reported(content)
        elif kind in _ORIGINAL_PARTS and not original:
            original = read_head(content, 0, len(content), _LIMITS.header_chars_max, Allowance.of(_LIMITS))[0]
    if not original:
        original = _quoted_original(letter.text)
    if not recipients:
        recipients = _told(letter, first(original, "to"))
    return Bounce(
        recipients=tuple(recipients),
        message_id=next(iter(_IDENTIFIER.findall(first(original, "message-id"))), ""),
        ingestd_id=one_line(first(original, "x-ingestd-id"), 300),
        references=_references(original),
    )


def _references(fields: Fields) -> tuple[str, ...]:
    found = [
        one for name in ("in-reply-to", "references") for one in reversed(_IDENTIFIER.findall(first(fields, name)))
    ]
    return tuple(dict.fromkeys(found))[:50]


# ------------------------------------------------------------------------------------------ RFC 3464


def _reported(content: bytes) -> list[BouncedRecipient]:
    """The recipients of a delivery status: blocks of fields with blank lines between them, the first one about the whole."""
    allowance = Allowance.of(_LIMITS)
    found: list[BouncedRecipient] = []
    position = 0
    while position < len(content) and len(found) < _RECIPIENTS_MAX and allowance.lines > 0:
        fields, after = read_head(content, position, len(content), 2000, allowance)
        if "final-recipient" in fields or "original-recipient" in fields or ("action" in fields and "status" in fields):
            found.append(_recipient(fields))
        if after <= position:
            # A line that is no field: servers put prose between the blocks.
            line_end = content.find(b"\n", position)
            after = len(content) if line_end < 0 else line_end + 1
            allowance.lines -= 1
        position = after
    return found


def _recipient(fields: Fields) -> BouncedRecipient:
    action = first(fields, "action").partition(";")[0].partition("(")[0].strip().lower()
    reason = first(fields, "diagnostic-code").partition(";")[2] or first(fields, "diagnostic-code")
    status = _status(first(fields, "status")) or _status(reason)
    return BouncedRecipient(
        address=_address(first(fields, "final-recipient")),
        kind=_kind(action, status, reason),
        status=status,
        reason=one_line(reason, _REASON_CHARS_MAX),
        original_address=_address(first(fields, "original-recipient")),
    )


def _kind(action: str, status: str, reason: str) -> BounceKind:
    if not action:
        action = {"2": "delivered", "4": "delayed"}.get(status[:1], "failed")
    if action in {"delivered", "relayed", "expanded"}:
        return BounceKind.DELIVERED
    if action == "delayed":
        return BounceKind.DELAYED
    is_gone = _GONE.fullmatch(status) or (status[:1] in {"5", ""} and _GONE_WORDS.search(reason))
    return BounceKind.PERMANENT if is_gone else BounceKind.FAILED


def _status(text: str) -> str:
    found = _STATUS.search(text[:_REASON_CHARS_MAX])
    return ".".join(found.groups()) if found else ""


def _address(text: str) -> str:
    """Of ``rfc822; somebody@example.com``."""
    return mailbox(text.rpartition(";")[2].strip()).address


# ------------------------------------------------------------------------------------------ prose

_COPY: Final = re.compile(
    r"^-+ ?(?:below this line is a copy of the message|this is a copy of (?:the|your) message|original message|the following is|"
    r"returned message|the header of the original|message headers follow|undelivered message)",
    re.IGNORECASE | re.MULTILINE,
)
_COPIED_HEADER: Final = re.compile(
    r"^[> \t]{0,8}(message-id|x-ingestd-id|in-reply-to|references|to):[ \t]*(.{0,1000}(?:\n[ \t]+.{1,1000}){0,20})",
    re.IGNORECASE | re.MULTILINE,
)
_NAMED: Final = re.compile(
    r"^[ \t]{0,8}<?([^\s<>()\",;:@]{1,64}@[^\s<>()\",;:@]{1,255}?)>?[ \t]*(?::|$|\.\.\.)", re.MULTILINE
)


def _quoted_original(text: str) -> Fields:
    """The headers of the mail that stands below the prose."""
    copy = _COPY.search(text)
    found: dict[str, list[str]] = {}
    for header in _COPIED_HEADER.finditer(text, copy.end() if copy else 0):
        found.setdefault(header[1].lower(), []).append(" ".join(header[2].split()))
    return found


def _told(letter: Letter, sent_to: str) -> list[BouncedRecipient]:
    """The recipients that prose names, all of one kind."""
    copy = _COPY.search(letter.text)
    prose = letter.text[: copy.start() if copy else 4000][:8000]
    addresses = [
        mailbox(one.strip()).address
        for value in letter.headers.get("x-failed-recipients", ())
        for one in value.split(",")[:_RECIPIENTS_MAX]
    ]
    addresses = addresses or [mailbox(one).address for one in _NAMED.findall(prose)] or [mailbox(sent_to).address]
    status = _status_in(prose)
    code = _REPLY_CODE.search(prose)
    is_late = bool(
        _LATE_WORDS.search(prose) or re.search(r"delay|warning", letter.subject, re.IGNORECASE)
    ) and not status.startswith("5")
    is_gone = _GONE.fullmatch(status) or (_GONE_WORDS.search(prose) and (code is None or code[1] == "5"))
    kind = BounceKind.DELAYED if is_late else BounceKind.PERMANENT if is_gone else BounceKind.FAILED
    reason = one_line(prose, _REASON_CHARS_MAX)
    return [BouncedRecipient(one, kind, status, reason) for one in dict.fromkeys(addresses)][:_RECIPIENTS_MAX] or [
        BouncedRecipient("", kind, status, reason)
    ]


def _status_in(prose: str) -> str:
    found = _STATUS.search(prose)
    return ".".join(found.groups()) if found else ""
