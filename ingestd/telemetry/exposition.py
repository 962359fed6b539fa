"""The metrics as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingestd.telemetry.metrics import Metrics

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(metrics: Metrics) -> bytes:
    """Every metric of the registry in the text format; goes with ``CONTENT_TYPE``."""
    return generate_latest(metrics.registry)
