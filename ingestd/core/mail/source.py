"""What the configuration says of one source of mail: whose mail it takes, and what it makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestd.core.mail.letter import LetterLimits
from ingestd.core.mail.profile import MailProfile
from ingestd.core.mail.report import ReportPlan
from ingestd.core.mail.trust import Trust


@dataclass(frozen=True, slots=True)
class MailSource:
    """One source of mail. ``profiles`` are asked in order; mail that none of them knows is a report, if those are taken, or a plain alert."""

    recipients: tuple[str, ...] = ()
    """The addresses that it is reached by, in lower case; ``+anything`` after the name is let through."""
    trust: Trust = field(default_factory=Trust)
    profiles: tuple[MailProfile, ...] = ()
    reports: ReportPlan | None = None
    """None: this source takes no reports of people."""
    limits: LetterLimits = field(default_factory=LetterLimits)
    separator: str = "+"
    """Between the name of a recipient and what is added to it; empty where the mail server knows no such thing."""
