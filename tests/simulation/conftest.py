"""The real ticket connectors before models of their services, for the simulator."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from connectors import freshdesk, jira
from connectors.freshdesk.fake import Fault as DeskFault
from connectors.freshdesk.fake import FreshdeskFake, RateLimits
from connectors.jira.fake import Fault as JiraFault
from connectors.jira.fake import JiraFake
from ingestd.ports import ConnectorTools, HttpClient
from ingestd.testing.fake_http import FakeHttp

MARKER = re.compile(r"\[ingestd (?:\S+ )?(INC-\d+/\S+)\]")


def _no_mail(_options: Any) -> Any:
    raise AssertionError("a ticket connector sends no mail")


class RealTickets:
    """A connector and its fake as ``TicketBooks``."""

    def __init__(
        self, make: Callable[[Any], Any], factory: Any, settings: dict[str, Any], host: str, fault: Any
    ) -> None:
        self.faults: list[Any] = []
        self._make = make
        self._factory = factory
        self._settings = settings
        self._host = host
        self._fault = fault
        self.fake: Any = None

    def known_faults(self):
        return [fault for fault in self._fault if fault.value != "captcha"]

    def refuses_for_good(self, fault):
        return False

    def lag(self, seconds):
        self.fake.index_lag_seconds = float(seconds)

    def system(self, world):
        if self.fake is None:
            self.fake = self._make(world.now)
            self.fake.faults = self.faults
        http: HttpClient = FakeHttp({self._host: self.fake.handle}, world.life.chance, world._point)
        settings = self._factory.settings_type(**self._settings)
        return self._factory.build("tickets", settings, ConnectorTools(http, _no_mail))

    def incidents(self):
        found = []
        for ticket in self.fake.tickets():
            # Its own number stands in its link; of others that were told in the same message its timeline may speak more often.
            text = f"{ticket['title']}\n{ticket['description']}"
            own = re.search(r"/incidents/(INC-\d+)", text)
            found.append(own[1] if own else Counter(re.findall(r"INC-\d+", text)).most_common(1)[0][0])
        return found

    def doubled_comments(self):
        twice = []
        for ticket in self.fake.tickets():
            markers = Counter(marker for text in ticket["comments"] for marker in MARKER.findall(text)[-1:])
            twice += [marker for marker, count in markers.items() if count > 1]
        return twice


def jira_cloud() -> RealTickets:
    settings = {
        "url": "https://acme.atlassian.net",
        "deployment": "cloud",
        "email": "bot@example.com",
        "token": "token-of-the-bot",
        "project": "OPS",
    }
    return RealTickets(JiraFake, jira.factory, settings, "acme.atlassian.net", JiraFault)


def jira_datacenter() -> RealTickets:
    settings = {
        "url": "https://jira.example.com",
        "deployment": "datacenter",
        "token": "token-of-the-bot",
        "project": "OPS",
    }
    return RealTickets(lambda now: JiraFake(now, is_cloud=False), jira.factory, settings, "jira.example.com", JiraFault)


def freshdesk_account() -> RealTickets:
    settings = {
        "domain": "acme",
        "api_key": "key-of-the-agent",
        "requester_email": "monitoring@example.com",
    }
    return RealTickets(
        lambda now: FreshdeskFake(now, limits=RateLimits(10_000, 10_000, 10_000, 10_000)),
        freshdesk.factory,
        settings,
        "acme.freshdesk.com",
        DeskFault,
    )


SERVICES = {
    "model": lambda: None,
    "jira-cloud": jira_cloud,
    "jira-datacenter": jira_datacenter,
    "freshdesk": freshdesk_account,
}


@pytest.fixture
def make_books() -> Callable[[str], RealTickets | None]:
    """Makes the books of the service of this name; None stands for the model at the height of the port."""
    return lambda service: SERVICES[service]()
