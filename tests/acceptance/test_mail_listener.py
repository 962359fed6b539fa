"""The listener for mail in a whole daemon: strangers who do nothing or too much hold nobody up, and what was answered 250 outlives kill -9."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random

import pytest

from tests.acceptance.daemon import SERVE, DaemonProcess, warm
from tests.acceptance.mail_in import NAGIOS, TO, Sender, mail_config, mail_port
from tests.acceptance.outside import read_maildir
from tests.acceptance.stalls import watching
from tests.acceptance.waiting import until

IDLE_COUNT = 300
STALL_SECONDS_MAX = 0.1
GROWN_BYTES_MAX = 50 * 1024**2
MIB = 1024**2
CYCLE_COUNT = 8
SENDER_COUNT = 4


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """One for all of them: what one leaves behind must not hurt the next."""
    folder = tmp_path_factory.mktemp("mail")
    limits = {"connections": IDLE_COUNT + 20, "connections_per_address": IDLE_COUNT + 20, "mails_per_minute": 10_000}
    config = mail_config(
        folder, listener={"limits": limits}, teams={"default": {"policy": "default", "ticket": "none"}}
    )
    made = DaemonProcess(folder, config)
    made.environment = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "4194304"}  # as the systemd unit
    made.start()
    with Sender(mail_port(made)).greet() as sender:  # with the first mail comes what every mail needs, once
        assert sender.hand_in(NAGIOS.format(host="first").encode()).startswith("250 ")
    until(lambda: waiting_count(made) == 0, 20, "it is decided", last_words=made.log)
    yield made
    made.end()


def test_three_hundred_idle_connections_hold_up_neither_page_nor_webhook_nor_mail(daemon, notification):
    with ExitStack() as stack:
        with watching(daemon.process.pid, daemon.port) as watch:
            idle = [stack.enter_context(Sender(mail_port(daemon))).greet() for _ in range(IDLE_COUNT)]
            for one in idle[::2]:
                one.ask("MAIL FROM:<slow@example.com>")
            began = time.monotonic()
            assert daemon.send(notification(instance="behind-the-idle")).status_code == 202
            answered_seconds = time.monotonic() - began
            until(
                lambda: [mail for mail in read_maildir(daemon.folder / "mail") if "CheckoutDown" in mail["Subject"]],
                10,
                "the page leaves",
                last_words=daemon.log,
            )
            paged_seconds = time.monotonic() - began
            with Sender(mail_port(daemon)).greet() as sender:
                assert sender.hand_in(NAGIOS.format(host="idle").encode()).startswith("250 ")
        assert daemon.metric("ingestd_smtp_connections") >= IDLE_COUNT
    print(
        f"\n{IDLE_COUNT} idle: answered in {answered_seconds * 1000:.0f} ms, paged in {paged_seconds * 1000:.0f} ms, "
        f"stall {watch.stall_seconds * 1000:.0f} ms, {watch.grown_bytes / MIB:+.1f} MiB"
    )
    assert watch.stall_seconds < STALL_SECONDS_MAX
    assert watch.grown_bytes < GROWN_BYTES_MAX
    until(lambda: daemon.metric("ingestd_smtp_connections") == 0, 10, "they are gone")


HEAD = b"From: x@example.com\r\nSubject: x\r\n\r\n"
ROOM = 10 * MIB - len(HEAD) - 100
MESSAGES = {
    "empty-lines": (HEAD + b"\r\n" * (ROOM // 2), "250"),
    "lines-of-one-byte": (HEAD + b"x\r\n" * (ROOM // 3), "250"),
    "dots": (HEAD + b"..\r\n" * (ROOM // 4), "250"),
    "ends-that-are-none": (HEAD + b"\n.\r\n" * (ROOM // 4), "250"),
    "bare-line-feeds": (HEAD + b"\n" * ROOM + b"\r\n", "250"),
    "bare-carriage-returns": (HEAD + (b"\r" * 65_000 + b"\n") * (ROOM // 65_001) + b"\r\n", "250"),
    "long-lines": (HEAD + (b"x" * 65_000 + b"\r\n") * (ROOM // 65_002), "250"),
    "nul": (HEAD + (b"\0" * 60_000 + b"\r\n") * (ROOM // 60_002), "250"),
    "one-long-line": (HEAD + b"x" * ROOM + b"\r\n", "554"),
    "headers-without-end": (b"X: y\r\n" * (ROOM // 6), "250"),
    "hops-without-end": (b"Received: y\r\n" * (ROOM // 13), "554"),
    "too-large": (HEAD + b"x\r\n" * (ROOM // 2), "552"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_no_message_stops_the_loop_or_takes_the_memory(daemon, name):
    message, code = MESSAGES[name]
    with watching(daemon.process.pid, daemon.port) as watch, Sender(mail_port(daemon)).greet() as sender:
        answer = sender.hand_in(message)
        until(lambda: waiting_count(daemon) == 0, 40, "it is decided", last_words=daemon.log)
    report(name, answer, watch)
    assert answer.startswith(code)
    assert watch.stall_seconds < STALL_SECONDS_MAX
    assert watch.grown_bytes < GROWN_BYTES_MAX


COMMANDS = {
    "noop": b"NOOP\r\n" * 300_000,
    "help": b"HELP\r\n" * 50_000,
    "nothing": b"\r\n" * 300_000,
    "recipients": b"MAIL FROM:<a@b.example>\r\n" + f"RCPT TO:<{TO}>\r\n".encode() * 20_000,
    "unknown-recipients": b"MAIL FROM:<a@b.example>\r\n" + b"RCPT TO:<x@example.com>\r\n" * 20_000,
    "mail-and-reset": b"MAIL FROM:<a@b.example>\r\nRSET\r\n" * 5_000,
    "one-line-without-end": b"x" * (20 * MIB),
    "brackets": (b"MAIL FROM:<" + b"(" * 480 + b"\r\n") * 2_000,
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_commands_stop_the_loop_or_take_the_memory(daemon, name):
    answers = bytearray()
    with watching(daemon.process.pid, daemon.port) as watch, Sender(mail_port(daemon)).greet() as sender:

        def read() -> None:
            with contextlib.suppress(OSError, ValueError):
                while part := sender.line.recv(65_536):
                    answers.extend(part)

        reading = threading.Thread(target=read)
        reading.start()
        with contextlib.suppress(ConnectionError):  # it may be cut off long before its end
            sender.send(COMMANDS[name] + b"QUIT\r\n")
        sender.line.settimeout(20)
        reading.join(30)
        assert not reading.is_alive()
    report(name, bytes(answers[-60:]).decode(errors="replace").strip().splitlines()[-1:], watch)
    assert watch.stall_seconds < STALL_SECONDS_MAX
    assert watch.grown_bytes < GROWN_BYTES_MAX


def test_many_large_messages_at_once_are_bounded_together(daemon):
    """Thirty times 10 MiB: those for whom there is no room are told to come again."""
    message = HEAD + (b"x" * 998 + b"\r\n") * (ROOM // 1000)
    answers: list[str] = []

    def hand_in() -> None:
        with Sender(mail_port(daemon)).greet() as sender:
            sender.begin()
            sender.send(message + b".\r\n")
            answers.append(sender.reply())

    with watching(daemon.process.pid, daemon.port) as watch:
        threads = [threading.Thread(target=hand_in) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        until(lambda: waiting_count(daemon) == 0, 40, "they are decided", last_words=daemon.log)
    report("at-once", sorted({answer[:9] for answer in answers}), watch)
    assert len(answers) == 30
    assert {answer[:3] for answer in answers} == {"250", "452"}
    assert watch.stall_seconds < STALL_SECONDS_MAX
    assert watch.grown_bytes < 2 * GROWN_BYTES_MAX, (
        "the room for all is 32 MiB, half of it for strangers, and the disk's share"
    )


def test_nothing_of_it_left_a_fault_in_the_log(daemon):
    assert daemon.log_events("mail_failed") == []
    assert "Traceback" not in daemon.log()


def waiting_count(daemon: DaemonProcess) -> int:
    return int(daemon.rows("SELECT count(*) FROM inbox WHERE state = 'new'")[0][0])


def report(name: str, answer: object, watch) -> None:
    print(
        f"\n{name}: {answer}, stall {watch.stall_seconds * 1000:.0f} ms "
        f"({watch.longest_answer_seconds * 1000:.0f} ms with other programs), {watch.grown_bytes / MIB:+.1f} MiB"
    )


# ---------------------------------------------------------------------------------- reload, start, stop


def test_a_reload_takes_over_recipients_while_connections_stay_open_and_says_what_needs_a_restart(start, tmp_path):
    config = mail_config(tmp_path)
    daemon = start(config)
    with Sender(mail_port(daemon)).greet() as sender:
        assert sender.ask("MAIL FROM:<a@example.com>").startswith("250 ")
        assert sender.ask("RCPT TO:<new@example.com>").startswith("550 5.1.1")
        config["sources"]["nagios"]["email"]["recipients"] = ["new@example.com"]
        daemon.write_config(config)
        assert daemon.post("/-/reload").status_code == 200
        assert sender.ask("RCPT TO:<new@example.com>").startswith("250 ")
        assert sender.ask(f"RCPT TO:<{TO}>").startswith("550 5.1.1")
        assert restarts_wanted(daemon) == []
        config["mail"]["listener"]["listen"] = "127.0.0.1:2"
        daemon.write_config(config)
        assert daemon.post("/-/reload").status_code == 200
        [wanted] = restarts_wanted(daemon)
        assert "mail.listener" in wanted
        assert sender.ask("NOOP").startswith("250 ")
        assert daemon.stop() == 0
        assert sender.reply().startswith("421 4.3.2 ")


def restarts_wanted(daemon: DaemonProcess) -> list[str]:
    return [event["text"] for event in daemon.log_events("config_lint") if "after a restart" in event["text"]]


def test_a_port_that_is_taken_is_said_with_what_to_do(start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon = start(mail_config(tmp_path, listener={"listen": listen}), wait=False)
        daemon.spawn()
        assert daemon.exit_code() != 0
    assert f"cannot listen for mail on {listen}" in daemon.log()
    assert "change mail.listener.listen" in daemon.log()


# ---------------------------------------------------------------------------------- kill -9


class Senders:
    """What several mail servers would do: each hands in one mail after the other and remembers what was answered 250."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self._lock = threading.Lock()
        self._number = 0

    def load(self, port: int) -> list[threading.Thread]:
        """Hand in until the daemon is gone."""
        threads = [threading.Thread(target=self._hand_in, args=(port,), daemon=True) for _ in range(SENDER_COUNT)]
        for thread in threads:
            thread.start()
        return threads

    def _hand_in(self, port: int) -> None:
        with contextlib.suppress(OSError, AssertionError), Sender(port).greet() as sender:
            while True:
                with self._lock:
                    self._number += 1
                    host = f"host-{self._number}"
                if sender.hand_in(NAGIOS.format(host=host).encode()).startswith("250 "):
                    self.accepted.append(host)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_was_answered_250_is_there_after_kill_9(start, tmp_path):
    listener = {"limits": {"mails_per_minute": 100_000}}
    config = mail_config(tmp_path, listener=listener, teams={"default": {"policy": "default", "ticket": "none"}})
    daemon, senders, chance = start(config, wait=False, command=warm()), Senders(), Random(5)
    for _ in range(CYCLE_COUNT):
        daemon.spawn()
        daemon.await_port()
        before = len(senders.accepted)
        threads = senders.load(mail_port(daemon))
        until(lambda: len(senders.accepted) > before, 10, "a mail is taken", last_words=daemon.log)  # noqa: B023 (asked within the turn)
        time.sleep(chance.uniform(0.05, 0.3))  # the length of a life, not a wait for anything
        daemon.kill()
        for thread in threads:
            thread.join(20)
        assert daemon.rows("PRAGMA quick_check") == [("ok",)]
    daemon.command = SERVE
    daemon.start()
    until(lambda: waiting_count(daemon) == 0, 60, "all are decided", last_words=daemon.log)
    stored = [bytes(row[0]) for row in daemon.rows("SELECT body FROM inbox WHERE kind = 'email'")]
    hosts = [body.partition(b"Message-ID: <")[2].partition(b".problem@")[0].decode() for body in stored]
    print(f"\n{CYCLE_COUNT} kills: {len(senders.accepted)} answered 250, {len(stored)} stored")
    assert len(senders.accepted) > CYCLE_COUNT
    assert set(senders.accepted) <= set(hosts)
    assert len(hosts) == len(set(hosts)), "nothing is stored twice that was handed in once"
    assert daemon.stop() == 0
