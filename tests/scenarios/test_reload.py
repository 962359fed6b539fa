"""A reload takes people, addresses and channels away while they are in use: whoever is left is paged."""

from __future__ import annotations

from dataclasses import replace

from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Step
from ingestd.testing.world import policy
from ingestd.workers.orphans import provide_for

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


def test_pages_of_a_connector_that_is_gone_after_a_restart_go_by_the_next_channel_and_tickets_wait(
    new_day, nothing_else_arrives
):
    day = new_day(policy=policy(steps=one_step(ADA)["default"].steps))
    day.sms.is_down = day.tickets.is_down = True
    day.fires()
    only_mail = replace(day.policy, channel_connectors={Channel.EMAIL: "mail"})
    orphans = day.database.run_now(provide_for, {"mail"}, only_mail, day.now())
    assert [delivery.key for delivery in orphans.dropped] == ["INC-1001/sms/page/1"]
    assert orphans.waiting == {"tickets": 1}
    assert day.history().count("dropped/connector_gone") == 1
    day.tickets.is_down = False
    day.engine.wake.dispatchers["mail"].ring()
    day.advance(minutes=1)
    assert day.pages() == [ADA_MAIL]
    assert len(day.tickets.kept) == 1
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
