"""Which source a mail is for."""

from __future__ import annotations

import pytest

from ingestd.core.mail.recipients import Recipients
from ingestd.core.mail.source import MailSource

RECIPIENTS = Recipients(
    {
        "alerts": MailSource(recipients=("alerts@example.com",)),
        "disks": MailSource(recipients=("alerts+disk@example.com",)),
        "plain": MailSource(recipients=("plain@example.com",), separator=""),
        "dashed": MailSource(recipients=("mail@example.com",), separator="-"),
        "late": MailSource(recipients=("alerts@example.com", "late@example.com")),
    }
)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("alerts@example.com", "alerts"),
        ("ALERTS@Example.Com", "alerts"),
        ("alerts+anything@example.com", "alerts"),
        ("alerts+@example.com", "alerts"),
        ("alerts+disk@example.com", "disks"),
        ("alerts+DISK+a7@example.com", "disks"),
        ("alerts+tape+a7@example.com", "alerts"),
        ("late+x@example.com", "late"),
        ("plain@example.com", "plain"),
        ("plain+x@example.com", None),
        ("mail-x@example.com", "dashed"),
        ("mail+x@example.com", None),
        ("alerts-x@example.com", None),
        ("alerts@example.org", None),
        ("alerts+x@example.org", None),
        ("+alerts@example.com", None),
        ("alerts", None),
        ("", None),
        ("<>", None),
        ("alerts" + "+x" * 11 + "@example.com", None),
    ],
)
def test_the_longest_beginning_that_is_listed_has_the_mail(address, source):
    assert RECIPIENTS.source_of(address) == source
