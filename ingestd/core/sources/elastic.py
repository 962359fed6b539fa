"""The senders around Elasticsearch, read by mappings in the language of ``kind: json``; the bodies that they read are in docs/howto/elastic.md.

Kibana and Watcher send what the operator pasted, ElastAlert2 the document that matched. Only Kibana says when something is over.
"""

from __future__ import annotations

from typing import Final

from ingestd.core.sources.json_path import parse_path
from ingestd.core.sources.mapping import JsonMapping, TimeSource, status_words, text_source

KIBANA: Final = JsonMapping(
    "kibana",
    identity=(text_source("rule_id"), text_source("alert_id"), text_source("space?")),
    alertname=text_source("rule_name"),
    status=status_words(
        text_source("status"),
        problem=("firing", "active"),
        recovery=("resolved", "recovered"),
    ),
    labels={
        "rule_id": text_source("rule_id"),
        "rule_type": text_source("rule_type"),
        "alert_id": text_source("alert_id"),
        "space": text_source("space"),
        "tags": text_source("tags"),
        "severity": text_source("severity"),
    },
    annotations={
        "summary": text_source("reason", "{rule_name}: {alert_id}"),
        "action_group": text_source("action_group"),
        "flapping": text_source("flapping"),
    },
    links={"generator": text_source("url")},
    value=text_source("value"),
)
"""Of the two actions of a rule, for each alert: one while it is active, one when it has recovered."""

WATCHER: Final = JsonMapping(
    "watcher",
    identity=(text_source("watch_id"),),
    alertname=text_source("watch_id"),
    labels={"*": text_source("metadata")},
    annotations={
        "summary": text_source("summary", "metadata.summary", "the watch {watch_id} has met its condition"),
        "payload": text_source("payload"),
    },
    value=text_source("payload.hits.total.value", "payload.hits.total"),
)
"""A watch fires on every run while its condition holds, and says nothing after that."""

ELASTALERT2: Final = JsonMapping(
    "elastalert2",
    identity=(text_source("rule_name"), text_source("_index?"), text_source("_id?")),
    alertname=text_source("rule_name"),
    labels={
        "severity": text_source("severity"),
        "host": text_source("host.name", "host.hostname", "hostname", "host"),
        "service": text_source("service.name", "service"),
    },
    annotations={
        "summary": text_source("summary", "message", "{rule_name}: {num_hits} hits"),
        "num_hits": text_source("num_hits"),
        "num_matches": text_source("num_matches"),
        "index": text_source("_index"),
        "id": text_source("_id"),
    },
    starts_at=TimeSource(parse_path("@timestamp")),
    value=text_source("num_hits"),
)
"""Each document that matched is an alert: what is sent again after a failure has the same index and id."""
