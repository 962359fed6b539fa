"""What the configuration says of a source of mail: whose mail it takes, how it is proved, and what is made of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ingestd.config.quantities import Email
from ingestd.config.section import Section
from ingestd.core.mail.source import MailSource
from ingestd.core.mail.trust import Trust


class EmailSourceSection(Section):
    """Mail to these addresses."""

    recipients: tuple[Email, ...] = Field(min_length=1, max_length=100)
    auth: Literal["none"] | None = None
    """``none``: machine mail is taken without proof of who sent it."""

    def as_source(self) -> MailSource:
        """As the readers of mail know it."""
        return MailSource(
            recipients=tuple(one.lower() for one in self.recipients),
            trust=Trust(takes_unauthenticated=self.auth == "none"),
        )
