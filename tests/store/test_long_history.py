"""After years of use: what is settled does not make what is not any slower."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, event, text

from ingestd.core.delivery import DeliveryState
from ingestd.core.names import IncidentState, PersonName
from ingestd.store import (
    auditing,
    dialect,
    drills,
    inbox,
    incidents,
    links,
    mail_filing,
    migrate,
    outbox,
    replies,
    signatures,
    snapshot,
    timeline,
)
from ingestd.store.schema import incidents as incident_table
from ingestd.store.signatures import Signature
from tests.store.builders import NOW, after, claim, delivery, envelope, incident, put

HISTORY = 100_000
_MICROSECONDS = int(NOW.timestamp()) * 1_000_000

_NUMBERS = "WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count) "
_FILLS = """
INSERT INTO outbox (
    key, incident_id, connector, kind, lane, state, due_at, created_at, level, reason, fence, attempt_count,
    failed_count, looked_count, is_failed_over, detail, receipt_id, receipt_status, settled_at
)
SELECT 'INC-' || (100000 + i) || '/jira/ticket-open/1', 'INC-' || (100000 + i), 'jira', 'ticket-open',
    'INC-' || (100000 + i) || '/jira', CASE i % 100 WHEN 0 THEN 'dropped' ELSE 'done' END, :now - i, :now - i, 0, '', 1, 1,
    0, 0, false, '', 'SM' || i, '', :now
FROM numbers;

INSERT INTO inbox (id, source, kind, received_at, remote, body, state, next_alert, disposition)
SELECT 'env_' || i, 'prod', 'alertmanager', :now - i, '', :body, 'done', 1, 'joined' FROM numbers;

INSERT INTO incidents (
    id, number, state, severity, impact, urgency, category, team, rule, title, summary, runbook, dedup_key,
    correlate_key, correlate_within_seconds, reopen_within_seconds, opened_at, last_alert_at, firing_count, alert_count,
    acknowledged_by, resolved_by, reopen_count, ticket_connector, ticket_options, is_comment_waiting, effect_counts
)
SELECT 'INC-' || (100000 + i), 100000 + i, 'closed', 'low', 'low', 'low', '', '', '', '', '', '', 'prod/' || i,
    'default|cluster=c1', 1800, 1800, :now, :now, 0, 1, '', '', 0, '', '{}', false, '{}'
FROM numbers;

INSERT INTO tickets (incident_id, connector, ref_id, label, url, opened_at, noted_up_to)
SELECT 'INC-' || (100000 + i), 'jira', 'r' || i, '', '', :now - i, 0 FROM numbers;

INSERT INTO timeline (incident_id, at, kind, reason, text, actor, for_ticket)
SELECT 'INC-' || (100000 + i), :now, 'note', '', '', '', true FROM numbers;
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A database with a long history, and a little to do."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('old') / 'ingestd.db'}"
    else:
        url = request.getfixturevalue("postgres").create()
    engine = dialect.engine_for(url)
    with engine.begin() as connection:
        migrate.migrate(connection)
        values = {"count": HISTORY, "now": _MICROSECONDS, "body": b"x" * 600}
        for fill in filter(str.strip, _FILLS.split(";")):
            connection.execute(text(_NUMBERS + fill), values)
        put(connection, *(delivery(f"INC-{n}/jira/ticket-open/1") for n in range(1, 21)))
        put(connection, *(delivery(f"INC-{n}/jira/ticket-comment/1") for n in range(1, 21)))
        put(connection, delivery("INC-30/jira/ticket-open/1", state=DeliveryState.PARKED))
        put(connection, delivery("INC-31/jira/ticket-open/1", state=DeliveryState.LEASED, lease_until=after(hours=1)))
        inbox.add(connection, [envelope(n) for n in range(1, 21)])
        dialect.upsert(connection, incident_table, ["id"], [_plain_row(n) for n in range(1, 21)])
    if request.param == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    return engine


def _plain_row(number: int) -> dict[str, object]:
    one = incident(number)
    return {column.name: getattr(one, column.name) for column in incident_table.columns}


@pytest.fixture
def connection(old: Engine) -> Iterator[Connection]:
    """What is changed is undone."""
    with old.connect() as found:
        found.begin()
        yield found


QUESTIONS: dict[str, tuple[Callable[[Connection], object], set[str]]] = {
    "claim": (claim, {"outbox_share", "outbox_lane"}),
    "claim of nothing": (lambda c: claim(c, "sms"), {"outbox_share"}),
    "next due": (lambda c: outbox.next_due_at(c, "jira"), {"outbox_due", "outbox_lane", "outbox_leased"}),
    "later in lane": (
        lambda c: outbox.has_later_in_lane(c, delivery("INC-1/jira/ticket-open/1"), NOW),
        {"outbox_lane"},
    ),
    "receipt": (lambda c: outbox.by_receipt(c, "jira", "SM77"), {"outbox_receipt"}),
    "counts": (outbox.counts, {"outbox_open"}),
    "list of what is open": (lambda c: outbox.listed(c, states=outbox.UNSETTLED, limit=50), {"outbox_open"}),
    "list of what is parked": (lambda c: outbox.listed(c, states=[DeliveryState.PARKED], limit=50), {"outbox_open"}),
    "release": (lambda c: outbox.release_leases(c, NOW), {"outbox_leased"}),
    "deliveries of an incident": (lambda c: outbox.of_incident(c, incident(1).id), {"ix_outbox_incident_id"}),
    "waiting": (lambda c: inbox.oldest_waiting(c, 50), {"inbox_waiting"}),
    "has waiting": (inbox.has_waiting, {"inbox_waiting"}),
    "count of waiting": (inbox.waiting_count, {"inbox_waiting"}),
    "quarantined": (lambda c: inbox.reports(c, state="quarantined", source=None, limit=50), {"inbox_quarantined"}),
    "prune of nothing": (lambda c: inbox.prune(c, after(days=-30), 500), {"inbox_done"}),
    "mail put aside": (lambda c: mail_filing.prune_put_aside(c, after(days=-30), 500), {"inbox_quarantined"}),
    "live by dedup key": (lambda c: snapshot._live(c, incident_table.c.dedup_key, ["prod/7"]), {"incidents_dedup"}),
    "live by correlation key": (
        lambda c: snapshot._live(c, incident_table.c.correlate_key, ["default|cluster=c1", "x"]),
        {"incidents_correlate"},
    ),
    "open incidents": (incidents.open_counts, {"incidents_live"}),
    "list of open incidents": (
        lambda c: incidents.listed(c, states=[IncidentState.TRIGGERED, IncidentState.ACKNOWLEDGED], limit=50),
        {"incidents_live"},
    ),
    "list of closed incidents": (
        lambda c: incidents.listed(c, states=[IncidentState.CLOSED], limit=50),
        {"sqlite_autoindex_incidents_2"},
    ),
    "tickets": (lambda c: incidents.tickets_listed(c, 50), {"ix_tickets_opened_at"}),
    "due deadlines": (lambda c: incidents.due_deadlines(c, NOW, 50), {"ix_deadlines_due_at"}),
    "next deadline": (incidents.next_deadline_at, {"ix_deadlines_due_at"}),
    "timeline": (lambda c: timeline.last(c, incident(100_007).id, 10), {"timeline_incident"}),
    "for ticket": (lambda c: timeline.for_ticket(c, incident(100_007).id, 0, 10**9, 40), {"timeline_incident"}),
    "newest line": (lambda c: timeline.newest_seq(c, incident(100_007).id), {"timeline_incident"}),
    "links": (lambda c: links.prune(c, NOW), {"ix_page_links_expires_at"}),
    "codes and streaks of replies": (
        lambda c: replies.prune(c, after(days=-30)),
        {"ix_reply_codes_given_at", "ix_reply_streaks_last_at"},
    ),
    "codes of a phone": (lambda c: replies.of_address(c, "+1555"), {"sqlite_autoindex_reply_codes_1"}),
    "what waits for a person": (
        lambda c: replies.open_of_person(c, PersonName("ada")),
        {"incidents_live", "ix_outbox_incident_id"},
    ),
    "signatures": (lambda c: signatures.add(c, Signature("s", NOW), NOW), {"ix_signatures_expires_at"}),
}

AUDITS: dict[str, tuple[Callable[[Connection], object], set[str]]] = {
    "audit of everything": (
        lambda c: auditing.overall(c, ["sms", "mail"], after(days=-1), NOW),
        {"inbox_waiting", "ix_deadlines_due_at", "ix_watches_due_at", "outbox_due", "outbox_leased"},
    ),
    "audit of incidents": (
        lambda c: auditing.piece(c, 0),
        {"incidents_live", "incidents_dedup", "ix_outbox_incident_id"},
    ),
    "audit of the last incidents": (lambda c: auditing.piece(c, 15), {"incidents_live"}),
    "audit of what is kept back": (lambda c: auditing.kept_back(c, "", ""), {"alerts_held"}),
    "drills that run": (drills.running, {"ix_drills_ended_at"}),
}
"""Asked once a minute; how long they take stands in test_auditing."""


@pytest.mark.parametrize("name", [*QUESTIONS, *AUDITS])
def test_what_is_asked_often_finds_its_index(connection: Connection, name: str) -> None:
    ask, indexes = {**QUESTIONS, **AUDITS}[name]
    is_sqlite = connection.dialect.name == "sqlite"
    if (
        not is_sqlite
    ):  # a table of a few rows is read whole, and rightly so: what matters is that the index could be used
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    said: list[tuple[str, object]] = []

    def note(_connection, _cursor, sql, values, _context, is_many) -> None:
        if not is_many:  # several rows by their keys
            said.append((sql, values))

    event.listen(connection, "before_cursor_execute", note)
    ask(connection)
    raw = connection.connection.cursor()
    plans: list[str] = []
    for sql, values in said:
        if sql.lstrip().startswith(("SELECT", "DELETE", "UPDATE", "WITH")):
            raw.execute(("EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN ") + sql, values)
            plans += [str(row[-1]) for row in raw.fetchall()]
    if is_sqlite:  # PostgreSQL may prefer another that is as good
        assert {index for index in indexes if any(index in line for line in plans)} == indexes, "\n".join(plans)
    own = {"SCAN shares", "SCAN CONSTANT ROW"}  # a recursion reads its own rows, and its first is of no table
    plans = [line for line in plans if line not in own]
    whole = [line for line in plans if ("SCAN" in line and "INDEX" not in line) or "Seq Scan" in line]
    assert whole == []


@pytest.mark.slow
def test_a_claim_out_of_10_000_that_are_due_at_once_takes_less_than_5_ms(url: str) -> None:
    """Whether the database knows how many there are, or was not yet told. All are of one share and came due at one instant."""
    engine = dialect.engine_for(url)
    with engine.begin() as connection:
        migrate.migrate(connection)
        put(connection, *(delivery(f"INC-{n}/jira/ticket-open/1") for n in range(1, 10_001)))
    for word in ("", "ANALYZE"):
        took: list[float] = []
        with engine.connect() as connection:
            if word:
                connection.execute(text(word))
                connection.commit()
            for _ in range(9):
                transaction = connection.begin()
                connection.execute(text("SELECT 1"))
                begun = time.perf_counter()
                assert len(claim(connection)) == 10
                took.append(time.perf_counter() - begun)
                transaction.rollback()
        print(f"{engine.dialect.name} {word}: {min(took) * 1000:.2f} ms")
        assert min(took) < 0.005
    engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_asked_often_takes_less_than_5_ms_after_100_000_of_each(old: Engine, name: str) -> None:
    """The best of some tries: a busy machine makes some of them slow, a missing index all of them."""
    ask, _ = QUESTIONS[name]
    took: list[float] = []
    with old.connect() as connection:
        for _ in range(9):
            transaction = connection.begin()
            connection.execute(text("SELECT 1"))
            begun = time.perf_counter()
            ask(connection)
            took.append(time.perf_counter() - begun)
            transaction.rollback()
    print(f"{name}: {min(took) * 1000:.2f} ms on {old.dialect.name}")
    assert min(took) < 0.005
