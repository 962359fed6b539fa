"""The finished message, RFC 5322 and 2045-2047, written byte by byte.

Not with ``email.message``: its header classes raise ``ValueError`` for line separators that an alert may hold (a page would be
lost), and in Python 3.11.7 and 3.12.1 they let an encoded word such as ``=?UTF-8?Q?=0A?=`` become a header of its own. What is
written here is the same under every Python.
"""

from __future__ import annotations

import base64
import hashlib
import quopri
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from connectors.email_pager.addresses import domain_of, plain_address
from connectors.email_pager.bodies import html_body, plain_body
from connectors.email_pager.content import ASKS, Content
from connectors.email_pager.safe_text import one_line
from ingestd.core.mail.reply_tokens import REFERENCE_PREFIX
from ingestd.core.names import EffectKey, Severity
from ingestd.ports import IncidentView, PageText

HEADER_MAX: Final = 250
_WORD_BYTES: Final = 45
"""UTF-8 bytes in one encoded word: RFC 2047 allows 75 characters, and 45 bytes make 60 of base64."""
_MESSAGE_ID: Final = re.compile(r"<[!-;=?-~]{1,400}>")
"""What a stranger's Message-ID must look like to be repeated: one word in angle brackets, in ASCII, on one line."""
_LINE_MAX: Final = 900
"""RFC 5322 allows 998 characters in a line."""
_SLUG_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes. Addresses are plain ASCII, as ``addresses.plain_address`` makes them."""

    name: str
    address: str
    reply_to: str = ""
    reply_separator: str = "+"
    """Between the name of ``reply_to`` and the token of a page; empty if its mail server takes no further words there."""

    def reply_to_for(self, token: str) -> str:
        """Where replies to one page go: ``ack+TOKEN@example.com``."""
        if not (token and self.reply_to and self.reply_separator):
            return self.reply_to
        name, _, domain = self.reply_to.rpartition("@")
        return f"{name}{self.reply_separator}{token}@{domain}"


def message_id(text: PageText, key: EffectKey, domain: str) -> str:
    """The same for every attempt of this page to this address, and for no other.

    The incident's opening is part of it: after a database was set up anew, ``INC-1`` exists again, and mail servers that drop
    repeated Message-IDs would swallow its pages.
    """
    # How a connector is called, and how many were answered before, is nothing for those outside.
    shown = f"{text.incident.id}.answer" if text.purpose == "answer" else key
    return _marked(shown, f"{_birth(text.incident)}\n{key}\n{text.contact.address}", domain)


def thread_id(incident: IncidentView, domain: str) -> str:
    """The root that all mails of an incident refer to. No mail has it as its own: whichever arrives first opens the thread."""
    return _marked(incident.id, f"{_birth(incident)}\nthread", domain)


def write_message(text: PageText, content: Content, key: EffectKey, letterhead: Letterhead, recipient: str) -> bytes:
    """The message with CRLF line ends, in ASCII, for the plain address ``recipient``. Never raises, whatever the texts hold."""
    domain = domain_of(letterhead.address)
    is_answer = text.purpose == "answer"
    root = thread_id(text.incident, domain) if text.incident.id else ""
    if is_answer:
        root = text.in_reply_to if _MESSAGE_ID.fullmatch(text.in_reply_to) else ""
    # What answers a mail refers to all that the mail refers to: so the token comes back where the address bears none.
    reply = f"<{REFERENCE_PREFIX}{text.reply_token}@{domain}>" if text.reply_token else ""
    plain, html = plain_body(content), html_body(content)
    # A digest of both bodies cannot be told beforehand by who wrote a part of them, and "=_" never occurs in encoded text.
    boundary = f"=_ingestd_{_digest(plain + html, 24)}"
    headers = [
        ("From", _mailbox(letterhead.name, letterhead.address)),
        ("To", _mailbox(text.contact.name, recipient)),
        ("Reply-To", _answered_at(text) or letterhead.reply_to_for(text.reply_token)),
        ("Subject", header_text(content.subject)),
        ("Date", _date(text.sent_at)),
        ("Message-ID", message_id(text, key, domain)),
        ("In-Reply-To", root),
        ("References", " ".join(filter(None, (root, reply)))),
        # RFC 3834: what answers a mail of a person says so.
        ("Auto-Submitted", "auto-replied" if is_answer else "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("X-Ingestd-Id", "" if is_answer else header_text(key)),
        ("X-Ingestd-Incident", header_text(text.incident.id)),
        ("Importance", "high" if _is_urgent(text) else ""),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers if value)
    parts = "".join(f"--{boundary}\r\n{_part(kind, body)}" for kind, body in (("plain", plain), ("html", html)))
    return f"{head}\r\n{parts}--{boundary}--\r\n".encode("ascii")


def _answered_at(text: PageText) -> str:
    """Where the receiver of an answer writes next; empty for where everybody does."""
    try:
        return plain_address(text.reply_to) if text.reply_to else ""
    except ValueError:
        return ""


def shown_in_header(text: str) -> str:
    """A text as whoever reads a header sees it: one line, and nothing in it that another program could take for an encoded word."""
    return one_line(text, HEADER_MAX).replace("=?", "= ?")


def header_text(text: str) -> str:
    """The text as an unstructured header value: one line, or encoded words. A parser reads back one header and nothing else."""
    # The blank keeps an encoded word that came with an alert from being decoded, here or by who handles our mail later.
    clean = shown_in_header(text)
    if clean.isascii():
        return clean
    words: list[str] = []
    chunk = ""
    for char in clean:
        if len((chunk + char).encode()) > _WORD_BYTES:
            words.append(chunk)
            chunk = ""
        chunk += char
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word.encode()).decode()}?=" for word in words)


def _mailbox(name: str, address: str) -> str:
    shown = header_text(name)
    if not shown:
        return address
    if shown.startswith("=?"):
        return f"{shown} <{address}>"
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>'


def _date(at: datetime | None) -> str:
    """The Date header; nothing if the sender does not know the time (the mail server adds its own)."""
    try:
        return format_datetime(at.astimezone(UTC)) if at else ""
    except (OverflowError, ValueError):
        return ""


def _is_urgent(text: PageText) -> bool:
    return text.purpose in ASKS and text.incident.severity is Severity.CRITICAL


def _part(kind: str, body: str) -> str:
    is_short = all(len(line) <= _LINE_MAX for line in body.split("\n"))
    if body.isascii() and is_short:
        encoding, written = "7bit", body
    else:
        encoding, written = "quoted-printable", quopri.encodestring(body.encode()).decode("ascii")
    lines = written.replace("\n", "\r\n")
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{lines}\r\n"


def _birth(incident: IncidentView) -> str:
    return incident.opened_at.isoformat() if incident.id else ""


def _marked(words: str, content: str, domain: str) -> str:
    slug = "".join(char if char in _SLUG_CHARACTERS else "." for char in words.lower()[:60]).strip(".")
    return f"<{'.'.join(filter(None, slug.split('.'))) or 'page'}.{_digest(content, 16)}@{domain}>"


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]
