"""What a mail server says later of a mail of ours, decided and written in one transaction: as the receipt of a service is.

A bounce counts for a mail only if it gives back what strangers cannot know: the token that a page carries for its replies, or its
Message-ID, which ends in a digest. That it comes from nobody (``<>``) and is not signed is how bounces are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from ingestd.core.delivery import Delivery
from ingestd.core.effects import Decision
from ingestd.core.mail.bounce import Bounce, BouncedRecipient, BounceKind
from ingestd.core.mail.mail_words import MailReason
from ingestd.core.mail.reply_tokens import tokens_in
from ingestd.core.names import Channel, EffectKind
from ingestd.core.policy import Policy
from ingestd.core.receipt import FAILED
from ingestd.ports import ReceiptNews
from ingestd.store import dialect, outbox, receipts, replies

_RANK: Final = 2
"""Above all that a mail server says before; what comes again changes nothing."""


@dataclass(frozen=True, slots=True)
class BounceTaken:
    """What a bounce was about, and what was written for it."""

    reason: MailReason
    delivery: Delivery | None = None
    decision: Decision | None = None


def take(connection: Connection, bounce: Bounce, policy: Policy, now: datetime) -> BounceTaken:
    """Apply a bounce. A page counts as not delivered; an address that does not exist is dead; a delay changes nothing."""
    dialect.serialise_decisions(connection)
    delivery = _delivery_of(connection, bounce, now)
    if delivery is None:
        return BounceTaken(MailReason.FOREIGN_BOUNCE)
    worst = bounce.worst
    if worst.kind in {BounceKind.DELAYED, BounceKind.DELIVERED}:
        return BounceTaken(MailReason.NOT_FAILED, delivery)
    if delivery.receipt_rank is not None and delivery.receipt_rank >= _RANK:
        return BounceTaken(MailReason.BOUNCE_REPEATED, delivery)
    news = ReceiptNews(
        receipt_id=delivery.receipt_id,
        status=FAILED,
        rank=_RANK,
        detail=words_of(worst),
        is_contact_dead=worst.kind is BounceKind.PERMANENT and _is_of(delivery, worst, policy),
    )
    decision = receipts.take_for(connection, delivery, news, policy, now)
    is_answer = delivery.kind is EffectKind.ANSWER
    return BounceTaken(MailReason.ANSWER_BOUNCED if is_answer else MailReason.PAGE_BOUNCED, delivery, decision)


def _delivery_of(connection: Connection, bounce: Bounce, now: datetime) -> Delivery | None:
    for token in tokens_in(bounce.references):
        bound = replies.bound_to(connection, token, now)
        delivery = outbox.load(connection, bound.delivery_key) if bound else None
        if delivery is not None:
            return delivery
    if not bounce.message_id:
        return None
    return outbox.by_receipt_on(connection, Channel.EMAIL, bounce.message_id)


def words_of(recipient: BouncedRecipient) -> str:
    """What the server says of an address, on one line."""
    return (
        " ".join(filter(None, (recipient.status, recipient.reason)))
        or f"mail to {recipient.address or 'them'} {recipient.kind}"
    )


def _is_of(delivery: Delivery, recipient: BouncedRecipient, policy: Policy) -> bool:
    """Whether the address that does not exist is the one that we wrote to, and not one that it forwards to."""
    person = policy.people.get(delivery.person) if delivery.person else None
    address = delivery.address or (person.address_of(Channel.EMAIL) if person else None) or ""
    named = recipient.original_address or recipient.address
    return not named or named.lower() == address.lower()
