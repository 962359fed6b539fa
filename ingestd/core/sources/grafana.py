"""Reads the webhook contact point of Grafana: unified alerting (version 1), and the body that Grafana before 8 sent.

Facts from the source of ``grafana/alerting`` and the documentation of Grafana 7.
"""

from __future__ import annotations

from typing import Final

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.fingerprint import alert_key, legacy_rule_fingerprint
from ingestd.core.names import AlertStatus
from ingestd.core.sources.alert_list import read_alert_list
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, quoted, unreadable
from ingestd.core.sources.texts import TextLimiter, read_link, text_map

_LEGACY_STATES: Final = {
    "alerting": (AlertStatus.FIRING, ""),
    "no_data": (AlertStatus.FIRING, "NoData"),
    "ok": (AlertStatus.RESOLVED, ""),
    "paused": (AlertStatus.RESOLVED, "Paused"),
}
_LEGACY_PENDING: Final = "pending"
_LEGACY_MATCHES_SHOWN_MAX: Final = 8
_MAIN_ORG_ID: Final = 1
"""The organisation that every Grafana has; its releases before 5 named none."""


def read_grafana(document: dict[str, object], source: str, limits: ReadLimits) -> ParsedEnvelope | Unreadable:
    """The alerts of the body, whichever of the two forms it has. Alertmanager's body is refused by name."""
    if "ruleId" in document and "alerts" not in document:
        return _read_legacy(document, source, limits)
    if document.get("version") == "4" and "orgId" not in document:
        return unreadable(
            QuarantineReason.NOT_THIS_KIND,
            f"this is a body of Alertmanager (version 4); set `kind: alertmanager` for the source {quoted(source)}",
        )
    return read_alert_list(document, source, limits)


def _read_legacy(document: dict[str, object], source: str, limits: ReadLimits) -> ParsedEnvelope | Unreadable:
    """The one alert of a legacy body: a rule with its state. The series that matched are its value, not its identity."""
    state = document.get("state")
    if state == _LEGACY_PENDING:
        return ParsedEnvelope(alerts=())
    if not isinstance(state, str) or state not in _LEGACY_STATES:
        known = ", ".join([*_LEGACY_STATES, _LEGACY_PENDING])
        return _bad("state", f"is {quoted(state)}, not one of {known}")
    rule_id, org_id = _whole(document.get("ruleId")), _whole(document.get("orgId", _MAIN_ORG_ID))
    if rule_id is None or org_id is None:
        field = "ruleId" if rule_id is None else "orgId"
        return _bad(field, f"is {quoted(document[field])}, not a whole number")
    status, state_reason = _LEGACY_STATES[state]
    texts = TextLimiter(limits)
    tags = document.get("tags")
    labels = texts.labels(text_map({**(tags if isinstance(tags, dict) else {}), "alertname": document.get("ruleName")}))
    alert = Alert(
        source=source,
        key=alert_key(source, legacy_rule_fingerprint(org_id, rule_id)),
        status=status,
        labels=labels,
        annotations=texts.annotations(text_map({name: document.get(name) for name in ("title", "message")})),
        links=_legacy_links(document),
        state_reason=state_reason,
        rule_name=labels.get("alertname", ""),
        value=texts.line(_legacy_value(document.get("evalMatches"))),
    )
    return ParsedEnvelope(alerts=(alert,), cut_count=texts.cut_count)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _legacy_links(document: dict[str, object]) -> dict[str, str]:
    """The links; Grafana 4.0 wrote ``rule_url`` and ``image_url``."""
    found = {
        "generator": read_link(document.get("ruleUrl")) or read_link(document.get("rule_url")),
        "image": read_link(document.get("imageUrl")) or read_link(document.get("image_url")),
    }
    return {name: url for name, url in found.items() if url}


def _legacy_value(matches: object) -> str:
    """``Count=1 Errors=7``: what the series that matched measured."""
    shown = []
    for match in (matches if isinstance(matches, list) else [])[:_LEGACY_MATCHES_SHOWN_MAX]:
        if isinstance(match, dict):
            pair = text_map({"metric": match.get("metric"), "value": match.get("value")})
            shown.append(f"{pair.get('metric', 'value')}={pair.get('value', 'null')}")
    return " ".join(shown)


def _bad(field: str, problem: str) -> Unreadable:
    return unreadable(
        QuarantineReason.BAD_ALERT, f"{field} {problem}; compare it with the body that Grafana 7 documents for webhooks"
    )
