"""What the configuration says of the listener for mail."""

from __future__ import annotations

from ingestd.config.quantities import Listen, ListenAddress
from ingestd.config.section import Section


class ListenerSection(Section):
    """Where mail servers hand in mail."""

    listen: Listen = ListenAddress("127.0.0.1", 2525)
