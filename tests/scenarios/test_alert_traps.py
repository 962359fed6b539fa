"""What real senders do that a receiver must not fall for. The samples' README numbers the traps."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.core.names import IncidentState
from ingestd.core.sources import SourceKind
from ingestd.testing.world import World, alertmanager_body, policy

SAMPLES = "alertmanager"


def reasons(day: World, envelope: str) -> list[str]:
    return [finding["reason"] for finding in day.envelope(envelope).findings]


def arrives(day: World, body: bytes, **source: object) -> str:
    envelope = day.receive(body, **source)
    day.advance(seconds=1)
    return envelope


def grafana(day: World, body: bytes) -> str:
    return arrives(day, body, source="grafana", kind=SourceKind.GRAFANA)


def refired(body: bytes, **changes: object) -> bytes:
    """The body with some fields of each of its alerts changed."""
    document = json.loads(body)
    for alert in document["alerts"]:
        alert.update(changes)
    return json.dumps(document).encode()


def test_a_repeat_tells_nobody_anything(day, sample, nothing_else_arrives):
    first = arrives(day, sample(f"{SAMPLES}/23-repeat-1-firing"))
    day.acknowledge("INC-1001")
    day.advance(minutes=2)
    for number in (2, 3):
        repeat = arrives(day, sample(f"{SAMPLES}/2{number + 2}-repeat-{number}-identical"))
        assert day.envelope(repeat).disposition == "duplicate"
        assert reasons(day, repeat) == ["still_firing"]
    assert day.envelope(first).disposition == "incident"
    last = arrives(day, sample(f"{SAMPLES}/26-repeat-resolved"))
    assert day.envelope(last).disposition == "resolved"
    day.advance(minutes=2)
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    assert [ticket.history for ticket in day.tickets.kept] == [["resolved"]]
    nothing_else_arrives(day)
    assert len(day.incidents()) == 1


def test_alerts_that_were_cut_out_of_a_group_are_unknown_not_over(day, sample, nothing_else_arrives):
    arrives(day, sample(f"{SAMPLES}/12-truncated-3of10-firing"))
    incident = day.incident()
    assert (incident.state, incident.firing_count, incident.alert_count) == (IncidentState.TRIGGERED, 3, 3)
    assert "truncated/truncated_by_sender" in day.history()
    day.acknowledge(incident.id)
    again = arrives(day, sample(f"{SAMPLES}/12-truncated-3of10-firing"))
    assert set(reasons(day, again)) == {"still_firing"}
    assert day.history().count("truncated/truncated_by_sender") == 1
    day.advance(minutes=1)
    nothing_else_arrives(day)
    assert day.incident().state is IncidentState.ACKNOWLEDGED


def test_the_status_on_top_says_nothing_each_alert_says_its_own(day, sample, nothing_else_arrives):
    arrives(day, sample(f"{SAMPLES}/09-mixed4-firing"))
    opened = day.incidents()
    assert sum(incident.firing_count for incident in opened) == 4
    for incident in opened:
        day.acknowledge(incident.id)
    part = arrives(day, sample(f"{SAMPLES}/10-mixed4-two-resolved-status-firing"))
    assert sorted(reasons(day, part)) == ["resolved_by_sender"] * 2 + ["still_firing"] * 2
    assert sum(incident.firing_count for incident in day.incidents()) == 2
    day.advance(minutes=1)
    nothing_else_arrives(day)


def test_an_old_resolve_that_comes_again_neither_reopens_nor_closes(day, nothing_else_arrives):
    day.fires(host="app00")
    day.fires(host="app01")
    day.acknowledge("INC-1001")
    day.clears(host="app00")
    day.advance(minutes=2)
    ended = (day.now() - timedelta(minutes=2)).isoformat()
    again = day.clears(host="app00", _ends=ended)
    assert reasons(day, again) == ["resolve_repeated"]
    assert day.incident().firing_count == 1
    day.advance(minutes=1)
    nothing_else_arrives(day)
    assert day.incident().state is IncidentState.ACKNOWLEDGED


def test_a_flap_that_the_group_interval_swallowed_still_ends(day, sample, nothing_else_arrives):
    """Alertmanager said 19:14:55, swallowed the flap, and resolves a start that it never announced."""
    announced = sample(f"{SAMPLES}/27-flap-1-firing")
    arrives(day, announced)
    unseen = refired(announced, status="resolved", startsAt="2026-11-21T19:15:16Z", endsAt="2026-11-21T19:16:01Z")
    end = arrives(day, unseen)
    assert reasons(day, end) == ["resolved_unseen_episode"]
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    nothing_else_arrives(day)


def test_a_firing_message_that_its_own_resolve_overtook_does_not_reopen(day, nothing_else_arrives):
    day.fires(_starts="2026-03-02T01:59:00Z")
    day.clears()
    day.advance(seconds=20)
    late = day.fires(_starts="2026-03-02T01:59:00Z")
    assert reasons(day, late) == ["fire_older_than_resolve"]
    assert day.envelope(late).disposition == "ignored"
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_a_resolve_that_arrives_before_its_fire_leaves_nothing_open(day, nothing_else_arrives):
    """Two Alertmanagers of one cluster: the resolve of one overtakes the fire of the other."""
    early = day.clears()
    assert reasons(day, early) == ["resolve_of_unknown"]
    late = day.fires(_starts="2026-03-02T01:59:00Z")
    assert reasons(day, late) == ["fire_older_than_resolve"]
    nothing_else_arrives(day)
    assert day.incidents() == []


def test_a_resolve_that_is_older_than_the_fire_is_of_an_earlier_episode(day, nothing_else_arrives):
    day.fires(_starts=day.now().isoformat())
    day.acknowledge("INC-1001")
    old = day.clears(_ends=(day.now() - timedelta(minutes=5)).isoformat())
    assert reasons(day, old) == ["resolve_older_than_fire"]
    assert day.incident().firing_count == 1
    nothing_else_arrives(day)


def test_a_sender_whose_start_never_moves_still_pages(day, nothing_else_arrives):
    """Posted by hand to the API with a constant startsAt: believed once the time for late messages is over."""
    day.fires(_starts="2026-01-01T00:00:00Z")
    day.clears()
    day.advance(minutes=20)
    again = day.fires(_starts="2026-01-01T00:00:00Z")
    assert reasons(day, again) == ["fired_again"]
    assert day.pages()[-1] == ("ada", "sms", "page")
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_the_same_alert_by_two_receivers_is_one_alert(day, sample, nothing_else_arrives):
    arrives(day, sample(f"{SAMPLES}/34-basic-auth"))
    second = arrives(day, sample(f"{SAMPLES}/35-bearer-auth"))
    assert day.envelope(second).disposition == "duplicate"
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)
    assert len(day.tickets.kept) == 1


@pytest.mark.parametrize(
    "name",
    [
        "02-single-firing-absent",
        "15-unicode-firing",
        "18-long-annotation-50k-firing",
        "31-group-by-all",
        "32-group-by-empty-list-inherits-parent",
        "37-target-missing",
        "38-api-no-generatorURL-nanoseconds-tz-offset",
        "39-api-minimal-labels-only",
        "40-api-no-alertname",
    ],
)
def test_whatever_a_sample_holds_somebody_is_paged_and_a_ticket_exists(day, sample, name, nothing_else_arrives):
    envelope = arrives(day, sample(f"{SAMPLES}/{name}"))
    assert day.envelope(envelope).disposition == "incident"
    opened = [incident.id for incident in day.incidents()]
    assert sorted(ticket.incident for ticket in day.tickets.kept) == opened
    assert sorted(page.incident for page in day.sms.sent) == opened
    for incident in opened:
        day.acknowledge(incident)
    day.advance(minutes=1)
    nothing_else_arrives(day)


def test_the_watchdog_of_a_rule_without_a_policy_wakes_nobody(day, sample, nothing_else_arrives):
    arrives(day, sample(f"{SAMPLES}/01-single-firing-watchdog-no-instance"))
    assert "escalation/no_page" in day.history()
    assert day.incident().state is IncidentState.TRIGGERED
    nothing_else_arrives(day)
    assert day.pages() == []


def test_a_hundred_alerts_of_one_rule_in_seven_places_are_seven_pages_and_seven_tickets(
    new_day, sample, nothing_else_arrives
):
    day = new_day(policy=replace(policy(), limits={}))
    arrives(day, sample(f"{SAMPLES}/20-big100-firing"))
    opened = day.incidents()
    assert len(opened) == 7
    assert sum(incident.firing_count for incident in opened) == 100
    assert len(day.pages()) == len(day.tickets.kept) == 7
    for incident in opened:
        day.acknowledge(incident.id)
    arrives(day, sample(f"{SAMPLES}/21-big100-resolved"))
    day.advance(minutes=2)
    assert {incident.state for incident in day.incidents()} == {IncidentState.RESOLVED}
    assert sorted(day.pages()) == [("ada", "sms", "page")] * 7 + [("ada", "sms", "resolved")] * 7
    nothing_else_arrives(day)


def test_a_series_that_vanished_from_grafana_is_no_recovery(day, sample, nothing_else_arrives):
    gone = sample("grafana/unified-missing-series-resolved")
    start = refired(gone, status="firing", endsAt="0001-01-01T00:00:00Z")
    document = json.loads(start)
    document["alerts"][0]["annotations"].pop("grafana_state_reason")
    fire = json.dumps(document).encode()
    grafana(day, fire)
    day.acknowledge("INC-1001")
    vanished = grafana(day, gone)
    assert day.envelope(vanished).disposition == "vanished"
    assert reasons(day, vanished) == ["not_a_recovery"]
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    assert any("no recovery" in line for _, lines in day.tickets.kept[0].comments for line in lines)
    assert reasons(day, grafana(day, gone)) == ["not_a_recovery"]
    assert reasons(day, grafana(day, fire)) == ["back_in_sight"]
    day.advance(minutes=1)
    nothing_else_arrives(day)
    document["alerts"][0] |= {"status": "resolved", "endsAt": "2030-01-01T00:00:00Z"}
    end = grafana(day, json.dumps(document).encode())
    assert day.envelope(end).disposition == "resolved"
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_grafana_without_data_is_an_alert_of_its_own_and_its_end_is_real(day, sample, nothing_else_arrives):
    body = sample("grafana/unified-datasource-no-data")
    grafana(day, body)
    day.acknowledge("INC-1001")
    document = json.loads(body)
    for alert in document["alerts"]:
        alert |= {"status": "resolved", "endsAt": "2030-01-01T00:00:00Z"}
        alert["annotations"]["grafana_state_reason"] = "MissingSeries"
    grafana(day, json.dumps(document).encode())
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_a_paused_rule_of_an_old_grafana_keeps_the_incident_open(day, sample, nothing_else_arrives):
    grafana(day, sample("grafana/legacy-alerting"))
    day.acknowledge("INC-1001")
    paused = grafana(day, sample("grafana/legacy-paused"))
    assert day.envelope(paused).disposition in {"vanished", "ignored"}
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    nothing_else_arrives(day)


def test_fired_and_over_within_one_body_is_an_incident_that_resolves(day, nothing_else_arrives):
    """Both in one envelope: the order of the list is the order of events."""
    now = day.now().isoformat()
    over = {"alertname": "DiskFull", "host": "db1", "cluster": "a"}
    arrives(day, alertmanager_body(over, {**over, "_status": "resolved", "_ends": now}))
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)
