"""How the receiver of a page can answer it: the code that a text message is answered with, the token that binds a reply by mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ingestd.core.delivery import Delivery
from ingestd.core.names import Channel
from ingestd.ports import Pager, PageText, Replying, TicketSystem
from ingestd.store import links, replies
from ingestd.store.reply_taking import SAID_TO_A_REPLY

ASKS_FOR_AN_ANSWER = frozenset({"page", "summary"})
REPLY_LIFE = timedelta(hours=72)

CanReply = Callable[[str], bool]
"""Whether somebody at this address can answer."""


def nobody(_address: str) -> bool:
    """For connectors that bring nothing back."""
    return False


def of_connector(connector: TicketSystem | Pager) -> CanReply:
    """Who can answer through this connector."""
    return connector.takes_replies if isinstance(connector, Replying) else nobody


def with_way_back(
    connection: Connection, delivery: Delivery, text: PageText, can_reply: CanReply, now: datetime, token: str
) -> PageText:
    """The page with what its receiver answers it by, if answers can come back from there. ``token`` is that of the page's link.

    A repeated page of one incident keeps its code. The token of a mail is a new one each time; earlier ones stay good.
    """
    contact = text.contact
    # What was said to an answer by mail can be answered in its turn: it may not have been its receiver who answered.
    is_said = delivery.key.startswith(SAID_TO_A_REPLY) and contact.channel is Channel.EMAIL and delivery.incident_id
    if not (text.purpose in ASKS_FOR_AN_ANSWER or is_said) or not can_reply(contact.address):
        return text
    if contact.channel is Channel.EMAIL:
        reply_token = replies.reply_token(token)
        link = links.PageLink("", delivery.incident_id, contact.person, delivery.key, now + REPLY_LIFE)
        replies.bind(connection, reply_token, link)
        return replace(text, reply_token=reply_token)
    code = replies.code_for(
        connection, contact.address, contact.channel, delivery.incident_id, contact.person, delivery.key, now
    )
    return replace(text, code=str(code))
