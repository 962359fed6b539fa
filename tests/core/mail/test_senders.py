"""Who wrote a mail: the one address of From that all programs read alike, and what our own mail server says of its domain."""

from __future__ import annotations

import pytest

from ingestd.core.mail.addresses import mailbox
from ingestd.core.mail.authentication import MICROSOFT_365, Evidence, evidence
from ingestd.core.mail.letter import LetterLimits
from ingestd.core.mail.message import read

LIMITS = LetterLimits()


@pytest.mark.parametrize(
    ("value", "address", "name"),
    [
        ("asha@example.com", "asha@example.com", ""),
        (" <Asha@Example.COM> ", "asha@example.com", ""),
        ("Asha Rao <asha@example.com>", "asha@example.com", "Asha Rao"),
        ('"Rao, Asha" <asha@example.com>', "asha@example.com", "Rao, Asha"),
        ('"Asha \\"x\\" Rao" <asha@example.com>', "asha@example.com", 'Asha "x" Rao'),
        ("Rao, Asha <asha@example.com>", "asha@example.com", "Rao, Asha"),
        ("asha@example.com (Asha (on call) Rao)", "asha@example.com", "Asha on call Rao"),
        ("=?utf-8?q?Ash=C3=A1?= <asha@example.com>", "asha@example.com", "Ashá"),
        ("Cron Daemon <root@host>", "root@host", "Cron Daemon"),
        ("Müller <müller@bücher.example>", "müller@bücher.example", "Müller"),
        ('"asha@example.com" <mallory@example.net>', "mallory@example.net", "asha@example.com"),
        ("asha@example.com <mallory@example.net>", "mallory@example.net", "asha@example.com"),
        ("=?utf-8?q?asha=40example.com=3E_?= <mallory@example.net>", "mallory@example.net", "asha@example.com>"),
        ('"a\r\nBcc: x" <a@example.com>', "a@example.com", "a Bcc: x"),
    ],
)
def test_one_address_is_read(value, address, name):
    found = mailbox(value)
    assert (found.address, found.name) == (address, name)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "asha",
        "asha@",
        "@example.com",
        # Two addresses, or what another program may take for two (CVE-2023-27043).
        "asha@example.com, mallory@example.net",
        "<asha@example.com> <mallory@example.net>",
        "<asha@example.com>, mallory@example.net",
        "alice@example.org)bob@example.com",
        "alice@example.org(bob@example.com",
        "alice@example.org<bob@example.com>",
        "alice@example.org<bob@example.com> ",
        "alice@example.org[bob@example.com]",
        "alice@example.org\\bob@example.com",
        "alice@example.org;bob@example.com",
        "alice@example.org:bob@example.com",
        "alice@example.org,<bob@example.com>",
        "<alice@example.org bob@example.com>",
        "<alice@example.org> bob",
        "alice@example.org alice@example.org <bob@example.com>",
        "mallory@example.net <<asha@example.com>>",
        "group: asha@example.com;",
        "group:;",
        "undisclosed-recipients:;",
        "<@relay.example:asha@example.com>",
        '"asha@example.com"@example.net',
        '"unclosed <asha@example.com>',
        "asha@[192.0.2.1]",
        "asha@exam ple.com",
        "asha@example..com",
        "asha@example.com\u202e",
        "as\u200bha@example.com\x00",
        "asha@example.com.",
        "a" * 2000 + "@example.com",
        "<asha@example.com>" + " " * 2000 + ".evil.example",
    ],
)
def test_what_could_be_read_in_two_ways_is_nobody(value):
    assert mailbox(value).address == ""


def test_several_from_headers_are_nobody():
    assert read(b"From: a@example.com\nFrom: a@example.com\n\n", LIMITS).sender == ""


# ------------------------------------------------------------------------------------------- proof

OURS = "mx.example.com"


def proved(*results: str, sender: str = "asha@example.com", more: str = "", server: str = OURS) -> Evidence | None:
    heads = "".join(f"Authentication-Results: {one}\n" for one in results)
    return evidence(read(f"{more}{heads}From: {sender}\n\nx".encode(), LIMITS), server)


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ("dmarc=pass header.from=example.com", Evidence.DMARC),
        ("dmarc=pass (p=none dis=none) header.from=Example.COM", Evidence.DMARC),
        ("dmarc = pass header.from = example.com", Evidence.DMARC),
        ("dkim=pass header.d=example.com header.s=x header.b=y", Evidence.DKIM),
        ('dkim=pass (2048-bit key; unprotected) header.d="example.com"', Evidence.DKIM),
        ("dkim=fail header.d=example.com; dkim=pass header.d=example.com", Evidence.DKIM),
        ("dkim=pass header.i=@example.com header.s=x", Evidence.DKIM),
        ("spf=pass smtp.mailfrom=bounce@example.com", Evidence.SPF),
        ("spf=pass (domain of x; it says (so)) smtp.mailfrom=example.com", Evidence.SPF),
        ('spf=pass reason="a; b" smtp.mailfrom="odd; name"@example.com', Evidence.SPF),
        (
            "spf=pass smtp.mailfrom=example.com; dkim=pass header.d=example.com; dmarc=pass header.from=example.com",
            Evidence.DMARC,
        ),
        ("dmarc=none header.from=example.com; dkim=pass header.d=example.com", Evidence.DKIM),
        ("spf=pass smtp.mailfrom=example.net; dkim=pass header.d=example.com", Evidence.DKIM),
    ],
)
def test_what_our_server_found_proves_the_domain_of_from(result, found):
    assert proved(f"{OURS}; {result}") is found
    assert proved(f"{OURS} 1;\n {result}") is found
    assert proved(f"(c) MX.Example.com (c) ;{result}") is found


@pytest.mark.parametrize(
    "result",
    [
        "none",
        "",
        "dmarc=fail header.from=example.com",
        "dmarc=pass header.from=example.net",
        "dmarc=pass",
        "dmarc=fail header.from=example.com; dkim=pass header.d=example.com; spf=pass smtp.mailfrom=example.com",
        "dkim=pass header.d=example.net",
        "dkim=pass header.d=badexample.com",
        "dkim=pass header.d=mail.example.com",
        "dkim=pass header.d=com",
        "dkim=pass header.d=",
        "dkim=neutral header.d=example.com",
        "dkim=pass header.d=example.net header.d=example.com",
        "dkim=pass header.d=example.net header.i=@example.com",
        "spf=pass smtp.mailfrom=example.net",
        "spf=pass smtp.helo=example.com",
        "spf=softfail smtp.mailfrom=example.com",
        "arc=pass header.d=example.com",
        "iprev=pass policy.iprev=192.0.2.1",
        'spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com; a"@example.net',
        "spf=fail (x; dmarc=pass header.from=example.com) smtp.mailfrom=example.net",
        'spf=fail reason="x; dmarc=pass header.from=example.com"',
        "dmarc=pass header.from=example.com (never closed",
        'dmarc=pass header.from=example.com "never closed',
        "dmarc=pass header.from=example.com)",
        "dmarc=pass header.from=example.com; " + "x" * 9000,
        "xdmarc=pass header.from=example.com",
        "dmarc=passed header.from=example.com",
    ],
)
def test_what_it_did_not_find_proves_nothing(result):
    assert proved(f"{OURS}; {result}") is None


GOOD = f"{OURS}; dmarc=pass header.from=example.com"


def test_only_the_topmost_results_count_and_only_those_of_our_server():
    assert proved(GOOD, f"{OURS}; dmarc=fail header.from=example.com") is Evidence.DMARC
    assert proved(f"{OURS}; dmarc=fail header.from=example.com", GOOD) is None
    assert proved(f"{OURS}; none", GOOD) is None
    assert proved("relay.example.net; none", GOOD) is None
    assert proved(GOOD.replace(OURS, "mx.example.com.evil.net")) is None
    assert proved(GOOD.replace(OURS, f'"{OURS}"')) is Evidence.DMARC
    assert proved(GOOD.replace(OURS, f"{OURS} 2")) is None
    assert proved(GOOD.replace(OURS, f"{OURS} 1 1")) is None
    assert proved(GOOD.replace(f"{OURS};", "")) is None
    assert proved() is None
    assert proved(GOOD, server="") is None


def test_the_results_of_arc_and_those_that_were_put_aside_are_not_read():
    assert proved(more=f"ARC-Authentication-Results: i=1; {GOOD}\nAuthentication-Results-Original: {GOOD}\n") is None


@pytest.mark.parametrize(
    ("sender", "domain", "is_proved"),
    [
        ("a@alerts.example.com", "example.com", True),
        ("a@a.b.example.co.uk", "example.co.uk", True),
        ("a@example.com", "alerts.example.com", False),
        ("a@one.example.com", "two.example.com", False),
        ("a@example.co.uk", "co.uk", False),
        ("a@example.com", "com", False),
        ("a@host", "host", False),
        ("a@example.com", "example.com.", True),
        ("a@b, c@example.com", "example.com", False),
    ],
)
def test_a_domain_stands_for_itself_and_those_below_it(sender, domain, is_proved):
    assert (proved(f"{OURS}; dkim=pass header.d={domain}", sender=sender) is not None) is is_proved


def test_exchange_online_writes_no_name():
    result = (
        "spf=pass (sender IP is 192.0.2.1)\n smtp.mailfrom=example.com; dkim=pass (signature was verified)\n"
        " header.d=example.com;dmarc=pass action=none\n header.from=example.com;compauth=pass reason=100"
    )
    assert proved(result, server=MICROSOFT_365) is Evidence.DMARC
    assert proved(result) is None
    assert proved(result.replace("=pass", "=fail"), server=MICROSOFT_365) is None
    assert proved(f"relay.example.net; {result}", server=MICROSOFT_365) is None
