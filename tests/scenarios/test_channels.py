"""Several vendors of a channel, receipts that come late or never, and addresses that are dead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingestd.core.names import Channel, IncidentId, PersonName
from ingestd.core.policy import Policy, Route, Step, Timing
from ingestd.store import contacts, timeline
from ingestd.testing.outside import Fault
from ingestd.testing.world import alertmanager_body, policy

ADA, ADA_MAIL, BO = ("ada", "sms", "page"), ("ada", "email", "page"), ("bo", "sms", "page")
TWO = (Route("sms"), Route("sms2"))


def with_vendors(*routes: Route, base: Policy | None = None) -> Policy:
    return replace(base or policy(), routes={Channel.SMS: routes, Channel.EMAIL: (Route("mail"),)})


def reach(base: Policy, name: str, *channels: tuple[Channel, str]) -> Policy:
    person = replace(base.people[PersonName(name)], channels=channels)
    return replace(base, people={**base.people, person.name: person})


@pytest.fixture
def two(new_day):
    """A day with two vendors of text messages."""
    return new_day(policy=with_vendors(*TWO))


@pytest.fixture
def followed(new_day):
    """A day on which the service of text messages promises receipts."""
    day = new_day()
    day.sms.has_receipts = True
    return day


def count(day, reason: str, number: int = 1001) -> int:
    return day.history(number).count(reason)


def texts(day, number: int = 1001) -> list[str]:
    lines = day.database.read_now(timeline.last, IncidentId(f"INC-{number}"), 100)
    return [line.text for line in lines]


def dead_alerts(day) -> list[tuple[str, bool]]:
    """What our own alerts of dead contacts became: the incident's title and whether it is open."""
    return [(one.title, one.state.is_open) for one in day.incidents() if "not reached by" in one.title]


def words_to(day, person: str) -> list[str]:
    pages = [*day.sms.sent, *day.sms2.sent, *day.mail.sent]
    return [one.text.words for one in pages if one.purpose == "word" and one.person == person]


# ------------------------------------------------------------------ vendors


def test_while_a_vendor_is_down_the_second_one_pages_within_seconds(two, nothing_else_arrives):
    two.sms.is_down = True
    two.fires()
    two.advance(seconds=4)
    assert [page.person for page in two.sms2.sent] == ["ada"]
    assert two.mail.sent == []
    assert "page/vendor_failed" in two.history()
    two.sms.is_down = False
    two.advance(minutes=2)
    assert two.sms.sent == [], "what the second one has told is not told again by the first"
    two.acknowledge("INC-1001")
    nothing_else_arrives(two)


def test_a_vendor_that_refuses_the_page_is_followed_by_the_second_at_once(two, nothing_else_arrives):
    two.sms.faults = [Fault.REJECT]
    two.fires()
    assert [page.person for page in two.sms2.sent] == ["ada"]
    assert two.sms2.sent[0].text.reason == "another service failed"
    two.acknowledge("INC-1001")
    nothing_else_arrives(two)
    assert two.mail.sent == []


def test_a_vendor_that_rejects_our_credentials_is_followed_by_the_second_at_once(two, nothing_else_arrives):
    two.sms.is_barred = True
    two.fires()
    assert ("ada", "INC-1001") in [(page.person, page.incident) for page in two.sms2.sent]
    two.sms.is_barred = False
    for incident in two.incidents():
        two.acknowledge(incident.id)
    two.advance(minutes=3)
    assert [one.title for one in two.incidents() if one.state.is_open and "credentials" in one.title] == []
    two.advance(minutes=30)
    nothing_else_arrives(two)
    assert [page for page in two.sms.sent if page.purpose == "page"] == []


def test_two_lost_replies_that_cannot_be_looked_up_end_with_the_second_vendor(two, nothing_else_arrives):
    two.sms.can_find = False
    two.sms.faults = [Fault.LOSE_REPLY] * 2
    two.fires()
    two.advance(seconds=30)
    assert len(two.sms.sent) == 2
    assert len(two.sms2.sent) == 1
    two.acknowledge("INC-1001")
    nothing_else_arrives(two)


def test_while_a_vendor_is_given_a_rest_nobody_waits_for_it(two, nothing_else_arrives):
    two.sms.is_down = True
    for cluster in "abc":
        two.fires("SiteDown", cluster=cluster)
    two.advance(seconds=2)
    before = two.now()
    two.fires("SiteDown", cluster="d")
    (page,) = [one for one in two.sms2.sent if one.incident == "INC-1004"]
    assert (page.at - before).total_seconds() < 0.1
    assert "given a rest" in " ".join(texts(two, 1004))
    two.sms.is_down = False
    for incident in two.incidents():
        two.acknowledge(incident.id)
    nothing_else_arrives(two)


def test_only_when_both_vendors_are_down_the_next_channel_is_used(two, nothing_else_arrives):
    two.sms.is_down = two.sms2.is_down = True
    two.fires()
    two.advance(seconds=12)
    assert two.pages() == [ADA_MAIL]
    two.acknowledge("INC-1001")
    two.sms.is_down = two.sms2.is_down = False
    nothing_else_arrives(two)
    assert two.sms.sent == two.sms2.sent == []


def test_when_both_vendors_come_back_the_person_gets_one_text_and_no_second(two, nothing_else_arrives):
    two.sms.is_down = two.sms2.is_down = True
    two.fires()
    two.advance(seconds=12)
    two.sms.is_down = two.sms2.is_down = False
    two.advance(minutes=3)
    assert len(two.sms.sent) + len(two.sms2.sent) <= 2
    two.acknowledge("INC-1001")
    nothing_else_arrives(two)


def test_the_end_is_told_by_a_vendor_that_works(two, nothing_else_arrives):
    two.fires()
    assert [page.person for page in two.sms.sent] == ["ada"]
    two.acknowledge("INC-1001")
    two.sms.is_down = True
    two.clears()
    two.advance(minutes=1, seconds=10)
    assert [(page.person, page.purpose) for page in two.sms2.sent] == [("ada", "resolved")]
    two.sms.is_down = False
    nothing_else_arrives(two)
    assert [page.purpose for page in two.sms.sent] == ["page"]


def test_each_country_has_its_vendor_and_the_others_follow(new_day, nothing_else_arrives):
    base = reach(policy(), "ada", (Channel.SMS, "+4915112345678"))
    day = new_day(policy=with_vendors(Route("sms"), Route("sms2", ("+49",)), base=base))
    day.fires()
    assert [page.person for page in day.sms2.sent] == ["ada"]
    day.advance(minutes=5)
    assert [page.person for page in day.sms.sent] == ["bo"]
    day.sms2.faults = [Fault.REJECT]
    day.acknowledge("INC-1001")
    day.fires(cluster="b")
    assert [(page.person, page.incident) for page in day.sms.sent][1:] == [("ada", "INC-1002")]
    day.acknowledge("INC-1002")
    nothing_else_arrives(day)


def test_a_number_that_no_country_serves_is_tried_all_the_same(new_day, nothing_else_arrives):
    day = new_day(policy=with_vendors(Route("sms", ("+44",)), Route("sms2", ("+49",))))
    day.sms.faults = [Fault.REJECT]
    day.fires()
    assert [page.person for page in day.sms2.sent] == ["ada"]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_bad_number_is_not_tried_by_another_vendor(two, nothing_else_arrives):
    two.sms.unfit = {"+15550000": False}
    two.fires()
    assert two.pages() == [ADA_MAIL]
    assert two.sms2.sent == []
    two.acknowledge("INC-1001")
    nothing_else_arrives(two)
    assert two.database.read_now(contacts.dead) == frozenset()


# ------------------------------------------------------------------ receipts


def test_a_silent_receipt_is_followed_by_the_next_channel_after_a_minute_and_not_twice(followed, nothing_else_arrives):
    followed.fires()
    assert followed.pages() == [ADA]
    followed.advance(seconds=57)
    assert followed.pages() == [ADA]
    followed.advance(seconds=3)
    assert followed.pages() == [ADA, ADA_MAIL]
    assert count(followed, "page/no_receipt") == 1
    assert followed.mail.sent[0].text.reason == "sms did not get through"
    followed.advance(minutes=3)
    assert followed.pages() == [ADA, ADA_MAIL]
    followed.advance(minutes=1)
    assert followed.pages() == [ADA, ADA_MAIL, BO], "the wait of the step goes on as it was"
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


def test_a_page_that_is_delivered_in_time_is_left_alone(followed, nothing_else_arrives):
    followed.fires()
    followed.advance(seconds=20)
    followed.receipt(followed.sms.sent[0], "delivered")
    followed.advance(minutes=3)
    assert followed.pages() == [ADA]
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


def test_a_page_that_was_not_delivered_does_not_wait_for_its_minute(followed, nothing_else_arrives):
    followed.fires()
    followed.receipt(followed.sms.sent[0], "failed")
    followed.advance(seconds=1)
    assert followed.pages() == [ADA, ADA_MAIL]
    followed.advance(minutes=2)
    assert followed.pages() == [ADA, ADA_MAIL]
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


def test_a_service_that_only_says_sent_is_not_believed_for_longer(followed, nothing_else_arrives):
    followed.fires()
    followed.receipt(followed.sms.sent[0], "pending")
    followed.advance(seconds=62)
    assert followed.pages() == [ADA, ADA_MAIL]
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


def test_an_older_word_after_delivered_changes_nothing(followed, nothing_else_arrives):
    followed.fires()
    followed.receipt(followed.sms.sent[0], "delivered")
    followed.receipt(followed.sms.sent[0], "pending")
    followed.receipt(followed.sms.sent[0], "failed")
    followed.advance(minutes=2)
    assert followed.pages() == [ADA]
    assert count(followed, "page/delivered") == 1
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


def test_a_late_receipt_is_noted_and_brings_nothing_more(followed, nothing_else_arrives):
    followed.fires()
    followed.advance(minutes=2)
    followed.receipt(followed.sms.sent[0], "delivered")
    followed.advance(seconds=1)
    assert followed.pages() == [ADA, ADA_MAIL]
    assert followed.history()[-1] == "page/delivered"
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


def test_a_late_failure_after_the_silence_sends_no_third_message(followed, nothing_else_arrives):
    followed.fires()
    followed.advance(minutes=2)
    followed.receipt(followed.sms.sent[0], "failed")
    followed.advance(minutes=1)
    assert followed.pages() == [ADA, ADA_MAIL]
    followed.clears()
    followed.advance(minutes=2)
    assert followed.pages()[2:] == [("ada", "email", "resolved")], "the end is told where the page arrived"
    nothing_else_arrives(followed)


def test_whoever_has_answered_is_not_paged_for_the_silence_of_the_service(followed, nothing_else_arrives):
    followed.fires()
    followed.advance(seconds=30)
    followed.acknowledge("INC-1001")
    followed.advance(minutes=5)
    assert followed.pages() == [ADA]
    nothing_else_arrives(followed)


def test_a_service_that_is_asked_may_say_that_it_arrived(followed, nothing_else_arrives):
    followed.sms.knows = {"R-1": "delivered"}
    followed.fires()
    followed.advance(minutes=2)
    assert followed.pages() == [ADA]
    assert "page/delivered" in followed.history()
    assert followed.metrics.registry.get_sample_value(
        "ingestd_receipts_total", {"connector": "sms", "result": "delivered"}
    )
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


def test_a_service_that_is_asked_may_say_that_it_failed(followed, nothing_else_arrives):
    followed.sms.knows = {"R-1": "failed"}
    followed.fires()
    followed.advance(seconds=61)
    assert followed.pages() == [ADA, ADA_MAIL]
    assert "page/undelivered" in followed.history()
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


def test_a_service_that_cannot_be_asked_counts_as_silent(followed, nothing_else_arrives):
    followed.fires()
    followed.sms.is_down = True
    followed.advance(seconds=61)
    assert followed.pages() == [ADA, ADA_MAIL]
    followed.sms.is_down = False
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


def test_a_silence_that_a_death_slept_through_is_noticed_by_the_next_life(followed, nothing_else_arrives):
    followed.fires()
    followed.kill()
    followed.start()
    followed.advance(seconds=61)
    assert followed.pages() == [ADA, ADA_MAIL]
    followed.kill()
    followed.start()
    followed.advance(minutes=2)
    assert followed.pages() == [ADA, ADA_MAIL], "once, whatever dies"
    followed.acknowledge("INC-1001")
    nothing_else_arrives(followed)


@pytest.mark.parametrize("answered", ["leader", "nobody"])
def test_silence_about_a_message_that_told_of_several_concerns_each_that_waits(
    followed, nothing_else_arrives, answered
):
    disks = [{"alertname": "DiskFull", "host": "db1", "cluster": one} for one in "abc"]
    followed.receive(alertmanager_body(*disks))
    followed.advance(seconds=1)
    (page,) = followed.sms.sent
    assert page.purpose == "summary"
    if answered == "leader":
        followed.acknowledge(page.incident)
    followed.advance(seconds=65)
    told = {one for mail in followed.mail.sent for one in (mail.incident, *(view.id for view in mail.text.also))}
    waiting = {"INC-1001", "INC-1002", "INC-1003"} - ({page.incident} if answered == "leader" else set())
    assert told == waiting
    assert len(followed.mail.sent) == 1
    for incident in followed.incidents():
        followed.acknowledge(incident.id)
    nothing_else_arrives(followed)


def test_whoever_has_no_other_channel_keeps_the_wait_of_the_step(new_day, nothing_else_arrives):
    day = new_day(policy=reach(policy(), "ada", (Channel.SMS, "+15550000")))
    day.sms.has_receipts = True
    day.fires()
    day.advance(minutes=2)
    assert day.pages() == [ADA]
    assert count(day, "page/no_receipt") == 1
    assert "page/person_unreachable" not in day.history()
    day.advance(minutes=3)
    assert day.pages() == [ADA, BO]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_where_receipts_are_not_awaited_silence_means_nothing(new_day, nothing_else_arrives):
    day = new_day(policy=policy(timing=Timing(receipt_seconds=0)))
    day.sms.has_receipts = True
    day.fires()
    day.advance(minutes=4)
    assert day.pages() == [ADA]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


# ------------------------------------------------------------------ dead contacts


def test_a_stop_kills_the_contact_tells_its_owner_and_the_admin_and_a_start_revives_it(day, nothing_else_arrives):
    day.opts_out("ada")
    day.advance(seconds=5)
    assert len(dead_alerts(day)) == 1
    (word,) = words_to(day, "ada")
    assert word.startswith("ingestd no longer pages you by sms\n")
    assert "+15550000" not in word
    assert [page.person for page in day.sms.sent] == [], "the admin's alert pages ada, and not by text"
    assert ADA_MAIL in day.pages()
    day.acknowledge("INC-1001")
    day.fires()
    assert day.sms.sent == []
    day.acknowledge("INC-1002")
    day.opts_out("ada", is_out=False)
    day.advance(minutes=2)
    assert dead_alerts(day)[0][1] is False
    day.fires(cluster="b")
    assert [(page.person, page.incident) for page in day.sms.sent] == [("ada", "INC-1003")]
    day.acknowledge("INC-1003")
    nothing_else_arrives(day)


def test_a_page_that_meets_a_stop_goes_by_mail_at_once_and_no_text_follows(two, nothing_else_arrives):
    two.sms.opted_out = two.sms2.opted_out = {"+15550000"}
    two.fires()
    assert two.pages()[0] == ADA_MAIL
    assert two.sms2.sent == [], "another vendor is not tried: the person does not want it"
    two.advance(seconds=5)
    assert two.database.read_now(contacts.dead) == {("ada", Channel.SMS, "+15550000")}
    assert len(dead_alerts(two)) == 1
    assert len(words_to(two, "ada")) == 1
    for incident in two.incidents():
        two.acknowledge(incident.id)
    asked = []
    two.sms.opted_out = two.sms2.opted_out = set()
    two.at_point = asked.append
    two.fires(cluster="b")
    assert [one for one in asked if one.startswith("before sms")] == [], "it is not even tried any more"
    for incident in two.incidents():
        two.acknowledge(incident.id)
    nothing_else_arrives(two)
    assert two.sms.sent == []


def test_a_receipt_that_says_the_number_is_none_kills_the_contact(followed, nothing_else_arrives):
    followed.fires()
    followed.receipt(followed.sms.sent[0], "failed", is_dead=True)
    followed.advance(seconds=5)
    assert ADA_MAIL in followed.pages()
    assert followed.database.read_now(contacts.dead) == {("ada", Channel.SMS, "+15550000")}
    assert len(dead_alerts(followed)) == 1
    for incident in followed.incidents():
        followed.acknowledge(incident.id)
    nothing_else_arrives(followed)


def test_a_failure_that_came_late_does_not_kill_a_number_that_was_corrected_meanwhile(followed, nothing_else_arrives):
    followed.fires()
    followed.reload(reach(followed.policy, "ada", (Channel.SMS, "+15559999"), (Channel.EMAIL, "ada@example.com")))
    followed.receipt(followed.sms.sent[0], "failed", is_dead=True)
    followed.advance(seconds=5)
    dead = {address for _, _, address in followed.database.read_now(contacts.dead)}
    assert "+15559999" not in dead
    followed.acknowledge("INC-1001")
    for incident in followed.incidents():
        followed.acknowledge(incident.id)
    nothing_else_arrives(followed)


def test_a_corrected_number_is_used_and_ends_the_alert(day, nothing_else_arrives):
    day.sms.unfit = {"+15550000": True}
    day.fires()
    day.advance(seconds=5)
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.reload(reach(day.policy, "ada", (Channel.SMS, "+15559999"), (Channel.EMAIL, "ada@example.com")))
    day.advance(minutes=2)
    assert dead_alerts(day)[0][1] is False
    day.fires(cluster="b")
    assert [page.text.contact.address for page in day.sms.sent] == ["+15559999"]
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_what_arrived_before_a_stop_does_not_revive_the_number(followed, nothing_else_arrives):
    followed.fires()
    page = followed.sms.sent[0]
    followed.opts_out("ada")
    followed.advance(seconds=5)
    followed.receipt(page, "delivered")
    followed.advance(minutes=2)
    assert followed.database.read_now(contacts.dead) == {("ada", Channel.SMS, "+15550000")}
    for incident in followed.incidents():
        followed.acknowledge(incident.id)
    nothing_else_arrives(followed)


def test_what_is_delivered_after_the_death_revives_the_number(new_day, nothing_else_arrives):
    base = reach(policy(steps=[Step((PersonName("ada"),), 300)]), "ada", (Channel.SMS, "+15550000"))
    day = new_day(policy=base)
    day.sms.has_receipts = True
    day.opts_out("ada")
    day.advance(seconds=5)
    day.sms.opted_out.clear()
    day.fires()
    page = next(page for page in day.sms.sent if page.incident == "INC-1002")
    day.receipt(page, "delivered")
    day.advance(minutes=2)
    assert day.database.read_now(contacts.dead) == frozenset()
    assert dead_alerts(day)[0][1] is False
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_the_last_contact_of_somebody_is_tried_although_it_is_dead_and_loudly(new_day, nothing_else_arrives):
    base = reach(policy(steps=[Step((PersonName("ada"),), 300)]), "ada", (Channel.SMS, "+15550000"))
    day = new_day(policy=base)
    day.opts_out("ada")
    day.advance(seconds=5)
    assert "is tried all the same" in dead_alerts(day)[0][0]
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.sms.opted_out.clear()
    day.fires()
    assert ("ada", "sms", "page") in day.pages()
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_a_page_that_was_queued_for_a_contact_that_died_goes_by_the_next_channel(day, nothing_else_arrives):
    day.sms.is_down = True
    day.fires()
    day.opts_out("ada")
    day.advance(minutes=2)
    assert ("ada", "INC-1001") in [(page.person, page.incident) for page in day.mail.sent if page.purpose == "page"]
    assert day.sms.sent == []
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.sms.is_down = False
    nothing_else_arrives(day)


def test_whoever_answered_stop_after_the_page_hears_of_the_end_by_mail(day, nothing_else_arrives):
    day.fires()
    assert day.pages() == [ADA]
    day.acknowledge("INC-1001")
    day.opts_out("ada")
    day.advance(seconds=5)
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.clears()
    day.advance(minutes=2)
    ends = [(page.person, page.incident) for page in day.mail.sent if page.purpose == "resolved"]
    assert ("ada", "INC-1001") in ends
    assert [page.purpose for page in day.sms.sent] == ["page"]
    nothing_else_arrives(day)


def test_a_death_is_told_once_although_the_process_dies_over_it(new_day, nothing_else_arrives):
    day = new_day()
    day.opts_out("ada")
    day.kill()
    day.start()
    day.advance(seconds=5)
    day.kill()
    day.start()
    day.advance(seconds=5)
    assert len(words_to(day, "ada")) == 1
    assert len(dead_alerts(day)) == 1
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_a_word_goes_by_the_second_vendor_too(two, nothing_else_arrives):
    base = reach(two.policy, "bo", (Channel.EMAIL, "bo@example.com"), (Channel.SMS, "+15550001"))
    two.reload(base)
    two.sms.is_down = True
    two.opts_out("bo", Channel.EMAIL)
    two.advance(seconds=10)
    assert [page.purpose for page in two.sms2.sent if page.person == "bo"] == ["word"]
    two.sms.is_down = False
    for incident in two.incidents():
        two.acknowledge(incident.id)
    nothing_else_arrives(two)
