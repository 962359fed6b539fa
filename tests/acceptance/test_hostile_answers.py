"""Answers to pages from strangers, over the socket: no answer stalls the loop, takes the memory, or does what its sender may not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import pytest
import requests

from connectors.sms_pager.twilio_signature import sign
from tests.acceptance.daemon import DaemonProcess, config_of
from tests.acceptance.stalls import watching

STALL_SECONDS_MAX = 0.1
GROWN_BYTES_MAX = 50 * 1024**2
EXTERNAL_URL = "https://ingestd.example.com"
SMS, MAIL = "/api/v1/replies/sms", "/api/v1/replies/mail"
ACCOUNT = "AC" + "0" * 31 + "1"
SECRET = "canary-token-of-the-account"
ASHA = "+4915112345678"
HEAD = b"From: asha@example.com\nTo: ack+abcdefghij23456@example.com\n"
HTML = HEAD + b"Content-Type: text/html\n\n"
HANDED_IN = {"Authorization": "Bearer canary-of-the-mail-server", "Content-Type": "message/rfc822"}


def fields(text: str, *more: tuple[str, str]) -> bytes:
    # Each is a message of its own: one that comes again is not even read.
    own = [
        ("MessageSid", "SM" + hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()),
        ("AccountSid", ACCOUNT),
        ("From", ASHA),
        ("Body", text),
        *more,
    ]
    return urlencode(own, errors="surrogatepass").encode()


@dataclass(frozen=True)
class Input:
    """What is sent, and the status of the answer."""

    name: str
    make: Callable[[], bytes]
    status: int
    path: str = SMS
    token: str = SECRET


INPUTS = [
    Input("another-token", lambda: fields("1a"), 403, token="x"),
    Input("1MB", lambda: fields("a" * 2**20), 413),
    Input("60kB", lambda: fields("a" * 60_000), 200),
    Input("marks", lambda: fields("\u0344" * 4_000), 200),
    Input("letters-that-become-eighteen", lambda: fields("1n " + "\ufdfa" * 4_000), 200),
    Input("1000-fields", lambda: fields("1a", *((f"p{n}", "1") for n in range(1000))), 403),
    Input("60000-empty-fields", lambda: b"&" * 60_000, 403),
    Input("surrogates-nul-and-rtl", lambda: fields("\ud800\0\u202e1a"), 200),
    Input("mail-of-5MB", lambda: HEAD + b"\n" + b"x" * 5_000_000, 413, MAIL),
    Input(
        "mail-of-11000-parts",
        lambda: HEAD + b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * 11_000,
        200,
        MAIL,
    ),
    Input(
        "mail-of-1300-levels", lambda: HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 1_300, 200, MAIL
    ),
    Input("mail-of-13000-headers", lambda: b"A: b\n" * 13_000 + b"\nack", 200, MAIL),
    Input("mail-of-open-tags", lambda: HTML + b"<br" * 21_000, 200, MAIL),
    Input("mail-with-a-huge-number", lambda: HTML + b"&#" + b"9" * 60_000, 200, MAIL),
    Input("mail-with-a-broken-subject", lambda: HEAD + b"Subject: =?utf-8?b?a?=\n\nack", 200, MAIL),
    Input(
        "mail-with-a-false-charset",
        lambda: HEAD + b"Content-Type: text/plain; charset=zip\n\n" + bytes(range(256)) * 200,
        200,
        MAIL,
    ),
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    folder = tmp_path_factory.mktemp("answers")
    config = config_of(folder, server={"listen": "127.0.0.1:0", "external_url": EXTERNAL_URL})
    twilio = {"account_sid": ACCOUNT, "auth_token": SECRET, "from": "+15005550006", "api_url": "http://127.0.0.1:1"}
    config["connectors"]["sms"] = {"kind": "sms_pager", "replies": True, "twilio": twilio}
    config["channels"]["sms"] = "sms"
    config["people"]["asha"] = {"email": "asha@example.com", "phone": ASHA}
    config["api"] = {"tokens": [{"name": "mail", "role": "responder", "token": "canary-of-the-mail-server"}]}
    made = DaemonProcess(folder, config)
    made.start()
    yield made
    made.end()


def send(daemon: DaemonProcess, one: Input) -> int:
    body = one.make()
    if one.path == MAIL:
        headers = HANDED_IN
    else:
        signed = parse_qsl(body.decode(), keep_blank_values=True)
        headers = {"X-Twilio-Signature": sign(one.token, EXTERNAL_URL + SMS, signed)}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return requests.post(daemon.url + one.path, data=body, headers=headers, timeout=20).status_code


@pytest.mark.parametrize("one", INPUTS, ids=[one.name for one in INPUTS])
def test_no_answer_stops_the_loop_or_takes_the_memory(daemon, one):
    with watching(daemon.process.pid, daemon.port) as watch:
        status = send(daemon, one)
    print(f"{one.name}: {status}, stall {watch.stall_seconds * 1000:.0f} ms, {watch.grown_bytes / 2**20:+.1f} MiB")
    assert status == one.status
    assert watch.probe_count > 0
    assert watch.stall_seconds < STALL_SECONDS_MAX
    assert watch.grown_bytes < GROWN_BYTES_MAX


def test_nothing_of_it_stands_in_the_log_and_nothing_failed(daemon):
    send(daemon, Input("once-more", lambda: fields("1n \x1b[2J\r\nforged"), 200))
    written = daemon.log()
    assert "reply_received" in written
    assert "reply_refused" in written
    for hidden in ("canary", "\x1b", ASHA, "Traceback", "request_failed", "worker_failed"):
        assert hidden not in written
