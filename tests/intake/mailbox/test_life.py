"""The threads of mailboxes: they begin, wait, fail, are replaced and end; and the tokens that they log in with."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from ingestd.errors import TryLater
from ingestd.intake import mailbox_life
from ingestd.intake.mailbox_life import LOCKOUT_PAUSES_SECONDS, MailboxLife
from ingestd.intake.mailbox_plan import MailboxPlan, MailboxTrouble, OAuthPlan, Trouble
from ingestd.intake.mailbox_probe import probe
from ingestd.intake.mailbox_token import TokenSource
from ingestd.intake.mailbox_wire import tls_context
from ingestd.ports import HttpReply
from ingestd.telemetry.metrics import Metrics
from tests.acceptance.waiting import until
from tests.intake.mailbox.conftest import CERTIFICATES, ROUTES, WAIT_SECONDS_MAX, Account, mail
from tests.intake.mailbox.imap_model import TOKEN, ImapModel, Manners

SERVICE = OAuthPlan(
    token_url="https://login.example.com/token",
    client_id="ingestd",
    client_secret="client-geheim",
    scope="imap/.default",
)


class NoChance:
    def uniform(self, low: float, high: float) -> float:
        return low


@pytest.fixture
def begin(desk, monkeypatch):
    """``begin(plan)`` is a life that ends with the test."""
    monkeypatch.setattr(mailbox_life, "PAUSE_SECONDS", 0.02)
    lives = []

    def make(plan: MailboxPlan, **options) -> MailboxLife:
        lives.append(MailboxLife(plan, lambda: ROUTES, desk, desk.clock, NoChance(), Metrics(), **options))
        return lives[-1]

    yield make
    for life in lives:
        life.stop()
        if life._thread.ident is None:
            life._stop.close()
        else:
            life._thread.join(WAIT_SECONDS_MAX)


@pytest.fixture
def plan(model, desk) -> MailboxPlan:
    return Account(model, desk).plan


def test_it_reads_waits_by_idle_and_ends_at_once(begin, plan, model, desk):
    ended = threading.Event()
    life = begin(plan, on_end=ended.set)
    life.start()
    model.add(mail("one"))
    desk.await_stored(1)
    model.add(mail("two"))
    desk.await_stored(2)
    began = time.monotonic()
    life.stop()
    assert ended.wait(2)
    assert time.monotonic() - began < 1
    assert not life.is_alive


def test_without_idle_it_asks_again_and_again(begin, plan, model, desk):
    model.manners = Manners(capabilities=("IMAP4rev1", "AUTH=PLAIN"))
    life = begin(replace(plan, poll_seconds=0.05))
    life.start()
    for count in range(1, 4):
        model.add(mail(f"mail {count}"))
        desk.await_stored(count)
    assert "IDLE" not in model.commands


def test_a_server_that_refuses_to_idle_is_asked_again_and_again(begin, plan, model, desk):
    model.refuse["IDLE"] = "not today"
    life = begin(replace(plan, poll_seconds=0.05))
    life.start()
    for count in range(1, 4):
        model.add(mail(f"mail {count}"))
        desk.await_stored(count)
    assert len(model.logins) == 1


def test_a_connection_that_is_lost_is_made_anew(begin, plan, model, desk):
    life = begin(plan)
    life.start()
    model.add(mail("one"))
    desk.await_stored(1)
    model.drop_all()
    model.add(mail("two"))
    desk.await_stored(2)
    assert len(model.logins) == 2


def test_while_nothing_can_be_stored_it_waits_and_keeps_the_connection(begin, plan, model, desk):
    desk.is_busy = True
    tried = threading.Semaphore(0)
    desk.at = lambda _point: tried.release()
    life = begin(plan)
    model.add(mail())
    life.start()
    for _ in range(3):
        assert tried.acquire(timeout=WAIT_SECONDS_MAX)
    assert life.state.reason == "store"
    desk.is_busy = False
    desk.await_stored(1)
    assert len(model.logins) == 1


def test_after_a_refused_login_it_waits_long_and_says_so(begin, plan, model):
    life = begin(replace(plan, password="wrong"))
    pauses = [life._live() for _ in range(5)]
    assert pauses == [*LOCKOUT_PAUSES_SECONDS, LOCKOUT_PAUSES_SECONDS[-1]]
    assert life.state.reason == "credentials"
    assert "AUTHENTICATIONFAILED" in life.state.problem
    assert "wrong" not in life.state.problem
    assert len(model.logins) == 5


def test_trouble_counts_from_its_beginning_and_until_something_is_read(begin, plan, model, desk):
    life = begin(replace(plan, password="wrong"))
    life._live()
    began = life.state.trouble_at
    assert began is not None
    desk.clock.ahead = timedelta(minutes=4)
    life._live()
    assert life.state.trouble_at == began
    life._note_progress()
    assert life.state.trouble_at is None


def test_other_failures_are_tried_again_soon_and_then_less_often(begin, plan, model):
    model.close()
    life = begin(plan)
    pauses = [life._live() for _ in range(14)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.01, 0.02 * 2**10 / 2)
    assert life.state.reason == "connection"


def test_a_fault_of_ours_ends_no_thread(begin, plan, model, desk):
    calls = threading.Semaphore(0)

    def fail(_point: str) -> None:
        calls.release()
        raise ZeroDivisionError

    desk.at = fail
    life = begin(plan)
    life.start()
    for _ in range(2):
        assert calls.acquire(timeout=WAIT_SECONDS_MAX)
    assert life.state.reason == "internal"
    desk.at = lambda _point: None
    model.add(mail())
    desk.await_stored(1)


def test_the_next_one_begins_when_the_one_before_has_ended(begin, plan, model, desk):
    entered, leave = threading.Event(), threading.Event()

    def hold(point: str) -> None:
        if point == "before store":
            entered.set()
            assert leave.wait(WAIT_SECONDS_MAX)

    desk.at = hold
    first = begin(plan)
    first.start()
    model.add(mail())
    assert entered.wait(WAIT_SECONDS_MAX)
    first.stop()
    second = begin(replace(plan, poll_seconds=7.0))
    second.start(after=first)
    assert len(model.logins) == 1
    leave.set()
    desk.await_stored(1)
    until(lambda: len(model.logins) == 2, WAIT_SECONDS_MAX, "the second logs in")
    assert not first.is_alive
    model.add(mail("two"))
    desk.await_stored(2)


def test_several_mailboxes_are_read_side_by_side_and_one_that_is_silent_holds_up_none(begin, plan, model, desk):
    other = ImapModel()
    with closing(other), socket.create_server(("127.0.0.1", 0)) as silent:
        plans = [
            replace(plan, account="silent", port=silent.getsockname()[1]),
            plan,
            replace(Account(other, desk).plan, account="help"),
        ]
        lives = [begin(one) for one in plans]
        for life in lives:
            life.start()
        model.add(mail("same"))
        other.add(mail("same"))
        desk.await_stored(2)
        assert sorted(how.account for _, how, _ in desk.stored()) == ["help", "ops"]
        for life in lives:
            life.stop()
        until(lambda: not any(life.is_alive for life in lives), WAIT_SECONDS_MAX, "all have ended")


# ---------------------------------------------------------------------- what the doctor sees


def test_a_look_for_people_says_what_is_there_and_changes_nothing(server, visitor, desk):
    visitor.deliver(mail("one"))
    visitor.deliver(mail("two"), flags=r"(\Seen)")
    visitor.create('"Taken & done"'.replace("&", "&-"))
    plan = Account(server, desk, move_to="Taken & done").plan
    text = probe(plan, desk.send, desk.clock)
    assert text == f"{plan.place} at {plan.where} lets us in, tells of mail at once; 1 unseen"
    assert visitor.count("UNSEEN") == 1
    assert desk.stored() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong"}, "the login is refused"),
        ({"folder": "Nowhere"}, "folder “Nowhere” cannot be opened"),
        ({"move_to": "Nowhere"}, "there is no folder “Nowhere”"),
    ],
)
def test_a_look_for_people_says_what_is_wrong(server, desk, changes, words):
    with pytest.raises(MailboxTrouble, match=words) as caught:
        probe(Account(server, desk, **changes).plan, desk.send, desk.clock)
    assert caught.value.hint
    assert "wrong" not in str(caught.value)


def test_a_server_that_is_not_there_is_told_as_that(model, plan, desk):
    model.close()
    with pytest.raises(MailboxTrouble, match="refused") as caught:
        probe(plan, desk.send, desk.clock)
    assert caught.value.reason is Trouble.CONNECTION


# ---------------------------------------------------------------------- encryption


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_server_is_known_by_its_certificate(begin, dovecot, desk, tls):
    good = MailboxPlan(
        "ops",
        "localhost",
        dovecot.tls_port if tls == "implicit" else dovecot.port,
        tls,
        dovecot.username,
        "mail",
        password=dovecot.password,
        ca_file=CERTIFICATES / "authority.pem",
    )
    assert "lets us in" in probe(good, desk.send, desk.clock)
    with pytest.raises(MailboxTrouble) as caught:
        probe(replace(good, ca_file=None), desk.send, desk.clock)
    assert caught.value.reason is Trouble.TLS
    with pytest.raises(MailboxTrouble) as caught:
        probe(replace(good, host="127.0.0.2"), desk.send, desk.clock)
    assert caught.value.reason in {Trouble.TLS, Trouble.CONNECTION}


def test_what_was_said_before_starttls_counts_for_nothing(model, plan, desk):
    model.manners = Manners(capabilities=("IMAP4rev1", "STARTTLS", "AUTH=PLAIN"))
    model.injects = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"
    with pytest.raises(MailboxTrouble, match="in the clear"):
        probe(replace(plan, tls="starttls"), desk.send, desk.clock)
    assert model.logins == []


def test_a_server_without_starttls_gets_no_password(model, plan, desk):
    with pytest.raises(MailboxTrouble, match="offers no STARTTLS") as caught:
        probe(replace(plan, tls="starttls"), desk.send, desk.clock)
    assert caught.value.reason is Trouble.TLS
    assert model.logins == []


def test_the_versions_of_tls_are_new():
    context = tls_context(None)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


# ---------------------------------------------------------------------- tokens


class TokenService:
    """A token service as RFC 6749 has it: each token is another one, and good for an hour."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.requests = []

    def __call__(self, request) -> HttpReply:
        self.requests.append(request)
        form = parse_qs(request.body.decode())
        if form["client_secret"] != ["client-geheim"]:
            body = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
            return HttpReply(401, {}, json.dumps(body).encode())
        assert form["grant_type"] == ["client_credentials"]
        body = {"access_token": self.tokens.pop(0), "expires_in": 3599, "token_type": "Bearer"}
        return HttpReply(200, {}, json.dumps(body).encode())


def test_a_token_is_fetched_kept_and_fetched_again_before_it_ends(desk):
    service = TokenService("first", "second")
    source = TokenSource(SERVICE, service, desk.clock)
    assert [source.token(), source.token()] == ["first", "first"]
    desk.clock.ahead += timedelta(minutes=56)
    assert source.token() == "second"
    (first, _) = service.requests
    assert first.url == SERVICE.token_url
    assert parse_qs(first.body.decode())["scope"] == ["imap/.default"]


def test_a_token_that_has_grown_old_is_replaced_at_once_and_a_fresh_one_is_not_hammered(begin, plan, model, desk):
    service = TokenService("grown-old", "refused-too", "third")
    desk.on_request = service
    life = begin(replace(plan, password="", oauth=SERVICE))
    life._tokens.token()
    assert life._live() == 0.02, "the one that was kept may only have grown old"
    assert life._live() == LOCKOUT_PAUSES_SECONDS[0]
    assert len(model.logins) == 2


def test_a_token_logs_the_thread_in(begin, plan, model, desk):
    desk.on_request = TokenService(TOKEN)
    life = begin(replace(plan, password="", oauth=SERVICE))
    life.start()
    model.add(mail())
    desk.await_stored(1)
    assert model.logins == [f"XOAUTH2 {model.username} in"]


@pytest.mark.parametrize(
    ("reply", "reason", "words"),
    [
        (HttpReply(401, {}, b'{"error":"invalid_client"}'), Trouble.CREDENTIALS, "answers 401: invalid_client"),
        (HttpReply(503, {}, b"<html>"), Trouble.TOKEN, "answers 503"),
        (HttpReply(200, {}, b"{}"), Trouble.TOKEN, "answers 200"),
        (HttpReply(200, {}, b'{"access_token":"a\\u0001b"}'), Trouble.TOKEN, "answers 200"),
        (HttpReply(200, {}, b"[1]"), Trouble.TOKEN, "answers 200"),
    ],
)
def test_a_token_service_that_gives_none(desk, reply, reason, words):
    source = TokenSource(SERVICE, lambda _request: reply, desk.clock)
    with pytest.raises(MailboxTrouble, match=words) as caught:
        source.token()
    assert caught.value.reason is reason
    assert "client-geheim" not in str(caught.value)


def test_a_token_service_that_is_not_there(desk):
    def fail(_request):
        raise TryLater("connection refused")

    with pytest.raises(MailboxTrouble, match="connection refused") as caught:
        TokenSource(SERVICE, fail, desk.clock).token()
    assert caught.value.reason is Trouble.TOKEN


def test_a_token_file_is_read_at_each_login_and_a_new_one_ends_the_wait(tmp_path, desk):
    path = tmp_path / "token"
    path.write_text("first\n")
    source = TokenSource(OAuthPlan(token_path=path), desk.send, desk.clock)
    assert source.token() == "first"
    assert not source.has_another()
    assert source.forget() is False
    assert not source.has_another()
    path.write_text("second")
    assert source.has_another()
    assert source.token() == "second"


@pytest.mark.parametrize("content", [None, "", "two words", "a" * 70_000])
def test_a_token_file_that_holds_none(tmp_path, desk, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(MailboxTrouble, match="token file") as caught:
        TokenSource(OAuthPlan(token_path=path), desk.send, desk.clock).token()
    assert caught.value.reason is Trouble.TOKEN
