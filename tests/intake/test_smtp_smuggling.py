"""Mail that hides a second mail, and commands that were sent before the encryption that they seem to be under."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from ingestd.intake.server import Tls
from ingestd.intake.settings import Basic, Secret
from ingestd.intake.smtp_settings import SmtpLimits
from tests.intake.conftest import until
from tests.intake.mailroom import MAIL, TO
from tests.intake.test_smtp import plain

NET = Path(__file__).parents[1] / "net" / "tls"
SECOND = f"MAIL FROM:<boss@example.com>\r\nRCPT TO:<{TO}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx".encode()
ENDS = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "CR.CR": b"\r.\r",
    "CRLF.CR": b"\r\n.\r",
    "CR.CRLF": b"\r.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CRLF NUL.CRLF": b"\r\n\x00.\r\n",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("is_in_pieces", [False, True])
async def test_what_only_others_take_for_an_end_is_within_the_one_message(open_mailroom, end, is_in_pieces):
    room = await open_mailroom()
    client = await room.greeted()
    for command in ("MAIL FROM:<a@b.example>", f"RCPT TO:<{TO}>", "DATA"):
        await client.ask(command)
    sent = MAIL[:-2] + end + SECOND + b"\r\n.\r\n"
    for piece in [sent[at : at + 1] for at in range(len(sent))] if is_in_pieces else [sent]:
        client.send(piece)
        await client.writer.drain()
        await asyncio.sleep(0)
    assert (await client.reply()).code == 250
    client.send(b"QUIT\r\n")
    assert (await client.end()).startswith(b"221 "), "nothing else was answered: no second message"
    [text] = await room.messages()
    # Of a dot that begins a line by the standard the first one is taken out, as the standard says.
    assert text == (MAIL[:-2] + end.replace(b"\r\n.", b"\r\n") + SECOND + b"\r\n")


@pytest.fixture
def tls() -> Tls:
    return Tls(NET / "localhost.pem", NET / "localhost.key")


async def test_after_starttls_everything_is_asked_anew(open_mailroom, tls):
    room = await open_mailroom(tls=tls)
    client = await room.client()
    assert "STARTTLS" in (await client.greet()).lines
    assert await client.codes("MAIL FROM:<a@b.example>", "STARTTLS") == [250, 220]
    await client.encrypt()
    assert await client.codes(f"RCPT TO:<{TO}>", "DATA") == [503, 503]
    offered = (await client.ask("EHLO me")).lines
    assert "STARTTLS" not in offered
    assert await client.codes("STARTTLS") == [503]
    assert (await client.hand_in()).code == 250
    [(_, arrival, _)] = await room.stored()
    assert arrival.is_tls


async def test_commands_that_were_sent_before_the_handshake_are_dropped(open_mailroom, tls):
    room = await open_mailroom(tls=tls)
    client = await room.greeted()
    client.send(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<boss@example.com>\r\nRCPT TO:<" + TO.encode() + b">\r\n")
    assert (await client.reply()).code == 220
    await client.encrypt()
    client.send(b"NOOP\r\n")
    assert (await client.reply()).lines == ("OK",), "the first answer is that to the first command under TLS"
    assert await client.codes("MAIL FROM:<a@b.example>") == [503], "the EHLO was not heard"
    assert await room.stored() == []


async def test_without_tls_no_mail_where_it_is_required(open_mailroom, tls):
    room = await open_mailroom(tls=tls, is_tls_required=True)
    client = await room.greeted()
    assert await client.codes("MAIL FROM:<a@b.example>", "NOOP", "STARTTLS") == [530, 250, 220]
    await client.encrypt()
    await client.ask("EHLO me")
    assert (await client.hand_in()).code == 250


async def test_what_is_encrypted_from_the_first_byte_offers_no_starttls_and_takes_passwords(open_mailroom, tls):
    users = (Basic("backup", (Secret.of("correct-horse"),)),)
    room = await open_mailroom(tls=tls, mode="implicit", is_tls_required=True, users=users, is_login_required=True)
    context = ssl.create_default_context(cafile=str(NET / "authority.pem"))
    client = await room.client(ssl=context, server_hostname="localhost")
    offered = (await client.greet()).lines
    assert "AUTH LOGIN PLAIN" in offered
    assert "STARTTLS" not in offered
    assert await client.codes(plain("backup", "correct-horse")) == [235]
    assert (await client.hand_in()).code == 250
    [(_, arrival, _)] = await room.stored()
    assert (arrival.is_tls, arrival.user) == (True, "backup")


async def test_passwords_are_not_taken_in_the_clear_from_elsewhere(open_mailroom, tls, monkeypatch):
    monkeypatch.setattr("ingestd.intake.smtp_connection._LOOPBACK", ())
    room = await open_mailroom(tls=tls, users=(Basic("backup", (Secret.of("correct-horse"),)),))
    client = await room.client()
    assert not [line for line in (await client.greet()).lines if line.startswith("AUTH")]
    assert await client.codes(plain("backup", "correct-horse"), "STARTTLS") == [538, 220]
    await client.encrypt()
    assert "AUTH LOGIN PLAIN" in (await client.ask("EHLO me")).lines
    assert await client.codes(plain("backup", "correct-horse")) == [235]


async def test_a_login_does_not_outlive_the_change_to_tls(open_mailroom, tls):
    room = await open_mailroom(tls=tls, users=(Basic("backup", (Secret.of("correct-horse"),)),))
    client = await room.greeted()
    assert await client.codes(plain("backup", "correct-horse"), "STARTTLS") == [235, 220]
    await client.encrypt()
    await client.ask("EHLO me")
    assert (await client.hand_in()).code == 250
    [(_, arrival, _)] = await room.stored()
    assert arrival.user == ""


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"", b"\x16\x03\x01\x00"])
async def test_a_handshake_that_comes_to_nothing_is_let_go(open_mailroom, tls, garbage):
    room = await open_mailroom(SmtpLimits(command_seconds=0.2, linger_seconds=0.05), tls=tls)
    client = await room.greeted()
    assert await client.codes("STARTTLS") == [220]
    client.send(garbage)
    await client.end()
    await until(lambda: room.connections() == 0)
    assert room.refused("internal") == 0
    assert (await (await room.greeted()).hand_in()).code == 250


async def test_a_stop_lets_go_of_encrypted_connections_too(open_mailroom, tls):
    room = await open_mailroom(SmtpLimits(linger_seconds=0.2), tls=tls)
    client = await room.greeted()
    await client.codes("STARTTLS")
    await client.encrypt()
    assert await client.codes("NOOP") == [250]
    async with asyncio.timeout(5):
        await room.listener.stop()
    assert (await client.end()).startswith(b"421 4.3.2 ")
