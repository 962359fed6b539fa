"""Mail over real sockets: to a real server (aiosmtpd), and to scripted ones that break off at each stage."""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import Sequence

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from ingestd.errors import CredentialsRejected, OutcomeUnknown, RequestRejected, TryLater
from ingestd.net.mail_sender import sender
from ingestd.net.smtp_sender import SmtpOptions, SmtpSender
from ingestd.ports import Mail

MAIL = Mail(
    sender="ingestd@example.com",
    recipient="asha@example.com",
    message_id="<inc-1042.page.1@example.com>",
    raw=b"Subject: x\r\n\r\nfirst\r\n.dot\r\n",
)


class Mailbox:
    """An aiosmtpd handler that keeps what it is given."""

    def __init__(self) -> None:
        self.received: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (aiosmtpd's name)
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 queued as 42"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def serve(mailbox):
    servers = []

    async def start(**options) -> int:
        tls = options.pop("implicit_tls", None)
        loop = asyncio.get_running_loop()

        def session() -> SMTP:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # aiosmtpd warns about logins in the clear, which one test wants
                return SMTP(mailbox, hostname="mail.test", loop=loop, **options)

        server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()


def allow_hunter2(_server, _session, _envelope, _mechanism, data):
    return AuthResult(success=data.login == b"ingestd" and data.password == b"hunter2")


async def test_a_mail_arrives_over_starttls_with_login(serve, mailbox, server_tls, authority):
    port = await serve(tls_context=server_tls, require_starttls=True, auth_required=True, authenticator=allow_hunter2)
    smtp = {"host": "localhost", "port": port, "username": "ingestd", "password": "hunter2", "ca_file": authority}
    words = await sender({"smtp": smtp}).send(MAIL)
    assert words == "queued as 42"
    assert mailbox.received == [("ingestd@example.com", ["asha@example.com"], MAIL.raw)]


async def test_a_mail_arrives_over_implicit_tls(serve, mailbox, server_tls, authority):
    port = await serve(implicit_tls=server_tls)
    await SmtpSender(SmtpOptions("localhost", port, "implicit", ca_file=authority)).send(MAIL)
    assert len(mailbox.received) == 1


async def test_a_relay_on_this_machine_needs_no_encryption(serve, mailbox):
    port = await serve()
    await SmtpSender(SmtpOptions("127.0.0.1", port, "none")).send(MAIL)
    assert len(mailbox.received) == 1


async def test_the_check_logs_in_and_sends_nothing(serve, mailbox):
    port = await serve(auth_require_tls=False, auth_required=True, authenticator=allow_hunter2)
    options = SmtpOptions("127.0.0.1", port, "none", username="ingestd", password="hunter2")
    assert await SmtpSender(options).check() == f"mail server 127.0.0.1:{port} (none) accepts us as ingestd"
    assert mailbox.received == []


async def test_a_wrong_password_is_tried_once_and_stops_the_account(serve, mailbox):
    tries: list[str] = []

    def refuse(_server, _session, _envelope, mechanism, _data):
        tries.append(mechanism)
        return AuthResult(success=False, handled=False)

    port = await serve(auth_require_tls=False, auth_required=True, authenticator=refuse)
    options = SmtpOptions("127.0.0.1", port, "none", username="ingestd", password="wrong-hunter2")
    with pytest.raises(CredentialsRejected, match="535") as caught:
        await SmtpSender(options).send(MAIL)
    assert tries == ["PLAIN"]
    assert "hunter2" not in str(caught.value) + repr(options)


async def test_a_server_without_starttls_gets_neither_password_nor_mail(serve, mailbox):
    port = await serve()
    options = SmtpOptions("localhost", port, "starttls", username="ingestd", password="hunter2")
    with pytest.raises(TryLater, match="STARTTLS"):
        await SmtpSender(options).send(MAIL)
    assert mailbox.received == []


async def test_a_certificate_of_an_unknown_authority_stops_the_mail(serve, mailbox, server_tls):
    port = await serve(tls_context=server_tls, require_starttls=True)
    with pytest.raises(TryLater, match=r"(?i)certificate"):
        await SmtpSender(SmtpOptions("localhost", port, "starttls")).send(MAIL)
    assert mailbox.received == []


async def test_mail_to_another_machine_without_encryption_is_refused_at_once():
    with pytest.raises(ValueError, match="without encryption"):
        sender({"smtp": {"host": "mail.example.com", "tls": "none"}})


async def test_a_server_that_is_down_is_tried_later():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        options = SmtpOptions("127.0.0.1", unused.getsockname()[1], "none")
        with pytest.raises(TryLater, match="cannot be used"):
            await SmtpSender(options).send(MAIL)


HELLO = ["220 mail.test", "250 mail.test"]
"""Up to the answer to EHLO."""


def scripted(answers: Sequence[str | None]):
    """A server that says one line per command; after DATA it reads to the final dot. ``None`` hangs up, "" says nothing."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{answers[0]}\r\n".encode())
        is_content = False
        for line in answers[1:]:
            await (reader.readuntil(b"\r\n.\r\n") if is_content else reader.readline())
            if line is None:
                writer.close()
                return
            if line == "":
                await reader.read()
                return
            is_content = line.startswith("354")
            writer.write(f"{line}\r\n".encode())
        await reader.read()

    return answer


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["554 no service here"], TryLater),
        (["421 too busy"], TryLater),
        ([*HELLO, "451 try again"], TryLater),
        ([*HELLO, "530 5.7.0 authentication required"], CredentialsRejected),
        ([*HELLO, "550 5.7.60 not allowed to send as this sender"], CredentialsRejected),
        ([*HELLO, "552 too big"], RequestRejected),
        ([*HELLO, None], TryLater),
        ([*HELLO, "250 ok", "450 greylisted"], TryLater),
        ([*HELLO, "250 ok", "550 5.1.1 no such user"], RequestRejected),
        ([*HELLO, "250 ok", "530 5.7.0 authentication required"], CredentialsRejected),
        ([*HELLO, "250 ok", None], TryLater),
        ([*HELLO, "250 ok", "250 ok", "354 go on", "452 disk full"], TryLater),
        ([*HELLO, "250 ok", "250 ok", "354 go on", "554 looks like spam"], RequestRejected),
        ([*HELLO, "250 ok", "250 ok", "354 go on", None], OutcomeUnknown),
        ([*HELLO, "250 ok", "250 ok", "354 go on", "what?"], OutcomeUnknown),
    ],
    ids=lambda value: " / ".join(map(str, value[2:] or value)) if isinstance(value, list) else value.__name__,
)
async def test_what_the_server_said_and_when_decides_the_outcome(listen, answers, expected):
    port = await listen(scripted(answers))
    with pytest.raises(expected):
        await SmtpSender(SmtpOptions("127.0.0.1", port, "none", timeout_seconds=5)).send(MAIL)


async def test_silence_after_the_final_dot_leaves_the_outcome_unknown(listen):
    port = await listen(scripted([*HELLO, "250 ok", "250 ok", "354 go on", ""]))
    with pytest.raises(OutcomeUnknown, match="may have taken the mail"):
        await SmtpSender(SmtpOptions("127.0.0.1", port, "none", timeout_seconds=0.2)).send(MAIL)


async def test_silence_before_the_content_is_tried_later(listen):
    port = await listen(scripted([*HELLO, ""]))
    with pytest.raises(TryLater, match="no answer in time"):
        await SmtpSender(SmtpOptions("127.0.0.1", port, "none", timeout_seconds=0.2)).send(MAIL)


async def test_a_mail_that_was_taken_stays_taken_if_the_goodbye_fails(listen):
    port = await listen(scripted([*HELLO, "250 ok", "250 ok", "354 go on", "250 queued", None]))
    assert await SmtpSender(SmtpOptions("127.0.0.1", port, "none")).send(MAIL) == "queued"


@pytest.mark.parametrize(
    "address", ["a@b\r\nRCPT TO:<evil@example.com>", "<a@b>", "a b@example.com", "a@b,c@d", "", "ä@example.com", "a"]
)
async def test_an_address_that_could_say_more_than_itself_is_refused(listen, address):
    port = await listen(scripted([*HELLO, "250 ok"]))
    with pytest.raises(RequestRejected):
        await SmtpSender(SmtpOptions("127.0.0.1", port, "none")).send(Mail(MAIL.sender, address, "<1@b>", MAIL.raw))


@pytest.mark.parametrize("options", [{}, {"maildir": "a", "smtp": {}}, {"smtp": {"host": "localhost", "colour": 1}}])
def test_a_setting_that_names_no_way_out_is_refused(options):
    with pytest.raises(ValueError, match=r"mail needs|not known"):
        sender(options)
