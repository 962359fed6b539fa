"""What a reader must know of its source besides the limits."""

from __future__ import annotations

from dataclasses import dataclass

from ingestd.core.mail.source import MailSource
from ingestd.core.sources.mapping import JsonMapping


@dataclass(frozen=True, slots=True)
class SourceWays:
    """How the bodies of one source are to be read, as its configuration says."""

    mapping: JsonMapping | None = None
    """Of a source of JSON that is no webhook we know."""
    mail: MailSource | None = None
    auto_resolve_seconds: int | None = None
    """An alert of this source that is not repeated for so long counts as cleared; None if only news end it."""
