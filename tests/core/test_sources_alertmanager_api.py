"""What a Prometheus posts to an Alertmanager's API: an alert fires until its end, and nothing that can be read is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.fingerprint import alert_key, label_fingerprint
from ingestd.core.names import AlertStatus
from ingestd.core.sources import QuarantineReason, ReadLimits, SourceKind, SourceWays, read

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
LABELS = {"alertname": "DiskFull", "host": "db1", "severity": "high"}


def said(**fields: object) -> dict[str, object]:
    """An alert as Prometheus writes it, good for four minutes."""
    return {
        "labels": LABELS,
        "annotations": {"summary": "full"},
        "startsAt": "2026-03-02T01:59:00.123456789Z",
        "endsAt": (NOW + timedelta(minutes=4)).isoformat(),
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
        **fields,
    }


def parse(*alerts: object, ways: SourceWays = SourceWays(), limits: ReadLimits = ReadLimits()) -> ParsedEnvelope:  # noqa: B008 (frozen values)
    found = read(SourceKind.ALERTMANAGER_API, "prom", json.dumps(alerts).encode(), limits, ways, NOW)
    assert isinstance(found, ParsedEnvelope), found
    return found


def one(**fields: object) -> Alert:
    (alert,) = parse(said(**fields)).alerts
    return alert


def test_an_alert_is_read_in_full():
    assert one() == Alert(
        source="prom",
        key=alert_key("prom", label_fingerprint(LABELS)),
        status=AlertStatus.FIRING,
        labels=LABELS,
        annotations={"summary": "full"},
        starts_at=datetime(2026, 3, 2, 1, 59, 0, 123456, tzinfo=UTC),
        links={"generator": "http://prometheus.example/graph?g0.expr=up"},
        rule_name="DiskFull",
        expires_at=NOW + timedelta(minutes=4),
    )


@pytest.mark.parametrize(("seconds", "is_over"), [(-900, True), (-1, True), (0, True), (0.001, False), (240, False)])
def test_it_is_over_if_its_end_is_not_after_the_receipt(seconds, is_over):
    ends_at = NOW + timedelta(seconds=seconds)
    alert = one(endsAt=ends_at.isoformat())
    if is_over:
        assert (alert.status, alert.ends_at, alert.expires_at) == (AlertStatus.RESOLVED, ends_at, None)
    else:
        assert (alert.status, alert.ends_at, alert.expires_at) == (AlertStatus.FIRING, None, ends_at)


@pytest.mark.parametrize("nothing", [None, "", "0001-01-01T00:00:00Z", "soon", 17])
def test_without_an_end_it_is_good_for_five_minutes(nothing):
    assert one(endsAt=nothing).expires_at == NOW + timedelta(minutes=5)


def test_without_an_end_it_is_good_for_as_long_as_its_source_says():
    (alert,) = parse(said(endsAt=None), ways=SourceWays(auto_resolve_seconds=3600)).alerts
    assert alert.expires_at == NOW + timedelta(hours=1)


def test_what_its_sender_says_of_its_end_wins_over_the_source():
    (alert,) = parse(said(), ways=SourceWays(auto_resolve_seconds=3600)).alerts
    assert alert.expires_at == NOW + timedelta(minutes=4)


def test_identity_is_the_labels_and_nothing_else_that_is_said():
    keys = {
        one().key,
        one(endsAt=NOW.isoformat(), annotations={}, startsAt=NOW.isoformat()).key,
        one(fingerprint="0b5ba4cf0e1a1d3e", status="resolved").key,
        one(labels=dict(reversed(LABELS.items()))).key,
    }
    assert len(keys) == 1
    assert one(labels={**LABELS, "replica": "a"}).key not in keys


def test_a_status_that_is_said_besides_is_not_believed():
    assert one(status="resolved").status is AlertStatus.FIRING
    assert one(status={"state": "active"}).status is AlertStatus.FIRING


def test_one_that_cannot_be_read_costs_no_other():
    found = parse(said(), "x", {"labels": {}}, {"labels": 7}, None, said(labels={"alertname": "B"}))
    assert [alert.rule_name for alert in found.alerts] == ["DiskFull", "B"]
    assert [refused.reason for refused in found.refused] == [QuarantineReason.BAD_ALERT] * 4


def test_an_empty_list_is_nothing():
    assert parse() == ParsedEnvelope(alerts=())


def test_no_more_alerts_are_read_than_the_limit_allows_and_the_rest_is_counted():
    found = parse(*(said(labels={"alertname": f"A{n}"}) for n in range(12)), limits=ReadLimits(alerts_count_max=10))
    assert (len(found.alerts), found.truncated_count) == (10, 2)


@pytest.mark.parametrize("body", [b"{}", b'{"version":"4","alerts":[]}'])
def test_a_webhook_is_named_as_what_it_is(body):
    found = read(SourceKind.ALERTMANAGER_API, "prom", body, ReadLimits(), SourceWays(), NOW)
    assert isinstance(found, Unreadable)
    assert found.reason == QuarantineReason.NO_ALERTS_FIELD
    assert "not a list of alerts" in found.detail
    assert "kind: alertmanager`" in found.detail


@pytest.mark.parametrize("body", [b'"x"', b"7", b"null", b"", b"[", b"[{}] x", b"[" * 1000 + b"]" * 1000])
def test_what_is_no_list_is_not_read(body):
    assert isinstance(read(SourceKind.ALERTMANAGER_API, "prom", body, ReadLimits(), SourceWays(), NOW), Unreadable)


def test_when_nobody_knows_when_it_came_everything_fires():
    body = json.dumps([said(endsAt="2020-01-01T00:00:00Z")]).encode()
    found = read(SourceKind.ALERTMANAGER_API, "prom", body, ReadLimits())
    assert isinstance(found, ParsedEnvelope)
    assert found.alerts[0].status is AlertStatus.FIRING


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
FIELDS = st.sampled_from(["labels", "annotations", "startsAt", "endsAt", "generatorURL", "status", "fingerprint"])


@given(st.lists(st.dictionaries(FIELDS, JSON, max_size=6) | JSON, max_size=5))
def test_whatever_is_in_the_list_is_read_or_named(check_result, listed):
    found = read(SourceKind.ALERTMANAGER_API, "prom", json.dumps(listed).encode(), ReadLimits(), SourceWays(), NOW)
    check_result(found, "prom", ReadLimits())
    if isinstance(found, ParsedEnvelope):
        assert all((one.expires_at is None) == (one.status is AlertStatus.RESOLVED) for one in found.alerts)
