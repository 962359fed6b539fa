"""Kibana, Watcher and ElastAlert2: the bodies that docs/howto/elastic.md offers to paste are the bodies that are read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from ingestd.core.alert import ParsedEnvelope
from ingestd.core.names import AlertStatus
from ingestd.core.sources import ReadLimits, SourceKind, read

ROOT = Path(__file__).parents[2]
BODIES = ROOT / "docs/howto/bodies"
PAGE = (ROOT / "docs/howto/elastic.md").read_text(encoding="utf-8")
SAMPLES = ROOT / "tests/samples/json"
KIBANA_SAYS = {
    "rule.id": "5e6a3bd0",
    "rule.name": 'CPU "user" of web',
    "rule.spaceId": "default",
    "rule.tags": "web,prod",
    "rule.url": "https://kibana.example.com/app/rule/5e6a3bd0",
    "alert.id": "web-1",
    "alert.actionGroup": "threshold.fired",
    "context.reason": "97 %\nof a core",
}
WATCHER_SAYS = {
    "ctx.watch_id": "errors-of-the-shop",
    "ctx.execution_time": "2026-11-22T08:57:41.123Z",
    "ctx.metadata": {"severity": "high", "summary": 'more than 100 "errors"'},
    "ctx.payload": {"hits": {"total": {"value": 412, "relation": "eq"}}},
}


def mustache(template: str, says: dict[str, object]) -> bytes:
    """The template as Kibana and Elasticsearch fill it in: texts escaped for JSON, ``toJson`` as JSON, what is not there as nothing."""
    whole = re.sub(r"\{\{#toJson\}\}([a-z._]+)\{\{/toJson\}\}", lambda found: json.dumps(says.get(found[1])), template)
    return re.sub(r"\{\{([A-Za-z._]+)\}\}", lambda found: json.dumps(str(says.get(found[1], "")))[1:-1], whole).encode()


def one_alert(kind: SourceKind, body: bytes):
    found = read(kind, "elastic", body, ReadLimits())
    assert isinstance(found, ParsedEnvelope), found
    (alert,) = found.alerts
    return alert


def test_the_page_shows_the_bodies_that_are_shipped():
    for path in sorted(BODIES.iterdir()):
        text = path.read_text(encoding="utf-8")
        if path.name == "kibana-recovered.json":
            text = text.replace('"status": "resolved"', '"status": "firing"')
        assert text in PAGE, path.name


def test_the_two_bodies_for_kibana_open_and_end_the_same_alert():
    opened, ended = (
        one_alert(SourceKind.KIBANA, mustache((BODIES / f"kibana-{name}.json").read_text(), says))
        for name, says in (
            ("active", KIBANA_SAYS),
            ("recovered", {**KIBANA_SAYS, "alert.actionGroup": "recovered", "context.reason": ""}),
        )
    )
    assert (opened.status, ended.status) == (AlertStatus.FIRING, AlertStatus.RESOLVED)
    assert opened.key == ended.key
    assert opened.labels == {
        "alertname": 'CPU "user" of web',
        "rule_id": "5e6a3bd0",
        "alert_id": "web-1",
        "space": "default",
        "tags": "web,prod",
    }
    assert opened.summary == "97 %"
    assert opened.links == {"generator": "https://kibana.example.com/app/rule/5e6a3bd0"}
    assert ended.summary == 'CPU "user" of web: web-1'
    assert "mapping_problem" not in {**opened.annotations, **ended.annotations}


def test_another_instance_of_a_rule_is_another_alert():
    template = (BODIES / "kibana-active.json").read_text()
    one, other = (
        one_alert(SourceKind.KIBANA, mustache(template, {**KIBANA_SAYS, "alert.id": name}))
        for name in ("web-1", "web-2")
    )
    assert one.key != other.key


def test_the_action_for_watcher_says_what_the_watch_is_about():
    action = json.loads((BODIES / "watcher-action.json").read_text())["actions"]["ingestd"]["webhook"]
    assert action["method"] == "post"
    alert = one_alert(SourceKind.WATCHER, mustache(action["body"], WATCHER_SAYS))
    assert alert.status is AlertStatus.FIRING
    assert alert.labels == {"alertname": "errors-of-the-shop", "severity": "high", "summary": 'more than 100 "errors"'}
    assert alert.summary == 'more than 100 "errors"'
    assert alert.value == "412"


def test_a_watch_without_metadata_fires_and_each_run_is_the_same_alert():
    action = json.loads((BODIES / "watcher-action.json").read_text())["actions"]["ingestd"]["webhook"]
    says = {"ctx.watch_id": "w", "ctx.payload": {"hits": {"total": 7}}}
    first = one_alert(
        SourceKind.WATCHER, mustache(action["body"], {**says, "ctx.execution_time": "2026-11-22T08:57:41Z"})
    )
    second = one_alert(
        SourceKind.WATCHER, mustache(action["body"], {**says, "ctx.execution_time": "2026-11-22T09:57:41Z"})
    )
    assert first.key == second.key
    assert first.summary == "the watch w has met its condition"
    assert first.value == "7"


def test_the_rule_for_elastalert_names_itself_and_each_match_is_an_alert():
    rule = yaml.safe_load((BODIES / "elastalert2-rule.yaml").read_text())
    match = {"@timestamp": "2026-11-22T08:57:41.000Z", "host": {"name": "web-1"}, "message": "timed out", "num_hits": 3}

    def posted(index: str, document: str):
        body = {**match, "_index": index, "_id": document, **rule["http_post_static_payload"]}
        return one_alert(SourceKind.ELASTALERT2, json.dumps(body).encode())

    first, again, other = posted("logs", "a"), posted("logs", "a"), posted("logs", "b")
    assert first.labels == {"alertname": "errors of the shop", "severity": "high", "host": "web-1"}
    assert first.summary == "timed out"
    assert first == again
    assert first.key != other.key
    assert "mapping_problem" not in first.annotations


def test_a_match_whose_rule_is_not_named_fires_with_a_note():
    alert = one_alert(SourceKind.ELASTALERT2, b'{"_id": "a", "_index": "logs", "message": "timed out"}')
    assert alert.status is AlertStatus.FIRING
    assert alert.annotations["mapping_problem"] == 'nothing at "rule_name" of the identity'


@pytest.mark.parametrize("kind", [SourceKind.KIBANA, SourceKind.WATCHER, SourceKind.ELASTALERT2])
def test_the_samples_are_read_without_a_note(kind):
    alert = one_alert(kind, (SAMPLES / f"{kind}-problem.json").read_bytes())
    assert alert.status is AlertStatus.FIRING
    assert "mapping_problem" not in alert.annotations
    assert alert.labels["alertname"]
    assert alert.value
