"""What somebody who reported an incident adds to it later. Pure."""

from __future__ import annotations

from datetime import datetime

from ingestd.core import attaching, lifecycle
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import Decision
from ingestd.core.incident import Incident
from ingestd.core.policy import Policy
from ingestd.core.reporter import AttachmentRef


def decide_note(
    incident: Incident, by: str, text: str, policy: Policy, now: datetime, files: tuple[AttachmentRef, ...] = ()
) -> Decision:
    """A line of the timeline, which the ticket is told, and the files that came with it, which the ticket gets.

    Nobody is paged for it, and it is no sign that somebody works on the incident.
    """
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    draft.note(incident, "note", f"note by {by}, from outside: {text}", reason="reporter", actor=by, for_ticket=True)
    incident = attaching.attach_files(draft, incident, files, is_opening=False)
    lifecycle.comment_ticket(draft, incident, policy)
    return draft.finish()
