"""Jira as a ticket system: which requests make up each thing that the port promises, one attempt per call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.jira.connection import Connection
from connectors.jira.issue_fields import ADF, WIKI, Markup, comment_of, correctable, fields_of, project_of
from connectors.jira.marker import comment_line, description_line, ends_with, file_name_of, holds, label_of, property_of
from connectors.jira.settings import DoneSettings, JiraSettings, ReopenSettings
from connectors.jira.transitions import LONGEST_WALK, Step, choose, explain, fields_for
from connectors.jira.wire import COMMENTS_PER_PAGE, Wire, marker_query
from connectors.jira.wire_errors import FieldsRejected
from connectors.jira.wire_replies import (
    Found,
    IssueState,
    Transition,
    read_comments,
    read_created,
    read_file_names,
    read_found,
    read_issue,
    read_missing,
    read_transitions,
)
from ingestd.core.mail.attachments import safe_name
from ingestd.core.multipart import FormFile, form_of
from ingestd.core.names import EffectKey
from ingestd.errors import CredentialsRejected, RequestRejected
from ingestd.ports import HttpClient, IncidentView, RemoteTicket, TicketDraft, TicketFile, TicketNote, TicketRef

_log = logging.getLogger("ingestd.connectors.jira")
_MOST_COMMENT_PAGES = 10


class JiraTickets:
    """Tickets in Jira Cloud or Data Center; implements ``ingestd.ports.TicketSystem``."""

    ticket_options = frozenset({"assignee", "component", "components", "fields", "labels", "project", "type"})

    def __init__(self, name: str, settings: JiraSettings, http: HttpClient) -> None:
        self.name = name
        self.lookup_window_seconds = settings.lookup_window_seconds
        self._settings = settings
        self._jira = Connection(settings, http)

    async def check(self) -> str:
        """Who we are to which Jira, and that the account may do its work in the default project."""
        wire = await self._jira.wire()
        account = await self._jira.confirm_account()
        text = f"Jira {'Cloud' if wire.is_cloud else 'Data Center'} at {self._settings.url} as {account}"
        project = self._settings.project
        if not project:
            return f"{text}; no default project, so permissions were not checked"
        call = wire.permissions(project)
        missing = read_missing(call, await self._jira.ask(call))
        if missing:
            raise CredentialsRejected(
                f"{text}: in project {project} it lacks {', '.join(missing)}",
                hint="Grant these in the project's permission scheme; a project that the account cannot see lacks all.",
            )
        return f"{text}; may open, comment on and move tickets in {project}"

    async def find_ticket(self, key: EffectKey, incident: IncidentView, options: Mapping[str, Any]) -> TicketRef | None:
        """The issue with the key's marker, the original if it was cloned, as far as the search index knows it."""
        del incident
        label = label_of(key, self._settings.installation)
        wire = await self._jira.wire()
        call = wire.search(marker_query(project_of(options, self._settings), label))
        found = read_found(call, await self._jira.ask(call))
        marked = [one for one in found if self._is_marked(one, label, key)]
        if not marked:
            # To a stranger Jira answers a search with nothing found: make sure that we were none.
            await self._jira.confirm_account()
            return None
        original = marked[0] if len(marked) == 1 else await self._original(wire, marked, key)
        return self._ref(original.id, original.key)

    def _is_marked(self, one: Found, label: str, key: EffectKey) -> bool:
        """Whether it is truly ours: the query's text clause also finds alerts that quote a marker."""
        return (
            label in one.labels
            or ends_with(one.description, description_line(label))
            or holds(one.properties, key, self._settings.installation) is True
        )

    async def _original(self, wire: Wire, marked: Sequence[Found], key: EffectKey) -> Found:
        """Of issues with one marker, oldest first, the one that ingestd opened: clones lack the property."""
        for one in marked:
            properties = one.properties
            if not properties:
                call = wire.issue(one.id)
                properties = read_issue(call, await self._jira.ask(call)).properties
            if holds(properties, key, self._settings.installation):
                return one
        return marked[0]

    async def find_comment(self, ref: TicketRef, key: EffectKey) -> bool:
        """Whether one of the newest 200 comments ends with the key's marker; a consistent read."""
        wire = await self._jira.wire()
        marker = comment_line(key)
        for page in range(_MOST_COMMENT_PAGES):
            call = wire.comments(ref.id, page * COMMENTS_PER_PAGE)
            texts = read_comments(call, await self._jira.ask(call))
            if any(ends_with(text, marker) for text in texts):
                return True
            if len(texts) < COMMENTS_PER_PAGE:
                break
        return False

    async def read(self, ref: TicketRef) -> RemoteTicket | None:
        """The issue by its id, which survives a move to another project."""
        try:
            state = await self._state(ref)
        except RequestRejected as rejected:
            if rejected.is_gone:
                return None
            raise
        return RemoteTicket(self._ref(state.id, state.key), self._is_done(state), state.status, state.assignee)

    async def open_ticket(self, draft: TicketDraft, key: EffectKey) -> TicketRef:
        """Open an issue. If Jira refuses optional fields by name, it is opened once more without them, and says so."""
        wire = await self._jira.wire()
        markup = _markup(wire)
        fields = fields_of(draft, key, self._settings, markup)
        properties = [property_of(key, self._settings.installation)]
        call = wire.create(fields, properties)
        try:
            body = await self._jira.ask(call)
        except FieldsRejected as rejected:
            left_out = correctable(rejected.errors, fields)
            if not left_out:
                raise
            _log.warning("jira_fields_left_out", extra={"connector": self.name, "effect": key, "fields": left_out})
            call = wire.create(fields_of(draft, key, self._settings, markup, left_out), properties)
            body = await self._jira.ask(call)
        return self._ref(*read_created(call, body))

    async def comment(self, ref: TicketRef, note: TicketNote, key: EffectKey) -> None:
        """Add one comment; hidden from the customers of a service project unless the settings say otherwise."""
        wire = await self._jira.wire()
        text = comment_of(note, key, _markup(wire))
        await self._jira.ask(wire.comment(ref.id, text, internal=self._settings.internal_comments))

    async def find_attachment(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> bool:
        """Whether a file of the issue bears the key's mark in its name; a consistent read."""
        call = (await self._jira.wire()).attachments(ref.id)
        return self._file_name(file, key) in read_file_names(call, await self._jira.ask(call))

    async def attach(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> None:
        """Put the file to the issue, under its own name with the key's mark in it."""
        named = FormFile("file", self._file_name(file, key), file.content_type, file.content)
        call = (await self._jira.wire()).attach(ref.id, form_of({}, named))
        try:
            await self._jira.ask(call)
        except RequestRejected as rejected:
            if rejected.is_gone:
                # Jira says the same where files are switched off: only an issue that cannot be read is gone.
                await self._state(ref)
                raise RequestRejected(str(rejected), hint="Are attachments switched on in this Jira?") from rejected
            raise

    def _file_name(self, file: TicketFile, key: EffectKey) -> str:
        return file_name_of(safe_name(file.name, file.content_type, 1), key, self._settings.installation)

    async def set_priority(self, ref: TicketRef, incident: IncidentView, options: Mapping[str, Any]) -> None:
        """Set the priority of the severity; nothing is sent if the settings leave that priority alone."""
        del options
        priority = self._settings.priority_of(incident.severity)
        if priority:
            await self._jira.ask((await self._jira.wire()).set_priority(ref.id, priority))

    async def resolve(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:
        """Comment, then take the transitions that lead to a done status."""
        del options
        await self._bring(ref, note, key, self._settings.done, self._is_done)

    async def reopen(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:
        """Comment, then take the transitions that lead out of the done statuses."""
        del options
        await self._bring(ref, note, key, self._settings.reopen, lambda state: not self._is_done(state))

    async def _bring(
        self,
        ref: TicketRef,
        note: TicketNote,
        key: EffectKey,
        wish: DoneSettings | ReopenSettings,
        has_arrived: Callable[[IssueState | Transition], bool],
    ) -> None:
        """The comment goes first: once the status is reached a repeat does nothing, so what came after would be lost."""
        state = await self._state(ref)
        if has_arrived(state):
            return
        if not await self.find_comment(ref, key):
            await self.comment(ref, note, key)
        wire = await self._jira.wire()
        visited: set[str] = set()
        offered: tuple[Transition, ...] = ()
        for _ in range(LONGEST_WALK):
            visited.add(state.status_id)
            call = wire.transitions(ref.id)
            offered = read_transitions(call, await self._jira.ask(call))
            step = choose(offered, wish, has_arrived, visited)
            if step is None:
                break
            state = await self._take(ref, step, wish, has_arrived)
            if has_arrived(state) or step.is_named:
                return
        raise RequestRejected(
            f"{ref.label} stays in {state.status!r}: ingestd cannot tell which transition to take. "
            f"Offered: {explain(offered) or 'none'}",
            hint="Set `done` or `reopen` (transition_id, transition, through) for this workflow. If none is offered, the account "
            "lacks the permission Transition issues.",
        )

    async def _take(
        self,
        ref: TicketRef,
        step: Step,
        wish: DoneSettings | ReopenSettings,
        has_arrived: Callable[[IssueState | Transition], bool],
    ) -> IssueState:
        """Take one step; a refusal does not matter if somebody else has brought the issue there meanwhile."""
        fields = fields_for(step.transition, wish.resolution) if isinstance(wish, DoneSettings) else {}
        call = (await self._jira.wire()).transition(ref.id, step.transition.id, fields)
        try:
            await self._jira.ask(call)
        except RequestRejected:
            state = await self._state(ref)
            if has_arrived(state):
                return state
            raise
        return await self._state(ref)

    async def _state(self, ref: TicketRef) -> IssueState:
        call = (await self._jira.wire()).issue(ref.id)
        return read_issue(call, await self._jira.ask(call))

    def _is_done(self, state: IssueState | Transition) -> bool:
        named = {status.casefold() for status in self._settings.done.statuses}
        return state.category == "done" or state.status.casefold() in named

    def _ref(self, issue: str, key: str) -> TicketRef:
        return TicketRef(issue, key, f"{self._settings.browse_url or self._settings.url}/browse/{key}")


def _markup(wire: Wire) -> Markup:
    return ADF if wire.is_cloud else WIKI
