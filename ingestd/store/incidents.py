"""Incidents with their members, tickets and deadlines, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select, update

from ingestd.core.effects import Deadline
from ingestd.core.incident import Incident, Member
from ingestd.core.names import IncidentId, IncidentState, PersonName
from ingestd.ports import TicketRef
from ingestd.store import dialect
from ingestd.store.rows import chunks, row_of, select_of, value_of
from ingestd.store.schema import deadlines, incidents, members, settings, tickets

FIRST_NUMBER = 1001
_ABOUT_COUNT_MAX = 100
_NEXT_NUMBER = "next_incident_number"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that an incident has, and how much of the timeline it has been told."""

    incident_id: IncidentId
    connector: str
    ref_id: str
    label: str
    url: str
    opened_at: datetime
    noted_up_to: int

    @property
    def ref(self) -> TicketRef:
        """The ticket as connectors know it."""
        return TicketRef(self.ref_id, self.label, self.url)


def load(connection: Connection, incident_id: IncidentId) -> Incident | None:
    """One incident."""
    row = connection.execute(_ONE, {"id": incident_id}).first()
    return value_of(Incident, row) if row else None


# Made once, like all that is asked for each delivery and each deadline: to put them together costs more than to ask.
_ONE = select_of(incidents, Incident).where(incidents.c.id == bindparam("id"))


def load_many(connection: Connection, ids: Iterable[IncidentId]) -> dict[IncidentId, Incident]:
    """These incidents, by id; missing ones are left out."""
    found: dict[IncidentId, Incident] = {}
    for some in chunks(sorted(ids)):
        for row in connection.execute(select_of(incidents, Incident).where(incidents.c.id.in_(some))):
            found[row.id] = value_of(Incident, row)
    return found


def listed(connection: Connection, *, states: Iterable[IncidentState] | None, limit: int) -> list[Incident]:
    """The newest incidents first, all or those in ``states``."""
    query = select_of(incidents, Incident).order_by(incidents.c.number.desc()).limit(limit)
    if states is not None:
        asked = set(states)
        query = query.where(incidents.c.state.in_(sorted(asked)))
        if IncidentState.CLOSED not in asked:  # said in so many words, the index of live incidents is found
            query = query.where(incidents.c.state != IncidentState.CLOSED)
    return [value_of(Incident, row) for row in connection.execute(query)]


def live_about(connection: Connection, dedup_key: str, correlate_key: str) -> list[Incident]:
    """The incidents that are not closed and share one of these keys, the oldest first; an empty key is shared by none."""
    shared = [incidents.c.dedup_key == dedup_key] if dedup_key else []
    shared += [incidents.c.correlate_key == correlate_key] if correlate_key else []
    found: dict[IncidentId, Incident] = {}
    for condition in shared:  # one by one, since each has its index
        query = select_of(incidents, Incident).where(condition, incidents.c.state != IncidentState.CLOSED)
        found |= {row.id: value_of(Incident, row) for row in connection.execute(query.limit(_ABOUT_COUNT_MAX))}
    return sorted(found.values(), key=lambda incident: incident.number)


def open_by_assignee(connection: Connection) -> dict[PersonName, int]:
    """How many open incidents each person is in charge of; who has none is left out."""
    query = (
        select(incidents.c.assignee, func.count())
        .where(
            incidents.c.state != IncidentState.CLOSED,
            incidents.c.state.in_([IncidentState.TRIGGERED, IncidentState.ACKNOWLEDGED]),
            incidents.c.assignee.is_not(None),
        )
        .group_by(incidents.c.assignee)
    )
    return {PersonName(name): count for name, count in connection.execute(query)}


def last_assigned(connection: Connection, team: str) -> PersonName | None:
    """Who is in charge of the team's newest incident that somebody is in charge of."""
    query = (
        select(incidents.c.assignee)
        .where(incidents.c.team == team, incidents.c.assignee.is_not(None))
        .order_by(incidents.c.number.desc())
    )
    found = connection.execute(query.limit(1)).scalar()
    return None if found is None else PersonName(found)


def members_of(connection: Connection, incident_id: IncidentId, limit: int) -> list[Member]:
    """The alerts of an incident: those that fire first, then the oldest first."""
    asked = {"incident_id": incident_id, "most": limit}
    return [value_of(Member, row) for row in connection.execute(_MEMBERS_OF, asked)]


_MEMBERS_OF = (
    select_of(members, Member)
    .where(members.c.incident_id == bindparam("incident_id"))
    .order_by(members.c.cleared_at.is_not(None), members.c.joined_at, members.c.key)
    .limit(bindparam("most"))
)


def ticket_of(connection: Connection, incident_id: IncidentId, connector: str) -> Ticket | None:
    """The ticket that the incident has in a connector's system."""
    row = connection.execute(_TICKET_OF, {"incident_id": incident_id, "connector": connector}).first()
    return value_of(Ticket, row) if row else None


_TICKET_OF = select_of(tickets, Ticket).where(
    tickets.c.incident_id == bindparam("incident_id"), tickets.c.connector == bindparam("connector")
)


def tickets_listed(connection: Connection, limit: int) -> list[Ticket]:
    """The newest tickets first."""
    query = select_of(tickets, Ticket).order_by(tickets.c.opened_at.desc()).limit(limit)
    return [value_of(Ticket, row) for row in connection.execute(query)]


def deadlines_of(connection: Connection, incident_id: IncidentId) -> list[Deadline]:
    """What is due for an incident, soonest first."""
    query = select_of(deadlines, Deadline).where(deadlines.c.incident_id == incident_id).order_by(deadlines.c.due_at)
    return [value_of(Deadline, row) for row in connection.execute(query)]


def due_deadlines(connection: Connection, now: datetime, limit: int) -> list[Deadline]:
    """Deadlines that have passed, oldest first."""
    return [value_of(Deadline, row) for row in connection.execute(_DUE, {"now": now, "most": limit})]


_DUE = (
    select_of(deadlines, Deadline)
    .where(deadlines.c.due_at <= bindparam("now"))
    .order_by(deadlines.c.due_at)
    .limit(bindparam("most"))
)


def next_deadline_at(connection: Connection) -> datetime | None:
    """When the next deadline passes."""
    return connection.execute(_NEXT_DUE_AT).scalar()


_NEXT_DUE_AT = select(deadlines.c.due_at).order_by(deadlines.c.due_at).limit(1)


def forget_deadline(connection: Connection, deadline: Deadline) -> None:
    """Remove one deadline."""
    connection.execute(
        delete(deadlines).where(deadlines.c.incident_id == deadline.incident_id, deadlines.c.kind == deadline.kind)
    )


def next_number(connection: Connection) -> int:
    """The number that the next new incident gets."""
    value = connection.execute(select(settings.c.value).where(settings.c.name == _NEXT_NUMBER)).scalar()
    return int(value) if value else FIRST_NUMBER


def set_next_number(connection: Connection, number: int) -> None:
    """Remember the number that the next new incident gets."""
    dialect.upsert(connection, settings, ["name"], [{"name": _NEXT_NUMBER, "value": str(number)}])


_DRILLS = "ingestd/drill:"
"""What the dedup key of a drill begins with: see ``core.drill``."""


def open_counts(connection: Connection) -> dict[tuple[str, str], int]:
    """How many incidents there are by (state, severity), closed ones and drills left out."""
    query = (
        select(incidents.c.state, incidents.c.severity, func.count())
        .where(incidents.c.state != IncidentState.CLOSED, ~incidents.c.dedup_key.startswith(_DRILLS))
        .group_by(incidents.c.state, incidents.c.severity)
    )
    return {(str(state), str(severity)): count for state, severity, count in connection.execute(query)}


def save_ticket(connection: Connection, ticket: Ticket) -> None:
    """Remember the incident's ticket; one that it had in the same system before is replaced."""
    dialect.upsert(connection, tickets, ["incident_id", "connector"], [row_of(ticket)])


def ticket_was_told(connection: Connection, incident_id: IncidentId, connector: str, up_to: int) -> None:
    """The ticket holds the timeline up to and with this line."""
    connection.execute(
        update(tickets)
        .where(tickets.c.incident_id == incident_id, tickets.c.connector == connector, tickets.c.noted_up_to < up_to)
        .values(noted_up_to=up_to)
    )


def forget_ticket(connection: Connection, incident_id: IncidentId, connector: str) -> None:
    """The ticket is gone from the outside system."""
    connection.execute(delete(tickets).where(tickets.c.incident_id == incident_id, tickets.c.connector == connector))
