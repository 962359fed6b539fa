"""The file of a delivery to a ticket, read again from the mail that it came with."""

from __future__ import annotations

from sqlalchemy import Connection

from ingestd.core import attaching
from ingestd.core.delivery import Delivery
from ingestd.core.effects import DropReason
from ingestd.core.mail import arrival, message
from ingestd.core.mail.letter import LetterLimits
from ingestd.ports import TicketFile
from ingestd.store import inbox
from ingestd.workers.current import Standing


def file_of(connection: Connection, delivery: Delivery, standing: Standing) -> TicketFile | DropReason:
    """The file with its content; ``FILE_GONE`` if its mail is not kept any more, or has no such file."""
    envelope_id, index = attaching.parted(delivery.address or "")
    kept = inbox.report(connection, envelope_id)
    body = inbox.body(connection, envelope_id)
    parts = arrival.parted(body) if kept is not None and body is not None else None
    if kept is None or parts is None:
        return DropReason.FILE_GONE
    mail = standing.ways_of(kept.source).mail
    limits = mail.limits if mail is not None else LetterLimits()
    _, raw = parts
    found = next((one for one in message.read(raw, limits).attachments if one.index == index), None)
    if found is None or not found.is_kept:
        return DropReason.FILE_GONE
    return TicketFile(found.name, found.content_type, message.attachment(raw, index, limits))
