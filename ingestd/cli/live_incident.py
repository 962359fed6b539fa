"""Which incident of the running daemon an alert would join, by the order in which the daemon itself looks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingestd.cli.api import Api

if TYPE_CHECKING:
    from ingestd.trial.route import Route

_OPEN = {"triggered", "acknowledged"}


def joined_incident(api: Api, route: Route, now: datetime) -> Mapping[str, Any] | None:
    """The incident with the reason under ``join``; None if the alert would open one. Raises as the API does."""
    answer = api.get(
        "/api/v1/incidents",
        holds="incidents",
        dedup_key=route.dedup_key,
        correlate_key=route.label.correlate_key or None,
    )
    rows = answer["incidents"]
    same = [one for one in rows if one.get("dedup_key") == route.dedup_key]
    near = [one for one in rows if _is_near(one, route, now)]
    choices = (
        ("same_dedup_key", [one for one in same if one.get("state") in _OPEN]),
        ("same_correlation_key", [one for one in near if one.get("state") in _OPEN]),
        ("reopened", [one for one in (*same, *near) if one.get("state") == "resolved"]),
    )
    return next(({**found[0], "join": join} for join, found in choices if found), None)


def _is_near(row: Mapping[str, Any], route: Route, now: datetime) -> bool:
    """Whether it has the same correlation key and still takes in more."""
    if not route.label.correlate_key or row.get("correlate_key") != route.label.correlate_key:
        return False
    last = max(str(row.get("last_alert_at")), str(row.get("resolved_at") or ""))
    within = min(int(row.get("correlate_within_seconds") or 0), route.label.correlate_within_seconds)
    return (now - datetime.fromisoformat(last)).total_seconds() <= within
