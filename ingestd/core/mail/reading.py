"""The alerts of one mail: what its profile makes of machine mail, what a person reported, or the mail itself as an alert.

Without what only a database knows: whether it is a reply, a bounce or a copy, and whether its sender is believed, is settled before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ingestd.core.alert import ParsedEnvelope, Unreadable
from ingestd.core.mail import message
from ingestd.core.mail.arrival import Arrival, parted
from ingestd.core.mail.author import author_of
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.likeness import is_answer
from ingestd.core.mail.mail_alert import plain_alert
from ingestd.core.mail.profile_reading import Tried, ask, read_by
from ingestd.core.mail.report import alert_of
from ingestd.core.mail.sheet import Author, sheet_of
from ingestd.core.mail.source import MailSource
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, unreadable
from ingestd.core.sources.texts import TextLimiter


class MailShape(StrEnum):
    """What a mail was read as."""

    PROFILE = "profile"
    REPORT = "report"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class MailReading:
    """A mail as it was read. ``envelope`` is empty if a profile knows the mail and all that it tells is to be ignored."""

    shape: MailShape
    author: Author
    envelope: ParsedEnvelope
    profile: str = ""
    """The one that knew it; empty for the other shapes."""
    tried: tuple[Tried, ...] = ()
    """The profiles that were asked, in order."""
    ignored_count: int = 0


def read_letter(source: str, arrival: Arrival, letter: Letter, limits: ReadLimits, mail: MailSource) -> MailReading:
    """What the content of a mail is: machine mail by the first profile that knows it, else a person's report, else a plain alert.

    Profiles are not asked about what a person answers to a machine's mail: its subject and quotes are the machine's, the words are not.
    """
    author = author_of(letter, takes_reports=mail.reports is not None)
    sheet = sheet_of(letter, author)
    profile, tried = ask(() if _is_answer(letter) else mail.profiles, sheet)
    if profile is not None:
        machine = read_by(profile, sheet, source, limits)
        return MailReading(MailShape.PROFILE, author, machine.envelope, profile.name, tried, machine.ignored_count)
    if mail.reports is not None and author is Author.PERSON:
        report = alert_of(letter, arrival, mail.reports, source, limits)
        return MailReading(MailShape.REPORT, author, ParsedEnvelope((report,), cut_count=letter.cut_count), tried=tried)
    texts = TextLimiter(limits)
    alert = plain_alert(sheet, source, texts, letter.own_text or letter.text)
    envelope = ParsedEnvelope((alert,), cut_count=texts.cut_count + letter.cut_count)
    return MailReading(MailShape.PLAIN, author, envelope, tried=tried)


def _is_answer(letter: Letter) -> bool:
    is_by_person = author_of(letter, takes_reports=True) is Author.PERSON
    return is_by_person and bool(letter.references) and is_answer(letter.subject)


def read_mail(source: str, body: bytes, limits: ReadLimits, mail: MailSource | None) -> ParsedEnvelope | Unreadable:
    """The alerts of an envelope's body, as ``arrival.joined`` makes it. Never raises, whatever the bytes."""
    taken = parted(body)
    if taken is None:
        return unreadable(
            QuarantineReason.NOT_THIS_KIND,
            "this is no mail as the daemon keeps it: its first line does not say how it came",
        )
    arrival, raw = taken
    mail = mail or MailSource()
    return read_letter(source, arrival, message.read(raw, mail.limits), limits, mail).envelope
