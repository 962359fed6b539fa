"""Mail that comes in, besides alerts: answers to pages, bounces of them, absence notes, circles, and what nobody proves."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import pytest
import re2

from ingestd.core.mail.arrival import Arrival, joined
from ingestd.core.mail.profile import SUBJECT, Finding, MailProfile, Meaning, StatusWords, Template
from ingestd.core.mail.report import ReportPlan
from ingestd.core.mail.source import MailSource
from ingestd.core.mail.trust import Trust
from ingestd.core.matchers import parse_matcher
from ingestd.core.names import EnvelopeId, IncidentState, Level
from ingestd.core.rule_draft import PairDraft, RuleDraft
from ingestd.core.sources import SourceWays
from ingestd.store import contacts, inbox
from ingestd.testing.outside import Fault
from ingestd.testing.world import World, policy

STRANGER = Arrival("smtp", sender="eve@evil.example", remote="203.0.113.9")
RELAY = Arrival("smtp", sender="ada@example.com", remote="10.0.0.1", is_trusted_network=True)
NOBODY = Arrival("smtp", remote="10.0.0.1", is_trusted_network=True)


def ways(trust: Trust = Trust(), reports: ReportPlan | None = None) -> SourceWays:  # noqa: B008 (a frozen value)
    return SourceWays(mail=MailSource(recipients=("post@example.com",), trust=trust, reports=reports))


@pytest.fixture
def day(new_day) -> World:
    """A day on which pages go by mail when the phone fails, and mail comes in."""
    world = new_day(
        ways={
            "post": ways(),
            "open": ways(Trust(takes_unauthenticated=True)),
            "help": ways(Trust(reports_per_hour=3), ReportPlan()),
        }
    )
    world.mail.can_reply = True
    return world


def paged_by_mail(day: World) -> str:
    """A text message is refused, so ada has a mail; gives what its answers are bound by."""
    day.sms.faults = [Fault.REJECT]
    day.fires()
    assert [page.person for page in day.mail.sent] == ["ada"]
    return day.mail.sent[0].text.reply_token


def mail(text: str, *head: str, sender: str = "ada@example.com", subject: str = "Re: Disk full") -> bytes:
    lines = (f"From: {sender}", f"Subject: {subject}", *head)
    name = f"Message-ID: <{crc32(repr((text, lines)).encode())}@example.com>"
    return ("\r\n".join((*lines, name)) + f"\r\n\r\n{text}\r\n").encode()


def answer(token: str, text: str = "ack", **rest: str) -> bytes:
    return mail(text, f"To: ack+{token}@example.com", **rest)


def bounce(token: str, *, action: str = "failed", status: str = "5.2.2", to: str = "ada@example.com") -> bytes:
    return (
        "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} mailbox full\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: <inc-1001.x@example.com>\r\nReferences: <root@example.com> <reply.{token}@example.com>\r\n\r\n"
        "--b--\r\n"
    ).encode()


def release(day: World, envelope: EnvelopeId) -> None:
    """Somebody has read it and lets it through."""
    assert day.database.run_now(inbox.release, envelope)
    day.engine.wake.processor.ring()
    day.advance(seconds=1)


def became(day: World, envelope: EnvelopeId) -> tuple[str | None, str | None]:
    found = day.envelope(envelope)
    return found.disposition, found.reason


# ------------------------------------------------------------------------------------------------ answers


def test_a_page_is_answered_by_mail_through_the_door_for_mail(day, nothing_else_arrives):
    token = paged_by_mail(day)
    assert became(day, day.mail_in(answer(token), RELAY)) == ("answered", "acted")
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    assert day.incident().acknowledged_by == "ada"
    said = [sent.text.words for sent in day.mail.sent if sent.purpose == "word"]
    assert len(said) == 1
    assert said[0].startswith("Acknowledged INC-1001")
    nothing_else_arrives(day)


def test_the_same_answer_again_changes_nothing_and_is_not_answered(day, nothing_else_arrives):
    token = paged_by_mail(day)
    day.mail_in(answer(token), RELAY)
    assert became(day, day.mail_in(answer(token), RELAY)) == ("copy", "same_mail")
    assert len([sent for sent in day.mail.sent if sent.purpose == "word"]) == 1
    nothing_else_arrives(day)


def test_a_forged_answer_is_put_aside_and_answered_by_nobody(day):
    token = paged_by_mail(day)
    envelope = day.mail_in(answer(token), STRANGER)
    assert became(day, envelope) == ("quarantined", "unauthenticated")
    assert "it answers a page of INC-1001" in (day.envelope(envelope).detail or "")
    assert day.incident().state is IncidentState.TRIGGERED
    assert [sent.purpose for sent in day.mail.sent] == ["page"]
    day.advance(minutes=5)
    assert ("bo", "sms", "page") in day.pages()


def test_without_proof_nobody_acknowledges_even_where_machine_mail_is_taken_so(day):
    token = paged_by_mail(day)
    assert became(day, day.mail_in(answer(token), STRANGER, "open")) == ("quarantined", "unauthenticated")
    assert day.incident().state is IncidentState.TRIGGERED


def test_an_answer_of_somebody_else_is_put_aside_though_it_is_proved(day):
    token = paged_by_mail(day)
    envelope = day.mail_in(answer(token, sender="eve@example.com"), RELAY)
    assert became(day, envelope) == ("quarantined", "not_who_was_paged")
    assert day.incident().state is IncidentState.TRIGGERED
    assert [sent.purpose for sent in day.mail.sent] == ["page"]


def test_what_is_put_aside_acts_once_somebody_lets_it_through(day, nothing_else_arrives):
    token = paged_by_mail(day)
    envelope = day.mail_in(answer(token), STRANGER)
    release(day, envelope)
    assert became(day, envelope) == ("answered", "acted")
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    nothing_else_arrives(day)


def test_who_is_let_through_is_still_only_who_was_paged(day):
    token = paged_by_mail(day)
    envelope = day.mail_in(answer(token, sender="eve@example.com"), STRANGER)
    release(day, envelope)
    assert became(day, envelope) == ("quarantined", "not_who_was_paged")


def test_an_answer_to_a_page_of_last_week_opens_nothing(day, nothing_else_arrives):
    token = paged_by_mail(day)
    day.acknowledge("INC-1001", by="ada")
    day.advance(days=5)
    late = mail("ack", f"To: ack+{token}@example.com", f"In-Reply-To: <reply.{token}@example.com>")
    envelope = day.mail_in(late, RELAY)
    assert became(day, envelope) == ("quarantined", "page_too_old")
    assert len(day.incidents()) == 1
    nothing_else_arrives(day)


def test_an_absence_note_to_a_page_changes_nothing(day):
    token = paged_by_mail(day)
    raw = answer(token, "I am away until Monday. ack", subject="Automatic reply: Disk full")
    assert became(day, day.mail_in(raw, RELAY)) == ("absence", "absence_note")
    assert day.incident().state is IncidentState.TRIGGERED
    assert [sent.purpose for sent in day.mail.sent] == ["page"]
    assert len(day.incidents()) == 1
    day.advance(minutes=5)
    assert ("bo", "sms", "page") in day.pages()


# ------------------------------------------------------------------------------------------------ bounces


def test_a_page_that_bounces_goes_to_the_next_channel_at_once(day, nothing_else_arrives):
    token = paged_by_mail(day)
    assert became(day, day.mail_in(bounce(token), NOBODY)) == ("bounce", "page_bounced")
    assert "page/undelivered" in day.history()
    # No further channel is left for ada: the next person is paged, not five minutes later but now.
    assert [page.person for page in day.sms.sent] == ["bo"]
    day.acknowledge("INC-1001", by="bo")
    nothing_else_arrives(day)


def test_a_page_that_is_late_has_not_failed(day):
    token = paged_by_mail(day)
    before = day.history()
    assert became(day, day.mail_in(bounce(token, action="delayed", status="4.4.1"), NOBODY)) == ("bounce", "not_failed")
    assert day.history() == before
    assert not day.sms.sent


def test_a_bounce_that_comes_twice_counts_once(day, nothing_else_arrives):
    token = paged_by_mail(day)
    day.mail_in(bounce(token), NOBODY)
    again = day.mail_in(bounce(token).replace(b"sorry", b"very sorry"), NOBODY)
    assert became(day, again) == ("bounce", "bounce_repeated")
    assert [page.person for page in day.sms.sent] == ["bo"]
    day.acknowledge("INC-1001", by="bo")
    nothing_else_arrives(day)


def dead(day: World) -> list[tuple[str, str]]:
    return [(row.person, row.channel.value) for row in day.database.read_now(contacts.listed)]


@pytest.mark.parametrize(
    ("status", "to", "is_dead"),
    [
        ("5.1.1", "ada@example.com", True),
        ("5.2.2", "ada@example.com", False),
        ("5.1.1", "old@elsewhere.example", False),
    ],
)
def test_an_address_that_does_not_exist_is_dead_but_not_one_that_is_full_or_forwards(day, status, to, is_dead):
    token = paged_by_mail(day)
    day.mail_in(bounce(token, status=status, to=to), NOBODY)
    assert (("ada", "email") in dead(day)) is is_dead
    assert "page/undelivered" in day.history()


def test_a_thousand_bounces_open_nothing_and_warn_once(day, log_lines, nothing_else_arrives):
    for number in range(1000):
        day.mail_in(
            bounce(f"{number:015d}".replace("0", "a").replace("1", "b").replace("8", "c").replace("9", "d")), NOBODY
        )
    assert day.incidents() == []
    assert day.pages() == []
    warned = [line for line in log_lines if line["log_level"] == "warning"]
    assert [(line["event"], line["reason"]) for line in warned] == [("mail_ignored", "foreign_bounce")]
    day.advance(hours=1)
    day.mail_in(bounce("abcdefghijklmno"), NOBODY)
    warned = [line for line in log_lines if line["log_level"] == "warning"]
    assert [line.get("count") for line in warned] == [None, 1000]
    nothing_else_arrives(day)


# ------------------------------------------------------------------------------------------------ circles and strangers


def test_a_circle_of_two_ingestds_ends_with_the_first_mail(new_day, nothing_else_arrives):
    """Each pages the address at which the other takes mail; what one sent is no alert to the other."""
    first, second = new_day(ways={"post": ways()}), new_day(ways={"post": ways()})
    token = paged_by_mail(first)
    page = mail("disk full", f"X-Ingestd-Id: INC-1001/mail/page/1\r\nReply-To: ack+{token}@example.com")
    assert became(second, second.mail_in(page, RELAY)) == ("own", "own_page")
    assert second.incidents() == []
    nothing_else_arrives(second)


def test_unproved_mail_wakes_nobody_however_much_of_it_comes(day, log_lines, nothing_else_arrives):
    for number in range(50):
        envelope = day.mail_in(mail(f"pay {number}", subject="Invoice"), STRANGER)
        assert became(day, envelope) == ("quarantined", "unauthenticated")
    assert day.incidents() == []
    assert [line["event"] for line in log_lines if line["log_level"] == "warning"] == ["envelope_quarantined"]
    day.advance(minutes=1)
    nothing_else_arrives(day)


def test_mail_without_proof_opens_what_it_may_not_end(day):
    problem = mail("down", "Auto-Submitted: auto-generated", subject="backup failed")
    assert became(day, day.mail_in(problem, STRANGER, "open"))[0] == "incident"
    assert day.incident().state is IncidentState.TRIGGERED


def test_more_than_a_person_can_mean_is_put_aside(day):
    dispositions = []
    for number in range(5):
        raw = mail(f"the shop is broken, part {number}", subject=f"help {number}")
        dispositions.append(became(day, day.mail_in(raw, RELAY, "help")))
    assert [one for one, _ in dispositions[:3]] == ["incident"] * 3 or dispositions[0][0] == "incident"
    assert dispositions[3:] == [("quarantined", "too_many_from_sender")] * 2
    day.advance(hours=1)
    assert became(day, day.mail_in(mail("and again", subject="help 9"), RELAY, "help"))[0] != "quarantined"


def test_a_machine_may_write_as_much_as_it_likes(day):
    for number in range(6):
        raw = mail(
            f"disk {number}", "Auto-Submitted: auto-generated", subject=f"disk {number}", sender="cron@example.com"
        )
        assert became(day, day.mail_in(raw, RELAY, "help"))[0] in {"incident", "joined"}


def test_a_report_needs_proof_even_where_machine_mail_does_not(new_day):
    day = new_day(ways={"post": ways(Trust(takes_unauthenticated=True), ReportPlan())})
    assert became(day, day.mail_in(mail("the shop is down", subject="shop"), STRANGER)) == (
        "quarantined",
        "unproved_report",
    )
    assert day.incidents() == []


def together(day: World, *mails: tuple[bytes, Arrival], source: str = "post") -> list[EnvelopeId]:
    """Mails that are all stored before the engine looks at the first."""
    ids = day.life.ids
    rows = [
        inbox.Envelope(ids.envelope(), source, "email", day.now(), "10.0.0.1", joined(how, raw)) for raw, how in mails
    ]
    day.database.run_now(inbox.add, rows)
    day.engine.wake.processor.ring()
    day.advance(seconds=1)
    return [row.id for row in rows]


def machine(subject: str, *head: str) -> bytes:
    heads = ("Auto-Submitted: auto-generated", "Date: Mon, 02 Mar 2026 02:00:00 +0000", *head)
    return mail("see above", *heads, subject=subject, sender="cron@example.com")


def test_the_same_mail_again_is_a_copy_also_within_one_batch(day):
    raw = machine("job failed")
    first, second = together(day, (raw, RELAY), (raw, RELAY))
    assert [became(day, one)[0] for one in (first, second)] == ["incident", "copy"]
    assert day.envelope(second).detail == f"it came before, as {first}"


@pytest.mark.parametrize("missing", [b"Date: ", b"Message-ID: "])
def test_equal_words_without_a_date_or_an_id_are_not_taken_for_a_copy(day, missing):
    raw = b"\r\n".join(line for line in machine("disk failed").split(b"\r\n") if not line.startswith(missing))
    day.mail_in(raw, RELAY)
    day.resolve_by_hand("INC-1001")
    day.advance(hours=48)
    assert became(day, day.mail_in(raw, RELAY))[0] != "copy"


def test_what_was_put_aside_does_not_make_a_copy_of_the_same_mail_with_proof(day):
    raw = machine("job failed")
    assert became(day, day.mail_in(raw, STRANGER)) == ("quarantined", "unauthenticated")
    assert became(day, day.mail_in(raw, RELAY))[0] == "incident"


def test_a_later_mail_of_the_same_batch_is_a_note_of_what_the_first_one_opened(day):
    first = mail("the shop is down", "Date: Mon, 02 Mar 2026 02:00:00 +0000", subject="shop")
    name = next(line for line in first.decode().splitlines() if line.startswith("Message-ID")).partition(": ")[2]
    second = mail("and the till too", f"In-Reply-To: {name}", subject="Re: shop")
    opened, noted = together(day, (first, RELAY), (second, RELAY), source="help")
    assert became(day, opened) == ("incident", None)
    assert became(day, noted) == ("noted", "thread")
    assert len(day.incidents()) == 1


# ------------------------------------------------------------------------------------------------ what is over, and what rules see


BACKUP = MailProfile(
    name="backup",
    match=(parse_matcher('alert.subject =~ "backup (failed|works again).*"'),),
    extract=(Finding(SUBJECT, re2.compile(r"backup (?P<state>failed|works) ?.*of (?P<host>\w+)"), ("state", "host")),),
    status=StatusWords("state", {"works": Meaning.RECOVERY}),
    identity=(("host",),),
    labels={"host": (Template((("", "host"),)),)},
)


def with_backups(trust: Trust) -> dict[str, SourceWays]:
    return {"post": SourceWays(mail=MailSource(("post@example.com",), trust, (BACKUP,)))}


def from_backup(subject: str) -> bytes:
    return mail("see the log", "Auto-Submitted: auto-generated", subject=subject, sender="backup@example.com")


def test_a_recovery_by_mail_ends_what_its_problem_opened(new_day, nothing_else_arrives):
    day = new_day(ways=with_backups(Trust()))
    assert became(day, day.mail_in(from_backup("backup failed of db1"), RELAY)) == ("incident", None)
    assert became(day, day.mail_in(from_backup("backup works again of db1"), RELAY)) == ("resolved", None)
    day.advance(minutes=10)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)


@pytest.mark.parametrize("trust", [Trust(), Trust(takes_unauthenticated=True)])
def test_a_recovery_that_nobody_proves_resolves_nothing(new_day, trust):
    day = new_day(ways=with_backups(trust))
    day.mail_in(from_backup("backup failed of db1"), RELAY)
    disposition, reason = became(day, day.mail_in(from_backup("backup works again of db1"), STRANGER))
    assert disposition == "quarantined"
    assert reason == ("unproved_recovery" if trust.takes_unauthenticated else "unauthenticated")
    day.advance(minutes=10)
    assert day.incident().state is IncidentState.TRIGGERED
    assert len(day.incidents()) == 1


def test_a_relay_that_hands_in_mail_of_anybody_is_no_proof_of_a_recovery(new_day):
    day = new_day(ways=with_backups(Trust(takes_unauthenticated=True)))
    day.mail_in(from_backup("backup failed of db1"), RELAY)
    recovery = from_backup("backup works again of db1")
    assert became(day, day.mail_in(recovery, RELAY)) == ("quarantined", "unproved_recovery")
    assert day.incident().state is IncidentState.TRIGGERED


def test_it_does_where_that_too_is_written_out(new_day):
    day = new_day(ways=with_backups(Trust(takes_unauthenticated=True, resolves_unproved=True)))
    day.mail_in(from_backup("backup failed of db1"), STRANGER)
    assert became(day, day.mail_in(from_backup("backup works again of db1"), STRANGER)) == ("resolved", None)


def test_a_person_who_answers_the_mail_of_a_machine_reports_no_problem_anew(new_day):
    day = new_day(ways=with_backups(Trust()))
    first = from_backup("backup failed of db1")
    name = next(line for line in first.decode().splitlines() if line.startswith("Message-ID")).partition(": ")[2]
    day.mail_in(first, RELAY)
    reply = mail("I look at it", f"References: {name}", subject="Re: backup failed of db1")
    assert became(day, day.mail_in(reply, RELAY)) == ("noted", "thread")


def test_a_recovery_that_was_put_aside_counts_when_somebody_lets_it_through(new_day, nothing_else_arrives):
    day = new_day(ways=with_backups(Trust()))
    day.mail_in(from_backup("backup failed of db1"), RELAY)
    envelope = day.mail_in(from_backup("backup works again of db1"), STRANGER)
    release(day, envelope)
    assert became(day, envelope) == ("resolved", None)
    day.advance(minutes=10)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def by_subject(name: str, subject: str, **changes: Any) -> RuleDraft:
    wanted = (f'alert.subject =~ "{subject}"',)
    levels = {"impact": Level.MEDIUM, "urgency": Level.HIGH, "correlate_by": ()}
    return RuleDraft(name=name, match=wanted, **{**levels, **changes})


def test_rules_see_the_subject_of_mail_also_when_it_is_weighed_anew(new_day, nothing_else_arrives):
    day = new_day(ways={"post": ways()}, policy=policy((by_subject("cron", "cron.*", hold_seconds=300),)))
    assert became(day, day.mail_in(machine("cron job failed"), RELAY))[0] == "held"
    assert day.pages() == []
    day.advance(minutes=6)
    assert day.incident().rule == "cron"
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_mail_in_an_incident_still_keeps_other_mail_back_by_its_subject(new_day):
    quiet = by_subject("app", "app.*", inhibit_by=(PairDraft(('alert.subject =~ "node.*"',)),))
    day = new_day(ways={"post": ways()}, policy=policy((quiet, by_subject("node", "node.*"))))
    day.mail_in(machine("node down"), RELAY)
    assert became(day, day.mail_in(machine("app down"), RELAY))[0] == "held"
    assert [one.rule for one in day.incidents()] == ["node"]


def test_a_larger_incident_takes_mail_in_by_its_subject(new_day):
    backbone = by_subject("backbone", "backbone.*", collects=PairDraft(('alert.subject =~ "shop.*"',)))
    day = new_day(ways={"post": ways()}, policy=policy((backbone, by_subject("shop", "shop.*"))))
    day.mail_in(machine("backbone down"), RELAY)
    day.mail_in(machine("shop down"), RELAY)
    assert [(one.rule, bool(one.quiet)) for one in day.incidents()] == [("backbone", False), ("shop", True)]
    assert len(day.pages()) == 1
