"""Webhook bodies as an Alertmanager sends them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

ZERO_TIME = "0001-01-01T00:00:00Z"


def alertmanager_body(
    *alerts: Mapping[str, Any], status: str = "firing", truncated: int = 0, starts_at: str = "2026-03-02T01:59:00Z"
) -> bytes:
    """A webhook body as an Alertmanager sends it; each alert is its labels, with ``_ends`` for a resolved one."""
    listed = []
    for labels in alerts:
        plain = {name: value for name, value in labels.items() if not name.startswith("_")}
        own_status = labels.get("_status", status)
        listed.append(
            {
                "status": own_status,
                "labels": plain,
                "annotations": labels.get(
                    "_annotations", {"summary": f"{plain.get('alertname')} on {plain.get('host', '?')}"}
                ),
                "startsAt": labels.get("_starts", starts_at),
                "endsAt": labels.get("_ends", ZERO_TIME),
                "generatorURL": "http://prometheus.example/graph",
            }
        )
    return json.dumps(
        {"version": "4", "status": status, "alerts": listed, "groupKey": "{}:{}", "truncatedAlerts": truncated}
    ).encode()
