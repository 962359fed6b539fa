"""``/api/v1/contacts``: which addresses of people are used, which are dead and why, and when each last reached its owner."""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web
from sqlalchemy import Connection

from ingestd.config.problems import did_you_mean
from ingestd.core.effects import ContactNews, Decision
from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import Policy
from ingestd.core.safe_text import masked_address, one_line
from ingestd.store import contacts
from ingestd.store.contacts import ContactRow
from ingestd.telemetry import log_events
from ingestd.web.access import Caller
from ingestd.web.desk import Desk
from ingestd.web.replies import Refusal, as_json

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def list_contacts(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/contacts``: every address of every person, in the order in which they are tried; of one with ``person``.

    Addresses are masked. ``connectors`` are those that serve it, in order.
    """
    policy = desk.policy()
    name = request.query.get("person", "")
    if name and name not in policy.people:
        raise _no_such_person(policy, name)
    lines = await desk.database.read(_lines, policy)
    return as_json({"contacts": [line for line in lines if not name or line["person"] == name]})


def _lines(connection: Connection, policy: Policy) -> list[dict[str, Any]]:
    known = {(row.person, row.channel, row.address): row for row in contacts.listed(connection)}
    found = []
    for person in policy.people.values():
        rows = [known.get((person.name, *own)) or ContactRow(person.name, *own) for own in person.channels]
        is_last_resort = all(row.dead_since is not None for row in rows)
        for row in rows:
            state = "works" if row.dead_since is None else "last" if is_last_resort else "dead"
            found.append(
                {
                    "person": row.person,
                    "channel": row.channel,
                    "address_masked": masked_address(row.address),
                    "connectors": policy.connectors_of(row.channel, row.address),
                    "state": state,
                    "dead_since": row.dead_since,
                    "reason": row.reason,
                    "reached_at": row.reached_at,
                }
            )
    return found


async def revive_contact(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/contacts/{person}/{channel}/revive``: the address is used again. A second time changes nothing."""
    policy = desk.policy()
    name, channel = one_line(request.match_info["person"], 80), request.match_info["channel"]
    person = policy.people.get(PersonName(name))
    if person is None:
        raise _no_such_person(policy, name)
    own = {known.value: (known, address) for known, address in person.channels}
    if channel not in own:
        text = f"{name} has no address on the channel {one_line(channel, 40)}"
        raise Refusal(404, text, hint=did_you_mean(channel, own))
    known, address = own[channel]
    is_first = await desk.database.run(contacts.revive, person.name, known, address)
    if is_first:
        # Wakes whoever ends the alert about it.
        desk.after_decision(Decision(contacts=(ContactNews(person.name, known, address),)))
        log.info(log_events.CONTACT_REVIVED, person=name, channel=channel, by=caller.name)
        text = f"{name} is paged by {channel} again"
    else:
        text = f"{name} is paged by {channel} as it is; nothing changed"
    return as_json({"person": name, "channel": Channel(channel), "is_first": is_first, "text": text})


def _no_such_person(policy: Policy, name: str) -> Refusal:
    return Refusal(404, f"there is no person {one_line(name, 80)}", hint=did_you_mean(name, policy.people))
