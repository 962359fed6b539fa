"""Mail as it really comes: swaks hands it to a real Postfix, which relays it to the daemon. One incident, one ticket, one page."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.daemon import DaemonProcess
from tests.acceptance.mail_in import NAGIOS, TO, mail_config, mail_port
from tests.acceptance.monitoring import free_port
from tests.acceptance.outside import read_maildir
from tests.acceptance.postfix_server import Postfix
from tests.acceptance.waiting import until

pytestmark = pytest.mark.timeout(90)

TLS = Path(__file__).parents[1] / "net" / "tls"
RELAY = {
    "tls": {"cert_file": str(TLS / "localhost.pem"), "key_file": str(TLS / "localhost.key")},
    "allowed_networks": ["127.0.0.1"],
    "trusted_networks": ["127.0.0.1"],
}
# Only this relay hands in mail: its network proves it, also a recovery.
SOURCES = {"nagios": {"kind": "email", "email": {"recipients": [TO]}}}
SETTLE_SECONDS_MAX = 20.0


@pytest.fixture
def relay(require: Callable[[str], str]) -> Iterator[Callable[..., Postfix]]:
    """``relay(port)`` is a Postfix that hands everything to that port."""
    servers: list[Postfix] = []

    def make(port: int, **options: str) -> Postfix:
        servers.append(Postfix(require("postfix"), port, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def swaks(require: Callable[[str], str]) -> Callable[..., None]:
    program = require("swaks")

    def send(port: int, mail: str, to: str = TO, sender: str = "nagios@example.com") -> None:
        """Hand in one mail; the server must take it."""
        command = [program, "--server", f"127.0.0.1:{port}", "--from", sender, "--to", to, "--data", "-"]
        done = subprocess.run(command, input=mail, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return send


def tickets(daemon: DaemonProcess) -> list[Path]:
    return sorted((daemon.folder / "tickets").glob("*.md"))


def test_a_mail_through_a_real_relay_is_one_incident_one_ticket_and_one_page(start, relay, swaks, tmp_path):
    daemon = start(mail_config(tmp_path, sources=SOURCES, listener=RELAY))
    postfix = relay(mail_port(daemon), tls="encrypt")
    swaks(postfix.port, NAGIOS.format(host="db-1"))
    until(lambda: postfix.deliveries("sent"), SETTLE_SECONDS_MAX, "it is handed over", last_words=postfix.log)
    [sent] = postfix.deliveries("sent")
    assert "250 2.0.0 stored as env_" in sent
    [(arrival,)] = daemon.rows("SELECT substr(body, 1, 300) FROM inbox")
    assert b'"is_tls": true' in arrival
    assert b'"is_trusted_network": true' in arrival
    until(lambda: read_maildir(tmp_path / "mail"), SETTLE_SECONDS_MAX, "somebody is paged", last_words=daemon.log)
    until(lambda: tickets(daemon), SETTLE_SECONDS_MAX, "there is a ticket", last_words=daemon.log)
    [incident] = daemon.incidents()
    [page] = read_maildir(tmp_path / "mail")
    assert incident["id"] in page.as_string()
    assert len(tickets(daemon)) == 1

    swaks(
        postfix.port,
        NAGIOS.format(host="db-1")
        .replace("PROBLEM", "RECOVERY")
        .replace("CRITICAL", "OK")
        .replace(".problem@", ".recovery@"),
    )  # fmt: skip (one thought)
    until(lambda: daemon.incidents()[0]["state"] == "resolved", SETTLE_SECONDS_MAX, "it is over", last_words=daemon.log)
    assert len(daemon.incidents()) == len(tickets(daemon)) == 1


def test_mail_waits_at_the_relay_while_the_daemon_is_down(start, relay, swaks, tmp_path):
    port = free_port()
    daemon = start(
        mail_config(tmp_path, sources=SOURCES, listener={**RELAY, "listen": f"127.0.0.1:{port}"}), wait=False
    )
    postfix = relay(port)
    swaks(postfix.port, NAGIOS.format(host="db-2"))
    until(lambda: postfix.deliveries("deferred"), SETTLE_SECONDS_MAX, "it is put off", last_words=postfix.log)
    daemon.start()
    until(lambda: postfix.deliveries("sent"), SETTLE_SECONDS_MAX, "it is handed over", last_words=postfix.log)
    until(daemon.incidents, SETTLE_SECONDS_MAX, "there is an incident", last_words=daemon.log)
    assert daemon.rows("SELECT count(*) FROM inbox") == [(1,)]
    assert len(daemon.incidents()) == 1


def test_a_relay_tells_the_sender_of_a_recipient_that_nobody_has(start, relay, swaks, tmp_path):
    daemon = start(mail_config(tmp_path, sources=SOURCES, listener=RELAY))
    postfix = relay(mail_port(daemon))
    swaks(postfix.port, NAGIOS.format(host="db-3"), to="nobody@example.com")
    [bounced] = until(
        lambda: postfix.deliveries("bounced")[:1], SETTLE_SECONDS_MAX, "it is sent back", last_words=postfix.log
    )
    assert "550 5.1.1 " in bounced
    # Twice when the relay's report to the sender has come too, whom nobody here knows either.
    assert daemon.metric("ingestd_envelopes_refused_total", reason="unknown_recipient") in {1, 2}


def test_a_burst_from_a_relay_of_ours_is_held_up_by_no_count_and_none_of_it_is_lost(start, relay, swaks, tmp_path):
    daemon = start(mail_config(tmp_path, sources=SOURCES, listener={**RELAY, "limits": {"mails_per_minute": 5}}))
    postfix = relay(mail_port(daemon))
    for number in range(12):
        swaks(postfix.port, NAGIOS.format(host=f"web-{number}"))
    until(
        lambda: len(postfix.deliveries("sent")) == 12, SETTLE_SECONDS_MAX, "all are handed over", last_words=postfix.log
    )
    waiting = "SELECT count(*) FROM inbox WHERE state = 'new'"
    until(lambda: daemon.rows(waiting) == [(0,)], SETTLE_SECONDS_MAX, "all are decided", last_words=daemon.log)
    assert postfix.deliveries("deferred") == []
    dispositions = [row[0] for row in daemon.rows("SELECT disposition FROM inbox")]
    assert len(dispositions) == 12
    assert set(dispositions) <= {"incident", "joined"}


REPLIES = "ack@example.com"
ANSWER = (
    "From: {sender}\r\n"
    "To: {to}\r\n"
    "Subject: Re: {subject}\r\n"
    "Message-ID: <{sender}.answer@phone.example.com>\r\n"
    "In-Reply-To: {page}\r\n"
    "Date: Sun, 22 Nov 2026 10:05:00 +0000\r\n"
    "\r\n"
    "ack\r\n"
    "\r\n"
    "On Sun, 22 Nov 2026 at 10:01, ingestd wrote:\r\n"
    "> CRITICAL\r\n"
)


def test_a_page_is_answered_by_a_mail_of_whom_it_was_for_and_by_nobody_else(start, relay, swaks, tmp_path):
    pager = {"kind": "email_pager", "from": "ingestd@example.com", "maildir": str(tmp_path / "mail")}
    connectors = {
        "tickets": {"kind": "ticket_folder", "path": str(tmp_path / "tickets")},
        "mail": {**pager, "reply_to": REPLIES, "replies": True},
    }
    sources = {**SOURCES, "answers": {"kind": "email", "email": {"recipients": [REPLIES]}}}
    daemon = start(mail_config(tmp_path, sources=sources, listener=RELAY, connectors=connectors))
    postfix = relay(mail_port(daemon))
    swaks(postfix.port, NAGIOS.format(host="db-4"))
    until(lambda: read_maildir(tmp_path / "mail"), SETTLE_SECONDS_MAX, "somebody is paged", last_words=daemon.log)
    [page] = read_maildir(tmp_path / "mail")
    to = str(page["Reply-To"])
    assert to.startswith("ack+")

    def answer(sender: str) -> None:
        text = ANSWER.format(sender=sender, to=to, subject=page["Subject"], page=page["Message-ID"])
        swaks(postfix.port, text, to=to, sender=sender)

    def became() -> dict[str, str]:
        return dict(daemon.rows("SELECT disposition, coalesce(reason, '') FROM inbox WHERE source = 'answers'"))

    answer("mallory@example.com")
    until(became, SETTLE_SECONDS_MAX, "the stranger's answer is put aside", last_words=daemon.log)
    assert became() == {"quarantined": "not_who_was_paged"}
    assert daemon.incidents()[0]["state"] == "triggered"
    answer("asha@example.com")
    until(
        lambda: daemon.incidents()[0]["state"] == "acknowledged",
        SETTLE_SECONDS_MAX,
        "it is acknowledged",
        last_words=daemon.log,
    )
    assert became().keys() == {"quarantined", "answered"}
    # The page, and what asha is told that her answer did; nothing to the stranger.
    until(lambda: len(read_maildir(tmp_path / "mail")) == 2, SETTLE_SECONDS_MAX, "she hears", last_words=daemon.log)
    assert {str(mail["To"]) for mail in read_maildir(tmp_path / "mail")} == {str(page["To"])}
    assert len(daemon.incidents()) == len(tickets(daemon)) == 1
