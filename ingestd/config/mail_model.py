"""What the configuration says of the doors for mail: a listener that speaks SMTP, and mailboxes that are read."""

from __future__ import annotations

from pydantic import Field

from ingestd.config.listener_model import ListenerSection
from ingestd.config.mailbox_model import MailboxSection
from ingestd.config.quantities import Name
from ingestd.config.section import Section


class MailSection(Section):
    """How mail comes in. Sources of the kind ``email`` say what becomes of it."""

    listener: ListenerSection | None = None
    mailboxes: dict[Name, MailboxSection] = Field(default_factory=dict, max_length=50)
