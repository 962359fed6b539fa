"""Real bodies of Alertmanager 0.25, and the traps that they hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ingestd.core.alert import ParsedEnvelope, Unreadable
from ingestd.core.names import AlertStatus
from ingestd.core.sources import QuarantineReason, ReadLimits, SourceKind, read

DEFAULTS = ReadLimits()
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


def parse(body: bytes, limits: ReadLimits = DEFAULTS) -> ParsedEnvelope:
    result = read(SourceKind.ALERTMANAGER, "prom", body, limits)
    assert isinstance(result, ParsedEnvelope), result
    return result


def body_of(*alerts: object, **top: object) -> bytes:
    return json.dumps({"version": "4", "status": "firing", "alerts": alerts, **top}).encode()


@pytest.fixture
def envelope(sample):
    """``envelope("03-single-firing")`` is what the reader makes of that sample."""
    return lambda name: parse(sample(f"alertmanager/{name}"))


def test_every_sample_is_read_whole(root, check_result):
    paths = sorted((root / "tests/samples/alertmanager").glob("*.json"))
    assert len(paths) == 29
    for path in paths:
        body = path.read_bytes()
        result = parse(body)
        sent = json.loads(body)
        check_result(result, "prom", ReadLimits())
        assert result.refused == ()
        assert result.truncated_count == sent["truncatedAlerts"]
        assert [alert.key for alert in result.alerts] == [f"prom/{one['fingerprint']}" for one in sent["alerts"]]
        assert [alert.status for alert in result.alerts] == [one["status"] for one in sent["alerts"]]
        assert [alert.labels for alert in result.alerts] == [one["labels"] for one in sent["alerts"]]


def test_the_samples_of_the_quick_start_fire_and_resolve_one_alert(root):
    firing, resolved = (
        parse((root / "docs" / "samples" / f"alertmanager-{status}.json").read_bytes()).alerts
        for status in ("firing", "resolved")
    )
    assert [alert.status for alert in (*firing, *resolved)] == [FIRING, RESOLVED]
    assert firing[0].key == resolved[0].key
    assert firing[0].summary == "/var/lib/postgresql on db01 is 96 % full"


def test_an_alert_is_read_in_full(envelope):
    (alert,) = envelope("03-single-firing").alerts
    assert alert.source == "prom"
    assert alert.key == "prom/241da9f9885b03fe"
    assert alert.rule_name == "InstanceDown"
    assert alert.labels["instance"] == "127.0.0.1:9911"
    assert alert.summary == "Instance 127.0.0.1:9911 down"
    assert alert.starts_at == datetime(2026, 11, 21, 19, 14, 55, 568000, UTC)
    assert alert.ends_at is None
    assert set(alert.links) == {"generator", "runbook"}
    assert alert.links["runbook"] == "https://runbooks.example.com/InstanceDown"
    assert alert.links["generator"].endswith("+%3E+0&g0.tab=1")
    assert (alert.state_reason, alert.value) == ("", "")


def test_a_repeat_is_the_same_alert(envelope):
    assert envelope("23-repeat-1-firing") == envelope("24-repeat-2-identical") == envelope("25-repeat-3-identical")


def test_the_start_is_no_part_of_the_identity(envelope, sample):
    (first,) = envelope("27-flap-1-firing").alerts
    (again,) = parse(sample("alertmanager/27-flap-1-firing").replace(b"2026-11-21T19", b"2026-11-21T20")).alerts
    assert first.starts_at != again.starts_at
    assert first.key == again.key


def test_each_alert_has_its_own_status_whatever_stands_at_the_top(envelope):
    result = envelope("10-mixed4-two-resolved-status-firing")
    assert sorted(alert.status for alert in result.alerts) == [FIRING, FIRING, RESOLVED, RESOLVED]


def test_what_the_sender_left_out_is_counted_as_unknown(envelope):
    result = envelope("12-truncated-3of10-firing")
    assert (len(result.alerts), result.truncated_count) == (3, 7)


def test_go_zero_time_means_that_the_alert_has_not_ended(envelope):
    assert envelope("03-single-firing").alerts[0].ends_at is None
    assert envelope("04-single-resolved").alerts[0].ends_at is not None


def test_a_time_with_nanoseconds_and_an_offset_is_read(envelope):
    (alert,) = envelope("38-api-no-generatorURL-nanoseconds-tz-offset").alerts
    assert alert.starts_at == datetime(2026, 1, 1, 21, 34, 5, 123456, UTC)
    assert alert.links == {}
    assert alert.annotations == {}, "an empty annotation says nothing"


def test_an_alert_without_a_name_is_an_alert(envelope):
    (alert,) = envelope("40-api-no-alertname").alerts
    assert alert.rule_name == ""
    assert alert.labels == {"case": "noalertname", "host": "x"}
    assert alert.summary == "an alert without a name"


@pytest.mark.parametrize("blank", [" ", "\u2028", "\u3000\t"])
def test_an_alert_whose_name_shows_nothing_is_told_as_one_without_a_name(blank):
    [alert] = parse(body_of({"status": "firing", "labels": {"alertname": blank}})).alerts
    assert alert.labels["alertname"] == blank
    assert alert.summary == "an alert without a name"


def test_one_alert_through_two_receivers_is_one_alert(envelope):
    assert envelope("34-basic-auth").alerts == envelope("35-bearer-auth").alerts


def test_a_changed_value_is_the_same_alert_with_other_words(envelope):
    before = {alert.key: alert for alert in envelope("06-group5-firing").alerts}
    after = {alert.key: alert for alert in envelope("07-group6-firing-one-new-and-value-change").alerts}
    assert before.keys() < after.keys()
    changed = [key for key in before if before[key].annotations != after[key].annotations]
    assert changed
    assert all(before[key].labels == after[key].labels for key in changed)


def test_text_of_every_script_arrives_as_it_was_written(envelope):
    (alert,) = envelope("15-unicode-firing").alerts
    assert alert.labels["emoji"] == "🔥💾"
    assert alert.labels["rtl"] == "מחשב"
    assert alert.labels["zwj"] == "👩\u200d💻"
    assert alert.annotations["description"].startswith("Zeile 1\nZeile 2 \u2028 line-sep; tab\there;")


def test_a_long_annotation_is_cut_and_counted(envelope):
    result = envelope("18-long-annotation-50k-firing")
    longest = max(map(len, result.alerts[0].annotations.values()))
    assert (result.cut_count, longest) == (1, ReadLimits().annotation_chars_max)


def test_keys_that_newer_releases_add_are_ignored(sample):
    newer = json.loads(sample("alertmanager/03-single-firing"))
    newer |= {"notification_reason": "first notification", "routeLabels": {"a": "b"}, "another": [{"deep": [None]}]}
    newer["alerts"][0]["another"] = {"a": 1.5}
    assert parse(json.dumps(newer).encode()) == parse(sample("alertmanager/03-single-firing"))


# ------------------------------------------------------------------------------------------ senders that say less


def test_without_a_fingerprint_the_labels_identify():
    (one,) = parse(body_of({"labels": {"a": "1", "b": "2"}, "startsAt": "2026-01-01T00:00:00Z"})).alerts
    (same,) = parse(
        body_of({"labels": {"b": "2", "a": "1", "empty": "", "null": None}, "annotations": {"x": "y"}})
    ).alerts
    (other,) = parse(body_of({"labels": {"a": "1", "b": "3"}})).alerts
    assert one.key.startswith("prom/v1:")
    assert one.key == same.key != other.key
    assert same.labels == {"a": "1", "b": "2"}


def test_a_fingerprint_that_is_none_is_not_trusted():
    (alert,) = parse(body_of({"labels": {"a": "1"}, "fingerprint": "../../etc"})).alerts
    assert alert.key == parse(body_of({"labels": {"a": "1"}})).alerts[0].key


def test_an_alert_without_a_status_takes_that_of_the_body():
    (alert,) = parse(body_of({"labels": {"a": "1"}}, status="resolved")).alerts
    assert alert.status is RESOLVED


def test_label_values_that_are_no_text_are_written_as_json():
    (alert,) = parse(body_of({"labels": {"n": 1, "f": 1.5, "t": True, "o": {"b": [1], "a": "é"}, "s": "x"}})).alerts
    assert alert.labels == {"n": "1", "f": "1.5", "t": "true", "o": '{"a":"é","b":[1]}', "s": "x"}


def test_annotations_that_are_no_object_cost_the_annotations_only():
    result = parse(body_of({"labels": {"a": "1"}, "annotations": ["x"]}))
    assert (result.alerts[0].annotations, result.cut_count) == ({}, 1)


@pytest.mark.parametrize("count", [None, "7", -1, 1.5, True, [7]], ids=repr)
def test_a_count_of_truncated_alerts_that_is_none_is_zero(count):
    assert parse(body_of({"labels": {"a": "1"}}, truncatedAlerts=count)).truncated_count == 0


def test_an_absurd_count_of_truncated_alerts_fits_into_a_column():
    assert parse(body_of({"labels": {"a": "1"}}, truncatedAlerts=2**64)).truncated_count == 2**31 - 1


def test_a_body_without_alerts_is_read_as_such():
    assert parse(body_of()) == ParsedEnvelope(alerts=())


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://host/x",
        "//host/x",
        "http://",
        "https:///x",
        "http://host/a b",
        "http://host/\n",
        'http://host/"><b>',
        "http://host/\u202egpj",
        "http://host/" + "x" * 5000,
        " http://host/",
        7,
        None,
        ["http://host/"],
    ],
    ids=lambda url: repr(url)[:24],
)
def test_only_a_web_address_becomes_a_link(url):
    (alert,) = parse(body_of({"labels": {"a": "1"}, "generatorURL": url, "annotations": {"runbook_url": url}})).alerts
    assert alert.links == {}


def test_a_web_address_becomes_a_link_as_it_is():
    url = "HTTPS://grafana.example.com:3000/d/x?orgId=1&from=now-1h#панель"
    (alert,) = parse(body_of({"labels": {"a": "1"}, "generatorURL": url})).alerts
    assert alert.links == {"generator": url}


# ------------------------------------------------------------------------------------------ limits


def test_too_many_labels_are_cut_but_identify_in_full():
    labels = {f"label{number:03}": "x" for number in range(100)} | {"severity": "critical", "alertname": "Down"}
    result = parse(body_of({"labels": labels}, {"labels": {**labels, "label099": "y"}}))
    first, second = result.alerts
    assert result.cut_count == 2 * (102 - 64)
    assert len(first.labels) == 64
    assert first.labels == second.labels
    assert first.key != second.key
    assert (first.labels["alertname"], first.labels["severity"]) == ("Down", "critical")


def test_which_labels_are_cut_does_not_depend_on_their_order():
    labels = {f"label{number:03}": "x" for number in range(100)}
    one, other = parse(body_of({"labels": labels}, {"labels": dict(reversed(labels.items()))})).alerts
    assert (one.labels, one.key) == (other.labels, other.key)


def test_long_names_and_values_are_cut_but_identify_in_full():
    result = parse(body_of({"labels": {"n" * 300: "v" * 2000}}, {"labels": {"n" * 300: "v" * 2000 + "!"}}))
    first, second = result.alerts
    assert first.labels == {"n" * 255 + "…": "v" * 1023 + "…"}
    assert first.key != second.key
    assert result.cut_count == 4


def test_of_names_that_are_equal_after_the_cut_the_first_stays():
    (alert,) = parse(body_of({"labels": {"n" * 300 + "a": "first", "n" * 300 + "b": "second"}})).alerts
    assert alert.labels == {"n" * 255 + "…": "first"}


def test_limits_are_those_of_the_caller():
    limits = ReadLimits(labels_count_max=1, label_value_chars_max=3, annotations_count_max=1, annotation_chars_max=5)
    result = parse(
        body_of({"labels": {"b": "1", "a": "12345"}, "annotations": {"x": "1", "summary": "1234567"}}), limits
    )
    assert result.alerts[0].labels == {"a": "12…"}
    assert result.alerts[0].annotations == {"summary": "1234…"}
    assert result.cut_count == 4


def test_a_runbook_behind_the_limit_of_annotations_is_still_linked():
    annotations = {f"a{number:03}": "x" for number in range(100)} | {"runbook_url": "https://runbooks.example.com/x"}
    (alert,) = parse(body_of({"labels": {"a": "1"}, "annotations": annotations})).alerts
    assert alert.links == {"runbook": "https://runbooks.example.com/x"}


def test_alerts_beyond_the_limit_cost_only_themselves():
    alerts = [{"labels": {"host": str(number)}} for number in range(7)]
    result = parse(body_of(*alerts, truncatedAlerts=10), ReadLimits(alerts_count_max=5))
    assert [alert.labels["host"] for alert in result.alerts] == ["0", "1", "2", "3", "4"]
    assert result.truncated_count == 12
    (why,) = result.refused
    assert why.reason == QuarantineReason.TOO_MANY_ALERTS
    assert "alerts[5] to alerts[6]" in why.detail


# ------------------------------------------------------------------------------------------ what cannot be read


@pytest.mark.parametrize(
    ("alert", "where"),
    [
        (None, "alerts[1] is null"),
        ("x", 'alerts[1] is "x"'),
        ({"labels": {"a": "1"}, "status": "exploding"}, 'alerts[1].status is "exploding"'),
        ({"labels": {"a": "1"}, "status": 1}, "alerts[1].status is a number"),
        ({"labels": ["a"]}, "alerts[1].labels is a list"),
        ({"status": "firing"}, "alerts[1].labels is null"),
        ({"labels": {"a": ""}}, "alerts[1].labels is empty"),
    ],
)
def test_an_alert_that_cannot_be_read_does_not_cost_its_neighbours(alert, where):
    result = parse(body_of({"labels": {"host": "a"}}, alert, {"labels": {"host": "c"}}))
    assert [one.labels["host"] for one in result.alerts] == ["a", "c"]
    (why,) = result.refused
    assert why.reason == QuarantineReason.BAD_ALERT
    assert where in why.detail


def test_a_body_without_one_readable_alert_is_unreadable():
    result = read(SourceKind.ALERTMANAGER, "prom", body_of({"labels": 1}, None, 7), ReadLimits())
    assert isinstance(result, Unreadable)
    assert result.reason == QuarantineReason.BAD_ALERT
    assert result.detail.startswith("alerts[0].labels is a number")
    assert result.detail.endswith("(and 2 more like it)")


def test_no_status_anywhere_is_refused_rather_than_guessed():
    result = read(SourceKind.ALERTMANAGER, "prom", b'{"alerts":[{"labels":{"a":"1"}}]}', ReadLimits())
    assert isinstance(result, Unreadable)
    assert "alerts[0].status is null" in result.detail


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "has no list `alerts`"),
        (b'{"text":"hi","username":"u"}', '"text, username"'),
        (b'{"alerts":null}', "`alerts` is null"),
        (b'{"alerts":{"0":{}}}', "`alerts` is an object"),
    ],
)
def test_a_body_without_a_list_of_alerts_is_unreadable(body, words):
    result = read(SourceKind.ALERTMANAGER, "prom", body, ReadLimits())
    assert isinstance(result, Unreadable)
    assert result.reason == QuarantineReason.NO_ALERTS_FIELD
    assert words in result.detail


@pytest.mark.parametrize("name", ["unified-firing", "unified-9.2-value-string-only", "legacy-alerting"])
def test_a_body_of_grafana_is_sent_to_the_right_kind(sample, name):
    result = read(SourceKind.ALERTMANAGER, "prom", sample(f"grafana/{name}"), ReadLimits())
    assert isinstance(result, Unreadable)
    assert result.reason == QuarantineReason.NOT_THIS_KIND
    assert 'set `kind: grafana` for the source "prom"' in result.detail


def test_what_the_sender_wrote_is_never_quoted_at_length():
    secret = "hunter2" * 100
    for body in (
        body_of({"labels": {"a": "1"}, "status": secret}),
        json.dumps({secret: 1}).encode(),
        b"password=" + secret.encode(),
        body_of(secret),
        json.dumps([secret]).encode(),
        b'{"%b":1,"%b":2}' % (secret.encode(), secret.encode()),
    ):
        result = read(SourceKind.ALERTMANAGER, "prom", body, ReadLimits())
        assert isinstance(result, Unreadable)
        assert secret[:80] not in result.detail
