"""One body as a source would read it, without a daemon: what it is, what is made of it, and for mail which profile knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingestd.config.model import Config
from ingestd.core import sources
from ingestd.core.alert import ParsedEnvelope, Unreadable
from ingestd.core.mail import message
from ingestd.core.mail.arrival import Arrival, parted
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.reading import MailReading, read_letter
from ingestd.core.mail.sorting import MailWay, Sorted, sort
from ingestd.core.mail.source import MailSource
from ingestd.core.sources import MAPPED_KINDS, SourceKind
from ingestd.core.sources.mapping import JsonMapping


@dataclass(frozen=True, slots=True)
class TriedMail:
    """A mail as far as its file tells. ``reading`` is None for what is no content: our own mail, a bounce, an absence note."""

    letter: Letter
    sorted: Sorted
    reading: MailReading | None
    is_stored: bool
    """The file is as the daemon keeps it, so that how the mail came is known."""


@dataclass(frozen=True, slots=True)
class TriedBody:
    """A body as its source reads it."""

    source: str
    kind: SourceKind
    parsed: ParsedEnvelope | Unreadable
    mail: TriedMail | None = None
    mapping: JsonMapping | None = None
    """By which it was read, if it is of a kind that is mapped."""


def try_body(
    config: Config, source: str, body: bytes, now: datetime, *, sender: str = "", recipient: str = ""
) -> TriedBody:
    """Read the body as the source of this name does, now. ``sender`` and ``recipient`` are those of a mail's envelope, if the file does not say."""
    section = config.sources[source]
    limits, ways = config.limits_of(source).reading, config.ways_of(source)
    if section.kind is not SourceKind.EMAIL or ways.mail is None:
        parsed = sources.read(section.kind, source, body, limits, ways, now)
        return TriedBody(source, section.kind, parsed, mapping=MAPPED_KINDS.get(section.kind) or ways.mapping)
    stored = parted(body)
    arrival, raw = stored or (_arrival(ways.mail, sender, recipient), body)
    letter = message.read(raw, ways.mail.limits)
    sorted_ = sort(letter, arrival, ways.mail.trust)
    reading = None
    parsed = ParsedEnvelope(())
    if sorted_.way in {MailWay.CONTENT, MailWay.REPLY}:
        reading = read_letter(source, arrival, letter, limits, ways.mail)
        parsed = sources.with_expiry(reading.envelope, ways, now)
    return TriedBody(source, section.kind, parsed, TriedMail(letter, sorted_, reading, stored is not None))


def _arrival(mail: MailSource, sender: str, recipient: str) -> Arrival:
    return Arrival(door="smtp", sender=sender, recipients=(recipient,) if recipient else mail.recipients[:1])
