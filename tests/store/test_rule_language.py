"""The rule language on real databases: the same life as in the model of the core, and what only SQL can get wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from sqlalchemy import Connection, event

from ingestd.core.alert import Alert
from ingestd.core.decide import Answer, AnswerAction
from ingestd.core.incident import AlertState, Incident
from ingestd.core.matchers import parse_field, parse_matcher
from ingestd.core.names import AlertStatus, IncidentId, IncidentState
from ingestd.core.restraint import alert_of
from ingestd.core.ruleset import Collects, Inhibition
from ingestd.store import dialect, explaining
from ingestd.store.rows import row_of
from ingestd.store.schema import alerts as alert_table
from ingestd.store.schema import incidents as incident_table
from ingestd.store.schema import members as member_table
from ingestd.testing.builders import NOW as START
from ingestd.testing.builders import alert
from ingestd.testing.builders import known as known_alert
from tests.core.rule_days import POLICY, Day
from tests.store.builders import NOW, after, incident, member
from tests.store.stored_day import StoredDay

Begin = Callable[[], AbstractContextManager[Connection]]

NAMES = [
    "AppDown",
    "NodeDown",
    "Backbone",
    "Shop",
    "Cart",
    "Lag",
    "Flaky",
    "Link",
    "Both",
    "Fire",
    "Cron",
    "Trial",
    "Office",
    "Grouped",
    "Worst",
]


def _said(name: str, host: str, window: str, status: str = "firing") -> Alert:
    made = alert(
        status, labels={"alertname": name, "host": host, "service": 's%"_', **({"window": window} if window else {})}
    )
    return replace(made, starts_at=None, ends_at=None)


def _lives(found: Iterable[Incident]) -> list[tuple[object, ...]]:
    """Every incident without its number: what is due at the same instant is kept in any order."""
    made = {one.id: one for one in found}

    def life(one: Incident) -> tuple[object, ...]:
        parent = made[one.parent_id].dedup_key if one.parent_id else ""
        counts = (one.firing_count, one.alert_count, one.reopen_count, one.effect_counts.get("sms/page", 0))
        return (one.dedup_key, one.opened_at, one.state.value, one.severity.value, one.quiet is None, parent, *counts)

    return sorted(map(life, made.values()))


@pytest.mark.parametrize("seed", range(6))
def test_a_history_on_the_database_is_the_history_of_the_model(begin: Begin, seed: int) -> None:
    draw = random.Random(seed)
    model, stored = Day(POLICY, START), StoredDay(begin, POLICY, START)
    for _ in range(30):
        what = draw.random()
        if what < 0.55:
            said = {}
            for _ in range(draw.randint(1, 4)):
                status = draw.choice(["firing", "firing", "resolved"])
                one = _said(
                    draw.choice(NAMES), draw.choice("ab"), draw.choice(["", "", "drop", "record", "ticket"]), status
                )
                said[one.key] = one
            model.receive(*said.values())
            stored.receive(*said.values())
        elif what < 0.65:
            made = model.silence(draw.choice([60, 1200]), f"alertname = {draw.choice(NAMES)}", "host != b")
            stored.silence(made)
        elif what < 0.75 and model.incidents:
            chosen = draw.choice(sorted(model.incidents))
            answer = Answer(chosen, draw.choice([AnswerAction.ACKNOWLEDGE, AnswerAction.RESOLVE]), "ada", "link")
            model.answer(answer)
            life = (model.incidents[chosen].dedup_key, model.incidents[chosen].opened_at)
            (same,) = (one for one in stored.incidents() if (one.dedup_key, one.opened_at) == life)
            stored.answer(replace(answer, incident_id=same.id))
        else:
            seconds = draw.choice([1, 61, 300, 700, 2000, 5000])
            model.pass_time(seconds)
            stored.pass_time(seconds)
    model.pass_time(20_000)
    stored.pass_time(20_000)
    assert _lives(stored.incidents()) == _lives(model.incidents.values())
    assert {key: (one.due_at, one.held) for key, one in stored.watches().items()} == {
        key: (one.due_at, one.held) for key, one in model.watches.items()
    }


# ------------------------------------------------------------------ what explains what


def _put_member(connection: Connection, number: int, labels: dict[str, str], **changes) -> None:
    """A firing alert with these labels, in an incident of its own."""
    incident_id = IncidentId(f"INC-{number}")
    part = member(number, incident_id=incident_id, labels=labels, name=labels.get("alertname", ""))
    state = changes.pop("state", IncidentState.TRIGGERED)
    dialect.upsert(
        connection, incident_table, ["id"], [row_of(incident(number, state=state, firing_count=1, alert_count=1))]
    )
    dialect.upsert(connection, member_table, ["incident_id", "key"], [row_of(replace(part, **changes))])
    known = replace(
        known_alert(), key=part.key, incident_id=incident_id, state=changes.get("state_of_alert", AlertState.FIRING)
    )
    dialect.upsert(connection, alert_table, ["key"], [row_of(known)])


def _inhibition(*match: str, equal: tuple[str, ...] = ()) -> Inhibition:
    return Inhibition(tuple(parse_matcher(text) for text in match), tuple(parse_field(name) for name in equal))


TRICKY = ["100%", "a_b", 'say "x"', "back\\slash", "Müller 🚒", "a\nb", "/slash/", "{}", ":", "tab\tq", "'quote'"]


@pytest.mark.parametrize("value", TRICKY)
def test_an_inhibitor_is_found_by_labels_of_any_kind(connection: Connection, value: str) -> None:
    _put_member(connection, 1001, {"alertname": "NodeDown", "site": value})
    _put_member(connection, 1002, {"alertname": "NodeDown", "site": "another"})
    asked = replace(alert(), labels={"alertname": "AppDown", "site": value})
    (found,) = explaining.inhibitors(connection, [(_inhibition("alertname = NodeDown", equal=("site",)), asked)])
    assert found.labels["site"] == value


@pytest.mark.parametrize("name", ["odd name", 'q"uote', "ünïcode", "per%cent_"])
def test_an_inhibitor_is_found_by_label_names_of_any_kind(connection: Connection, name: str) -> None:
    _put_member(connection, 1001, {"alertname": "NodeDown", name: "x"})
    asked = replace(alert(), labels={"alertname": "AppDown", name: "x"})
    wanted = Inhibition((parse_matcher("alertname = NodeDown"),), (parse_field(name),))
    assert len(explaining.inhibitors(connection, [(wanted, asked)])) == 1


def test_a_wildcard_in_a_value_finds_nothing_else(connection: Connection) -> None:
    _put_member(connection, 1001, {"alertname": "NodeDown", "site": "axb"})
    asked = replace(alert(), labels={"alertname": "AppDown", "site": "a_b"})
    assert explaining.inhibitors(connection, [(_inhibition("alertname = NodeDown", equal=("site",)), asked)]) == ()


def test_a_label_that_neither_has_is_equal(connection: Connection) -> None:
    _put_member(connection, 1001, {"alertname": "NodeDown"})
    asked = replace(alert(), labels={"alertname": "AppDown"})
    assert explaining.inhibitors(connection, [(_inhibition("alertname = NodeDown", equal=("site",)), asked)])


def test_grafanas_stand_in_is_found_by_its_own_name_although_its_member_bears_that_of_the_rule(
    connection: Connection,
) -> None:
    _put_member(connection, 1001, {"alertname": "DatasourceNoData", "rulename": "cpu"}, name="cpu")
    asked = replace(alert(), labels={"alertname": "AppDown"})
    assert explaining.inhibitors(connection, [(_inhibition("alertname = DatasourceNoData"), asked)])


def test_regular_expressions_and_absent_labels_are_left_to_the_matchers(connection: Connection) -> None:
    _put_member(connection, 1001, {"alertname": "NodeDown", "tier": "1"})
    asked = replace(alert(), labels={"alertname": "AppDown"})
    assert explaining.inhibitors(connection, [(_inhibition('alertname =~ "Node.*"', 'dc = ""', "tier != 2"), asked)])
    assert explaining.inhibitors(connection, [(_inhibition('alertname =~ "Node.*"', 'dc != ""'), asked)]) == ()


@pytest.mark.parametrize(
    "changes",
    [{"state": IncidentState.CLOSED}, {"state_of_alert": AlertState.CLEARED}, {"state_of_alert": AlertState.HELD}],
)
def test_what_is_closed_or_over_or_kept_back_inhibits_nothing(connection: Connection, changes) -> None:
    incident_id = IncidentId("INC-1001")
    state = changes.get("state", IncidentState.TRIGGERED)
    part = member(1, labels={"alertname": "NodeDown"}, name="NodeDown")
    dialect.upsert(connection, incident_table, ["id"], [row_of(incident(state=state))])
    dialect.upsert(connection, member_table, ["incident_id", "key"], [row_of(part)])
    known = known_alert(changes.get("state_of_alert", AlertState.FIRING), key=part.key, incident_id=incident_id)
    dialect.upsert(connection, alert_table, ["key"], [row_of(known)])
    asked = replace(alert(), labels={"alertname": "AppDown"})
    assert explaining.inhibitors(connection, [(_inhibition("alertname = NodeDown"), asked)]) == ()


@pytest.mark.parametrize(("is_down", "count"), [(False, 1), (True, 101)])
def test_whether_anything_inhibits_is_asked_once_for_all_alerts_of_a_rule(
    connection: Connection, is_down: bool, count: int
) -> None:
    if is_down:
        _put_member(connection, 1, {"alertname": "InstanceDown", "instance": "i7"})
    inhibition = _inhibition("alertname = InstanceDown", equal=("instance",))
    asked = [(inhibition, replace(alert(), labels={"alertname": "Slow", "instance": f"i{n}"})) for n in range(100)]
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda _c, _cursor, text, *_rest: statements.append(text))
    assert len(explaining.inhibitors(connection, asked)) == is_down
    assert len(statements) == count


def test_an_alert_does_not_inhibit_itself_and_one_that_went_elsewhere_inhibits_nothing(connection: Connection) -> None:
    _put_member(connection, 1001, {"alertname": "NodeDown"})
    (itself,) = explaining.inhibitors(connection, [(_inhibition("alertname = NodeDown"), alert())])
    assert explaining.inhibitors(connection, [(_inhibition("alertname = NodeDown"), alert_of(itself))]) == ()
    dialect.upsert(
        connection, alert_table, ["key"], [row_of(known_alert(key=itself.key, incident_id=IncidentId("INC-7")))]
    )
    assert explaining.inhibitors(connection, [(_inhibition("alertname = NodeDown"), alert())]) == ()


COLLECTS = Collects((parse_matcher("alertname = Shop"),), (), 1800)


def test_what_is_young_and_in_nobodys_hands_may_be_explained_with_its_alerts(connection: Connection) -> None:
    states = {
        1001: {},
        1002: {"state": IncidentState.ACKNOWLEDGED},
        1003: {"opened_at": after(hours=-1)},
        1004: {"quiet": "so"},
    }
    for number, changes in states.items():
        made = incident(number, **changes)
        dialect.upsert(connection, incident_table, ["id"], [row_of(made)])
        parts = [member(number * 10 + n, incident_id=made.id, state=state) for n, state in enumerate(AlertState)]
        dialect.upsert(connection, member_table, ["incident_id", "key"], [row_of(part) for part in parts])
    young, parts = explaining.explained(connection, [(COLLECTS, alert())], NOW)
    assert [one.number for one in young] == [1001]
    assert {one.state for one in parts} == set(AlertState) - {AlertState.CLEARED}


def test_an_incident_that_is_explained_and_joined_in_one_decision_counts_its_alerts_right(begin: Begin) -> None:
    """What may be explained is read without what has cleared; an alert of this very message may be in it."""
    day = StoredDay(begin, POLICY, START)
    day.receive(_said("Shop", "a", ""))
    day.receive(replace(_said("Shop", "a", "", "resolved"), status=AlertStatus.RESOLVED))
    day.receive(_said("Backbone", "b", ""), _said("Shop", "a", ""))
    (first, second) = day.incidents()
    assert (first.alert_count, first.firing_count, second.number) == (1, 1, 1002)
