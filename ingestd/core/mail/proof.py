"""What proves who wrote a mail, and who may send where. ``From`` proves nothing: what counts is the login, the network, or what our own
mail server found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.authentication import evidence
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.mail_words import MailReason
from ingestd.core.mail.trust import Trust
from ingestd.core.safe_text import one_line

_ADDRESS_CHARS: Final = 200


class Proof(StrEnum):
    """What says that a mail is from whom it names."""

    LOGIN = "login"
    """Whoever handed it in had a name and a password of our listener."""
    NETWORK = "network"
    """It was handed in by a machine whose word on senders is taken."""
    DMARC = "dmarc"
    DKIM = "dkim"
    SPF = "spf"
    BY_HAND = "by_hand"
    """Somebody who looks after ingestd read it and let it through."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a mail is put aside. ``detail`` says what would make the next one pass; it quotes what strangers wrote, on one line."""

    reason: MailReason
    detail: str


def proof_of(letter: Letter, arrival: Arrival, trust: Trust, *, is_released: bool = False) -> Proof | None:
    """What proves that the address in ``From`` wrote the mail; None if nothing does.

    A source with an ``authserv_id`` goes by what that server wrote. By SMTP only a trusted machine may hand in such results: anybody else
    could have written them. Without one, a trusted machine vouches for whatever it hands in, unless the source takes mail of anybody: a relay
    of ours hands that in too.
    """
    if not letter.sender:
        return None
    if is_released:
        return Proof.BY_HAND
    if arrival.user:
        return Proof.LOGIN
    if not trust.authserv_id:
        return Proof.NETWORK if arrival.is_trusted_network and not trust.takes_unauthenticated else None
    if arrival.door != "imap" and not arrival.is_trusted_network:
        return None
    found = evidence(letter, trust.authserv_id)
    return Proof(found.value) if found else None


def refusal_of(letter: Letter, arrival: Arrival, trust: Trust, proof: Proof | None) -> Refusal | None:
    """Why mail of this sender is not taken here; None if it is.

    ``senders`` must name the address in ``From`` and, where the transport said one, that of the envelope.
    """
    if proof is Proof.BY_HAND:
        return None
    if proof is None and not trust.takes_unauthenticated:
        return Refusal(MailReason.UNAUTHENTICATED, unproved_words(letter, arrival, trust))
    if not trust.senders:
        return None
    for what, address in (("From", letter.sender), ("the envelope", arrival.sender)):
        if address and not is_among(address, trust.senders):
            shown = _shown(address)
            text = f"{what} says {shown}, which the source's email.senders does not list; add it there, or its domain as @..."
            return Refusal(MailReason.SENDER_NOT_ALLOWED, text)
    if not letter.sender:
        return Refusal(
            MailReason.NO_SENDER, "From names no address, or more than one: it cannot be found in email.senders"
        )
    return None


def is_among(address: str, listed: Sequence[str]) -> bool:
    """Whether the list names the address, or its domain as ``@example.com``. A domain does not name those below it."""
    folded = address.lower()
    name, at, domain = folded.rpartition("@")
    return bool(name and at) and (folded in listed or f"@{domain}" in listed)


def unproved_words(letter: Letter, arrival: Arrival, trust: Trust) -> str:
    """Why nothing proves who wrote the mail, and what would."""
    who = _shown(letter.sender)
    if not letter.sender:
        return "From names no address, or more than one: nobody can be shown to have written it"
    if trust.authserv_id and (arrival.door == "imap" or arrival.is_trusted_network):
        return (
            f"the topmost Authentication-Results of {_shown(trust.authserv_id)} do not show that {who} wrote it:"
            " its domain needs DMARC, or a DKIM signature or SPF that fits From"
        )
    if trust.authserv_id:
        return (
            f"{arrival.remote or 'the machine that handed it in'} is in no trusted network, so Authentication-Results in it count for"
            " nothing; if it is your mail server, list it in mail.listener.trusted_networks"
        )
    if arrival.door == "imap":
        return (
            f"nothing shows that {who} wrote it; name the server that checks mail for this mailbox in email.authserv_id,"
            " or take machine mail without proof: email.auth: none"
        )
    if arrival.is_trusted_network:
        return (
            f"nothing shows that {who} wrote it: with email.auth: none the network that it was handed in from is no proof; leave it out if"
            " only machines of yours send here, or name the server that checks mail in email.authserv_id"
        )
    return (
        f"nothing shows that {who} wrote it: {arrival.remote or 'whoever handed it in'} did not log in and is in no trusted network"
        " (mail.listener.trusted_networks); machine mail is taken without proof with email.auth: none"
    )


def _shown(address: str) -> str:
    return one_line(address, _ADDRESS_CHARS) or "nobody"
