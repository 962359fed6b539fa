"""Alerts that a rule's test writes down for a source with a mapping, and bodies that it gives as they are sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ingestd.core.names import AlertStatus
from ingestd.core.sources import SourceKind, SourceWays
from ingestd.core.sources.mapping import JsonMapping, status_words, text_source
from ingestd.trial.written_alert import Doors, written_alert

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
MAPPING = JsonMapping(
    "json",
    identity=(text_source("id"),),
    status=status_words(text_source("state"), problem=["down"], recovery=["up"]),
    alertname=text_source("check"),
)
DOORS = Doors(
    {"robots": SourceKind.JSON, "es": SourceKind.KIBANA, "am": SourceKind.ALERTMANAGER},
    ways={"robots": SourceWays(mapping=MAPPING)},
)


@pytest.mark.parametrize("source", ["robots", "es", "am", "json", "kibana", "watcher", "elastalert2", "email"])
def test_an_alert_is_written_with_its_labels_whatever_its_source_sends(source):
    fields = {"alert.source": source, "alertname": "Checkout", "annotations.note": "x", "alert.summary": "it is down"}
    fired = written_alert(fields, DOORS, AlertStatus.FIRING, starts_at=NOW)
    assert (fired.source, fired.labels, fired.summary) == (source, {"alertname": "Checkout"}, "it is down")
    over = written_alert(fields, DOORS, AlertStatus.RESOLVED, starts_at=NOW, ends_at=NOW)
    assert (over.status, over.key) == (AlertStatus.RESOLVED, fired.key)


def test_a_payload_is_read_by_the_mapping():
    parsed = DOORS.read("robots", json.dumps({"id": 7, "state": "up", "check": "Checkout"}).encode())
    (alert,) = parsed.alerts
    assert (alert.status, alert.labels) == (AlertStatus.RESOLVED, {"alertname": "Checkout"})
