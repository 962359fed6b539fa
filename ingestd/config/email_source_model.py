"""What the configuration says of a source of mail: whose mail it takes, how it is proved, and what is made of it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ingestd.config.quantities import Email, Name, Text, fault
from ingestd.config.report_model import ReportSection, Sender
from ingestd.config.section import Section
from ingestd.core.mail.profile import MailProfile
from ingestd.core.mail.source import MailSource
from ingestd.core.mail.trust import Trust


class EmailSourceSection(Section):
    """Mail to these addresses."""

    recipients: tuple[Email, ...] = Field(min_length=1, max_length=100)
    auth: Literal["none"] | None = None
    """``none``: machine mail is taken without proof of who sent it. It never answers, notes or ends anything."""
    recovery_without_proof: bool = False
    """With ``auth: none``: machine mail without proof may also say that something is over."""
    authserv_id: Annotated[Text, Field(min_length=1, max_length=250)] | None = None
    """The name under which our own mail server writes Authentication-Results."""
    senders: tuple[Sender, ...] = Field(default=(), max_length=1000)
    """Who may send here, by address or as ``@example.com``; without it everybody who is authenticated."""
    reports_per_hour: int = Field(default=20, ge=1, le=10_000)
    """So many mails of one person are reports or notes; what is more is put aside."""
    profiles: tuple[Name, ...] | None = Field(default=None, max_length=100)
    """The profiles that are asked, in order. Without it: those under mail_profiles, then all that come with ingestd."""
    reports: ReportSection | None = None
    """What people write here is a report, and they are answered."""

    def as_source(self, profiles: tuple[MailProfile, ...] = ()) -> MailSource:
        """As the readers of mail know it."""
        return MailSource(
            profiles=profiles,
            reports=self.reports.as_plan(self.recipients) if self.reports else None,
            recipients=tuple(one.lower() for one in self.recipients),
            trust=self._trust(),
        )

    def _trust(self) -> Trust:
        return Trust(
            authserv_id=self.authserv_id or "",
            senders=self.senders,
            takes_unauthenticated=self.auth == "none",
            resolves_unproved=self.recovery_without_proof,
            reports_per_hour=self.reports_per_hour,
        )

    @model_validator(mode="after")
    def _takes_what_it_resolves(self) -> Self:
        if self.recovery_without_proof and self.auth != "none":
            text = "mail without proof is not taken here, so there is none that could end anything"
            raise fault("auth", text, "leave it out, or write  auth: none  beside it")
        return self
