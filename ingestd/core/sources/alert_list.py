"""Reads the list ``alerts`` that the webhooks of Alertmanager (version 4) and Grafana (version 1) have in common.

Only ``labels`` can be relied on; unknown keys are ignored, since newer senders add some. One alert that cannot be read never costs its neighbours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.fingerprint import alert_key, label_fingerprint, sender_fingerprint
from ingestd.core.names import AlertStatus
from ingestd.core.safe_text import one_line
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, quoted, unreadable
from ingestd.core.sources.texts import TextLimiter, read_link, text_map
from ingestd.core.sources.timestamps import read_timestamp

_STATUS: Final = {"firing": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}
_LINKS: Final = (
    ("generator", "generatorURL"),
    ("silence", "silenceURL"),
    ("dashboard", "dashboardURL"),
    ("panel", "panelURL"),
    ("image", "imageURL"),
)
_STANDS_FOR_ANOTHER_RULE: Final = frozenset({"DatasourceNoData", "DatasourceError"})
_STATE_REASON: Final = "grafana_state_reason"
_STATE_REASON_CHARS_MAX: Final = 64
_COUNT_MAX: Final = 2**31 - 1


def read_alert_list(document: dict[str, object], source: str, limits: ReadLimits) -> ParsedEnvelope | Unreadable:
    """Every alert that can be read, in the sender's order, with ``refused`` saying what could not; ``Unreadable`` if none could.

    Alerts beyond ``limits.alerts_count_max`` are refused and added to ``truncated_count``: their state is as unknown as that of
    alerts which the sender left out.
    """
    listed = document.get("alerts")
    if not isinstance(listed, list):
        return _no_alerts(document)
    reader = _AlertReader(source, TextLimiter(limits), _status_word(document.get("status")))
    alerts: list[Alert] = []
    refused: list[Unreadable] = []
    for index, raw in enumerate(listed[: limits.alerts_count_max]):
        alert = reader.read(raw, f"alerts[{index}]")
        if isinstance(alert, Alert):
            alerts.append(alert)
        else:
            refused.append(alert)
    beyond_count = max(0, len(listed) - limits.alerts_count_max)
    if beyond_count:
        refused.append(_too_many(len(listed), limits))
    if refused and not alerts:
        return _none_readable(refused)
    return ParsedEnvelope(
        alerts=tuple(alerts),
        truncated_count=_count(document.get("truncatedAlerts")) + beyond_count,
        cut_count=reader.texts.cut_count,
        refused=tuple(refused),
    )


class _AlertReader:
    """Reads the alerts of one body, which share its source, limits and fallback status."""

    def __init__(self, source: str, texts: TextLimiter, status_of_all: str) -> None:
        self.source = source
        self.texts = texts
        self.status_of_all = status_of_all

    def read(self, raw: object, path: str) -> Alert | Unreadable:
        """The alert, or why it cannot be read."""
        if not isinstance(raw, dict):
            return _bad(path, f"is {quoted(raw)}, not an object")
        status = _STATUS.get(_status_word(raw.get("status")) or self.status_of_all)
        if status is None:
            return _bad(f"{path}.status", f'is {quoted(raw.get("status"))}, not "firing" or "resolved"')
        listed_labels = raw.get("labels")
        if not isinstance(listed_labels, dict):
            return _bad(f"{path}.labels", f"is {quoted(listed_labels)}, not an object of names and values")
        full_labels = text_map(listed_labels)
        fingerprint = sender_fingerprint(raw.get("fingerprint"))
        if not full_labels and not fingerprint:
            return _bad(f"{path}.labels", "is empty, so that nothing tells this alert from any other")
        labels = self.texts.labels(full_labels)
        full_annotations = self._annotations(raw.get("annotations"))
        annotations = self.texts.annotations(full_annotations)
        return Alert(
            source=self.source,
            key=alert_key(self.source, fingerprint or label_fingerprint(full_labels)),
            status=status,
            labels=labels,
            annotations=annotations,
            starts_at=read_timestamp(raw.get("startsAt")),
            ends_at=read_timestamp(raw.get("endsAt")),
            links=self._links(raw, full_annotations),
            state_reason=one_line(annotations.get(_STATE_REASON, ""), _STATE_REASON_CHARS_MAX),
            rule_name=_rule_name(labels),
            value=self.texts.measured(raw.get("values"), raw.get("valueString")),
        )

    def _annotations(self, listed: object) -> dict[str, str]:
        if isinstance(listed, dict):
            return text_map(listed)
        self.texts.cut_count += listed is not None
        return {}

    def _links(self, raw: dict[str, object], annotations: dict[str, str]) -> dict[str, str]:
        links = {name: url for name, field in _LINKS if field in raw and (url := read_link(raw[field]))}
        if "runbook_url" in annotations and (runbook := read_link(annotations["runbook_url"])):
            links["runbook"] = runbook
        return links


def _rule_name(labels: dict[str, str]) -> str:
    """The rule that speaks. Grafana reports a rule without data as an alert of its own, with the rule in ``rulename``."""
    name = labels.get("alertname", "")
    return (labels.get("rulename") or name) if name in _STANDS_FOR_ANOTHER_RULE else name


def _status_word(value: object) -> str:
    """The status in lower case; empty if the sender did not say; a word that no status has if it is no text at all."""
    if value is None:
        return ""
    return value.strip().lower() if isinstance(value, str) else "?"


def _count(value: object) -> int:
    return min(max(value, 0), _COUNT_MAX) if isinstance(value, int) and not isinstance(value, bool) else 0


def _bad(path: str, problem: str) -> Unreadable:
    return unreadable(
        QuarantineReason.BAD_ALERT,
        f"{path} {problem}; compare it with the sender's documented webhook body (no custom payload)",
    )


def _none_readable(refused: list[Unreadable]) -> Unreadable:
    first = refused[0]
    return (
        first if len(refused) == 1 else replace(first, detail=f"{first.detail} (and {len(refused) - 1} more like it)")
    )


def _no_alerts(document: dict[str, object]) -> Unreadable:
    if not document:
        problem = "the object has no list `alerts` (it is empty)"
    elif "alerts" in document:
        problem = f"`alerts` is {quoted(document['alerts'])}, not a list"
    else:
        problem = f"the object has no list `alerts` (its keys begin with {quoted(', '.join(sorted(document)[:8]))})"
    return unreadable(
        QuarantineReason.NO_ALERTS_FIELD,
        f"{problem}; use the sender's own webhook body, without a custom payload template",
    )


def _too_many(count: int, limits: ReadLimits) -> Unreadable:
    return unreadable(
        QuarantineReason.TOO_MANY_ALERTS,
        f"alerts[{limits.alerts_count_max}] to alerts[{count - 1}] were not read: {count} alerts are more than the limit of "
        f"{limits.alerts_count_max}; raise the limit, or let the sender group or cut (Alertmanager: `max_alerts`)",
    )
