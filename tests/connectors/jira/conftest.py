"""A connector joined to a stand-in for Jira, of either deployment, and incidents to tell it about."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.jira import factory
from connectors.jira.connector import JiraTickets
from connectors.jira.fake import JiraFake
from ingestd.core.names import EffectKey, IncidentId, IncidentState, Level, Severity
from ingestd.ports import AlertView, ConnectorTools, IncidentView, TicketDraft, TicketNote, TicketRef, TimelineLine

OPEN = EffectKey("INC-1042/jira/ticket-open/1")
SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class HandClock:
    """Stands still until a test moves it."""

    now: datetime = SINCE

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def make_alert(**changes: Any) -> AlertView:
    whole = AlertView(
        name="HighErrorRate",
        summary="Card authorisations fail: 34 %",
        is_firing=True,
        labels={"alertname": "HighErrorRate", "env": "prod", "instance": "gw-1:9100"},
        annotations={"description": "The limit is 5 %."},
        links={
            "generator": "https://prometheus.example/graph?g0.expr=rate",
            "dashboard": "https://grafana.example/d/1",
        },
        source="alertmanager",
        first_seen_at=SINCE,
        value="0.34",
    )
    return replace(whole, **changes)


def make_incident(**changes: Any) -> IncidentView:
    whole = IncidentView(
        id=IncidentId("INC-1042"),
        title="card-gateway: card authorisations fail",
        summary="More than a third of the card authorisations fail.",
        state=IncidentState.TRIGGERED,
        severity=Severity.CRITICAL,
        impact=Level.HIGH,
        urgency=Level.HIGH,
        category="payments",
        team="payments-oncall",
        rule="card-errors",
        opened_at=SINCE,
        alerts=(make_alert(),),
        firing_count=1,
        alert_count=1,
        runbook="https://wiki.example/runbooks/cards",
        url="https://ingestd.example/incidents/INC-1042",
    )
    return replace(whole, **changes)


def make_note(*texts: str, **changes: Any) -> TicketNote:
    lines = tuple(TimelineLine(number, SINCE + timedelta(seconds=number), text) for number, text in enumerate(texts))
    return TicketNote(make_incident(**changes), lines)


@dataclass
class Jira:
    """One stand-in and one connector that talks to it."""

    is_cloud: bool
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.fake = JiraFake(self.clock, is_cloud=self.is_cloud)
        self.tickets = self.connector()

    def connector(self, **settings: Any) -> JiraTickets:
        account = {"email": "bot@example.com"} if self.is_cloud else {}
        whole = {"url": "https://jira.example", "project": "OPS", "token": "token-of-the-bot", **account, **settings}
        return factory.build("jira", factory.settings_type(**whole), ConnectorTools(http=self.fake, mail=no_mail))

    async def open(self, key: EffectKey = OPEN, **options: Any) -> TicketRef:
        return await self.tickets.open_ticket(TicketDraft(make_incident(), options), key)

    def sent(self, method: str, ending: str) -> list[Any]:
        """The requests of a method whose path ends so."""
        paths = [(request, request.url.partition("?")[0]) for request in self.fake.requests]
        return [request for request, path in paths if request.method == method and path.endswith(ending)]

    def only(self) -> dict[str, Any]:
        (ticket,) = self.fake.tickets()
        return ticket


def no_mail(_: Any) -> Any:
    raise AssertionError("a ticket connector sends no mail")


@pytest.fixture(scope="session")
def alert():
    """Makes an alert; keywords change it."""
    return make_alert


@pytest.fixture(scope="session")
def incident():
    """Makes an incident; keywords change it."""
    return make_incident


@pytest.fixture(scope="session")
def note():
    """Makes a note of lines; keywords change its incident."""
    return make_note


@pytest.fixture(params=["cloud", "datacenter"])
def jira(request) -> Jira:
    return Jira(request.param == "cloud")


@pytest.fixture
def cloud() -> Jira:
    return Jira(is_cloud=True)


@pytest.fixture
def datacenter() -> Jira:
    return Jira(is_cloud=False)


@pytest.fixture(scope="session")
def contracts(root) -> Path:
    """Where the vendors' specifications lie; they are no part of the project."""
    place = Path(os.environ.get("INGESTD_CONTRACTS", root.parent / "shared" / "contracts"))
    if not place.is_dir():
        pytest.skip(f"no vendor specifications in {place}; INGESTD_CONTRACTS says where they are")
    return place
