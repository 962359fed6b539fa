"""Mail of a machine, for the simulator: how it writes, and the profile by which a source reads it."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from typing import Final

from ingestd.core.mail.arrival import Arrival, joined
from ingestd.core.mail.profile import SUBJECT, Finding, MailProfile, Meaning, StatusWords, Template
from ingestd.core.mail.source import MailSource
from ingestd.core.matchers import compile_capture, parse_matcher
from ingestd.core.sources import SourceWays

POST: Final = "post"
"""The source of mail."""
HOST: Final = "web1"
"""The host that has nothing but mail."""
_FIELDS: Final = ("alertname", "host", "cluster")
_SAYS: Final = compile_capture(r"^(?P<word>DOWN|UP) (?P<alertname>\w+) (?P<host>\w+) (?P<cluster>\w+)$")
_PROFILE: Final = MailProfile(
    name="simulated",
    match=(parse_matcher('alert.subject =~ "(DOWN|UP) .*"'),),
    extract=(Finding(SUBJECT, _SAYS, ("word", *_FIELDS)),),
    status=StatusWords("word", {"up": Meaning.RECOVERY}),
    identity=(_FIELDS,),
    alertname=(Template((("", "alertname"),)),),
    labels={name: (Template((("", name),)),) for name in ("host", "cluster")},
)
WAYS: Final = {POST: SourceWays(mail=MailSource(("post@example.com",), profiles=(_PROFILE,)))}


def mail_body(alert: tuple[str, str, str], status: str, number: int, now: datetime) -> bytes:
    """The envelope of one mail, handed in by a machine that is trusted. ``number`` tells it from all others; a copy has the same."""
    word = "UP" if status == "resolved" else "DOWN"
    raw = (
        f"From: monitor@example.com\r\nDate: {format_datetime(now)}\r\nMessage-ID: <{number}@example.com>\r\n"
        f"Auto-Submitted: auto-generated\r\nSubject: {word} {' '.join(alert)}\r\n\r\nsee the subject\r\n"
    )
    return joined(Arrival("smtp", "monitor@example.com", is_trusted_network=True), raw.encode())
