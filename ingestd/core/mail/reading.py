"""The alerts of one mail: what its profile makes of machine mail, what a person reported, or the mail itself as an alert."""

from __future__ import annotations

from ingestd.core.alert import ParsedEnvelope, Unreadable
from ingestd.core.mail.source import MailSource
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, unreadable


def read_mail(source: str, body: bytes, limits: ReadLimits, mail: MailSource | None) -> ParsedEnvelope | Unreadable:  # noqa: ARG001 (the reader's signature)
    """The alerts of an envelope's body, as ``arrival.joined`` makes it. Never raises, whatever the bytes."""
    return unreadable(QuarantineReason.NOT_THIS_KIND, "mail is not read yet")
