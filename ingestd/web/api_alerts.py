"""``/api/v1/alerts``: the alerts that fire and bring about nothing, or less than their rule says, because something keeps them back."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from ingestd.core.incident import KnownAlert
from ingestd.core.watch import Restraint, Watch
from ingestd.store import snapshot, watches
from ingestd.web.access import Caller
from ingestd.web.desk import Desk
from ingestd.web.replies import as_json, choice_of, limit_of


async def list_alerts(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/alerts?held=true``: what is kept back now, the latest first."""
    choice_of(request, "held", {"true": True}, default="")
    found = await desk.database.read(_listed, limit_of(request))
    return as_json({"alerts": found})


def _listed(connection: Connection, limit: int) -> list[dict[str, Any]]:
    return [held_line(watch, snapshot.known_of(connection, watch.key)) for watch in watches.listed(connection, limit)]


def held_line(watch: Watch, known: KnownAlert | None) -> dict[str, Any]:
    """An alert that is kept back: by what, since when, and when it is looked at again.

    ``incident_id`` is that of the incident which it is part of without a page, and perhaps without a ticket; empty if it is in none.
    """
    assert watch.held is not None, "what is listed here is held by something"
    is_member = known is not None and known.state != "held"
    return {
        "key": watch.key,
        "name": watch.alert.rule_name or watch.alert.labels.get("alertname", ""),
        "summary": watch.alert.summary,
        "labels": watch.alert.labels,
        "source": watch.alert.source,
        "reason": watch.held,
        "by": watch.by,
        "text": Restraint(watch.held, watch.by).text,
        "rule": watch.rule,
        "since": watch.since,
        "until": watch.due_at,
        "incident_id": known.incident_id if known is not None and is_member else "",
    }
