"""A raw message read into a ``Letter``, whatever its bytes: never raises, in a time that grows with the length alone, within bounds.

``email.policy.default`` is not used, nor any of ``email``'s parsers: a megabyte of encoded words costs them gigabytes, and a hundred
thousand empty parts twenty seconds. What is read here is found by its place in the bytes, decoded only as far as it is kept, and counted
as cut where a limit ended it. The content of attachments is decoded when it is fetched, by ``attachment``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingestd.core.mail.addresses import mailbox
from ingestd.core.mail.allowance import Allowance
from ingestd.core.mail.attachments import safe_name, safe_type
from ingestd.core.mail.automatic import is_mail_system
from ingestd.core.mail.charsets import decoded
from ingestd.core.mail.encoded_words import header_text
from ingestd.core.mail.headers import first
from ingestd.core.mail.html_text import from_html
from ingestd.core.mail.letter import Attachment, Letter, LetterLimits
from ingestd.core.mail.parts import Part, read_parts
from ingestd.core.mail.quoting import own_text
from ingestd.core.mail.transfer import content_of, size_of
from ingestd.core.safe_text import one_line, plain_block

_SUBJECT_CHARS_MAX: Final = 1000
_REFERENCES_MAX: Final = 50
_REPORTED: Final = ("message/delivery-status", "message/global-delivery-status")
_REPORT_PARTS_MAX: Final = 5
_REPORT_PART_BYTES_MAX: Final = 64 * 1024
_DIGEST_TEXT_CHARS: Final = 4000
_BYTES_PER_CHAR: Final = 4
_IDENTIFIER: Final = re.compile(r"<[^<>\s]{1,500}>")
_POINTS_TO_HTML: Final = re.compile(
    r"html|browser|web version|webversion|webansicht|navigateur|navegador", re.IGNORECASE
)
_POINTER_CHARS_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class _Text:
    shown: str
    own: str
    place: int
    """Of the part that it is in: texts of one part are one text with something between them."""


def read(raw: bytes, limits: LetterLimits) -> Letter:
    """The letter that the message is."""
    allowance = Allowance.of(limits)
    root = read_parts(raw, limits, allowance)
    texts, files = _Sorter(raw, limits, allowance).sorted(root)
    headers = {
        name: tuple(one_line(value, limits.header_chars_max) for value in values)
        for name, values in root.fields.items()
    }
    words = _own_words(texts, limits.text_chars_max)
    senders = root.fields.get("from", ())
    sender = mailbox(senders[0]) if len(senders) == 1 else mailbox("")
    return Letter(
        headers=headers,
        sender=sender.address,
        sender_name=sender.name,
        subject=header_text(first(root.fields, "subject"), _SUBJECT_CHARS_MAX),
        message_id=_message_id(headers.get("message-id", ())),
        references=_references(headers),
        text=_joined([text.shown for text in texts], limits, allowance),
        own_text=words,
        attachments=_described(raw, files, limits, allowance),
        digest=_digest(headers, words),
        cut_count=allowance.cut_count,
        parts=_report(raw, root, sender.address),
    )


def attachment(raw: bytes, index: int, limits: LetterLimits) -> bytes:
    """The content of one attachment of a letter, by its ``index``, its first ``attachment_bytes_max`` bytes; empty if there is none."""
    allowance = Allowance.of(limits)
    _, files = _Sorter(raw, limits, allowance).sorted(read_parts(raw, limits, allowance))
    if not 0 <= index < len(files):
        return b""
    part = files[index]
    return content_of(raw, part.start, part.end, part.encoding, limits.message_bytes_max)[: limits.attachment_bytes_max]


class _Sorter:
    """Tells the text of a message from the files that came with it."""

    def __init__(self, raw: bytes, limits: LetterLimits, allowance: Allowance) -> None:
        self._raw = raw
        self._limits = limits
        self._allowance = allowance
        self._files: list[Part] = []

    def sorted(self, root: Part) -> tuple[list[_Text], list[Part]]:
        """The texts and the files, each in the order in which they stand."""
        texts = self._texts(root, None)
        return [text for text in texts if text.shown.strip()], self._files

    def _texts(self, part: Part, parent: Part | None) -> list[_Text]:
        if part.kind.value == "multipart/alternative" and part.is_multipart:
            return self._alternative(part)
        if part.is_multipart:
            return [text for child in part.children for text in self._texts(child, part)]
        text = self._text_of(part, parent)
        if text is None:
            self._files.append(part)
            return []
        return [text]

    def _alternative(self, part: Part) -> list[_Text]:
        """Of the same text in several forms the plain one, unless it only says that there is another."""
        plain: list[_Text] = []
        rich: list[_Text] = []
        for child in part.children:
            if child.kind.value == "text/x-amp-html":
                continue
            found = self._texts(child, part)
            if all(leaf.kind.value != "text/html" for leaf in child.leaves()):
                plain = plain or found
            else:
                rich = rich or found
        return (
            rich if _is_pointer("".join(text.shown for text in plain), "".join(text.shown for text in rich)) else plain
        )

    def _text_of(self, part: Part, parent: Part | None) -> _Text | None:
        """The part's text; None if it is a file."""
        if part.disposition.value == "attachment" or (parent is not None and part.file_name):
            return None
        kind = part.kind.value
        place = parent.start if parent is not None else -1
        if kind == "text/html":
            return self._html(part, place)
        # A multipart message without parts has at least its text.
        if kind == "text/plain" or kind.startswith("multipart/"):
            chars_max = self._room(part)
            source = self._decoded(part, chars_max * _BYTES_PER_CHAR)
            shown = plain_block(source, chars_max)
            if len(source) > chars_max > 0:
                self._allowance.cut()
            # Characters that nobody sees are not free.
            self._allowance.text_chars -= max(len(shown), len(source) // _BYTES_PER_CHAR)
            return _Text(shown, shown, place)
        return None

    def _html(self, part: Part, place: int) -> _Text:
        chars_max = self._room(part)
        source = self._decoded(part, self._allowance.html_chars if chars_max else 0)
        found = from_html(source, chars_max, self._allowance.html_tags)
        if found.is_cut:
            self._allowance.cut()
        self._allowance.html_chars -= len(source)
        self._allowance.html_tags -= found.tags
        shown = plain_block(found.text, chars_max)
        self._allowance.text_chars -= len(shown)
        return _Text(shown, plain_block(found.own, chars_max), place)

    def _room(self, part: Part) -> int:
        """So many characters of the part are read."""
        room = max(0, min(self._limits.text_chars_max, self._allowance.text_chars))
        if not room and part.end > part.start:
            self._allowance.cut()
        return room

    def _decoded(self, part: Part, bytes_max: int) -> str:
        content = content_of(self._raw, part.start, part.end, part.encoding, bytes_max)
        if len(content) == bytes_max > 0:
            self._allowance.cut()
        return decoded(content, part.kind.parameter("charset"))


def _own_words(texts: Sequence[_Text], chars_max: int) -> str:
    """Of the first text, and of those beside it: what stands elsewhere is a list's footer, or a log that was shown in place."""
    own = [own_text(text.own, chars_max) for text in texts if text.place == texts[0].place]
    return plain_block("\n\n".join(filter(None, own)), chars_max)


def _is_pointer(plain: str, rich: str) -> bool:
    """The plain text says nothing itself, only that the message is to be read in another form."""
    words = " ".join(plain.split())
    if not rich.strip():
        return False
    if not words:
        return True
    is_short = len(words) <= _POINTER_CHARS_MAX and len(words) < len(rich)
    return is_short and bool(_POINTS_TO_HTML.search(words)) and words not in " ".join(rich.split())


def _joined(texts: Sequence[str], limits: LetterLimits, allowance: Allowance) -> str:
    text = "\n\n".join(texts)
    if len(text) > limits.text_chars_max:
        allowance.cut()
    return plain_block(text, limits.text_chars_max)


def _described(raw: bytes, files: Sequence[Part], limits: LetterLimits, allowance: Allowance) -> tuple[Attachment, ...]:
    found: list[Attachment] = []
    taken: set[str] = set()
    for index, part in enumerate(files):
        kind = safe_type(part.kind.value)
        name = safe_name(header_text(part.file_name, 1000), kind, index + 1, taken)
        taken.add(name.lower())
        size = size_of(raw, part.start, part.end, part.encoding)
        is_kept = index < limits.attachments_max and size <= limits.attachment_bytes_max
        if not is_kept:
            allowance.cut()
        found.append(Attachment(name, kind, size, index, is_kept))
    return tuple(found)


def _message_id(values: Sequence[str]) -> str:
    found = _IDENTIFIER.findall(values[0]) if len(values) == 1 else []
    return found[0] if len(found) == 1 else ""


def _references(headers: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    found: list[str] = []
    for name in ("in-reply-to", "references"):
        for value in headers.get(name, ())[:2]:
            found += reversed(_IDENTIFIER.findall(value))
    return tuple(dict.fromkeys(found))[:_REFERENCES_MAX]


def _digest(headers: dict[str, tuple[str, ...]], own: str) -> str:
    known = [next(iter(headers.get(name, ())), "") for name in ("message-id", "from", "date", "subject")]
    if not known[0]:
        known.append(own[:_DIGEST_TEXT_CHARS])
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:32]


def _report(raw: bytes, root: Part, sender: str) -> tuple[tuple[str, bytes], ...]:
    """The parts of a report, or of what a mail server wrote in the shape of one."""
    is_report = root.kind.value == "multipart/report" or any(part.kind.value in _REPORTED for part in root.children)
    is_likely = is_mail_system(sender) and any(part.kind.value == "message/rfc822" for part in root.children)
    if not is_report and not is_likely:
        return ()
    return tuple(
        (part.kind.value, content_of(raw, part.start, part.end, part.encoding, _REPORT_PART_BYTES_MAX))
        for part in root.children[:_REPORT_PARTS_MAX]
    )
