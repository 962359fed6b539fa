"""Bodies of the shape and size that an Alertmanager sends, made here so that the benchmark needs no sample."""

from __future__ import annotations

import hashlib
import json

STARTS_AT = "2026-01-02T03:04:05.678Z"
NEVER = "0001-01-01T00:00:00Z"


def alert(number: int) -> dict[str, object]:
    """A firing alert of its own series; ten of them have their service in common."""
    labels = {
        "alertname": "HighRequestLatency",
        "cluster": f"eu-west-{number // 1000}",
        "instance": f"app{number:06d}.example.net:9100",
        "job": "api-server",
        "namespace": "checkout",
        "service": f"payments-{number // 10:05d}",
        "severity": "critical" if number % 3 else "warning",
    }
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {
            "summary": f"p99 latency of payments on app{number:06d} is 4.2 s",
            "description": "The 99th percentile of the request latency has been above 2 s for 10 minutes.",
            "runbook_url": "https://runbooks.example.net/payments/high-request-latency",
        },
        "startsAt": STARTS_AT,
        "endsAt": NEVER,
        "generatorURL": f"http://prometheus.example.net:9090/graph?g0.expr=latency_seconds%7Binstance%3D%22app{number:06d}%22%7D+%3E+2&g0.tab=1",
        "fingerprint": hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16],
    }


def webhook(numbers: range) -> bytes:
    """The body of one notification that holds these alerts, as Alertmanager writes it: compact, with a line end."""
    document = {
        "receiver": "ingestd",
        "status": "firing",
        "alerts": [alert(number) for number in numbers],
        "groupLabels": {"alertname": "HighRequestLatency"},
        "commonLabels": {"alertname": "HighRequestLatency", "job": "api-server", "namespace": "checkout"},
        "commonAnnotations": {"runbook_url": "https://runbooks.example.net/payments/high-request-latency"},
        "externalURL": "http://alertmanager.example.net:9093",
        "version": "4",
        "groupKey": '{}/{namespace="checkout"}:{alertname="HighRequestLatency"}',
        "truncatedAlerts": 0,
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
