"""What counts against a person's limits and what does not, and how long a page waits at most."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import Policy, Route
from ingestd.core.throttle import Batching, ChannelLimits, Limit
from ingestd.testing.outside import Fault, SentPage
from ingestd.testing.world import RULES, World, policy

CALM = Batching(above=1000)
ADA = "+15550000"


def alone(base: Policy | None = None, **limits: object) -> Policy:
    """Only ada, by text message alone, and nobody after her for a day: what is counted is the limit, not the escalation."""
    base = base or policy()
    step = replace(base.escalations["default"].steps[0], wait_seconds=86_400)
    plan = replace(base.escalations["default"], steps=(step,))
    ada = replace(base.people[PersonName("ada")], channels=base.people[PersonName("ada")].channels[:1])
    return replace(base, escalations={"default": plan}, people={**base.people, ada.name: ada}, **limits)


def texts(day: World, purpose: str) -> list[SentPage]:
    return [page for page in day.sms.sent if page.purpose == purpose]


def acknowledge_all(day: World) -> None:
    for incident in day.incidents():
        if incident.state.is_open:
            day.acknowledge(incident.id)


def test_answers_to_what_somebody_wrote_leave_at_once_and_take_no_pages_place(new_day, nothing_else_arrives):
    day = new_day(policy=alone())
    day.sms.can_reply = True
    day.fires(cluster="a")
    for _ in range(5):
        asked_at = day.now()
        day.text_back(ADA, "1n looking at it")
        assert texts(day, "word")[-1].at == asked_at
    for number, cluster in enumerate("bcde", start=2):
        day.fires(cluster=cluster)
        assert len(texts(day, "page")) == number, "five pages in a quarter of an hour, whatever was answered meanwhile"
    day.fires(cluster="f")
    assert len(texts(day, "page")) == 5
    asked_at = day.now()
    day.text_back(ADA, "1a")
    assert texts(day, "word")[-1].at == asked_at, "no page that waits keeps back the answer"
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_the_end_is_told_at_once_however_many_pages_and_answers_there_were(new_day, nothing_else_arrives):
    day = new_day(policy=alone())
    day.sms.can_reply = True
    for cluster in "abcde":
        day.fires(cluster=cluster)
    for code in range(1, 6):
        day.text_back(ADA, f"{code}a")
    day.clears(cluster="a")
    day.advance(minutes=1)
    (end,) = texts(day, "resolved")
    resolved_at = day.incident(1001).resolved_at
    assert resolved_at is not None
    assert end.at - resolved_at < timedelta(seconds=2)
    nothing_else_arrives(day)


def test_ends_have_a_limit_of_their_own_and_take_no_pages_place(new_day, nothing_else_arrives):
    day = new_day(policy=alone(limits={Channel.SMS: ChannelLimits((Limit(2, 900),), CALM)}))
    day.fires(cluster="a")
    day.acknowledge("INC-1001")
    day.clears(cluster="a")
    day.advance(minutes=2)
    assert len(texts(day, "resolved")) == 1
    day.fires(cluster="b")
    assert len(texts(day, "page")) == 2, "the end did not count"
    day.acknowledge("INC-1002")
    nothing_else_arrives(day)


def test_a_page_that_stands_in_for_one_that_failed_is_not_held_by_the_limit_of_mail(day, nothing_else_arrives):
    """Both text messages are refused within seconds; mail allows one message a minute."""
    for cluster in "ab":
        day.sms.faults = [Fault.REJECT]
        day.fires(cluster=cluster)
    assert [page.incident for page in day.mail.sent] == ["INC-1001", "INC-1002"]
    assert day.mail.sent[1].at - day.mail.sent[0].at <= timedelta(seconds=2)
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_a_page_whose_receipt_says_that_it_failed_goes_by_mail_at_once_though_mail_is_over_its_limit(
    day, nothing_else_arrives
):
    for cluster in "ab":
        day.fires(cluster=cluster)
    for page in list(day.sms.sent):
        failed_at = day.now()
        day.receipt(page, "failed")
        day.advance(seconds=1)
        assert day.mail.sent[-1].incident == page.incident
        assert day.mail.sent[-1].at - failed_at < timedelta(seconds=1)
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_what_is_held_does_not_hold_what_stands_in_for_a_failed_page(new_day, nothing_else_arrives):
    """By mail alone an ordinary page waits out its minute, while one that a text message failed to bring does not."""
    base = policy()
    step = replace(
        base.escalations["default"].steps[0], wait_seconds=86_400, people=(PersonName("bo"), PersonName("ada"))
    )
    bo = replace(base.people[PersonName("bo")], channels=base.people[PersonName("bo")].channels[1:])
    plan = replace(base.escalations["default"], steps=(step,))
    day = new_day(policy=replace(base, escalations={"default": plan}, people={**base.people, bo.name: bo}))
    for cluster in "ab":
        day.sms.faults = [Fault.REJECT]
        day.fires(cluster=cluster)
    sent = [(page.person, page.incident) for page in day.mail.sent]
    assert sorted(sent) == [("ada", "INC-1001"), ("ada", "INC-1002"), ("bo", "INC-1001")]
    day.advance(minutes=1)
    assert (day.mail.sent[-1].person, day.mail.sent[-1].incident) == ("bo", "INC-1002")
    acknowledge_all(day)
    nothing_else_arrives(day)


@pytest.mark.parametrize(("name", "minutes"), [("SiteDown", 0), ("DiskFull", 10), ("Minor", 20)])
def test_whoever_has_no_other_channel_waits_no_longer_than_this_for_a_page(
    new_day, nothing_else_arrives, name, minutes
):
    """The limit is used up for three hours; critical, high and medium."""
    minor = replace(RULES[0], name="minor", match=("alertname = Minor",), urgency=RULES[0].impact)
    limits = {Channel.SMS: ChannelLimits((Limit(1, 10_800),), CALM)}
    day = new_day(policy=alone(policy((*RULES, minor)), limits=limits))
    day.fires(cluster="a")
    day.fires(name, cluster="b")
    asked_at = day.incident(1002).opened_at
    day.advance(minutes=minutes)
    assert [page.incident for page in day.sms.sent] == ["INC-1001", "INC-1002"]
    waited = day.sms.sent[1].at - asked_at
    assert timedelta(minutes=minutes) <= waited <= timedelta(minutes=minutes, seconds=1)
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_after_an_hour_without_any_service_what_waits_is_told_together(new_day, nothing_else_arrives):
    """Two services that come back at the same instant may each tell what both hold; neither tells anything again later."""
    base = alone()
    day = new_day(policy=replace(base, routes={Channel.SMS: (Route("sms"), Route("sms2"))}))
    services = (day.sms, day.sms2)
    for service in services:
        service.is_down = True
    for number in range(12):
        day.fires(cluster=f"c{number}")
    day.advance(hours=1)
    for service in services:
        service.is_down = False
    day.advance(minutes=12)
    pages = [page for service in services for page in service.sent]
    told = Counter(one for page in pages for one in (page.incident, *(view.id for view in page.text.also)))
    assert set(told) == {incident.id for incident in day.incidents()}
    assert max(told.values()) <= 2
    assert len(pages) <= 8
    acknowledge_all(day)
    nothing_else_arrives(day)
