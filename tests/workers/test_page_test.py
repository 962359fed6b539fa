"""A test page goes by every channel and every service of it, in the order of a page, and says of each what became of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import Person, Policy, Route
from ingestd.testing.outside import Fault, OutsidePager
from ingestd.testing.world import policy as make_policy
from ingestd.workers import page_test

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
ASHA = Person(
    PersonName("asha"),
    "Asha Rao",
    ((Channel.SMS, "+4915112345678"), (Channel.CHAT, "asha-teams"), (Channel.EMAIL, "asha@example.com")),
)


def _policy() -> Policy:
    plain = make_policy()
    return Policy(
        plain.ruleset,
        people={ASHA.name: ASHA},
        channel_connectors={Channel.SMS: "far", Channel.CHAT: "teams"},
        routes={Channel.SMS: (Route("far"), Route("near", ("+49",)), Route("other", ("+1",)))},
    )


def _pagers() -> dict[str, OutsidePager]:
    channels = {"far": Channel.SMS, "near": Channel.SMS, "other": Channel.SMS, "teams": Channel.CHAT}
    return {name: OutsidePager(name, channel, lambda: NOW, lambda _point: None) for name, channel in channels.items()}


def test_every_service_of_every_channel_is_tried_those_of_the_country_first():
    pagers = _pagers()
    results = asyncio.run(page_test.send(ASHA, pagers, _policy(), None, NOW))
    assert [(one["channel"], one["connector"], one["ok"]) for one in results] == [
        ("sms", "near", True),
        ("sms", "far", True),
        ("chat", "teams", True),
        ("email", "", False),
    ]
    assert results[3]["text"] == "no connector serves email"
    assert [len(pager.sent) for pager in pagers.values()] == [1, 1, 0, 1]
    assert pagers["near"].sent[0].purpose == "test"


def test_a_service_that_refuses_says_so_and_the_others_are_tried():
    pagers = _pagers()
    pagers["near"].faults.append(Fault.REJECT)
    results = asyncio.run(page_test.send(ASHA, pagers, _policy(), Channel.SMS, NOW))
    assert [one["ok"] for one in results] == [False, True]


def test_an_address_that_counts_as_dead_is_tried_and_told():
    dead = {(Channel.SMS, "+4915112345678"): "the person answered STOP"}
    results = asyncio.run(page_test.send(ASHA, _pagers(), _policy(), None, NOW, dead))
    assert [one["dead"] for one in results] == ["the person answered STOP", "the person answered STOP", "", ""]
