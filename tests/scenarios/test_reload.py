"""A reload takes people, addresses and channels away while they are in use: whoever is left is paged."""

from __future__ import annotations

from dataclasses import replace

from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Step
from ingestd.testing.world import policy

ADA, DEE = PersonName("ada"), PersonName("dee")
ADA_MAIL = ("ada", "email", "page")


def one_step(name: PersonName) -> dict[str, EscalationPolicy]:
    return {"default": EscalationPolicy("default", (Step((name,), 300),), 1)}


def test_when_a_channel_is_taken_away_its_queued_page_goes_by_the_one_that_is_left(new_day, nothing_else_arrives):
    day = new_day(policy=policy(steps=one_step(ADA)["default"].steps))
    day.sms.is_down = True
    day.fires()
    ada = day.policy.people[ADA]
    only_mail = replace(ada, channels=((Channel.EMAIL, "ada@example.com"),))
    day.reload(replace(day.policy, channel_connectors={Channel.EMAIL: "mail"}, people={ADA: only_mail}))
    day.advance(seconds=10)
    assert day.pages() == [ADA_MAIL]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_when_everybody_who_was_to_be_paged_has_left_the_policy_in_force_is_asked(new_day, nothing_else_arrives):
    day = new_day(policy=policy(steps=one_step(ADA)["default"].steps))
    day.sms.is_down = day.mail.is_down = True
    day.fires()
    dee = Person(DEE, "Dee", ((Channel.SMS, "+15550009"),))
    day.reload(replace(day.policy, people={DEE: dee}, escalations=one_step(DEE)))
    day.sms.is_down = day.mail.is_down = False
    day.advance(minutes=2)
    assert day.pages() == [("dee", "sms", "page")]
    day.acknowledge("INC-1001", by="dee")
    nothing_else_arrives(day)
