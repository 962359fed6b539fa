"""What the configuration says of a source of JSON: which part of a document is what."""

from __future__ import annotations

from ingestd.config.section import Section
from ingestd.core.sources.mapping import JsonMapping


class JsonSourceSection(Section):
    """Where the alerts are in a document, and what of them is what."""

    def as_mapping(self) -> JsonMapping:
        """As the reader knows it."""
        return JsonMapping("json")
