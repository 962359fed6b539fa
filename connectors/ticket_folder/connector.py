"""Tickets as Markdown files: the ticket system for a machine without an account anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connectors.ticket_folder import wire
from connectors.ticket_folder.folder import TicketFolder
from ingestd.core.mail.attachments import safe_name
from ingestd.core.names import EffectKey
from ingestd.errors import CredentialsRejected, RequestRejected
from ingestd.ports import IncidentView, RemoteTicket, TicketDraft, TicketFile, TicketNote, TicketRef


class FolderTickets:
    """A ``TicketSystem`` over a folder. Everything is seen at once and every call is idempotent by its marker.

    Calls do not give way to other tasks (see ``folder.py``), so no call sees half of another.
    """

    lookup_window_seconds: float = 0.0

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._folder = TicketFolder(path)

    async def check(self) -> str:
        """Says where the tickets lie. Raises ``CredentialsRejected`` if they cannot be written there."""
        problem = self._folder.problem()
        if problem:
            raise CredentialsRejected(
                problem, hint=f"let the daemon's user write to {self._folder.path}, or set another `path`"
            )
        return f"tickets are Markdown files in {self._folder.path}"

    async def find_ticket(self, key: EffectKey, incident: IncidentView, options: Mapping[str, Any]) -> TicketRef | None:  # noqa: ARG002 (the port)
        """The file whose front matter names this key."""
        return self._find(key, incident)

    async def open_ticket(self, draft: TicketDraft, key: EffectKey) -> TicketRef:
        """Write the incident's file; an earlier file of the same key is returned as it is."""
        found = self._find(key, draft.incident)
        return found or _ref(self._folder.create(draft.incident.id, wire.new_ticket(draft.incident, key)))

    async def find_comment(self, ref: TicketRef, key: EffectKey) -> bool:
        """Whether the file holds the comment's marker."""
        return wire.has_comment(self._folder.read(ref.id).text, key)

    async def comment(self, ref: TicketRef, note: TicketNote, key: EffectKey) -> None:
        """Append the note as a dated section."""
        self._change(ref, lambda text: wire.with_comment(text, note, key))

    async def find_attachment(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> bool:  # noqa: ARG002 (the port)
        """Whether the ticket links to the file of this key."""
        return wire.has_comment(self._folder.read(ref.id).text, key)

    async def attach(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> None:
        """Write the file into the folder ``INC-1042.files`` beside the ticket, and link it there."""
        ticket = self._folder.read(ref.id)
        number = key.rpartition("/")[2]
        name = safe_name(f"{number}-{file.name}", file.content_type, 1)
        path = self._folder.keep(ticket, name, file.content)
        self._folder.replace(ticket, wire.with_file(ticket.text, file.name, path, key))

    async def set_priority(self, ref: TicketRef, incident: IncidentView, options: Mapping[str, Any]) -> None:  # noqa: ARG002 (the port)
        """Set ``priority`` in the front matter to the word of the severity."""
        self._change(ref, lambda text: wire.with_priority(text, incident))

    async def resolve(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:  # noqa: ARG002 (the port)
        """Append the note and set ``status: resolved`` in one write; a file that is done stays as it is."""

        def resolved(text: str) -> str:
            return (
                text
                if wire.is_done(text)
                else wire.with_status(wire.with_comment(text, note, key), wire.STATUS_RESOLVED)
            )

        self._change(ref, resolved)

    async def reopen(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:  # noqa: ARG002 (the port)
        """Append the note and set ``status: open`` in one write; a file that is not done stays as it is."""

        def reopened(text: str) -> str:
            return (
                wire.with_status(wire.with_comment(text, note, key), wire.STATUS_OPEN) if wire.is_done(text) else text
            )

        self._change(ref, reopened)

    async def read(self, ref: TicketRef) -> RemoteTicket | None:
        """The file's status as a person or ingestd left it; None if the file is gone."""
        try:
            text = self._folder.read(ref.id).text
        except RequestRejected as error:
            if error.is_gone:
                return None
            raise
        return RemoteTicket(
            ref, is_done=wire.is_done(text), status=wire.status_of(text), assignee=wire.assignee_of(text)
        )

    def _find(self, key: EffectKey, incident: IncidentView) -> TicketRef | None:
        for name in self._folder.names_of(incident.id):
            file = self._folder.read(name)
            if wire.is_opened_by(file.text, key):
                return _ref(file.path)
        return None

    def _change(self, ref: TicketRef, change: Callable[[str], str]) -> None:
        file = self._folder.read(ref.id)
        self._folder.replace(file, change(file.text))


def _ref(path: Path) -> TicketRef:
    return TicketRef(id=path.name, label=path.stem, url=path.absolute().as_uri())
