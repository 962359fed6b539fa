"""Reads the webhook of Prometheus Alertmanager, version 4 (all releases since 0.8, read in its source up to 0.34)."""

from __future__ import annotations

from ingestd.core.alert import ParsedEnvelope, Unreadable
from ingestd.core.sources.alert_list import read_alert_list
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, quoted, unreadable


def read_alertmanager(document: dict[str, object], source: str, limits: ReadLimits) -> ParsedEnvelope | Unreadable:
    """The alerts of the body. Grafana's body is refused by name: read as Alertmanager's it would lose what only Grafana says."""
    if "orgId" in document or document.get("version") == "1":
        return unreadable(
            QuarantineReason.NOT_THIS_KIND,
            f"this is a body of Grafana (it has `orgId` or version 1); set `kind: grafana` for the source {quoted(source)}",
        )
    return read_alert_list(document, source, limits)
