"""Pages and posts into Slack, Microsoft Teams and whatever else apprise speaks to."""

from __future__ import annotations

from connectors.apprise_pager.connector import ApprisePager
from connectors.apprise_pager.settings import ApprisePagerSettings
from ingestd.ports import ConnectorTools


class ApprisePagerFactory:
    """Builds connectors of kind ``apprise_pager``."""

    kind = "apprise_pager"
    settings_type = ApprisePagerSettings

    def build(self, name: str, settings: ApprisePagerSettings, tools: ConnectorTools) -> ApprisePager:
        """The connector called ``name``. Connects to nothing."""
        return ApprisePager(name, settings, tools.chat)


factory = ApprisePagerFactory()
