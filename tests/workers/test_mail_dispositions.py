"""Whatever comes as mail ends in one disposition, stops nothing behind it, and writes nobody's headers for them."""

from __future__ import annotations

import email
from dataclasses import replace
from email import policy as email_policies

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.email_pager.content import content_of
from connectors.email_pager.message import Letterhead, write_message
from ingestd.config.mail_profiles import built_in
from ingestd.core.mail.arrival import Arrival, joined
from ingestd.core.mail.mail_words import MailDisposition
from ingestd.core.mail.report import ReportPlan
from ingestd.core.mail.source import MailSource
from ingestd.core.mail.trust import Trust
from ingestd.core.names import EffectKey
from ingestd.core.sources import SourceWays
from ingestd.store import inbox
from ingestd.testing.world import World

DISPOSITIONS = {
    *MailDisposition,
    *(
        "incident",
        "joined",
        "resolved",
        "vanished",
        "held",
        "heartbeat",
        "duplicate",
        "ignored",
        "empty",
        "quarantined",
    ),
}
HOW = (
    Arrival("smtp", sender="ada@example.com", recipients=("post@example.com",), is_trusted_network=True),
    Arrival("smtp", remote="203.0.113.9"),
    Arrival("imap", sender="ada@example.com", account="ops", is_cut=True),
    Arrival("smtp", user="nagios"),
)
WAYS = {
    "post": SourceWays(mail=MailSource(("post@example.com",), Trust(), tuple(built_in().values()), ReportPlan())),
    "open": SourceWays(mail=MailSource(("open@example.com",), Trust(takes_unauthenticated=True))),
}

HOSTILE = {
    "nothing": b"",
    "not a header": b"hello\r\n\r\nworld",
    "words in words": b"Subject: " + b"=?utf-8?q?=0ABcc:_x@y?= " * 200 + b"\r\n\r\nx",
    "an injected header": b"From: a@example.com\r\nSubject: a =?UTF-8?Q?=0D=0ABcc:_injected@example.com?=\r\n\r\n\r\nBcc: x",
    "many addresses": b"From: " + b"a@b.example," * 5000 + b"\r\n\r\nx",
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 5000,
    "nested parts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(300)
    ),
    "many parameters": b"Content-Type: text/plain;" + b"".join(b" n*%d=x;" % n for n in range(3000)) + b"\r\n\r\nx",
    "brackets": b"To: " + b"(" * 20_000 + b"\r\nFrom: a@example.com\r\n\r\nx",
    "surrogates and zeros": b"From: a@example.com\r\nSubject: \xed\xa0\x80\x00\xff\r\nDate: \x00\r\n\r\n\xed\xa0\x80\x00",
    "a charset that lies": b"From: a@example.com\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+AGE-\xff",
    "a bounce of nothing": b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\nFinal-Recipient: rfc822;\r\n\r\n--b--",
    "a token of nobody": b"From: ada@example.com\r\nTo: ack+abcdefghij23456@example.com\r\n\r\nack",
    "a number of nobody": b"From: ada@example.com\r\nSubject: [INC-999999999999]\r\n\r\nmore",
    "references": b"From: ada@example.com\r\nReferences: " + b"<a@b> " * 5000 + b"\r\n\r\nmore",
}


def ended(world: World, mails: list[tuple[bytes, Arrival, str]]) -> list[str]:
    """All are stored at once and decided; gives what became of each."""
    ids = world.life.ids
    rows = [
        inbox.Envelope(ids.envelope(), source, "email", world.now(), "203.0.113.9", joined(how, raw))
        for raw, how, source in mails
    ]
    world.database.run_now(inbox.add, rows)
    world.engine.wake.processor.ring()
    world.advance(seconds=30)
    return [str(world.envelope(row.id).disposition) for row in rows]


@pytest.fixture
def world(new_world) -> World:
    return new_world(ways=WAYS)


def nothing_is_injected(world: World) -> None:
    """Each page, written as a mail, has our headers and no others."""
    letterhead = Letterhead("ingestd", "ingestd@example.com")
    ours = {"from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted"}
    ours |= {
        "x-auto-response-suppress",
        "x-ingestd-id",
        "x-ingestd-incident",
        "importance",
        "mime-version",
        "content-type",
    }
    for sent in world.sms.sent:
        key = EffectKey(f"{sent.incident}/mail/page/1")
        raw = write_message(sent.text, content_of(sent.text, None, "link"), key, letterhead, "bo@example.com")
        parsed = email.message_from_bytes(raw, policy=email_policies.compat32)
        assert {name.lower() for name in parsed} <= ours
        assert len(parsed.get_all("to") or ()) == 1


def test_every_hostile_mail_ends_in_one_disposition_and_injects_nothing(world, value_of):
    mails = [(raw, how, source) for raw in HOSTILE.values() for how in HOW for source in WAYS]
    became = ended(world, mails)
    assert set(became) <= DISPOSITIONS
    assert {"incident", "quarantined", "bounce"} <= set(became), "some of it is taken, or nothing is shown"
    assert world.sms.sent
    assert value_of(world, "ingestd_worker_failures_total", worker="processor") in {None, 0.0}
    assert "internal_error" not in {world.envelope(one.id).reason for one in listed(world)}
    nothing_is_injected(world)


def listed(world: World) -> list[inbox.EnvelopeReport]:
    return world.database.read_now(lambda connection: inbox.reports(connection, state=None, source=None, limit=10_000))


NAMES = st.sampled_from(
    [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "References",
        "In-Reply-To",
        "Content-Type",
        "Auto-Submitted",
        "Return-Path",
        "Authentication-Results",
        "X-Ingestd-Id",
        "List-Id",
        "Precedence",
        "Content-Transfer-Encoding",
        "Received",
        "X-\r\n",
    ]
)
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["ada@example.com", "<>", "multipart/mixed; boundary=b", "=?utf-8?b?AA==?=", "base64", "auto-replied"]
    )
    | st.sampled_from(["<reply.abcdefghij23456@example.com>", "[INC-1001] x", "text/html; charset=x", "<a@b> <c@d>"]),
)
MAILS = st.builds(
    lambda heads, text: (
        "\r\n".join(f"{name}: {value}" for name, value in heads).encode("utf-8", "replace") + b"\r\n\r\n" + text
    ),
    st.lists(st.tuples(NAMES, VALUES), max_size=12),
    st.one_of(st.binary(max_size=300), st.sampled_from([b"--b\r\n\r\nack\r\n--b--", b"<p>help", b"ack"])),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mails=st.lists(st.tuples(MAILS, st.sampled_from(HOW), st.sampled_from(sorted(WAYS))), min_size=10, max_size=14))
def test_two_hundred_mails_made_by_chance_each_end_in_one_disposition(world, value_of, mails):
    assert set(ended(world, mails)) <= DISPOSITIONS
    assert value_of(world, "ingestd_worker_failures_total", worker="processor") in {None, 0.0}
    nothing_is_injected(world)


def test_mail_of_a_source_that_takes_none_any_more_is_told_and_read_again_later(world):
    world.current.standing = replace(world.current.standing, ways={})
    raw = b"From: ada@example.com\r\nSubject: help\r\n\r\nhelp"
    assert ended(world, [(raw, HOW[0], "post")]) == ["quarantined"]
    assert [report.reason for report in listed(world)] == ["malformed"]
    assert [incident.title for incident in world.incidents()] != []
