"""How a mail came to us, kept with it: what the envelope of its transport said, which nothing inside the mail can be trusted for.

It stands as a first line before the raw message, so that an inbox row holds the whole and can be read again after a crash or by hand.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Final

_MARK: Final = b"X-Ingestd-Arrival: "
_TEXT_CHARS_MAX: Final = 400
_RECIPIENTS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the transport knows. Texts are as the other side wrote them, cut to 400 characters; empty where it said nothing."""

    door: str
    """``smtp`` or ``imap``."""
    sender: str = ""
    """The address of MAIL FROM; empty for the null sender ``<>`` and where a mailbox keeps no Return-Path."""
    recipients: tuple[str, ...] = ()
    """Of the envelope: RCPT TO, or what a mailbox's server noted of it."""
    remote: str = ""
    """The address of the machine that handed it in; empty for a mailbox."""
    user: str = ""
    """Who logged in by SMTP AUTH; empty for nobody."""
    is_tls: bool = False
    is_trusted_network: bool = False
    """The machine that handed it in is in a network whose word on senders is taken."""
    account: str = ""
    """The mailbox that it was fetched from, as the configuration names it."""
    folder: str = ""
    uid_validity: int = 0
    uid: int = 0
    is_cut: bool = False
    """The message was larger than what is taken: only its beginning is here."""


def joined(arrival: Arrival, raw: bytes) -> bytes:
    """The body of an envelope: the arrival and the raw message."""
    plain = {name: value for name, value in asdict(arrival).items() if value}
    for name, value in plain.items():
        if isinstance(value, str):
            plain[name] = _storable(value)
    plain["recipients"] = [_storable(one) for one in arrival.recipients[:_RECIPIENTS_MAX]]
    return _MARK + json.dumps(plain).encode("ascii") + b"\r\n" + raw


def parted(body: bytes) -> tuple[Arrival, bytes] | None:
    """The arrival and the raw message; None if the body was not made by ``joined``."""
    if not body.startswith(_MARK):
        return None
    line, _, raw = body.partition(b"\r\n")
    try:
        plain = json.loads(line[len(_MARK) :])
    except ValueError:
        return None
    if not isinstance(plain, dict) or not isinstance(plain.get("door"), str):
        return None
    known = {field.name for field in fields(Arrival)}
    values = {name: value for name, value in plain.items() if name in known}
    values["recipients"] = tuple(map(str, values.get("recipients", ())))
    return Arrival(**values), raw


def _storable(text: str) -> str:
    return text[:_TEXT_CHARS_MAX].replace("\0", "").encode("utf-8", "replace").decode("utf-8")
