"""What is put in comes out the same, on both databases: instants to the microsecond, words as members, any text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Integer, MetaData, Table, select
from sqlalchemy.exc import StatementError

from ingestd.core.incident import Escalation
from ingestd.core.names import Channel, PersonName, Severity
from ingestd.core.policy import Step
from ingestd.store import incidents
from ingestd.store.columns import Json, UtcInstant, Word, microseconds_of
from ingestd.store.escalation_column import EscalationJson
from ingestd.store.rows import row_of
from ingestd.store.schema import incidents as incident_table
from ingestd.store.schema import members
from tests.store.builders import incident, member

drawer = Table(
    "drawer",
    MetaData(),
    Column("n", Integer, primary_key=True),
    Column("instant", UtcInstant),
    Column("word", Word(Severity)),
    Column("plain", Json),
    Column("escalation", EscalationJson),
)

storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)


@pytest.fixture
def connection(connection: Connection) -> Connection:
    drawer.create(connection)
    return connection


def _through(connection: Connection, **values: object) -> tuple[object, ...]:
    connection.execute(drawer.delete())
    connection.execute(drawer.insert(), {"n": 1, **values})
    return tuple(connection.execute(select(*(drawer.c[name] for name in values))).one())


_each_database = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@_each_database
@given(instant=st.datetimes(timezones=st.just(UTC)))
def test_an_instant_comes_back_to_the_microsecond(connection: Connection, instant: datetime) -> None:
    assert _through(connection, instant=instant) == (instant,)


@pytest.mark.parametrize(
    "instant",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        # 2**53 microseconds and more: a float would round them.
        datetime(2255, 6, 5, 23, 47, 34, 740993, tzinfo=UTC),
    ],
)
def test_instants_at_the_edges_are_exact(connection: Connection, instant: datetime) -> None:
    (back,) = _through(connection, instant=instant)
    assert back == instant
    assert isinstance(back, datetime)
    assert back.tzinfo is UTC


def test_an_instant_of_another_zone_is_the_same_instant_in_utc(connection: Connection) -> None:
    twice = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert _through(connection, instant=twice) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC),)
    assert _through(connection, instant=twice.replace(fold=1)) == (datetime(2026, 10, 25, 1, 30, tzinfo=UTC),)
    odd = datetime(2026, 1, 1, 0, 0, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert _through(connection, instant=odd) == (datetime(2025, 12, 31, 18, 15, tzinfo=UTC),)


def test_a_naive_instant_is_refused(connection: Connection) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        _through(connection, instant=datetime(2026, 1, 1))  # noqa: DTZ001 (that is the point)
    with pytest.raises(AssertionError, match="without a zone"):
        microseconds_of(datetime(2026, 1, 1))  # noqa: DTZ001 (that is the point)


def test_nothing_stays_nothing(connection: Connection) -> None:
    nothing = _through(connection, instant=None, word=None, plain=None, escalation=None)
    assert nothing == (None, None, None, None)


def test_a_word_comes_back_as_a_member_and_a_stranger_is_refused(connection: Connection) -> None:
    (back,) = _through(connection, word=Severity.CRITICAL)
    assert back is Severity.CRITICAL
    assert _through(connection, word="low") == (Severity.LOW,)
    with pytest.raises(StatementError, match="catastrophic"):
        _through(connection, word="catastrophic")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | storable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(storable, inner, max_size=4),
    max_leaves=12,
)


@_each_database
@given(plain=_json.filter(lambda value: value is not None))
def test_a_structure_comes_back_as_it_was(connection: Connection, plain: object) -> None:
    assert _through(connection, plain=plain) == (plain,)


@_each_database
@given(
    name=storable,
    people=st.lists(st.lists(storable.map(PersonName), max_size=3).map(tuple), max_size=3),
    wait=st.integers(0, 10**9),
    paged=st.lists(st.tuples(storable.map(PersonName), st.sampled_from(Channel)), max_size=3),
    flags=st.tuples(st.booleans(), st.booleans()),
    on_call=st.none() | st.lists(storable.map(PersonName), max_size=3).map(tuple),
)
def test_an_escalation_comes_back_equal(connection: Connection, name, people, wait, paged, flags, on_call) -> None:
    escalation = Escalation(
        policy_name=name,
        ruleset_version="v",
        steps=tuple(Step(some, wait) for some in people),
        loop_count=2,
        step_index=1,
        loops_done=1,
        is_held=flags[0],
        is_exhausted=flags[1],
        paged=tuple(paged),
        on_call=on_call,
    )
    assert _through(connection, escalation=escalation) == (escalation,)


HOSTILE = [
    "",
    " ",
    "'; DROP TABLE incidents; --",
    "%s %(name)s ? :name $1 \\",
    "line\nline\r\n\ttab\x1b[31m\x7f\x01",
    "é vs e\u0301, \u202eright to left, \ufeff\ufffe\uffff\u2028",
    "\U0001f4a9" * 500,
    "x" * 200_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_storable_text_survives_in_every_text_of_an_incident(connection: Connection, text: str) -> None:
    before = incident(title=text, summary=text, runbook=text, acknowledged_by=text, ticket_options={text: [text]})
    connection.execute(incident_table.insert(), row_of(before))
    assert incidents.load(connection, before.id) == before
    part = member(labels={text: text}, annotations={text: text}, links={text: text}, summary=text, value=text)
    connection.execute(members.insert(), row_of(part))
    assert incidents.members_of(connection, part.incident_id, 5) == [part]


@_each_database
@given(text=storable)
def test_any_storable_text_survives(connection: Connection, text: str) -> None:
    connection.execute(incident_table.delete())
    before = incident(title=text, effect_counts={text: 2**70})
    connection.execute(incident_table.insert(), row_of(before))
    assert incidents.load(connection, before.id) == before


@pytest.mark.parametrize("number", [0, -1, 2**31 - 1, 2**31, 2**63 - 1])
def test_an_incident_number_has_64_bits(connection: Connection, number: int) -> None:
    connection.execute(incident_table.insert(), row_of(incident(number)))
    assert incidents.load(connection, incident(number).id) == incident(number)


def test_a_row_holds_exactly_the_fields_of_its_value() -> None:
    for value, table in ((incident(), incident_table), (member(), members)):
        assert set(row_of(value)) == {column.name for column in table.columns}
