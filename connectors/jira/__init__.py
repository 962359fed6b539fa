"""Tickets in Jira Cloud (REST v3) and Jira Data Center (REST v2)."""

from __future__ import annotations

from connectors.jira.connector import JiraTickets
from connectors.jira.settings import JiraSettings
from ingestd.ports import ConnectorTools


class JiraFactory:
    """Builds connectors of kind ``jira``."""

    kind = "jira"
    settings_type = JiraSettings

    def build(self, name: str, settings: JiraSettings, tools: ConnectorTools) -> JiraTickets:
        """The connector called ``name``. Speaks to nobody yet."""
        return JiraTickets(name, settings, tools.http)


factory = JiraFactory()
