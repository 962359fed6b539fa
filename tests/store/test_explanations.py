"""What is known of an alert, found in every place that keeps a part of it, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingestd.core.matchers import parse_matcher
from ingestd.core.names import AlertKey, EnvelopeId, IncidentId
from ingestd.core.sources import SourceWays
from ingestd.core.sources.mapping import JsonMapping, constant, status_words, text_source
from ingestd.store import explanations, inbox, incidents
from ingestd.store.incidents import Ticket
from ingestd.testing.world import alertmanager_body, policy
from ingestd.workers.current import Standing
from ingestd.workers.processor import process_batch

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.fixture
def arrives(connection):
    """``arrives(minute, labels...)``: a message that is decided at once; its id."""
    standing = Standing(policy())

    def arrive(minute, *alerts, body=None, **form):
        at = NOW + timedelta(minutes=minute)
        envelope_id = EnvelopeId(f"env_{minute:026}")
        raw = body or alertmanager_body(*alerts, **form)
        inbox.add(connection, [inbox.Envelope(envelope_id, "am", "alertmanager", at, "192.0.2.1", raw)])
        process_batch(connection, standing, at, 50, frozenset())
        return envelope_id

    return arrive


def keys_with(connection, *texts):
    return explanations.matching_keys(connection, [parse_matcher(text) for text in texts], 10)


def facts_of(connection, *texts):
    found = explanations.alert_facts(connection, keys_with(connection, *texts)[0])
    assert found is not None
    return found


def test_the_alert_that_was_seen_last_stands_first_and_all_matchers_must_hold(connection, arrives):
    arrives(0, {"alertname": "DiskFull", "host": "a"}, {"alertname": "SiteDown", "host": "a"})
    arrives(1, {"alertname": "DiskFull", "host": "b"})
    first, second = keys_with(connection, "alertname=DiskFull")
    assert keys_with(connection, "alertname=DiskFull", "host=b") == [first]
    assert keys_with(connection, 'host=~"a|b"', "alertname!=SiteDown") == [first, second]
    assert keys_with(connection, "host=c") == keys_with(connection, "host=A") == []
    assert len(keys_with(connection, "alert.source=am")) == 3


@pytest.mark.parametrize("value", ["50%", "a_b", 'q"q', "b\\b", "ü", "two words", "\U0001f525"])
def test_values_that_mean_something_to_sql_or_json_are_found_as_they_are(connection, arrives, value):
    arrives(0, {"alertname": "DiskFull", "host": value})
    arrives(1, {"alertname": "DiskFull", "host": value.replace("%", "x").replace("_", "x") + "y"})
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert len(keys_with(connection, f'host="{quoted}"')) == 1
    found = facts_of(connection, f'host="{quoted}"')
    assert found.decided is not None
    assert found.decided.envelope_id == f"env_{0:026}"


def test_the_last_message_that_the_rules_were_asked_about_is_the_one_that_decided(connection, arrives):
    first = arrives(0, {"alertname": "DiskFull", "host": "a"})
    arrives(1, {"alertname": "DiskFull", "host": "a"})
    found = facts_of(connection, "host=a")
    assert found.known.last_seen_at == NOW + timedelta(minutes=1)
    assert found.decided is not None
    assert (found.decided.envelope_id, found.decided.finding["rule"]) == (first, "disk-full")
    assert found.member is not None
    assert found.member.incident_id == "INC-1001"


def test_what_was_never_in_an_incident_is_read_from_its_message(connection, arrives):
    arrives(0, {"alertname": "Odd", "host": "a", "_ends": "2026-03-02T02:00:00Z"}, status="resolved")
    found = facts_of(connection, "host=a")
    assert (found.member, found.watch) == (None, None)
    assert found.alert is not None
    assert found.alert.labels == {"alertname": "Odd", "host": "a"}


def test_when_the_message_is_forgotten_the_alert_still_stands_by_its_key(connection, arrives):
    arrives(0, {"alertname": "Odd", "host": "a", "_ends": "2026-03-02T02:00:00Z"}, status="resolved")
    key = keys_with(connection, "host=a")[0]
    inbox.prune(connection, NOW + timedelta(days=1), 10)
    assert keys_with(connection, "host=a") == []
    found = explanations.alert_facts(connection, key)
    assert found is not None
    assert (found.alert, found.decided) == (None, None)
    assert explanations.alert_facts(connection, AlertKey("am/v1:none")) is None


def test_a_ticket_is_found_by_label_or_id_whatever_the_case(connection):
    for number, opened in (("1001", 0), ("1002", 1)):
        ticket = Ticket(
            IncidentId(f"INC-{number}"), "jira", "10007", f"Ops-{number}", "", NOW + timedelta(hours=opened), 0
        )
        incidents.save_ticket(connection, ticket)
    assert explanations.incident_of_ticket(connection, "OPS-1001") == "INC-1001"
    assert explanations.incident_of_ticket(connection, "10007") == "INC-1002", "the newest"
    assert explanations.incident_of_ticket(connection, "OPS-%") is None


def test_what_came_in_since_is_the_newest_first_and_bounded(connection, arrives):
    ids = [arrives(minute, {"alertname": "DiskFull", "host": f"h{minute}"}) for minute in range(4)]
    since = NOW + timedelta(minutes=1)
    assert [one.id for one in explanations.arrivals_since(connection, since, 10)] == ids[:0:-1]
    assert [one.id for one in explanations.arrivals_since(connection, since, 2)] == ids[:1:-1]


def test_what_only_a_mapping_can_read_is_read_by_it(connection):
    mapping = JsonMapping(
        "json",
        (text_source("id"),),
        alertname=text_source("check"),
        labels={"team": constant("web")},
        status=status_words(text_source("state"), recovery=["up"]),
    )
    ways = {"robots": SourceWays(mapping=mapping)}
    body = b'{"id": 7, "state": "up", "check": "Checkout"}'
    inbox.add(connection, [inbox.Envelope(EnvelopeId(f"env_{1:026}"), "robots", "json", NOW, "192.0.2.1", body)])
    process_batch(connection, Standing(policy(), ways=ways), NOW, 50, frozenset())
    asked = [parse_matcher("team = web"), parse_matcher("alertname = Checkout")]
    assert explanations.matching_keys(connection, asked, 10) == []
    (key,) = explanations.matching_keys(connection, asked, 10, ways.__getitem__)
    found = explanations.alert_facts(connection, key, ways.__getitem__)
    assert found is not None
    assert found.alert is not None
    assert found.alert.labels == {"alertname": "Checkout", "team": "web"}
