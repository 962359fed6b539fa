"""What the configuration says of a mailbox that is read."""

from __future__ import annotations

from pydantic import Field

from ingestd.config.quantities import Text
from ingestd.config.section import Section


class MailboxSection(Section):
    """One account on an IMAP server."""

    host: Text = Field(min_length=1, max_length=253)
