"""Pages by text message, through Twilio, Vonage or any gateway that speaks HTTP."""

from __future__ import annotations

from connectors.sms_pager.connector import SmsPager
from connectors.sms_pager.settings import SmsPagerSettings
from ingestd.ports import ConnectorTools


class SmsPagerFactory:
    """Builds connectors of kind ``sms_pager``."""

    kind = "sms_pager"
    settings_type = SmsPagerSettings

    def build(self, name: str, settings: SmsPagerSettings, tools: ConnectorTools) -> SmsPager:
        """The connector called ``name``. Sends nothing."""
        return SmsPager(name, settings, tools.http, tools.external_url)


factory = SmsPagerFactory()
