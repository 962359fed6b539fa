"""What replies need to be remembered: the codes of pages, the tokens of mails, and how often somebody was helped in a row."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, func, or_, select

from ingestd.core.delivery import DeliveryState
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentId, IncidentState, PersonName
from ingestd.store import dialect, links
from ingestd.store.links import PageLink
from ingestd.store.rows import select_of, value_of
from ingestd.store.schema import incidents, outbox, reply_codes, reply_streaks

CODE_LIFE = timedelta(hours=72)
"""A code of a closed incident is not given to another page before: people answer what they read yesterday."""
HELP_IN_A_ROW_MAX = 5
STREAK_LIFE = timedelta(hours=24)
"""Who was helped so long ago has begun anew."""
ANSWERS_MAX = 20
ANSWERS_WITHIN = timedelta(minutes=10)
OPEN_MAX = 2500
"""So many incidents that wait for a person are looked through."""
_ALL_MAX = 500


@dataclass(frozen=True, slots=True)
class ReplyCode:
    """The code of the last page of one incident to one address, and to whom that page went."""

    address: str
    code: int
    incident_id: IncidentId
    person: PersonName
    channel: Channel
    delivery_key: EffectKey
    given_at: datetime


def code_for(
    connection: Connection,
    address: str,
    channel: Channel,
    incident_id: IncidentId,
    person: PersonName,
    delivery_key: EffectKey,
    now: datetime,
) -> int:
    """The code by which the page is answered from this address: the one that its incident has there, else the smallest free one."""
    known = of_address(connection, address)
    code = next((row.code for row in known if row.incident_id == incident_id), 0)
    if not code:
        used = {row.code for row in known} - _free(connection, known, now)
        code = next(number for number in range(1, len(used) + 2) if number not in used)
    row = {
        "address": address,
        "code": code,
        "incident_id": incident_id,
        "person": person,
        "channel": channel,
        "delivery_key": delivery_key,
        "given_at": now,
    }
    dialect.upsert(connection, reply_codes, ["address", "code"], [row])
    return code


def _free(connection: Connection, known: Collection[ReplyCode], now: datetime) -> set[int]:
    old = {row.incident_id: row.code for row in known if row.given_at <= now - CODE_LIFE}
    if not old:
        return set()
    query = select(incidents.c.id).where(
        incidents.c.id.in_(sorted(old)[:_ALL_MAX]), incidents.c.state != IncidentState.CLOSED
    )
    live = {row.id for row in connection.execute(query)}
    return {code for incident_id, code in old.items() if incident_id not in live}


def of_address(connection: Connection, address: str) -> list[ReplyCode]:
    """The codes that were given to an address, that of the newest page first."""
    query = select_of(reply_codes, ReplyCode).where(reply_codes.c.address == address)
    rows = connection.execute(query.order_by(reply_codes.c.given_at.desc(), reply_codes.c.code.desc()))
    return [value_of(ReplyCode, row) for row in rows]


def open_of_person(connection: Connection, person: PersonName) -> list[Incident]:
    """The incidents that wait for an answer and of which the person was told, or would have been but for a limit; oldest first."""
    was_told = or_(
        outbox.c.state.in_([DeliveryState.DONE, DeliveryState.LEASED, DeliveryState.UNCERTAIN]),
        outbox.c.folded_into.is_not(None),
    )
    paged = exists().where(
        outbox.c.incident_id == incidents.c.id,
        outbox.c.kind == EffectKind.PAGE,
        # Not to be found by its index: a person has been paged for thousands of incidents, and an incident pages a few people.
        func.coalesce(outbox.c.person, "") == person,
        was_told,
    )
    query = (
        select_of(incidents, Incident)
        .where(incidents.c.state == IncidentState.TRIGGERED, incidents.c.state != IncidentState.CLOSED, paged)
        .order_by(incidents.c.number)
        .limit(OPEN_MAX)
    )
    return [value_of(Incident, row) for row in connection.execute(query)]


# ---------------------------------------------------------------------------------------------- mail


def reply_token(page_token: str) -> str:
    """The token that binds a reply by mail, made from that of the page's link: 15 letters and digits that any mail server carries.

    The link's token cannot be found from it. Both stand in the same mail.
    """
    digest = hashlib.sha256(b"ingestd reply token\0" + page_token.encode()).digest()
    return base64.b32encode(digest[:10]).decode("ascii").lower()[:15]


def bind(connection: Connection, token: str, link: PageLink) -> None:
    """Remember what a reply with this token answers."""
    links.add(connection, PageLink(_hash_of(token), link.incident_id, link.person, link.delivery_key, link.expires_at))


def bound_to(connection: Connection, token: str, now: datetime) -> PageLink | None:
    """What a reply with this token answers, unless the token is unknown or has expired."""
    return links.find_hash(connection, _hash_of(token), now)


def _hash_of(token: str) -> str:
    # Another prefix than that of links: a token opens one of the two doors.
    return hashlib.sha256(b"ingestd reply\0" + token.lower().encode("utf-8", "replace")).hexdigest()


# ---------------------------------------------------------------------------------------------- restraint


@dataclass(frozen=True, slots=True)
class Streak:
    """How an address was answered lately."""

    address: str
    help_count: int
    """In a row, without anything that took effect between."""
    last_at: datetime
    answer_count: int = 0
    """Since ``since``, of any kind."""
    since: datetime | None = None


def may_answer(connection: Connection, address: str, *, is_effect: bool, now: datetime) -> bool:
    """Whether the address may be answered once more, and count it: two robots must not talk to each other for ever.

    ``is_effect``: something was brought about, which ends the row of answers that only help.
    """
    row = connection.execute(select_of(reply_streaks, Streak).where(reply_streaks.c.address == address)).first()
    before = value_of(Streak, row) if row else Streak(address, 0, now)
    is_fresh = before.since is None or now - before.since >= ANSWERS_WITHIN
    helped = 0 if is_effect or now - before.last_at >= STREAK_LIFE else before.help_count
    answered = 0 if is_fresh else before.answer_count
    is_allowed = answered < ANSWERS_MAX and (is_effect or helped < HELP_IN_A_ROW_MAX)
    after = {
        "address": address,
        "help_count": helped if is_effect else min(helped + 1, HELP_IN_A_ROW_MAX + 1),
        "last_at": now,
        "answer_count": min(answered + 1, ANSWERS_MAX),
        "since": now if is_fresh else before.since,
    }
    dialect.upsert(connection, reply_streaks, ["address"], [after])
    return is_allowed


def prune(connection: Connection, now: datetime) -> int:
    """Forget the codes of incidents that are closed and the streaks of addresses that have been quiet."""
    is_live = exists().where(incidents.c.id == reply_codes.c.incident_id, incidents.c.state != IncidentState.CLOSED)
    codes = connection.execute(delete(reply_codes).where(reply_codes.c.given_at <= now - CODE_LIFE, ~is_live))
    streaks = connection.execute(delete(reply_streaks).where(reply_streaks.c.last_at <= now - STREAK_LIFE))
    return codes.rowcount + streaks.rowcount
