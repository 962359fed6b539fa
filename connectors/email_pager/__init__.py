"""Pages by email, through a mail server or into a maildir (the embedded default, which needs no account)."""

from __future__ import annotations

from connectors.email_pager.connector import EmailPager
from connectors.email_pager.settings import EmailPagerSettings
from ingestd.ports import ConnectorTools


class EmailPagerFactory:
    """Builds connectors of kind ``email_pager``."""

    kind = "email_pager"
    settings_type = EmailPagerSettings

    def build(self, name: str, settings: EmailPagerSettings, tools: ConnectorTools) -> EmailPager:
        """The connector called ``name``. Connects to nothing and touches no file."""
        return EmailPager(name, settings, tools.mail(settings.mail_options()))


factory = EmailPagerFactory()
