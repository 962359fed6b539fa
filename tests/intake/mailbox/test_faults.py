"""A server that breaks off, refuses, lies or has manners of its own: nothing is lost, nothing doubled, and one bad message stops no other."""

from __future__ import annotations

import imaplib
import socket
import tracemalloc
from datetime import timedelta

import pytest

from ingestd.intake.mailbox_client import MailboxClient
from ingestd.intake.mailbox_plan import MailboxTrouble, Trouble
from ingestd.intake.mailbox_reader import BLAME_MAX
from ingestd.intake.mailbox_wire import Stop, Stopped, Wire
from tests.intake.mailbox.conftest import Account, Visitor, mail
from tests.intake.mailbox.imap_model import TOKEN, Manners

COMMANDS = ["greeting", "CAPABILITY", "AUTHENTICATE", "SELECT", "SEARCH", "FETCH", "STORE", "MOVE"]
FAILURES = (OSError, imaplib.IMAP4.error, MailboxTrouble)


@pytest.fixture
def account(model, desk):
    model.folders["Taken"] = type(model.folders["INBOX"])(3000)
    return Account(model, desk, move_to="Taken")


def look_until_done(account, tries=40):
    """As the thread does: after each failure another connection."""
    for _ in range(tries):
        try:
            account.look()
        except FAILURES:
            continue
        return
    pytest.fail("it never came to an end")


@pytest.mark.parametrize("phase", ["before", "after", "midway"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_connection_that_ends_anywhere_loses_nothing_and_doubles_nothing(account, model, desk, command, phase):
    account.look()
    for number in range(3):
        model.add(mail(f"mail {number}"))
    breaks = iter([True, False, True])
    model.break_at = lambda name, at: name == command and at == phase and next(breaks, False)
    look_until_done(account)
    assert desk.subjects() == ["mail 0", "mail 1", "mail 2"]
    assert {one.raw for one in model.folders["Taken"].messages} == {mail(f"mail {number}") for number in range(3)}
    assert not model.folders["INBOX"].messages


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(Manners(after_login=()), id="neither MOVE nor UIDPLUS"),
        pytest.param(Manners(after_login=("UIDPLUS",)), id="no MOVE"),
        pytest.param(Manners(tells_uid_next=False), id="no UIDNEXT"),
        pytest.param(Manners(uid_behind=True), id="the UID behind the content"),
        pytest.param(Manners(chatters=True), id="flags in between"),
        pytest.param(Manners(quotes=True), id="some content in quotes"),
        pytest.param(Manners(size_factor=0.01), id="sizes too small"),
        pytest.param(Manners(size_factor=1000), id="sizes too large"),
        pytest.param(Manners(capabilities=("IMAP4rev1",)), id="LOGIN alone"),
    ],
)
def test_servers_of_many_manners(account, model, desk, manners):
    model.manners = manners
    if "AUTH=PLAIN" not in manners.capabilities:
        model.take_password('secret \\ with " signs')
        account = Account(model, desk)
    model.add(mail('unseen "one" \\ two'))
    account.look()
    model.add(mail("seen"), flags=("\\Seen",))
    account.look()
    account.restart()
    account.look()
    assert desk.subjects() == ["seen", 'unseen "one" \\ two']
    assert [raw for _, _, raw in desk.stored()] == [mail('unseen "one" \\ two'), mail("seen")]


def test_content_that_comes_as_a_quoted_string(account, model, desk):
    model.manners = Manners(quotes=True)
    model.add(rb'Subject: with "signs" and \ in it')
    model.add(b"")
    account.look()
    assert [raw for _, _, raw in desk.stored()] == [rb'Subject: with "signs" and \ in it', b""]


def test_without_uidplus_nothing_of_others_is_removed(account, model, desk):
    model.manners = Manners(after_login=())
    model.add(mail("somebody's"), flags=("\\Deleted", "\\Seen"))
    model.add(mail("new"))
    account.look()
    left = {one.raw: one.flags for one in model.folders["INBOX"].messages}
    assert left == {mail("somebody's"): {"\\Deleted", "\\Seen"}, mail("new"): {"\\Deleted", "\\Seen"}}
    assert [one.raw for one in model.folders["Taken"].messages] == [mail("new")]


def test_a_mailbox_that_cannot_be_changed_is_read_all_the_same(model, desk):
    model.manners = Manners(is_read_only=True)
    account = Account(model, desk)
    model.add(mail("one"))
    account.look()
    model.add(mail("two"))
    account.look()
    account.restart()
    account.look()
    assert desk.subjects() == ["one", "two"]


def test_a_message_that_the_server_does_not_give_stops_no_other(account, model, desk):
    account.look()
    bad = model.add(mail("bad", body="rotten"))
    model.add(mail("good"))
    model.refuse[f"FETCH {bad} BODY.PEEK[]"] = "[SERVERBUG] cannot be retrieved"
    look_until_done(account)
    (_, arrival, raw), (_, _, good) = desk.stored()
    assert arrival.is_cut
    assert b"Subject: bad" in raw
    assert b"rotten" not in raw
    assert good == mail("good")
    assert [one.raw for one in model.folders["INBOX"].messages] == [mail("bad", body="rotten")]
    assert model.folders["INBOX"].messages[0].flags == set()
    account.restart()
    look_until_done(account)
    assert len(desk.stored()) == 2


def test_what_came_before_such_a_message_does_not_wait_for_it(account, model, desk):
    account.look()
    model.add(mail("good"))
    model.refuse[f"FETCH {model.add(mail('bad'))}"] = "[SERVERBUG] cannot be retrieved"
    with pytest.raises(MailboxTrouble, match="cannot be retrieved"):
        account.look()
    assert desk.subjects() == ["good"]
    assert [one.raw for one in model.folders["Taken"].messages] == [mail("good")]


def test_a_message_of_which_nothing_can_be_had_leaves_an_envelope(account, model, desk):
    account.look()
    for subject in ("bad", "worse"):
        model.refuse[f"FETCH {model.add(mail(subject))}"] = "[SERVERBUG] cannot be retrieved"
    model.add(mail("good"))
    look_until_done(account)
    assert [(arrival.uid, arrival.is_cut, raw) for _, arrival, raw in desk.stored()] == [
        (1, True, b""),
        (2, True, b""),
        (3, False, mail("good")),
    ]


def test_a_disk_that_is_full_is_not_blamed_on_a_message(account, model, desk):
    account.look()
    model.add(mail())
    desk.is_busy = True
    for _ in range(3 * BLAME_MAX):
        with pytest.raises(Exception, match="in time"):
            account.look()
    desk.is_busy = False
    account.look()
    assert [raw for _, _, raw in desk.stored()] == [mail()]


def test_after_the_server_numbered_anew_old_mail_is_left_alone(account, model, desk):
    account.plan = Account(model, desk, start_with="all").plan
    account.restart()
    model.add(mail("years old"), age=timedelta(days=900))
    model.add(mail("weeks old"), age=timedelta(days=30))
    account.look()
    assert len(desk.stored()) == 2
    model.add(mail("came while it was down"), flags=("\\Seen",))
    for message in model.folders["Taken"].messages:
        model.folders["INBOX"].messages.append(message)
    model.folders["INBOX"].messages.sort(key=lambda one: one.received)
    desk.clock.ahead = timedelta(days=89)  # the signatures of the first look are about to be forgotten
    for message in model.folders["INBOX"].messages:
        message.received += timedelta(days=89)
    model.renumber(forgets_flags=True)
    account.look()
    assert desk.subjects() == ["came while it was down", "weeks old", "years old"]


def test_a_very_large_number_of_the_next_message_is_searched_in_windows(account, model, desk):
    model.folders["INBOX"].uid_next = 170_000
    model.add(mail("far"))
    model.commands.clear()
    account.look()
    assert desk.subjects() == ["far"]
    assert [one for one in model.commands if "SEARCH" in one] == [
        "UID SEARCH UID 1:50000 UNSEEN",
        "UID SEARCH UID 50001:100000 UNSEEN",
        "UID SEARCH UID 100001:150000 UNSEEN",
        "UID SEARCH UID 150001:170000 UNSEEN",
        "UID SEARCH UID 170001:*",
    ]


def test_news_told_together_with_the_answer_to_idle_is_noticed(account, model, desk):
    client = account.connect()
    account.reader.look(client)
    model.manners.hurries = True
    model.add(mail())
    assert client.idle(20) is True


def test_large_mail_takes_little_memory(model, desk):
    account = Account(model, desk)
    account.look()
    for number in range(3):
        model.add(mail(f"large {number}", body="y" * 9 * 1024**2))
    tracemalloc.start()
    account.look()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(desk.stored()) == 3
    assert peak < 90 * 1024**2, f"{peak / 1024**2:.0f} MiB, of which a third is the model's and the database's"


def test_a_server_that_sends_without_end_is_left(model, desk):
    account = Account(model, desk)
    client = account.connect()
    model.flood = True
    with pytest.raises(ConnectionError, match=r"more than it was asked for|without an end"):
        client.select("INBOX")


# ---------------------------------------------------------------------- login


def login(model, by_token="") -> MailboxClient:
    stop = Stop()
    wire = Wire(model.host, model.port, stop)
    try:
        client = MailboxClient(wire, "none", None)
        if by_token:
            client.log_in_by_token(model.username, by_token)
        else:
            client.log_in(model.username, "wrong")
        client.part()
    finally:
        wire.close()
        stop.close()
    return client


def test_a_wrong_password_is_tried_once_and_by_one_method(model):
    with pytest.raises(MailboxTrouble, match="AUTHENTICATIONFAILED") as caught:
        login(model)
    assert caught.value.reason is Trouble.CREDENTIALS
    assert model.logins == [f"PLAIN {model.username} refused"]


def test_a_login_that_fails_for_another_reason_is_no_wrong_password(model):
    model.manners.login_refusal = "[UNAVAILABLE] Temporary authentication failure."
    with pytest.raises(MailboxTrouble) as caught:
        login(model)
    assert caught.value.reason is Trouble.SERVER


def test_a_token_logs_in_by_xoauth2(model):
    login(model, TOKEN)
    assert model.logins == [f"XOAUTH2 {model.username} in"]


def test_a_token_that_is_refused_is_answered_as_the_providers_ask(model):
    with pytest.raises(MailboxTrouble) as caught:
        login(model, "expired")
    assert caught.value.reason is Trouble.CREDENTIALS
    assert model.logins == [f"XOAUTH2 {model.username} refused"]


def test_a_server_without_passwords_is_told_apart(model):
    model.manners.capabilities = ("IMAP4rev1", "LOGINDISABLED", "AUTH=XOAUTH2")
    with pytest.raises(MailboxTrouble, match="no login with a password") as caught:
        login(model)
    assert caught.value.reason is Trouble.CREDENTIALS
    assert model.logins == []


def test_whoever_waits_for_a_server_can_be_stopped():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes the connection and says nothing
        stop = Stop()
        wire = Wire(*silent.getsockname(), stop)
        stop.set()
        with pytest.raises(Stopped):
            MailboxClient(wire, "none", None)
        wire.close()
        stop.close()


def test_visitors_see_the_same(model):
    Visitor(model).deliver(mail())
    assert Visitor(model).count("UNSEEN") == 1
