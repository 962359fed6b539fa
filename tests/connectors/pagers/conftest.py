"""Pages as the dispatcher hands them over: an ordinary one to vary, and any that strangers' texts can make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st

from ingestd.core.names import Channel, IncidentId, IncidentState, Level, PersonName, Severity
from ingestd.ports import AlertView, Contact, IncidentView, PageText, TimelineLine

OPENED_AT = datetime(2026, 11, 21, 2, 9, tzinfo=UTC)

ALERT = AlertView(
    name="CardAuthErrors",
    summary="Card auth errors 34% (limit 5%)",
    is_firing=True,
    labels={"alertname": "CardAuthErrors", "service": "card-gateway", "env": "prod", "instance": "gw1:9090"},
    annotations={"summary": "Card auth errors 34% (limit 5%)"},
    links={
        "dashboard": "https://grafana.example.com/d/abc",
        "silence": "https://grafana.example.com/alerting/silence/new?matcher=alertname%3DCardAuthErrors",
        "generator": "https://prometheus.example.com/graph?g0.expr=up",
    },
    source="alertmanager",
    first_seen_at=OPENED_AT,
    value="0.34",
)

INCIDENT = IncidentView(
    id=IncidentId("INC-1042"),
    title="Card auth errors 34% (limit 5%)",
    summary="Card authorisations fail for one in three customers.",
    state=IncidentState.TRIGGERED,
    severity=Severity.HIGH,
    impact=Level.HIGH,
    urgency=Level.MEDIUM,
    category="availability",
    team="payments",
    rule="card-gateway-down",
    opened_at=OPENED_AT,
    alerts=(ALERT,),
    firing_count=3,
    alert_count=3,
    runbook="https://wiki.example.com/runbooks/card-gateway",
    url="https://i.example.com/incidents/INC-1042",
    ticket_url="https://example.atlassian.net/browse/OPS-7",
    timeline=tuple(TimelineLine(n, OPENED_AT, f"fact {n}") for n in range(1, 8)),
)

PAGE = PageText(
    purpose="page",
    incident=INCIDENT,
    contact=Contact(PersonName("asha"), "Asha Rao", Channel.EMAIL, "asha@example.com"),
    link="https://i.example.com/p/7Kq2xV9bLm3Q",
    sent_at=datetime(2026, 11, 21, 2, 10, tzinfo=UTC),
)

# Everything that has lost a page somewhere: header injection, line separators, halves of characters, markup, direction marks.
NASTY = (
    "\r\nBcc: evil@example.com",
    "alert =?UTF-8?Q?=0A?=Bcc: injected@example.com",
    "=?utf-8?b?DQpCY2M6IGV2aWxAZXhhbXBsZS5jb20=?=",
    "a\u2028b\u2029c\x0bd\x0ce\x85f",
    "\ud800 \udfff",
    "\x1b[2J\x00\x07",
    "\u202egnp.exe\u202c",
    "<script>alert(1)</script><img src=http://evil.example/x.png>",
    "\r\n.\r\nMAIL FROM:<evil@example.com>",
    "😀 “smart” — Ж 漢字 ñ ß …",
    "^{}[]~\\|€",
    "x" * 100_000,
    "]]>&amp;\"'",
    "",
)

texts = st.one_of(
    st.text(max_size=300), st.sampled_from(NASTY), st.text('=?\r\n\u2028 utf8bqQ-_:@<>"\\[]{}~^|€\f\ud800', max_size=80)
)
instants = st.datetimes(timezones=st.just(UTC))


def incidents():
    alerts = st.builds(
        replace,
        st.just(ALERT),
        name=texts,
        summary=texts,
        is_firing=st.booleans(),
        labels=st.dictionaries(texts, texts, max_size=4),
        links=st.dictionaries(st.sampled_from(["dashboard", "silence", "panel"]), texts, max_size=2),
        source=texts,
        value=texts,
        first_seen_at=instants,
        cleared_at=st.none() | instants,
    )
    return st.builds(
        replace,
        st.just(INCIDENT),
        id=st.just("INC-1042"),
        title=texts,
        summary=texts,
        severity=st.sampled_from(Severity),
        category=texts,
        team=texts,
        rule=texts,
        opened_at=instants,
        alerts=st.lists(alerts, max_size=3).map(tuple),
        firing_count=st.integers(0, 10_000),
        alert_count=st.integers(0, 10_000),
        runbook=texts,
        url=texts,
        ticket_url=texts,
        acknowledged_by=texts,
        acknowledged_at=st.none() | instants,
        resolved_at=st.none() | instants,
        timeline=st.lists(st.builds(TimelineLine, st.integers(1, 99), instants, texts), max_size=6).map(tuple),
    )


def hostile_page_texts():
    return st.builds(
        PageText,
        purpose=st.sampled_from(["page", "resolved", "test", "something new"]),
        incident=incidents(),
        contact=st.builds(
            Contact, person=texts, name=texts, channel=st.sampled_from(Channel), address=st.just("asha@example.com")
        ),
        level=st.integers(1, 99),
        link=st.just(PAGE.link),
        reason=texts,
        earlier=st.lists(texts, max_size=12).map(tuple),
        next_step_at=st.none() | instants,
        delayed_minutes=st.integers(0, 100_000),
        sent_at=st.none() | instants,
    )


@pytest.fixture(scope="session")
def hostile_pages():
    """The strategy of pages in which every text is a stranger's."""
    return hostile_page_texts()


@pytest.fixture(scope="session")
def nasty() -> tuple[str, ...]:
    return NASTY


@pytest.fixture(scope="session")
def make_page() -> Callable[..., PageText]:
    """``make_page(purpose=..., incident={"title": ...}, ...)``: an ordinary page with what the test is about changed."""

    def make(*, incident: dict | None = None, **changes) -> PageText:
        return replace(PAGE, incident=replace(INCIDENT, **(incident or {})), **changes)

    return make
