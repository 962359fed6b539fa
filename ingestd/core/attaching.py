"""Files that came with an alert go to the ticket of its incident; whoever reads the incident sees that they came."""

from __future__ import annotations

from typing import Final

from ingestd.core.alert import Alert
from ingestd.core.draft import Draft
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind, EnvelopeId
from ingestd.core.reporter import AttachmentRef

FILES_MAX: Final = 50
"""So many go to the tickets of one incident: a sender that attaches a picture to each mail must not fill a ticket."""

_NAMED_MAX: Final = 10


def attach(draft: Draft, incident: Incident, alert: Alert, *, is_opening: bool) -> Incident:
    """Queue the alert's files for the incident's ticket, behind its opening, and write down that they came.

    ``is_opening``: the ticket is being opened for this alert, so that what is written down stands in it anyway.
    """
    return attach_files(draft, incident, alert.attachments, is_opening=is_opening)


def attach_files(draft: Draft, incident: Incident, files: tuple[AttachmentRef, ...], *, is_opening: bool) -> Incident:
    """The same for files that came with anything else that belongs to the incident."""
    if not files:
        return incident
    connector = incident.ticket_connector
    queued = incident.effect_counts.get(f"{connector}/{EffectKind.TICKET_ATTACH}", 0)
    taken = files[: max(0, FILES_MAX - queued)] if connector else ()
    why = "" if len(taken) == len(files) else _left_out(len(files) - len(taken), has_ticket=bool(connector))
    draft.note(incident, "files", f"{_named(files)}{why}", reason="came_with_alert", for_ticket=not is_opening)
    for one in taken:
        incident = draft.add_effect(
            incident, connector, EffectKind.TICKET_ATTACH, reason=one.name, address=address_of(one)
        )
    return incident


def address_of(file: AttachmentRef) -> str:
    """Where the content of a file is found again: ``ENVELOPE/INDEX``."""
    return f"{file.envelope_id}/{file.index}"


def parted(address: str) -> tuple[EnvelopeId, int]:
    """The envelope and the index that ``address_of`` wrote. Raises ``ValueError`` for anything else."""
    envelope_id, _, index = address.rpartition("/")
    return EnvelopeId(envelope_id), int(index)


def _named(files: tuple[AttachmentRef, ...]) -> str:
    named = ", ".join(f"{one.name} ({_size(one.size_bytes)})" for one in files[:_NAMED_MAX])
    more = f" and {len(files) - _NAMED_MAX} more" if len(files) > _NAMED_MAX else ""
    return f"{'a file' if len(files) == 1 else f'{len(files)} files'} came with it: {named}{more}"


def _left_out(count: int, *, has_ticket: bool) -> str:
    if not has_ticket:
        return "; there is no ticket to put them into"
    return f"; {count} of them are not put into the ticket, which has {FILES_MAX}"


def _size(size_bytes: int) -> str:
    if size_bytes == 1:
        return "1 byte"
    return f"{size_bytes} bytes" if size_bytes < 1024 else f"{size_bytes / 1024:,.0f} KiB"
