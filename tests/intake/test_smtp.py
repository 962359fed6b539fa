"""The listener for mail: what is taken for whom, what is refused and how, and that 250 means that it is on disk."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import struct
import threading
from ipaddress import ip_network

import pytest

from ingestd.intake.settings import Basic, Secret
from ingestd.intake.smtp_settings import SmtpLimits
from tests.intake.conftest import until
from tests.intake.mailroom import MAIL, SOURCES, TO, settings_of

HOME = ip_network("127.0.0.0/8")
ELSEWHERE = ip_network("192.0.2.0/24")


async def test_what_is_answered_250_is_on_disk_with_what_the_transport_knows(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    reply = await client.hand_in(MAIL, [TO, "Alerts+A7@Example.COM"], sender="disk@example.com")
    assert reply.code == 250
    [(source, arrival, text)] = await room.stored()
    assert (source, text) == ("alerts", MAIL)
    assert arrival.door == "smtp"
    assert arrival.sender == "disk@example.com"
    assert arrival.recipients == (TO, "Alerts+A7@Example.COM")
    assert arrival.remote == "127.0.0.1"
    assert (arrival.user, arrival.is_tls, arrival.is_trusted_network) == ("", False, False)
    assert reply.text.startswith("2.0.0 stored as env_")


async def test_the_answer_waits_for_the_commit(open_mailroom):
    room = await open_mailroom()
    go_on = threading.Event()
    client = await room.greeted()
    blocking = asyncio.ensure_future(room.database.run(lambda _connection: go_on.wait(20)))
    handing_in = asyncio.ensure_future(client.hand_in())
    await until(lambda: room.gate._count == 1)
    assert not handing_in.done()
    go_on.set()
    assert (await handing_in).code == 250
    await blocking


async def test_what_is_offered(open_mailroom):
    room = await open_mailroom(SmtpLimits(message_bytes_max=123_456))
    client = await room.client()
    greeting = await client.reply()
    assert greeting.text == "mx.example.com ESMTP ingestd"
    offered = (await client.ask("EHLO me")).lines
    assert offered == ("mx.example.com", "8BITMIME", "SMTPUTF8", "PIPELINING", "SIZE 123456")
    assert await client.codes("HELO me", "NOOP", "HELP", "VRFY alerts", "EXPN alerts") == [250, 250, 250, 502, 502]


async def test_one_mail_for_several_sources_is_stored_for_each_of_them(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    assert (await client.hand_in(MAIL, [TO, "alerts+disk@example.com", "disks+b@example.com"])).code == 250
    assert [(source, arrival.recipients) for source, arrival, _ in await room.stored()] == [
        ("alerts", (TO,)),
        ("disks", ("alerts+disk@example.com", "disks+b@example.com")),
    ]


async def test_several_mails_come_over_one_connection(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    assert [(await client.hand_in(MAIL + b"%d\r\n" % number)).code for number in range(3)] == [250] * 3
    assert await client.codes("QUIT") == [221]
    assert await room.messages() == [MAIL + b"%d\r\n" % number for number in range(3)]
    await until(lambda: room.connections() == 0)


async def test_the_null_sender_is_taken_and_known_by_its_emptiness(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    assert (await client.hand_in(sender="")).code == 250
    [(_, arrival, _)] = await room.stored()
    assert arrival.sender == ""


async def test_addresses_and_text_beyond_ascii_are_kept(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    assert (await client.ask("MAIL FROM:<ülf@example.com> SMTPUTF8 BODY=8BITMIME")).code == 250
    assert (await client.ask(f"RCPT TO:<{TO}>")).code == 250
    assert (await client.ask("DATA")).code == 354
    client.send("Subject: Öl\r\n\r\nvoll\r\n".encode("latin-1") + b".\r\n")
    assert (await client.reply()).code == 250
    [(_, arrival, text)] = await room.stored()
    assert (arrival.sender, text) == ("ülf@example.com", "Subject: Öl\r\n\r\nvoll\r\n".encode("latin-1"))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"", b""),
        (b"..\r\n", b".\r\n"),
        (b"a\r\n..b\r\n...\r\n", b"a\r\n.b\r\n..\r\n"),
        (b"a.\r\n.b\r\n", b"a.\r\nb\r\n"),
        (b"no end of a line is needed before the end\r\n", b"no end of a line is needed before the end\r\n"),
        (b"\x00\xff\r\n", b"\x00\xff\r\n"),
    ],
)
async def test_dots_are_taken_out_and_nothing_else_is_changed(open_mailroom, sent, kept):
    room = await open_mailroom()
    client = await room.greeted()
    assert (await client.hand_in(sent)).code == 250
    assert await room.messages() == [kept]


async def test_a_message_in_single_bytes_is_the_same_message(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    for command in (f"MAIL FROM:<{TO}>", f"RCPT TO:<{TO}>", "DATA"):
        await client.ask(command)
    for byte in b"..a\r\n.\r":
        client.send(bytes([byte]))
        await client.writer.drain()
        await asyncio.sleep(0)
    client.send(b"\n")
    assert (await client.reply()).code == 250
    assert await room.messages() == [b".a\r\n"]


async def test_commands_may_come_in_one_piece_with_the_end_of_a_message(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    client.send(f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{TO}>\r\nDATA\r\n".encode())
    assert [(await client.reply()).code for _ in range(3)] == [250, 250, 354]
    client.send(MAIL + b".\r\nNOOP\r\nQUIT\r\n")
    assert [(await client.reply()).code for _ in range(3)] == [250, 250, 221]
    assert await room.messages() == [MAIL]


async def test_who_closes_its_half_while_its_message_is_stored_hears_of_it(open_mailroom):
    room = await open_mailroom()
    go_on = threading.Event()
    blocking = asyncio.ensure_future(room.database.run(lambda _connection: go_on.wait(20)))
    client = await room.greeted()
    for command in (f"MAIL FROM:<{TO}>", f"RCPT TO:<{TO}>", "DATA"):
        await client.ask(command)
    client.send(MAIL + b".\r\n")
    client.writer.write_eof()
    await until(lambda: room.gate._count == 1)
    go_on.set()
    assert (await client.reply()).code == 250
    assert await client.end() == b""
    await blocking


@pytest.mark.parametrize("is_told", [False, True])
async def test_who_goes_away_while_its_message_is_stored_is_no_fault_of_ours(open_mailroom, is_told):
    room = await open_mailroom()
    go_on = threading.Event()
    blocking = asyncio.ensure_future(room.database.run(lambda _connection: go_on.wait(20)))
    clients = [await room.greeted() for _ in range(5)]
    for client in clients:
        await client.codes("MAIL FROM:<a@b.example>", f"RCPT TO:<{TO}>", "DATA")
        client.send(MAIL + b".\r\n")
    await until(lambda: room.gate._count == 5)
    for client in clients:
        if is_told:
            client.writer.write_eof()
            await asyncio.sleep(0.01)
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    go_on.set()
    await blocking
    await until(lambda: room.connections() == 0)
    await room.gate.drain()
    assert await room.messages() == [MAIL] * 5
    assert room.refused("internal") == 0


# ---------------------------------------------------------------------------------- what is refused


async def test_an_unknown_recipient_is_told_so_and_the_others_get_the_mail(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    await client.ask("MAIL FROM:<a@b.example>")
    unknown = await client.ask("RCPT TO:<nobody@example.com>")
    assert (unknown.code, unknown.text[:5]) == (550, "5.1.1")
    assert await client.codes("RCPT TO:<>", "RCPT TO:<postmaster>", f"RCPT TO:<{TO}>", "DATA") == [550, 550, 250, 354]
    client.send(b".\r\n")
    assert (await client.reply()).code == 250
    assert room.refused("unknown_recipient") == 3


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("MAIL FROM:<a@b", 553),
        ("MAIL FROM:<a@b>c", 553),
        ("MAIL FROM:<" + "(" * 400 + "a@b>", 250),
        ("MAIL", 501),
        ("MAIL FROM:<a@b.example> BODY=BINARYMIME", 501),
        ("MAIL FROM:<a@b.example> SIZE=ten", 501),
        ("MAIL FROM:<a@b.example> RET=HDRS", 555),
        ("MAIL FROM:<@relay.example:a@b.example> SIZE=10", 250),
        ("MAIL FROM:a@b.example", 250),
        ('MAIL FROM:<"a b>"@b.example>', 250),
        ("RCPT TO:<alerts@example.com>", 503),
        ("DATA", 503),
        ("AUTH PLAIN", 502),
        ("STARTTLS", 454),
        ("WHAT", 500),
        ("MAIL FROM:<" + "a" * 700 + "@b.example>", 500),
        ("x" * 5000, 500),
    ],
)
async def test_commands_that_are_not_right_are_told_so(open_mailroom, command, code):
    room = await open_mailroom()
    client = await room.greeted()
    assert await client.codes(command, "NOOP") == [code, 250]


async def test_the_room_for_a_sender_does_not_grow_with_each_greeting(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    for _ in range(100):
        assert (await client.ask("EHLO me")).code == 250
    assert await client.codes("MAIL FROM:<" + "a" * 700 + "@b.example>") == [500]


async def test_a_message_that_says_that_it_is_too_large_is_not_even_sent(open_mailroom):
    room = await open_mailroom(SmtpLimits(message_bytes_max=1000))
    client = await room.greeted()
    assert await client.codes("MAIL FROM:<a@b.example> SIZE=1001", "MAIL FROM:<a@b.example> SIZE=1000") == [552, 250]


@pytest.mark.parametrize(("size", "code"), [(100_000, 250), (100_001, 552), (150_000, 552)])
async def test_a_message_may_have_as_many_bytes_as_is_said(open_mailroom, size, code):
    room = await open_mailroom(SmtpLimits(message_bytes_max=100_000))
    client = await room.greeted()
    mail = (b"x" * 98 + b"\r\n") * (size // 100 - 1)
    mail += b"y" * (size - len(mail) - 2) + b"\r\n"
    assert (await client.hand_in(mail)).code == code
    assert await client.codes("NOOP") == [250]
    assert [len(one) for one in await room.messages()] == ([size] if code == 250 else [])


async def test_who_goes_on_and_on_is_cut_off(open_mailroom):
    room = await open_mailroom(SmtpLimits(message_bytes_max=10_000))
    client = await room.greeted()
    for command in ("MAIL FROM:<a@b.example>", f"RCPT TO:<{TO}>", "DATA"):
        await client.ask(command)
    client.send(b"x\r\n" * 100_000)
    assert (await client.end()).startswith(b"552 5.3.4 ")
    assert room.refused("too_large") == 1


async def test_a_line_may_be_long_but_not_without_a_bound(open_mailroom):
    room = await open_mailroom(SmtpLimits(line_bytes_max=5000))
    client = await room.greeted()
    assert (await client.hand_in(b"x" * 4999 + b"\n" + b"y\r\n")).code == 250
    assert (await client.hand_in(b"a\r\n" + b"x" * 5001 + b"\r\nb\r\n")).code == 554
    assert (await client.hand_in(b"x" * 5001 + b"\n" + b"b\r\n")).code == 554
    assert room.refused("line_too_long") == 2


async def test_a_loop_between_mail_servers_ends_here(open_mailroom):
    room = await open_mailroom(SmtpLimits(hops_max=5))
    client = await room.greeted()
    hop = b"Received: from a by b\r\n\tfor c; today\r\n"
    assert (await client.hand_in(5 * hop + MAIL + b"Received: this is text\r\n")).code == 250
    again = await client.hand_in(b"X: y\r\n" + 3 * hop + 3 * hop.upper() + MAIL)
    assert (again.code, again.text[:5]) == (554, "5.4.6")


async def test_more_recipients_than_are_taken_are_for_another_mail(open_mailroom):
    room = await open_mailroom(SmtpLimits(recipients_max=2))
    client = await room.greeted()
    to = f"RCPT TO:<{TO}>"
    assert await client.codes("MAIL FROM:<a@b.example>", to, to, to, "DATA") == [250, 250, 250, 452, 354]


async def test_mails_of_a_minute_are_bounded_for_each_address_but_not_for_relays(open_mailroom):
    for trusted, codes in (((), [250, 250, 451]), ((HOME,), [250, 250, 250])):
        room = await open_mailroom(SmtpLimits(mails_per_minute_max=2), trusted_networks=trusted)
        client = await room.greeted()
        found = []
        for _ in range(3):
            found += [(await client.ask("MAIL FROM:<a@b.example>")).code, (await client.ask("RSET")).code]
        assert found[::2] == codes


async def test_whoever_makes_too_many_errors_is_let_go(open_mailroom):
    room = await open_mailroom(SmtpLimits(errors_max=3))
    client = await room.greeted()
    await client.ask("MAIL FROM:<a@b.example>")
    guesses = b"".join(b"RCPT TO:<guess%d@example.com>\r\n" % number for number in range(2000))
    client.send(guesses)
    answers = (await client.end()).decode().splitlines()
    assert [answer[:3] for answer in answers] == ["550"] * 4 + ["421"]
    assert room.refused("errors") == 1


async def test_commands_that_there_are_not_count_as_errors_like_any(open_mailroom):
    room = await open_mailroom(SmtpLimits(errors_max=7))
    client = await room.greeted()
    client.send(b"XCLIENT ADDR=192.0.2.1\r\n" * 20)
    answers = (await client.end()).decode().splitlines()
    assert [answer[:3] for answer in answers] == ["500"] * 8 + ["421"]
    assert room.refused("errors") == 1


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST /api HTTP/1.1", "BDAT 20 LAST"])
async def test_what_is_another_protocol_is_cut_before_it_can_say_something_that_looks_like_mail(open_mailroom, line):
    room = await open_mailroom()
    client = await room.greeted()
    client.send(f"{line}\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<{TO}>\r\nDATA\r\nx\r\n.\r\n".encode())
    assert (await client.end()).startswith(b"421 4.7.0 ")
    assert await room.stored() == []


async def test_a_database_that_is_stuck_is_told_451_and_a_full_disk_452(open_mailroom, monkeypatch):
    room = await open_mailroom()
    client = await room.greeted()
    await room.database.run(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1").close())
    full = await client.hand_in(MAIL + b"x" * 60_000 + b"\r\n")
    assert (full.code, full.text[:5]) == (452, "4.3.1")
    await room.database.run(lambda connection: connection.exec_driver_sql("DROP TABLE inbox"))
    broken = await client.hand_in()
    assert (broken.code, broken.text[:5]) == (451, "4.3.0")
    assert (room.refused("disk_full"), room.refused("store_busy")) == (1, 1)


async def test_if_one_of_the_sources_cannot_have_it_the_sender_comes_again(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    await room.database.run(
        lambda connection: connection.exec_driver_sql(
            "CREATE TRIGGER no_disks BEFORE INSERT ON inbox WHEN new.source = 'disks' BEGIN SELECT raise(ABORT, 'no'); END"
        )
    )
    assert (await client.hand_in(MAIL, [TO, "disks@example.com"])).code == 451


async def test_the_bytes_of_all_messages_together_are_bounded_and_relays_of_ours_have_half_of_the_room(open_mailroom):
    limits = SmtpLimits(message_bytes_max=40_000, in_flight_bytes_max=100_000)
    room = await open_mailroom(limits)
    clients = [await room.greeted() for _ in range(3)]
    for client in clients[:2]:
        await client.codes("MAIL FROM:<a@b.example>", f"RCPT TO:<{TO}>", "DATA")
    clients[0].send(b"x\r\n" * 10_000)
    await until(lambda: room.listener._desk.floor.in_flight_bytes == 30_000)
    clients[1].send(b"x\r\n" * 10_000 + b".\r\n")
    assert (await clients[1].reply()).code == 452
    assert await clients[2].codes("MAIL FROM:<a@b.example> SIZE=30000") == [452]
    room.listener.replace(settings_of(limits, trusted_networks=(HOME,)))
    relay = await room.greeted()
    assert (await relay.hand_in(b"x\r\n" * 10_000)).code == 250
    clients[0].send(b".\r\n")
    assert (await clients[0].reply()).code == 250
    assert room.listener._desk.floor.in_flight_bytes == 0


# ---------------------------------------------------------------------------------- who may


async def test_a_network_that_is_not_allowed_is_told_so_at_once(open_mailroom):
    room = await open_mailroom(allowed_networks=(ELSEWHERE,))
    client = await room.client()
    assert (await client.end()).startswith(b"554 5.7.1 ")
    room.listener.replace(settings_of(allowed_networks=(ELSEWHERE, HOME)))
    assert (await (await room.greeted()).hand_in()).code == 250


async def test_a_source_may_have_networks_of_its_own(open_mailroom):
    room = await open_mailroom(source_networks={"disks": (ELSEWHERE,)})
    client = await room.greeted()
    assert await client.codes("MAIL FROM:<a@b.example>", "RCPT TO:<disks@example.com>", f"RCPT TO:<{TO}>") == [
        250,
        550,
        250,
    ]


async def test_a_relay_of_ours_is_known_by_its_network(open_mailroom):
    room = await open_mailroom(trusted_networks=(HOME,))
    await (await room.greeted()).hand_in()
    [(_, arrival, _)] = await room.stored()
    assert arrival.is_trusted_network


def plain(username: str, password: str) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()).decode()


USERS = (
    Basic("backup", (Secret.of("correct-horse"), Secret.of("battery-staple"))),
    Basic("zürich", (Secret.of("geheim12"),)),
)


@pytest.mark.parametrize(
    ("username", "password", "code"),
    [
        ("backup", "correct-horse", 235),
        ("backup", "battery-staple", 235),
        ("zürich", "geheim12", 235),
        ("backup", "geheim12", 535),
        ("nobody", "correct-horse", 535),
        ("backup", "", 535),
        ("", "", 535),
    ],
)
async def test_a_user_is_known_by_its_password(open_mailroom, username, password, code):
    room = await open_mailroom(users=USERS, is_login_required=True)
    client = await room.client()
    await client.reply()
    assert "AUTH LOGIN PLAIN" in (await client.ask("EHLO me")).lines
    assert await client.codes("MAIL FROM:<a@b.example>", plain(username, password)) == [530, code]
    if code == 235:
        assert (await client.hand_in()).code == 250
        [(_, arrival, _)] = await room.stored()
        assert arrival.user == username


async def test_a_login_in_two_steps(open_mailroom):
    room = await open_mailroom(users=USERS)
    client = await room.greeted()
    encoded = [base64.b64encode(text).decode() for text in (b"backup", b"correct-horse")]
    assert await client.codes("auth login", *encoded) == [334, 334, 235]
    assert await client.codes("MAIL FROM:<a@b.example> AUTH=<>") == [250]


async def test_a_relay_of_ours_need_not_log_in(open_mailroom):
    room = await open_mailroom(users=USERS, is_login_required=True, trusted_networks=(HOME,))
    assert (await (await room.greeted()).hand_in()).code == 250


@pytest.mark.parametrize("line", ["AUTH PLAIN ====", "AUTH CRAM-MD5", "AUTH", "AUTH PLAIN a b c", "AUTH PLAIN AAAA"])
async def test_logins_that_are_not_right_are_told_so(open_mailroom, line):
    room = await open_mailroom(users=USERS)
    client = await room.greeted()
    assert (await client.ask(line)).code in {501, 504, 535}
    assert await client.codes("NOOP") == [250]


async def test_a_login_that_is_too_long_is_no_fault_of_ours(open_mailroom):
    room = await open_mailroom(users=USERS)
    client = await room.greeted()
    assert await client.codes("AUTH PLAIN", "A" * 100_000) == [334, 421]
    assert await client.end() == b""
    assert room.refused("internal") == 0


async def test_passwords_are_not_guessed_for_long(open_mailroom):
    room = await open_mailroom(SmtpLimits(logins_per_minute_max=4), users=USERS)
    client = await room.greeted()
    assert await client.codes(*[plain("backup", f"guess-{number}") for number in range(3)]) == [535] * 3
    assert (await client.end()).startswith(b"421 4.7.0 ")
    client = await room.greeted()
    assert await client.codes(plain("backup", "another"), plain("backup", "correct-horse")) == [535, 421]
    assert room.refused("logins") == 2


# ---------------------------------------------------------------------------------- how long, how many


@pytest.mark.parametrize("begun", [b"", b"EHLO me\r\n", b"EHL", b"MAIL FROM:<a@b.example>\r\n"])
async def test_whoever_says_nothing_more_is_let_go(open_mailroom, begun):
    room = await open_mailroom(SmtpLimits(command_seconds=0.1))
    client = await room.client()
    client.send(begun)
    assert (await client.end()).splitlines()[-1].startswith(b"421 4.4.2 ")
    assert room.refused("command_timeout") == 1


async def drip(client, data: bytes, seconds: float = 0.01) -> bytes:
    """Send byte after byte until the other side closes; gives what it said."""
    ending = asyncio.ensure_future(client.end())
    with contextlib.suppress(ConnectionError):
        for byte in data:
            if ending.done():
                break
            client.send(bytes([byte]))
            await asyncio.sleep(seconds)
    return await ending


async def test_a_command_that_drips_in_does_not_extend_its_time(open_mailroom):
    room = await open_mailroom(SmtpLimits(command_seconds=0.2))
    client = await room.greeted()
    assert (await drip(client, b"NOOP " * 10_000)).startswith(b"421 4.4.2 ")


async def test_a_message_that_drips_in_is_cut_off_and_nothing_of_it_is_taken(open_mailroom):
    room = await open_mailroom(SmtpLimits(command_seconds=0.1, data_seconds=0.4))
    client = await room.greeted()
    await client.codes("MAIL FROM:<a@b.example>", f"RCPT TO:<{TO}>", "DATA")
    assert (await drip(client, b"x\r\n" * 10_000)).startswith(b"421 4.4.2 the message")
    assert room.refused("data_timeout") == 1
    assert await room.stored() == []
    assert room.listener._desk.floor.in_flight_bytes == 0


async def test_no_connection_is_open_for_ever(open_mailroom):
    room = await open_mailroom(SmtpLimits(session_seconds=0.3))
    client = await room.greeted()
    ending = asyncio.ensure_future(client.end())
    while not ending.done():
        client.send(b"NOOP\r\n")
        await asyncio.sleep(0.02)
    assert (await ending).splitlines()[-1].startswith(b"421 4.4.2 this connection")


async def test_who_reads_no_answers_is_let_go(open_mailroom):
    room = await open_mailroom(SmtpLimits(command_seconds=0.3, linger_seconds=0.1, errors_max=10**9))
    client = await room.client(limit=1)
    client.reader._transport.pause_reading()
    with contextlib.suppress(ConnectionError):
        for _ in range(400):
            client.send(b"HELP\r\n" * 1000)
            await asyncio.wait_for(client.writer.drain(), 0.05)
    await until(lambda: room.connections() == 0)


async def test_connections_of_one_address_are_bounded(open_mailroom):
    room = await open_mailroom(SmtpLimits(connections_per_address_max=2))
    held = [await room.greeted(), await room.greeted()]
    assert (await (await room.client()).end()).startswith(b"421 4.7.0 too many connections")
    held[0].close()
    await until(lambda: room.connections() == 1)
    await room.greeted()


async def test_where_all_places_are_taken_who_was_idle_for_longest_goes(open_mailroom):
    room = await open_mailroom(SmtpLimits(connections_max=2))
    first, second = await room.greeted(), await room.greeted()
    assert await first.codes("NOOP") == [250]
    third = await room.greeted()
    assert (await second.end()).startswith(b"421 4.3.2 ")
    assert (await first.hand_in()).code == (await third.hand_in()).code == 250


async def test_where_all_places_are_at_work_the_newcomer_comes_again(open_mailroom):
    room = await open_mailroom(SmtpLimits(connections_max=1))
    busy = await room.greeted()
    await busy.codes("MAIL FROM:<a@b.example>", f"RCPT TO:<{TO}>", "DATA")
    assert (await (await room.client()).end()).startswith(b"421 4.3.2 ")
    busy.send(b".\r\n")
    assert (await busy.reply()).code == 250


# ---------------------------------------------------------------------------------- stop and reload


async def test_a_stop_answers_what_is_being_stored_and_lets_the_others_go(open_mailroom):
    room = await open_mailroom()
    go_on = threading.Event()
    blocking = asyncio.ensure_future(room.database.run(lambda _connection: go_on.wait(20)))
    storing, sending, idle = await room.greeted(), await room.greeted(), await room.greeted()
    for client in (storing, sending):
        await client.codes("MAIL FROM:<a@b.example>", f"RCPT TO:<{TO}>", "DATA")
    storing.send(MAIL + b".\r\n")
    sending.send(MAIL)
    await until(lambda: room.gate._count == 1 and room.listener._desk.floor.in_flight_bytes >= 2 * len(MAIL))
    stopping = asyncio.ensure_future(room.listener.stop())
    for client in (sending, idle):
        assert (await client.end()).startswith(b"421 4.3.2 stopping")
    go_on.set()
    assert [(await storing.reply()).code for _ in range(2)] == [250, 421]
    await stopping
    await blocking
    assert await room.messages() == [MAIL]
    with pytest.raises(ConnectionRefusedError):
        await room.client()


async def test_new_recipients_users_and_limits_hold_for_connections_that_are_open(open_mailroom):
    room = await open_mailroom()
    client = await room.greeted()
    new = {"disks": SOURCES["disks"]}
    room.listener.replace(settings_of(SmtpLimits(message_bytes_max=500), sources=new, users=USERS))
    assert await client.codes("MAIL FROM:<a@b.example> SIZE=501", "MAIL FROM:<a@b.example>") == [552, 250]
    assert await client.codes(f"RCPT TO:<{TO}>", "RCPT TO:<disks@example.com>") == [550, 250]
    assert await client.codes("RSET", plain("backup", "correct-horse")) == [250, 235]
