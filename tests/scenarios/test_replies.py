"""People answer their pages by text message and by mail, and each answer is answered: once, in words, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from zlib import crc32
from zoneinfo import ZoneInfo

import pytest

from ingestd.core.names import Channel, IncidentState, PersonName
from ingestd.store.reply_taking import ReplyResult
from ingestd.testing.outside import Fault, OutsidePager
from ingestd.testing.world import World

ADA, BO, CY, STRANGER = "+15550000", "+15550001", "+15550002", "+15559999"
PAGED = ("ada", "sms", "page")


@pytest.fixture
def day(new_day) -> World:
    """A day on which replies come back, by text message and by mail."""
    world = new_day()
    world.sms.can_reply = world.mail.can_reply = True
    return world


def words(pager: OutsidePager) -> list[tuple[str, str]]:
    """What was said to whom, besides pages."""
    return [(sent.person, sent.text.words) for sent in pager.sent if sent.purpose == "word"]


def codes(day: World) -> list[tuple[str, str, str]]:
    return [(page.person, page.incident, page.text.code) for page in day.sms.sent if page.purpose == "page"]


def paged_by_mail(day: World) -> None:
    """A text message is refused, so ada has a mail."""
    day.sms.faults = [Fault.REJECT]
    day.fires()
    assert [page.person for page in day.mail.sent] == ["ada"]


def mail(day: World, text: str, *, sender: str = "ada@example.com", token: str | None = None, head: str = "") -> bytes:
    if token is None:
        token = day.mail.sent[0].text.reply_token
    return (
        f"From: Ada <{sender}>\r\nTo: ack+{token}@example.com\r\nSubject: Re: [HIGH] Disk full\r\n"
        f"Message-ID: <{crc32((text + sender).encode())}@example.com>\r\n{head}\r\n{text}\r\n\r\n"
        "On Mon, 2 Mar 2026 at 02:00, ingestd <ingestd@example.com> wrote:\r\n> ack\r\n"
    ).encode()


# ------------------------------------------------------------------------------------------------ by text message


def test_the_code_of_a_page_with_an_a_acknowledges_it_and_that_is_said(day, nothing_else_arrives):
    day.fires()
    assert codes(day) == [("ada", "INC-1001", "1")]
    day.text_back(ADA, " '1A.' ")
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    assert day.incident().acknowledged_by == "ada"
    assert words(day.sms) == [("ada", "Acknowledged INC-1001 (DiskFull on db1). Pages to others have stopped.")]
    assert day.sms.sent[-1].text.contact.address == ADA
    nothing_else_arrives(day)


def test_an_a_alone_is_about_the_last_page_to_that_phone(day, nothing_else_arrives):
    day.fires(cluster="a")
    day.advance(minutes=1)
    day.fires(cluster="b")
    day.text_back(ADA, "a")
    assert [day.incident(n).state.value for n in (1001, 1002)] == ["triggered", "acknowledged"]
    day.text_back(ADA, "ack INC-1001")
    assert day.incident(1001).state is IncidentState.ACKNOWLEDGED
    nothing_else_arrives(day)


def test_an_acknowledgement_after_the_end_changes_nothing_and_says_so(day, nothing_else_arrives):
    day.fires()
    day.clears()
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    taken = day.text_back(ADA, "1a")
    assert taken.result is ReplyResult.LATE
    assert day.incident().state is IncidentState.RESOLVED
    [(_, said)] = words(day.sms)
    assert said == (
        "INC-1001 (DiskFull on db1) is over: resolved since its alerts cleared at 02:01 UTC. Nothing changed."
    )
    nothing_else_arrives(day)


def test_the_second_who_acknowledges_reads_who_was_first_and_when_on_their_own_clock(day, nothing_else_arrives):
    people = {
        name: replace(person, zone=ZoneInfo("Asia/Kolkata")) if name == "bo" else person
        for name, person in day.policy.people.items()
    }
    day.reload(replace(day.policy, people=people))
    day.fires()
    day.advance(minutes=6)
    day.text_back(ADA, "1a")
    day.text_back(BO, "1a")
    assert words(day.sms)[-1] == (
        "bo",
        "ada was first and acknowledged INC-1001 (DiskFull on db1) at 07:36 IST. Nothing changed.",
    )
    day.text_back(ADA, "a")
    assert words(day.sms)[-1][1].startswith("You have acknowledged INC-1001 (DiskFull on db1) already at 02:06 UTC.")
    nothing_else_arrives(day)


def test_an_incident_that_was_told_otherwise_is_acknowledged_by_its_number(day, nothing_else_arrives):
    """ada was paged by mail, and texts from her own phone; bo was not paged at all."""
    day.fires(cluster="a")
    day.sms.faults = [Fault.REJECT]
    day.fires(cluster="b")
    assert [page.incident for page in day.mail.sent] == ["INC-1002"]
    day.text_back(ADA, "2a")
    assert day.incident(1002).state is IncidentState.ACKNOWLEDGED
    day.text_back(ADA, "ack INC-1001")
    nothing_else_arrives(day)


def test_the_code_of_somebody_elses_page_is_refused(day, nothing_else_arrives):
    """ada has two pages by now, bo only one: 2 is nothing on his phone, and neither is an incident that he was not paged for."""
    day.fires(cluster="a")
    day.advance(minutes=5)
    day.fires(cluster="b")
    assert codes(day) == [("ada", "INC-1001", "1"), ("bo", "INC-1001", "1"), ("ada", "INC-1002", "2")]
    assert day.text_back(BO, "2a").result is ReplyResult.UNKNOWN_PAGE
    assert day.text_back(BO, "ack #1002").result is ReplyResult.UNKNOWN_PAGE
    assert [day.incident(n).state.value for n in (1001, 1002)] == ["triggered", "triggered"]
    assert words(day.sms)[0] == (
        "bo",
        "2 is no page of yours. Nothing changed. Open: 1: INC-1001 (DiskFull on db1).",
    )
    day.text_back(ADA, "1a")
    day.text_back(ADA, "2a")
    nothing_else_arrives(day)


def test_a_stranger_hears_nothing_whatever_they_write(day, nothing_else_arrives):
    day.fires()
    for text in ("1a", "ack INC-1001", "help", "STOP", "who is this?"):
        assert day.text_back(STRANGER, text).result is ReplyResult.UNKNOWN_SENDER
    assert day.incident().state is IncidentState.TRIGGERED
    assert words(day.sms) == []
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_number_that_is_its_owners_no_more_is_a_strangers(day, nothing_else_arrives):
    day.fires()
    ada = day.policy.people[PersonName("ada")]
    moved = replace(ada, channels=((Channel.SMS, "+15550099"),))
    day.reload(replace(day.policy, people={**day.policy.people, PersonName("ada"): moved}))
    assert day.text_back(ADA, "1a").result is ReplyResult.UNKNOWN_SENDER
    assert day.incident().state is IncidentState.TRIGGERED
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_help_is_given_five_times_in_a_row_and_not_a_sixth_time(day, nothing_else_arrives):
    day.fires()
    for text in ("help", "what?", "?", "ok", "thanks"):
        assert day.text_back(ADA, text).is_answered
    assert not day.text_back(ADA, "hello?").is_answered
    assert len(words(day.sms)) == 5
    assert words(day.sms)[0][1] == (
        "Reply 1a to acknowledge, 1e escalate, 1c close, 1u take back, 1n with a note, 1aa all of its service."
        " Open: 1: INC-1001 (DiskFull on db1)."
    )
    assert words(day.sms)[1][1].startswith("Not understood, nothing changed. Reply 1a")
    assert day.text_back(ADA, "1a").is_answered
    assert day.text_back(ADA, "help").is_answered
    nothing_else_arrives(day)


def test_two_robots_do_not_talk_for_ever(day, nothing_else_arrives):
    """A robot that answers everything with the same note would be thanked each time."""
    day.fires()
    answered = [day.text_back(ADA, "n out of office").is_answered for _ in range(25)]
    assert answered == [True] * 20 + [False] * 5
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_what_ingestd_says_itself_is_no_command_when_it_comes_back(day, nothing_else_arrives):
    day.fires()
    day.advance(minutes=5)
    for text in ("1a", "1a", "1u", "help", "9a", "1n disk is old", "1e"):
        day.text_back(ADA, text)
    said = [text for _, text in words(day.sms)]
    assert len(said) == 7
    before = day.incident()
    for text in said:
        assert day.text_back(ADA, text).result is ReplyResult.HELPED
    assert day.incident() == before
    day.text_back(ADA, "1c")
    day.advance(hours=2)
    nothing_else_arrives(day)


def test_aa_acknowledges_every_page_of_the_service_to_that_person_and_no_other(day, nothing_else_arrives):
    for cluster in "abc":
        day.fires(cluster=cluster)
    day.fires("SiteDown", cluster="d")
    day.text_back(ADA, "2aa")
    states = {incident.id: incident.state.value for incident in day.incidents()}
    assert states == {
        "INC-1001": "acknowledged",
        "INC-1002": "acknowledged",
        "INC-1003": "acknowledged",
        "INC-1004": "triggered",
    }
    assert words(day.sms) == [
        ("ada", "Acknowledged 3 of disk-full: INC-1001, INC-1002, INC-1003. Pages to others have stopped.")
    ]
    day.text_back(ADA, "4a")
    nothing_else_arrives(day)


def test_a_note_stands_on_the_timeline_and_stops_no_page(day, nothing_else_arrives):
    day.fires()
    day.text_back(ADA, "1n Looking, need 10 min")
    assert "note/sms" in day.history()
    assert words(day.sms) == [("ada", "Your note is on the timeline of INC-1001 (DiskFull on db1).")]
    day.advance(minutes=5)
    assert codes(day)[-1] == ("bo", "INC-1001", "1")
    day.text_back(BO, "a")
    nothing_else_arrives(day)


def test_an_escalation_pages_the_next_level_at_once_and_names_whom(day, nothing_else_arrives):
    day.fires()
    day.text_back(ADA, "1e the vpn is down")
    assert codes(day)[-1] == ("bo", "INC-1001", "1")
    assert words(day.sms) == [("ada", "Escalated INC-1001 (DiskFull on db1). Paged now: bo.")]
    day.text_back(BO, "1a")
    nothing_else_arrives(day)


def test_an_acknowledgement_that_is_taken_back_lets_pages_go_out_again(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001", by="ada", via="link")
    day.advance(minutes=3)
    day.text_back(ADA, "1u")
    assert day.incident().state is IncidentState.TRIGGERED
    assert words(day.sms)[-1][1].startswith(
        "Taken back: the acknowledgement of INC-1001 (DiskFull on db1) that ada gave at 02:00 UTC. Paged now: ada"
    )
    assert len(codes(day)) == 2
    day.text_back(ADA, "1u")
    assert words(day.sms)[-1][1] == (
        "INC-1001 (DiskFull on db1) was not acknowledged: it waits for an answer. Nothing changed."
    )
    day.text_back(ADA, "1a")
    nothing_else_arrives(day)


def test_closing_by_reply_tells_everybody_who_was_paged(day, nothing_else_arrives):
    day.fires()
    day.text_back(ADA, "close 1")
    assert day.incident().state is IncidentState.RESOLVED
    assert day.incident().resolved_by == "ada"
    assert words(day.sms) == [("ada", "Resolved INC-1001 (DiskFull on db1). Everybody who was paged is told.")]
    nothing_else_arrives(day)


def test_a_webhook_that_comes_again_acts_and_answers_once(day, nothing_else_arrives):
    day.fires()
    assert day.text_back(ADA, "1n restarted it", "SM-same").result is ReplyResult.ACTED
    assert day.text_back(ADA, "1n restarted it", "SM-same").result is ReplyResult.REPEATED
    day.kill()
    day.start()
    assert day.text_back(ADA, "1n restarted it", "SM-same").result is ReplyResult.REPEATED
    assert day.history().count("note/sms") == 1
    assert len(words(day.sms)) == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_repeated_page_keeps_its_code_and_a_code_is_free_again_after_days(day, nothing_else_arrives):
    day.fires(cluster="a")
    day.advance(minutes=1)
    day.fires(cluster="b")
    day.text_back(ADA, "1a")
    day.text_back(ADA, "1u")
    assert codes(day) == [("ada", "INC-1001", "1"), ("ada", "INC-1002", "2"), ("ada", "INC-1001", "1")]
    day.text_back(ADA, "1c")
    day.text_back(ADA, "2a")
    day.advance(hours=71)
    day.fires(cluster="c")
    assert codes(day)[-1] == ("ada", "INC-1003", "3")
    day.text_back(ADA, "a")
    day.advance(hours=2)
    day.fires(cluster="d")
    assert codes(day)[-1] == ("ada", "INC-1004", "1")
    day.text_back(ADA, "a")
    nothing_else_arrives(day)


def test_stop_and_start_are_remembered_and_never_answered(day, nothing_else_arrives):
    day.fires(cluster="a")
    assert day.text_back(ADA, "STOP").result is ReplyResult.OPTED_OUT
    assert day.incident().state is IncidentState.TRIGGERED
    day.acknowledge("INC-1001")
    day.advance(minutes=2)
    assert channels_of(day, day.fires, cluster="b") == ["email"]
    assert day.text_back(ADA, "start").result is ReplyResult.OPTED_IN
    day.advance(minutes=2)
    assert channels_of(day, day.fires, cluster="c") == ["sms"]
    assert not any("STOP" in said or "Reply" in said for _, said in words(day.sms))
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.advance(minutes=15)
    nothing_else_arrives(day)


def channels_of(day: World, happen: Callable[..., object], **what: str) -> list[str]:
    """By which channels ada is paged for what happens now."""
    before = len(day.pages())
    happen(**what)
    return [channel for person, channel, purpose in day.pages()[before:] if (person, purpose) == ("ada", "page")]


def test_where_replies_cannot_come_back_no_page_asks_for_one(new_day, nothing_else_arrives):
    day = new_day()
    day.fires()
    assert codes(day) == [("ada", "INC-1001", "")]
    assert day.text_back(ADA, "a").result is ReplyResult.UNKNOWN_PAGE
    assert words(day.sms) == [("ada", "No page waits for you.")]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


# ------------------------------------------------------------------------------------------------ by mail


def test_a_mail_whose_first_line_says_ack_acknowledges(day, nothing_else_arrives):
    paged_by_mail(day)
    taken = day.mail_back(mail(day, "Ack."))
    assert taken.result is ReplyResult.ACTED
    assert day.incident().acknowledged_by == "ada"
    assert words(day.mail) == [
        (
            "ada",
            "Acknowledged INC-1001 (DiskFull on db1). Pages to others have stopped.\nWas it not you? Answer with: unack",
        )
    ]
    nothing_else_arrives(day)


def test_what_was_said_to_an_answer_by_mail_can_be_answered_with_unack(day, nothing_else_arrives):
    """Somebody else acknowledged in ada's name: she has the mail that says so, and nobody else has."""
    paged_by_mail(day)
    day.mail_back(mail(day, "ack"))
    said = day.mail.sent[-1].text
    assert said.purpose == "word"
    assert day.mail_back(mail(day, "unack", token=said.reply_token)).result is ReplyResult.ACTED
    assert day.incident().state is IncidentState.TRIGGERED
    day.acknowledge("INC-1001")
    day.advance(minutes=15)
    nothing_else_arrives(day)


def test_a_mail_that_says_anything_else_is_a_note(day, nothing_else_arrives):
    paged_by_mail(day)
    day.mail_back(mail(day, "I am in a train\r\nwill look at nine"))
    assert day.incident().state is IncidentState.TRIGGERED
    assert "note/email" in day.history()
    assert words(day.mail) == [("ada", "Your note is on the timeline of INC-1001 (DiskFull on db1).")]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_mail_from_somebody_else_does_nothing_though_it_has_the_token(day, nothing_else_arrives):
    paged_by_mail(day)
    before = day.history()
    assert day.mail_back(mail(day, "ack", sender="mallory@example.com")).result is ReplyResult.FOREIGN_SENDER
    assert day.incident().state is IncidentState.TRIGGERED
    assert day.history() == before
    assert words(day.mail) == []
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_the_right_sender_without_the_token_does_nothing(day, nothing_else_arrives):
    paged_by_mail(day)
    assert day.mail_back(mail(day, "ack", token="a" * 15)).result is ReplyResult.UNBOUND
    day.advance(hours=73)
    assert day.mail_back(mail(day, "ack")).result is ReplyResult.UNBOUND
    assert words(day.mail) == []
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


@pytest.mark.parametrize(
    "head",
    [
        "Auto-Submitted: auto-replied\r\n",
        "X-Autoreply: yes\r\n",
        "Precedence: bulk\r\n",
        "Return-Path: <>\r\n",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n',
    ],
)
def test_an_absence_note_or_a_bounce_neither_acts_nor_is_answered(day, nothing_else_arrives, head):
    paged_by_mail(day)
    assert day.mail_back(mail(day, "ack", head=head)).result is ReplyResult.AUTOMATIC
    assert day.incident().state is IncidentState.TRIGGERED
    assert words(day.mail) == []
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_mail_that_is_handed_in_twice_acts_once(day, nothing_else_arrives):
    paged_by_mail(day)
    raw = mail(day, "n rebooted it")
    assert day.mail_back(raw).result is ReplyResult.ACTED
    assert day.mail_back(b"Received: from a relay\r\n" + raw).result is ReplyResult.REPEATED
    assert day.history().count("note/email") == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_link_is_no_reply_token_and_a_reply_token_is_no_link(day, nothing_else_arrives):
    paged_by_mail(day)
    page = day.mail.sent[0].text
    link = page.link.rpartition("/")[2]
    assert day.mail_back(mail(day, "ack", token=link)).result is ReplyResult.UNBOUND
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)
