"""A mailbox on a real Dovecot, read by the daemon: noticed at once, and one incident per mail, whatever dies and whoever else reads it."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ingestd.core.mail.arrival import parted
from tests.acceptance.daemon import ROOT, DaemonProcess, config_of, planted
from tests.acceptance.outside import read_maildir
from tests.acceptance.paged import FOLDED, incidents_paged
from tests.acceptance.waiting import until
from tests.intake.mailbox.conftest import CERTIFICATES, Visitor
from tests.intake.mailbox.dovecot import Dovecot

RULE = {
    "rule": "hosts",
    "match": ["alertname =~ .+"],
    "impact": "high",
    "urgency": "high",
    "correlate": {"by": ["host"], "within": "1h"},
}
AT_ONCE_SECONDS = 2.0
SOON_SECONDS = 30.0


def problem(host: str) -> bytes:
    """As a Nagios writes it."""
    return (
        f"Return-Path: <nagios@{host}.example.com>\r\nDelivered-To: alerts@example.com\r\n"
        f"Received: from {host}.example.com by mx.example.com; Sun, 22 Nov 2026 09:00:00 +0000\r\n"
        f"From: nagios@example.com\r\nTo: alerts@example.com\r\nSubject: ** PROBLEM Host Alert: {host} is DOWN **\r\n"
        f"Message-ID: <{host}.1@example.com>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n\r\n"
        f"***** Nagios *****\r\n\r\nNotification Type: PROBLEM\r\nHost: {host}\r\nState: DOWN\r\n"
        f"Address: 192.0.2.7\r\nInfo: CRITICAL - no answer\r\n\r\nDate/Time: Sun Nov 22 09:00:00 UTC 2026\r\n"
    ).encode()


@pytest.fixture
def dovecot(require) -> Iterator[Dovecot]:
    server = Dovecot(require("dovecot"), (CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key"))
    yield server
    server.stop()


@pytest.fixture
def visitor(dovecot: Dovecot) -> Visitor:
    return Visitor(dovecot)


def configured(folder: Path, dovecot: Dovecot, **changes) -> dict:
    mailbox = {
        "host": "localhost",
        "port": dovecot.tls_port,
        "ca_file": str(CERTIFICATES / "authority.pem"),
        "username": dovecot.username,
        "password": dovecot.password,
        "source": "mail",
        "poll_every": "1h",  # what is noticed is noticed by IDLE
        **changes,
    }
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "00-severity.yaml").write_text((ROOT / "rules/00-severity.yaml").read_text())
    (rules / "10-hosts.yaml").write_text(yaml.safe_dump({"version": 1, "rules": [RULE]}))
    email = {"recipients": ["alerts@example.com"], "auth": "none"}
    return config_of(
        folder,
        sources={"mail": {"kind": "email", "email": email}},
        mail={"mailboxes": {"ops": mailbox}},
        rules={"path": str(rules)},
        # Of what comes in a burst each mail waits for the one before it: hurried, as a minute's wait would show nothing more.
        page_limits={"email": {"most": ["1 in 2s"], "batch": {"critical_every": "5s", "every": "10s"}}},
    )


@pytest.fixture
def daemon(tmp_path, dovecot) -> Iterator[DaemonProcess]:
    process = DaemonProcess(tmp_path, configured(tmp_path, dovecot))
    yield process
    process.end()


def said(daemon: DaemonProcess) -> str:
    """What it logged, but for our own questions."""
    return "\n".join(line for line in daemon.log().splitlines() if "request_answered" not in line)


def stored(daemon: DaemonProcess) -> list[str]:
    """The subjects of what came in."""
    found = [parted(bytes(body)) for (body,) in daemon.rows("SELECT body FROM inbox ORDER BY seq")]
    return [
        line.partition(": ")[2]
        for one in found
        if one is not None
        for line in one[1].decode().splitlines()
        if line.startswith("Subject: ")
    ]


def is_idle(daemon: DaemonProcess) -> bool:
    """It has read the mailbox and waits for news."""
    return daemon.metric("ingestd_mailbox_last_success_timestamp_seconds", account="ops") > 0


def assert_one_each(daemon: DaemonProcess, *hosts: str, kill_count: int = 0) -> None:
    """One envelope, one incident and one ticket for each of the hosts, and each is told once: by a page that a kill met perhaps again."""
    until(lambda: len(paged(daemon)) >= len(hosts), SOON_SECONDS, "all is told", last_words=lambda: said(daemon))
    assert sorted(stored(daemon)) == sorted(f"** PROBLEM Host Alert: {host} is DOWN **" for host in hosts)
    incidents = {one["id"] for one in daemon.incidents()}
    assert len(incidents) == len(hosts)
    assert len(list((daemon.folder / "tickets").glob("*.md"))) == len(hosts)
    told = paged(daemon)
    assert set(told) == incidents
    assert told.total() - len(told) <= kill_count


def paged(daemon: DaemonProcess) -> Counter[str]:
    """How often each incident was told."""
    mails = read_maildir(daemon.folder / "mail")
    return incidents_paged(mails, daemon.rows(FOLDED), was_killed=True)


def test_mail_is_noticed_by_idle_and_becomes_one_incident_one_ticket_and_one_page(daemon, dovecot, visitor):
    daemon.start()
    until(lambda: is_idle(daemon), SOON_SECONDS, "the mailbox is read", last_words=lambda: said(daemon))
    began = time.monotonic()
    dovecot.drop_in(problem("db1"), "1.db1")
    until(lambda: stored(daemon), SOON_SECONDS, "the mail is stored", last_words=lambda: said(daemon))
    assert time.monotonic() - began < AT_ONCE_SECONDS
    assert_one_each(daemon, "db1")
    until(lambda: visitor.count("SEEN") == 1, SOON_SECONDS, "it is marked", last_words=lambda: said(daemon))
    assert daemon.metric("ingestd_mailbox_mails_total", account="ops", result="taken") == 1
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 4, "an IDLE holds nobody up"


def test_killed_between_the_commit_and_the_flag_it_takes_the_mail_once(daemon, dovecot, visitor):
    dovecot.drop_in(problem("db1"), "1.db1")
    dovecot.drop_in(problem("db2"), "2.db2")
    sound = daemon.command
    daemon.command = planted("die-before-marking")
    daemon.spawn()
    assert daemon.exit_code() == -signal.SIGKILL
    assert len(stored(daemon)) == 2, "they were committed"
    assert visitor.count("UNSEEN") == 2, "and not marked"
    daemon.command = sound
    daemon.start()
    until(lambda: visitor.count("UNSEEN") == 0, SOON_SECONDS, "they are marked", last_words=lambda: said(daemon))
    assert_one_each(daemon, "db1", "db2")
    assert daemon.metric("ingestd_mailbox_mails_total", account="ops", result="known") == 2


def test_killed_again_and_again_while_mail_comes_in_it_takes_each_mail_once(daemon, dovecot, visitor):
    hosts = [f"db{number}" for number in range(12)]
    for number, host in enumerate(hosts):
        dovecot.drop_in(problem(host), f"{number:02}.{host}")
        if number % 3 == 0:
            daemon.spawn()
        if number % 3 == 2:
            until(
                lambda: daemon.log_events("mailbox_connected"),
                SOON_SECONDS,
                "it reads",
                last_words=lambda: said(daemon),
            )
            daemon.kill()
    daemon.start()
    until(lambda: visitor.count("UNSEEN") == 0, SOON_SECONDS, "all are marked", last_words=lambda: said(daemon))
    assert_one_each(daemon, *hosts, kill_count=4)


def test_other_clients_and_a_server_that_numbers_anew_neither_hide_nor_double_mail(daemon, dovecot, visitor):
    visitor.create("Later")
    dovecot.drop_in(problem("db1"), "1.db1")
    daemon.start()
    assert_one_each(daemon, "db1")
    daemon.kill()
    dovecot.drop_in(problem("db2"), "2.db2")
    visitor.flag(r"\Seen")  # somebody opens the mailbox in a browser while we are down
    daemon.start()
    assert_one_each(daemon, "db1", "db2")
    visitor.move("INBOX", "Later")
    visitor.move("Later", "INBOX")  # everything has another number by now
    dovecot.drop_in(problem("db3"), "3.db3")
    assert_one_each(daemon, "db1", "db2", "db3")
    daemon.kill()
    dovecot.drop_in(problem("db4"), "4.db4")
    dovecot.renumber()
    visitor.flag(r"\Seen")
    daemon.start()
    assert_one_each(daemon, "db1", "db2", "db3", "db4")


def test_a_server_that_restarts_is_found_again(daemon, dovecot):
    daemon.start()
    until(lambda: is_idle(daemon), SOON_SECONDS, "the mailbox is read", last_words=lambda: said(daemon))
    dovecot.restart()
    dovecot.drop_in(problem("db1"), "1.db1")
    assert_one_each(daemon, "db1")


def test_a_reload_takes_mailboxes_over_and_leaves_the_others_alone(daemon, dovecot, visitor):
    visitor.create("Second")
    daemon.start()
    until(lambda: is_idle(daemon), SOON_SECONDS, "the mailbox is read", last_words=lambda: said(daemon))
    config = configured(daemon.folder, dovecot)
    config["mail"]["mailboxes"]["second"] = {**config["mail"]["mailboxes"]["ops"], "folder": "Second"}
    daemon.write_config(config)
    assert daemon.post("/-/reload").status_code == 200
    visitor.deliver(problem("db1"), "Second")
    assert_one_each(daemon, "db1")
    assert [one["account"] for one in daemon.log_events("mailbox_connected")] == ["ops", "second"]
    del config["mail"]["mailboxes"]["second"]
    daemon.write_config(config)
    assert daemon.post("/-/reload").status_code == 200
    visitor.deliver(problem("db2"), "Second")
    visitor.deliver(problem("db3"))
    assert_one_each(daemon, "db1", "db3")


def test_a_wrong_password_is_tried_once_and_shown_nowhere(tmp_path, dovecot):
    process = DaemonProcess(tmp_path, configured(tmp_path, dovecot, password="falsches-geheimnis"))
    # Dovecot's static passwords are the same for all: the wrong one is refused.
    try:
        process.start()
        until(
            lambda: process.log_events("mailbox_failed"),
            SOON_SECONDS,
            "it was refused",
            last_words=lambda: said(process),
        )
        (failed,) = process.log_events("mailbox_failed")
        assert failed["reason"] == "credentials"
        assert "falsches-geheimnis" not in process.log()
        assert process.metric("ingestd_mailbox_failures_total", account="ops", reason="credentials") == 1
        assert process.stop() == 0
    finally:
        process.end()
    assert dovecot.log().count("auth failed") == 1
