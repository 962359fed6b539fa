"""What kind of mail it is, before anybody asks what it says: ours, a bounce, a program's answer, an answer to a page, or content.

Pure. What only a database knows (whether a token is known, whose page bounced, whether the mail came before) is asked by the caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.automatic import AutomaticKind, kind_of
from ingestd.core.mail.bounce import Bounce, read_bounce
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.mail_words import MailDisposition, MailReason
from ingestd.core.mail.proof import Proof, Refusal, proof_of, refusal_of
from ingestd.core.mail.reply_tokens import tokens_of
from ingestd.core.mail.trust import Trust
from ingestd.core.mail_reply import is_automatic
from ingestd.core.safe_text import one_line

HOPS_MAX: Final = 50
"""Received headers of one mail. Real ways have a dozen; what has more goes round in a circle."""

_OWN_HEADERS: Final = ("x-ingestd-id", "x-ingestd-incident")
# As the pager makes them: of a page, and of an incident's thread, which no mail of ours has as its own.
_OWN_MESSAGE_ID: Final = re.compile(
    r"<(?:inc-\d{1,12}|word|answer|page)(?:\.[a-z0-9-]{1,60}){0,10}\.[0-9a-f]{16}@[^<>\s]{1,255}>"
)
# As the connectors of Freshdesk and Jira mark what they write.
_TICKET_MARK: Final = re.compile(
    r"\[ingestd-[0-9a-f]{20}\]|Marker: ingestd-[0-9a-f]{20}\b|\[ingestd INC-\d{1,12}/[^\s\]/]{1,64}/[a-z-]{1,32}/\d{1,9}\]"
)


class MailWay(StrEnum):
    """Where a mail goes on."""

    ENDED = "ended"
    """Nothing comes of it."""
    BOUNCE = "bounce"
    REPLY = "reply"
    """It holds what may be the token of a page; if none is known it is content."""
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Sorted:
    """A mail as it was sorted. ``refusal``: why its content is not taken; ``proof``: what shows who wrote it."""

    way: MailWay
    disposition: MailDisposition | None = None
    reason: MailReason | None = None
    detail: str = ""
    bounce: Bounce | None = None
    tokens: tuple[str, ...] = ()
    proof: Proof | None = None
    refusal: Refusal | None = None


def sort(letter: Letter, arrival: Arrival, trust: Trust, *, is_released: bool = False) -> Sorted:
    """Sort one mail. ``is_released``: somebody who looks after ingestd read it and let it through."""
    own = own_reason(letter)
    if own is not None:
        return Sorted(MailWay.ENDED, MailDisposition.OWN, own, _about(letter))
    is_null = arrival.door == "smtp" and not arrival.sender
    bounce = read_bounce(letter, is_null_sender=is_null)
    if bounce is not None:
        return Sorted(MailWay.BOUNCE, bounce=bounce)
    kind = kind_of(letter, is_null_sender=is_null)
    if kind is AutomaticKind.ABSENCE:
        return Sorted(MailWay.ENDED, MailDisposition.ABSENCE, MailReason.ABSENCE_NOTE, _about(letter))
    tokens = tokens_of(letter.headers, letter.references, arrival.recipients)
    if tokens and (kind is not AutomaticKind.NONE or is_automatic(letter)):
        return Sorted(MailWay.ENDED, MailDisposition.ABSENCE, MailReason.AUTOMATIC_REPLY, _about(letter))
    proof = proof_of(letter, arrival, trust, is_released=is_released)
    refusal = refusal_of(letter, arrival, trust, proof)
    way = MailWay.REPLY if tokens else MailWay.CONTENT
    return Sorted(way, tokens=tokens, proof=proof, refusal=refusal)


def own_reason(letter: Letter) -> MailReason | None:
    """Why the mail counts as our own; None if it does not. Whoever forges this is only not heard."""
    if any(name in letter.headers for name in _OWN_HEADERS) or _OWN_MESSAGE_ID.fullmatch(letter.message_id):
        return MailReason.OWN_PAGE
    # What somebody wrote themselves, so that a person may quote a ticket in a report.
    if _TICKET_MARK.search(letter.own_text):
        return MailReason.OWN_TICKET
    return MailReason.TOO_MANY_HOPS if len(letter.headers.get("received", ())) > HOPS_MAX else None


def _about(letter: Letter) -> str:
    return one_line(f"{letter.sender or 'nobody'}: {letter.subject}", 300)
