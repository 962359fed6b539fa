"""A reply by mail, read from the raw message: which page it answers, who says to have sent it, and its first words.

Anybody can write any of this, and a message may be made to hurt its reader. So little is read, in a time that grows with the length
alone: the headers line by line, and the first text within four levels of parts. ``email.policy.default`` is not used: its header
classes raise and hang on what strangers write. The caller bounds the length.

``From`` proves nothing. What binds a reply to a page is the token in the address that it was sent to, or among the references that a
mail program copies from the page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Final

from ingestd.core.safe_text import REPLACEMENT, one_line, plain_block

MESSAGE_BYTES_MAX: Final = 65_536
"""The beginning of a message is enough: what stands behind is quoted text and attachments."""
TOKEN_LENGTH: Final = 15
REFERENCE_PREFIX: Final = "reply."
"""``<reply.TOKEN@host>`` stands among the references of a page, and so of what answers it."""

_HEADER_LINES_MAX: Final = 500
_VALUE_CHARS_MAX: Final = 2000
_REFERENCES_CHARS_MAX: Final = 16_000
_PART_DEPTH_MAX: Final = 4
_PARTS_MAX: Final = 20
_TEXT_CHARS_MAX: Final = 4000

_TOKEN: Final = f"[a-z2-7]{{{TOKEN_LENGTH}}}"
_IN_RECIPIENT: Final = re.compile(rf"(?<![a-z0-9])({_TOKEN})@", re.IGNORECASE)
_IN_REFERENCE: Final = re.compile(rf"<{re.escape(REFERENCE_PREFIX)}({_TOKEN})@", re.IGNORECASE)
# What the mail server itself says of the envelope comes before what the sender wrote.
_RECIPIENT_HEADERS: Final = ("x-original-to", "delivered-to", "envelope-to", "to", "cc")

_ADDRESS: Final = re.compile(r"[^\s<>()\",;:@]{1,64}@[^\s<>()\",;:@]{1,255}")
_QUOTED_NAME: Final = re.compile(r'"[^"]*"')
_IN_ANGLES: Final = re.compile(r"<([^<>]*)>")

# RFC 3834 and what servers write instead of it.
_AUTOMATIC_HEADERS: Final = ("x-autoreply", "x-autorespond", "x-autoresponse", "list-id", "list-unsubscribe")
_AUTOMATIC_PRECEDENCE: Final = ("auto_reply", "auto-reply", "bulk", "junk", "list")
_AUTOMATIC_SENDERS: Final = re.compile(r"(mailer-daemon|postmaster|no-?reply|do-?not-?reply)[@+.-]", re.IGNORECASE)
_AUTOMATIC_SUBJECTS: Final = re.compile(
    r"\s*(auto(matic)?[ -]?(reply|response|antwort)|automatische antwort|auto:|out of (the )?office|oof:|ooo:|abwesen"
    r"|abwesenheit|r[ée]ponse automatique|risposta automatica|respuesta autom|undeliver|delivery status|returned mail|mail delivery)",
    re.IGNORECASE,
)

_CHARSET: Final = re.compile(
    r"utf-?8|us-ascii|ascii|iso-8859-\d{1,2}|latin-?1|windows-125\d|cp125\d|koi8-[ru]|gb2312|gbk|gb18030|big5|shift_jis|euc-(?:jp|kr)"
    r"|iso-2022-jp",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(r';\s*(boundary|charset|report-type)\s*=\s*(?:"([^"]*)"|([^\s;]+))', re.IGNORECASE)


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
    head, body = _split(raw[:MESSAGE_BYTES_MAX].replace(b"\r\n", b"\n"))
    headers = _headers(head)
    sender = _sender(headers.get("from", ()))
    text = _own_text(_first_text(headers, body, 0))
    known = "\n".join(_first(headers, name) for name in ("message-id", "from", "date", "subject"))
    if not _first(headers, "message-id"):
        known += f"\n{text}"
    return MailReply(
        id=hashlib.sha256(known.encode("utf-8", "replace")).hexdigest()[:32],
        tokens=_tokens(headers),
        sender=sender,
        text=text,
        is_automatic=_is_automatic(headers, sender),
    )


Headers = Mapping[str, Sequence[str]]


def _split(raw: bytes) -> tuple[str, bytes]:
    head, _, body = raw.partition(b"\n\n")
    return head.decode("utf-8", "replace"), body


def _headers(head: str) -> Headers:
    """Names in lower case, values unfolded, in the order in which they stand."""
    unfolded: list[list[str]] = []
    for line in head.split("\n", _HEADER_LINES_MAX)[:_HEADER_LINES_MAX]:
        if line[:1] in {" ", "\t"} and unfolded:
            unfolded[-1].append(line.strip())
        else:
            unfolded.append([line])
    found: dict[str, list[str]] = {}
    for pieces in unfolded:
        name, colon, value = " ".join(pieces).partition(":")
        if colon and name and not name.isspace():
            found.setdefault(name.strip().lower(), []).append(value.strip()[:_REFERENCES_CHARS_MAX])
    return found


def _first(headers: Headers, name: str) -> str:
    return next(iter(headers.get(name, ())), "")[:_VALUE_CHARS_MAX]


def _tokens(headers: Headers) -> tuple[str, ...]:
    found: list[str] = []
    for name in _RECIPIENT_HEADERS:
        for value in headers.get(name, ())[:5]:
            found += _IN_RECIPIENT.findall(value[:_VALUE_CHARS_MAX])
    for name in ("in-reply-to", "references"):
        for value in headers.get(name, ())[:2]:
            # The newest reference stands last.
            found += reversed(_IN_REFERENCE.findall(value))
    return tuple(dict.fromkeys(token.lower() for token in found))[:10]


def _sender(values: Sequence[str]) -> str:
    """The one address of ``From``. A name that looks like an address does not count as one."""
    if len(values) != 1:
        return ""
    value = _QUOTED_NAME.sub("", values[0][:_VALUE_CHARS_MAX])
    angled = _IN_ANGLES.findall(value)
    found = [address for text in (angled or [value]) for address in _ADDRESS.findall(text)]
    return found[0].lower() if len(found) == 1 else ""


def _is_automatic(headers: Headers, sender: str) -> bool:
    submitted = _first(headers, "auto-submitted").partition(";")[0].strip().lower()
    if submitted not in {"", "no"} or any(name in headers for name in _AUTOMATIC_HEADERS):
        return True
    if _first(headers, "return-path").replace(" ", "") == "<>":
        return True
    if _first(headers, "precedence").strip().lower() in _AUTOMATIC_PRECEDENCE:
        return True
    kind = _first(headers, "content-type").lower()
    if kind.startswith(("multipart/report", "message/delivery-status", "text/calendar")):
        return True
    return bool(_AUTOMATIC_SENDERS.match(sender) or _AUTOMATIC_SUBJECTS.match(_subject(headers)))


def _subject(headers: Headers) -> str:
    value = _first(headers, "subject")[:300]
    try:
        pieces = decode_header(value)
    except (ValueError, binascii.Error, HeaderParseError):
        return one_line(value, 200)
    words = (piece if isinstance(piece, str) else _decoded(piece, charset or "us-ascii") for piece, charset in pieces)
    return one_line("".join(words), 200)


# ---------------------------------------------------------------------------------------------- the text


def _first_text(headers: Headers, body: bytes, depth: int) -> str:
    """The first plain text of the message, else the first HTML as text; empty if there is none."""
    kind = _first(headers, "content-type")
    main = kind.partition(";")[0].strip().lower() or "text/plain"
    parameters = {
        name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(f";{kind.partition(';')[2]}")
    }
    if main.startswith("multipart/") and depth < _PART_DEPTH_MAX and parameters.get("boundary"):
        return _text_of_parts(body, parameters["boundary"], depth)
    if main not in {"text/plain", "text/html"}:
        return ""
    if _first(headers, "content-disposition").lower().startswith("attachment"):
        return ""
    content = _transferred(body, _first(headers, "content-transfer-encoding").strip().lower())
    text = _decoded(content, parameters.get("charset", "utf-8"))
    return text if main == "text/plain" else _from_html(text)


def _text_of_parts(body: bytes, boundary: str, depth: int) -> str:
    mark = b"\n--" + boundary.encode("utf-8", "replace")
    fallback = ""
    for part in (b"\n" + body).split(mark, _PARTS_MAX)[1:]:
        if part.startswith(b"--"):
            break
        head, inner = _split(part.partition(b"\n")[2]) if not part.startswith(b"\n\n") else ("", part[2:])
        headers = _headers(head)
        text = _first_text(headers, inner, depth + 1)
        if text.strip() and not _first(headers, "content-type").lower().startswith("text/html"):
            return text
        fallback = fallback or text
    return fallback


def _transferred(body: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", body.partition(b"=")[0])
        return base64.b64decode(clean[: len(clean) // 4 * 4] + _padded(clean[len(clean) // 4 * 4 :]))
    return body


def _padded(rest: bytes) -> bytes:
    return rest + b"=" * (-len(rest) % 4) if len(rest) > 1 else b""


def _decoded(content: bytes, charset: str) -> str:
    """The text, in the charset that it names if that is one of mail; some codecs of Python are no charsets, or slow."""
    name = charset.strip().lower()
    try:
        return content.decode(name if _CHARSET.fullmatch(name) else "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


_HTML_QUOTE: Final = re.compile(
    r"<blockquote|<div[^<>]*(?:gmail_quote|divRplyFwdMsg|appendonsend|moz-cite-prefix)", re.IGNORECASE
)
_HTML_UNSEEN: Final = re.compile(r"<(style|script|head|title)\b", re.IGNORECASE)
_HTML_BREAK: Final = re.compile(r"<(?:br|/p|/div|/li|/tr|hr)\b[^<>]*>", re.IGNORECASE)
_HTML_TAG: Final = re.compile(r"<[^<>]*>")
_HTML_NO_CHARACTER: Final = re.compile(r"&#[0-9]{8,};?")
"""A number that no character has. ``html.unescape`` raises for one of thousands of digits."""


def _from_html(text: str) -> str:
    """What a person wrote in HTML, as lines: up to the quote, without what is not shown."""
    quote = _HTML_QUOTE.search(text)
    text = text[: quote.start()] if quote else text
    shown: list[str] = []
    for _ in range(20):
        unseen = _HTML_UNSEEN.search(text)
        if unseen is None:
            break
        shown.append(text[: unseen.start()])
        end = text.lower().find(f"</{unseen[1].lower()}", unseen.end())
        text = text[end:] if end >= 0 else ""
    shown.append(text)
    lines = " ".join(" ".join(shown).split())
    return html.unescape(_HTML_NO_CHARACTER.sub(REPLACEMENT, _HTML_TAG.sub("", _HTML_BREAK.sub("\n", lines))))


_ATTRIBUTION_BEGIN: Final = re.compile(
    r"(on|am|le|il|el|op|den|em)\b.{0,300}|.{0,200}<[^<>\s]{1,300}>.{0,40}", re.IGNORECASE
)
_ATTRIBUTION_END: Final = re.compile(
    r".{0,300}\b(wrote|schrieb|[ée]crit|ha scritto|escribi[óo]|schreef|skrev|escreveu)\b.{0,200}:\s*", re.IGNORECASE
)
_ORIGINAL: Final = re.compile(
    r"-{2,}\s*(original message|urspr|message d'origine|forwarded|weitergeleitet).{0,60}|_{10,}|"
    r"\*?(from|von|de|da|van|fr[åa]n)\*?:\s.{0,300}",
    re.IGNORECASE,
)


def _own_text(text: str) -> str:
    """What the person wrote themselves: without quoted lines, the line that announces them, the original below, and the signature."""
    own: list[str] = []
    lines = plain_block(text[: _TEXT_CHARS_MAX * 4], _TEXT_CHARS_MAX * 4).split("\n")
    position = 0
    while position < len(lines):
        line = lines[position].strip()
        skipped = _attribution_lines(lines, position)
        if skipped:
            position += skipped
            continue
        if _ORIGINAL.fullmatch(line) or lines[position] in {"-- ", "--"}:
            break
        if not line.startswith((">", "|")):
            own.append(line)
        position += 1
    return plain_block("\n".join(own).strip(), _TEXT_CHARS_MAX)


def _attribution_lines(lines: Sequence[str], position: int) -> int:
    """How many lines from here on announce a quote (``On Monday … wrote:``, broken wherever the program liked); 0 if they do not."""
    if not _ATTRIBUTION_BEGIN.fullmatch(lines[position].strip()[:400]):
        return 0
    joined = ""
    for count in range(1, 4):
        if position + count > len(lines):
            return 0
        joined = f"{joined} {lines[position + count - 1].strip()}".strip()
        if _ATTRIBUTION_END.fullmatch(joined[:600]):
            return count
    return 0
