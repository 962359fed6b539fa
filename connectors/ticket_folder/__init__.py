"""Tickets as Markdown files, one per ticket: the embedded default, and a ticket system to try ingestd with."""

from __future__ import annotations

from connectors.ticket_folder.connector import FolderTickets
from connectors.ticket_folder.settings import FolderSettings
from ingestd.ports import ConnectorTools


class TicketFolderFactory:
    """Builds connectors of kind ``ticket_folder``."""

    kind = "ticket_folder"
    settings_type = FolderSettings

    def build(self, name: str, settings: FolderSettings, tools: ConnectorTools) -> FolderTickets:  # noqa: ARG002 (it needs no network)
        """The connector called ``name``. Touches no file."""
        return FolderTickets(name, settings.path)


factory = TicketFolderFactory()
