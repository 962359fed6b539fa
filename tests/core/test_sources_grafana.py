"""Bodies of Grafana: the contact point of unified alerting, and the notification channel before it."""

from __future__ import annotations

import json

import pytest

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.names import AlertStatus
from ingestd.core.sources import QuarantineReason, ReadLimits, SourceKind, read

FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


def parse(body: bytes) -> ParsedEnvelope:
    result = read(SourceKind.GRAFANA, "graf", body, ReadLimits())
    assert isinstance(result, ParsedEnvelope), result
    return result


@pytest.fixture
def alert_of(sample):
    """``alert_of("legacy-ok")`` is the one alert of that sample."""

    def only(name: str) -> Alert:
        (alert,) = parse(sample(f"grafana/{name}")).alerts
        return alert

    return only


@pytest.fixture
def legacy(sample):
    """``legacy(ruleId=18)`` is what the reader makes of a legacy body with these keys changed."""
    return lambda **changes: read(
        SourceKind.GRAFANA,
        "graf",
        json.dumps(json.loads(sample("grafana/legacy-alerting")) | changes).encode(),
        ReadLimits(),
    )


def test_every_sample_is_read_whole(root, check_result):
    paths = sorted((root / "tests/samples/grafana").glob("*.json"))
    assert len(paths) == 14
    for path in paths:
        result = parse(path.read_bytes())
        check_result(result, "graf", ReadLimits())
        assert (result.refused, result.cut_count) == ((), 0)
        assert len(result.alerts) == (0 if "pending" in path.name else 2 if "mixed" in path.name else 1)


# ------------------------------------------------------------------------------------------ unified alerting


def test_an_alert_is_read_in_full(alert_of):
    alert = alert_of("unified-firing")
    assert alert.key == "graf/57c6d9296de2ad39"
    assert alert.status is FIRING
    assert alert.rule_name == "CPU usage"
    assert alert.labels["grafana_folder"] == "Ops"
    assert alert.value == "B=94.23 C=1"
    assert set(alert.links) == {"generator", "silence", "dashboard", "panel", "image", "runbook"}
    assert alert.links["panel"] == "https://grafana.example.com/d/xyz?orgId=1&viewPanel=4"
    assert alert.links["silence"].startswith("https://grafana.example.com/alerting/silence/new?")
    assert alert.state_reason == ""


def test_it_resolves_under_the_same_key(alert_of):
    resolved = alert_of("unified-resolved")
    assert resolved.status is RESOLVED
    assert resolved.key == alert_of("unified-firing").key
    assert resolved.ends_at is not None
    assert resolved.ends_at.isoformat() == "2026-03-04T04:21:00+00:00"


def test_each_alert_has_its_own_status(sample):
    result = parse(sample("grafana/unified-mixed-one-resolved"))
    assert [alert.status for alert in result.alerts] == [FIRING, RESOLVED]


@pytest.mark.parametrize(
    ("name", "reason"), [("unified-datasource-no-data", "NoData"), ("unified-datasource-error", "Error")]
)
def test_a_rule_without_data_speaks_for_the_rule(alert_of, name, reason):
    alert = alert_of(name)
    assert alert.labels["alertname"].startswith("Datasource")
    assert alert.rule_name == "CPU usage"
    assert alert.state_reason == reason
    assert alert.key != alert_of("unified-firing").key


def test_a_rule_that_is_merely_named_like_that_keeps_its_name():
    (alert,) = parse(b'{"version":"1","status":"firing","alerts":[{"labels":{"alertname":"DatasourceError"}}]}').alerts
    assert alert.rule_name == "DatasourceError"


def test_a_vanished_series_says_so(alert_of):
    alert = alert_of("unified-missing-series-resolved")
    assert (alert.status, alert.state_reason) == (RESOLVED, "MissingSeries")


def test_grafana_before_9_3_has_its_value_in_words(alert_of):
    assert alert_of("unified-9.2-value-string-only").value.startswith("[ var='B' labels={host=web01} value=94.23 ]")


def test_alerts_that_grafana_left_out_are_counted(sample):
    assert parse(sample("grafana/unified-truncated")).truncated_count == 4


def test_many_values_are_cut_and_counted():
    values = {f"V{number}": number for number in range(40)}
    alert = {"labels": {"alertname": "a"}, "values": values}
    result = parse(json.dumps({"version": "1", "status": "firing", "alerts": [alert]}).encode())
    assert result.alerts[0].value.endswith("V15=15")
    assert result.cut_count == 1


def test_a_body_of_alertmanager_is_sent_to_the_right_kind(sample):
    result = read(SourceKind.GRAFANA, "graf", sample("alertmanager/03-single-firing"), ReadLimits())
    assert isinstance(result, Unreadable)
    assert result.reason == QuarantineReason.NOT_THIS_KIND
    assert 'set `kind: alertmanager` for the source "graf"' in result.detail


# ------------------------------------------------------------------------------------------ before unified alerting


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("legacy-alerting", FIRING, ""),
        ("legacy-no-data", FIRING, "NoData"),
        ("legacy-ok", RESOLVED, ""),
        ("legacy-paused", RESOLVED, "Paused"),
    ],
)
def test_a_legacy_state_is_a_status_with_its_reason(alert_of, name, status, reason):
    alert = alert_of(name)
    assert (alert.status, alert.state_reason) == (status, reason)
    assert alert.key == "graf/rule:1:17", "the rule is the identity, in every state"


def test_a_legacy_rule_that_is_pending_is_no_alert_yet(sample):
    assert parse(sample("grafana/legacy-pending")) == ParsedEnvelope(alerts=())


def test_a_legacy_alert_is_read_in_full(alert_of):
    alert = alert_of("legacy-alerting")
    assert alert.labels == {"alertname": "CPU usage", "team": "blue", "severity": "critical"}
    assert alert.rule_name == "CPU usage"
    assert alert.summary == "[Alerting] CPU usage"
    assert alert.annotations["message"] == "CPU is above 90 %"
    assert alert.value == "web01=97.5 web02=93"
    assert set(alert.links) == {"generator", "image"}


def test_the_links_of_grafana_4_are_found(alert_of):
    alert = alert_of("legacy-4.0-underscore-links")
    assert set(alert.links) == {"generator", "image"}
    assert alert.key == "graf/rule:1:17"


def test_a_tag_cannot_take_the_name_of_the_rule(legacy):
    (alert,) = legacy(tags={"alertname": "something else"}).alerts
    assert alert.rule_name == alert.labels["alertname"] == "CPU usage"


def test_rules_of_two_organisations_are_two_alerts(legacy):
    assert {legacy(orgId=org, ruleId=rule).alerts[0].key for org in (1, 2) for rule in (1, 21, 22)} == {
        f"graf/rule:{org}:{rule}" for org in (1, 2) for rule in (1, 21, 22)
    }


@pytest.mark.parametrize(
    "matches", [None, {}, "x", [None], [{"value": None}], [{"metric": {"a": 1}, "value": [1]}]], ids=repr
)
def test_strange_matches_cost_the_value_only(legacy, matches):
    (alert,) = legacy(evalMatches=matches, tags=matches).alerts
    assert alert.key == "graf/rule:1:17"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"state": "unknown"}, 'state is "unknown"'),
        ({"state": None}, "state is null"),
        ({"state": ["ok"]}, "state is a list"),
        ({"ruleId": "17"}, 'ruleId is "17"'),
        ({"ruleId": None}, "ruleId is null"),
        ({"ruleId": True}, "ruleId is true"),
        ({"orgId": 1.5}, "orgId is a number"),
    ],
)
def test_a_legacy_body_without_state_or_identity_is_unreadable(legacy, changes, where):
    result = legacy(**changes)
    assert isinstance(result, Unreadable)
    assert result.reason == QuarantineReason.BAD_ALERT
    assert where in result.detail
