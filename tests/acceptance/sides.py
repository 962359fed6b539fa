"""One ingestd with its ticket system and its way to people, and what stands in both, in words that do not depend on which they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml

from connectors.freshdesk.fake import FreshdeskFake
from connectors.jira.fake import JiraFake
from connectors.sms_pager.fake_twilio import TwilioFake
from ingestd.core.names import Severity
from tests.acceptance.daemon import ROOT, DaemonProcess, config_of
from tests.acceptance.outside import FakeServer, MailServer, now

EXTERNAL_URL = "http://ingestd.example.com"
"""What people and Twilio are told; the tests come in through it as through a proxy."""
_LINK = re.compile(rf"{re.escape(EXTERNAL_URL)}/p/[\w-]+")
_NUMBER = re.compile(r"INC-\d+")
_PHONES = {"asha": "+4930901820", "ben": "+4930901821"}
_POLICIES = {
    "default": {"steps": [{"page": ["asha"], "wait": "30s"}, {"page": ["ben"], "wait": "10m"}]},
    "patient": {"steps": [{"page": ["asha"], "wait": "10m"}, {"page": ["ben"], "wait": "10m"}]},
}
_HURRIED_LIMIT = ["1 in 1s"]
"""The day has a night's messages within a minute. By the usual limit a mail would wait for the end of that minute."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message that somebody got. ``word`` is RESOLVED or the severity in capitals."""

    person: str
    word: str
    incident: str
    link: str


@dataclass
class Side:
    """One daemon and its surroundings. ``look`` asks the ticket system, ``listen`` the people."""

    name: str
    daemon: DaemonProcess
    look: Callable[[], list[dict[str, Any]]]
    listen: Callable[[], list[Told]]
    priorities: dict[Severity, Any]
    """What the ticket system calls the severities."""
    twilio: TwilioFake | None = None

    def incident(self, rule: str) -> dict[str, Any]:
        """The one incident of this rule."""
        [found] = [incident for incident in self.daemon.incidents() if incident["rule"] == rule]
        return found

    def tickets(self, rule: str) -> list[dict[str, Any]]:
        """All tickets of the incidents of this rule: by title, since an incident with two tickets knows of only one."""
        titles = {incident["title"] for incident in self.daemon.incidents() if incident["rule"] == rule}
        return [ticket for ticket in self.look() if any(title in ticket["title"] for title in titles)]

    def told(self, rule: str) -> list[Told]:
        """All messages about incidents of this rule, oldest first."""
        ids = {incident["id"] for incident in self.daemon.incidents() if incident["rule"] == rule}
        return [message for message in self.listen() if message.incident in ids]

    def open_link(self, method: str, link: str) -> requests.Response:
        """What the person's browser does with the link."""
        headers = {"Origin": EXTERNAL_URL, "Sec-Fetch-Site": "same-origin"} if method == "POST" else {}
        url = self.daemon.url + urlsplit(link).path
        return requests.request(method, url, headers=headers, timeout=10, allow_redirects=False)


def jira_and_sms(folder: Path, serve: Callable[..., Any], start: Callable[..., DaemonProcess]) -> Side:
    """Tickets in Jira Cloud, pages by Twilio."""
    jira, twilio = JiraFake(now), TwilioFake(now)
    tickets: FakeServer = serve(jira)
    texts: FakeServer = serve(twilio)
    connectors = {
        "tickets": {
            "kind": "jira",
            "url": tickets.url,
            "deployment": "cloud",
            "email": "bot@example.com",
            "token": "token-of-the-bot",
            "project": "OPS",
        },
        "people": {
            "kind": "sms_pager",
            "twilio": {
                "account_sid": twilio.account_sid,
                "auth_token": twilio.auth_token,
                "from": "+4930901800",
                "api_url": texts.url,
            },
        },
    }
    people = {name: {"phone": phone} for name, phone in _PHONES.items()}
    daemon = start(_config(folder, connectors, people, "sms"), folder=folder)

    def listen() -> list[Told]:
        by_phone = {phone: name for name, phone in _PHONES.items()}
        return [_read(by_phone[sms.to], sms.body.split()[0], sms.body) for sms in texts.ask(lambda: [*twilio.messages])]

    names = {Severity.CRITICAL: "Highest", Severity.HIGH: "High"}
    return Side("jira and sms", daemon, lambda: tickets.ask(jira.tickets), listen, names, twilio)


def freshdesk_and_mail(folder: Path, serve: Callable[..., Any], start: Callable[..., DaemonProcess]) -> Side:
    """Tickets in Freshdesk, pages by mail over SMTP."""
    desk = FreshdeskFake(now)
    tickets: FakeServer = serve(desk)
    mail: MailServer = serve()
    connectors = {
        "tickets": {
            "kind": "freshdesk",
            "url": tickets.url,
            "api_key": "key-of-the-agent",
            "requester_email": "monitoring@example.com",
        },
        "people": {
            "kind": "email_pager",
            "from": "ingestd@example.com",
            "smtp": {"host": "127.0.0.1", "port": mail.port, "tls": "none"},
        },
    }
    people = {name: {"email": f"{name}@example.com"} for name in _PHONES}
    daemon = start(_config(folder, connectors, people, "email"), folder=folder)

    def listen() -> list[Told]:
        found = []
        for receiver, message in [*mail.taken]:
            body = message.get_body(("plain",))
            text = body.get_content() if body else ""
            word = message["Subject"].partition("]")[0].removeprefix("[")
            found.append(_read(receiver.partition("@")[0], word, f"{message['Subject']}\n{text}"))
        return found

    return Side(
        "freshdesk and mail",
        daemon,
        lambda: tickets.ask(desk.tickets),
        listen,
        {Severity.CRITICAL: 4, Severity.HIGH: 3},
    )


def _read(person: str, word: str, text: str) -> Told:
    number, link = _NUMBER.search(text), _LINK.search(text)
    return Told(person, word, number[0] if number else "", link[0] if link else "")


def _config(folder: Path, connectors: dict[str, Any], people: dict[str, Any], channel: str) -> dict[str, Any]:
    rules = folder / "rules"
    rules.mkdir(parents=True)
    for name in ("00-severity.yaml", "50-defaults.yaml"):
        (rules / name).write_text((ROOT / "rules" / name).read_text())
    rule = {
        "rule": "checkout",
        "team": "shop",
        "match": ["alertname = CheckoutDown"],
        "impact": "high",
        "urgency": "high",
        "correlate": {"by": ["alertname"], "within": "1h"},
        "title": "The checkout is down",
    }
    (rules / "10-shop.yaml").write_text(yaml.safe_dump({"version": 1, "rules": [rule]}))
    return config_of(
        folder,
        server={"listen": "127.0.0.1:0", "external_url": EXTERNAL_URL},
        connectors=connectors,
        channels={channel: "people"},
        people=people,
        policies=_POLICIES,
        page_limits={channel: {"most": _HURRIED_LIMIT}},
        teams={
            "default": {"policy": "default", "ticket": {"to": "tickets"}},
            "shop": {"policy": "patient", "ticket": {"to": "tickets"}},
        },
        rules={"path": str(rules)},
        incidents={"comment_delay": "0s", "resolve_grace": "1s", "reopen_within": "10m"},
    )
