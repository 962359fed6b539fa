"""Tickets in Freshdesk, through its REST API v2."""

from __future__ import annotations

from connectors.freshdesk.connector import FreshdeskTickets
from connectors.freshdesk.settings import FreshdeskSettings
from ingestd.ports import ConnectorTools


class FreshdeskFactory:
    """Builds connectors of kind ``freshdesk``."""

    kind = "freshdesk"
    settings_type = FreshdeskSettings

    def build(self, name: str, settings: FreshdeskSettings, tools: ConnectorTools) -> FreshdeskTickets:
        """The connector called ``name``. Sends nothing."""
        return FreshdeskTickets(name, settings, tools.http)


factory = FreshdeskFactory()
