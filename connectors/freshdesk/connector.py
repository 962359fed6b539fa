"""Tickets in Freshdesk: joins ``wire`` with the network. One attempt per call; every read comes before the first write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from connectors.freshdesk import wire
from connectors.freshdesk.replies import Call, FieldsRefused, next_page, read_list, read_object
from connectors.freshdesk.settings import FreshdeskSettings
from ingestd.core.names import EffectKey
from ingestd.errors import CredentialsRejected, OutcomeUnknown, ReplyUnreadable, RequestRejected, TryLater
from ingestd.ports import (
    HttpClient,
    HttpReply,
    HttpRequest,
    IncidentView,
    RemoteTicket,
    TicketDraft,
    TicketFile,
    TicketNote,
    TicketRef,
)

_T = TypeVar("_T")

# A small plan allows 20 list requests a minute: looking something up must leave some for others.
_TICKET_PAGES: Final = 3
_GROUP_PAGES: Final = 3
_CONVERSATION_PAGES: Final = 15


class FreshdeskTickets:
    """A ``TicketSystem`` over one Freshdesk account."""

    ticket_options = frozenset({"custom_fields", "group", "group_id", "product_id", "tags", "type"})

    def __init__(self, name: str, settings: FreshdeskSettings, http: HttpClient) -> None:
        self.name = name
        self.lookup_window_seconds: float = settings.lookup_window_seconds
        self._wire = wire.FreshdeskWire(settings)
        self._http = http
        # Only a cache: a restart asks again, and an id that went stale is refused and left out of the ticket.
        self._group_ids: dict[str, int] = {}

    async def check(self) -> str:
        """Names the agent of the API key and what is left of the rate limit."""
        reply, me = await self._fetch(self._wire.read_agent(), Call("reading the agent"), read_object)
        contact = me.get("contact")
        agent = contact.get("email") if isinstance(contact, dict) else None
        left, total = (
            reply.headers.get(f"x-ratelimit-{name}", "?").removesuffix(".0") for name in ("remaining", "total")
        )
        return f"agent {agent or 'without a visible address'}; {left} of {total} requests left"

    async def find_ticket(self, key: EffectKey, incident: IncidentView, options: Mapping[str, Any]) -> TicketRef | None:  # noqa: ARG002 (the port)
        """Looks through our requester's newest tickets, then through the search index, which lags by minutes."""
        call = Call("looking for the ticket")
        for page in range(1, _TICKET_PAGES + 1):
            try:
                reply, tickets = await self._fetch(self._wire.list_own_tickets(incident, page), call, read_list)
            except (
                FieldsRefused
            ):  # Freshdesk does not know our requester before the first ticket: then nothing is listed
                break
            found = [ticket for ticket in tickets if self._wire.is_ticket_of(ticket, key, incident)]
            if found:
                return self._wire.ref_of(found[-1])  # the oldest: a person's copy carries the tags too
            if not next_page(reply) or any(wire.is_older(ticket, incident) for ticket in tickets):
                break
        _, answer = await self._fetch(self._wire.search_marker(key), call, read_object)
        results = answer.get("results")
        if not isinstance(results, list):
            raise TryLater("looking for the ticket: Freshdesk answered a search without results")
        tickets = [ticket for ticket in results if isinstance(ticket, dict)]
        refs = [self._wire.ref_of(ticket) for ticket in tickets if self._wire.is_ticket_of(ticket, key, incident)]
        return min(refs, key=lambda ref: int(ref.id), default=None)

    async def open_ticket(self, draft: TicketDraft, key: EffectKey) -> TicketRef:
        """Make the ticket; optional fields that Freshdesk definitely refuses are left out in one corrected request."""
        group_id, remarks = await self._group(draft.options)
        call = Call("opening a ticket", may_repeat=False)
        fields = self._wire.new_ticket(draft, key, group_id, remarks)
        try:
            reply = await self._http.send(self._wire.open_ticket(fields))
            return self._wire.ref_of(read_object(reply, call))
        except FieldsRefused as refusal:
            corrected = wire.without_refused_fields(fields, refusal.problems)
            if corrected is None:
                raise
        # The 400 was definite: nothing exists yet, so this is still the first ticket.
        self._group_ids.clear()
        fields, refused = corrected
        fields["description"] = self._wire.new_ticket(draft, key, None, remarks + refused)["description"]
        reply = await self._http.send(self._wire.open_ticket(fields))
        return self._wire.ref_of(read_object(reply, call))

    async def find_comment(self, ref: TicketRef, key: EffectKey) -> bool:
        """Whether one of the ticket's notes ends with the marker."""
        call = Call("looking for a note", ticket_id=ref.id)
        for page in range(1, _CONVERSATION_PAGES + 1):
            reply, conversations = await self._fetch(self._wire.list_conversations(ref.id, page), call, read_list)
            if any(self._wire.is_note_of(conversation, key) for conversation in conversations):
                return True
            if not next_page(reply):
                break
        return False

    async def comment(self, ref: TicketRef, note: TicketNote, key: EffectKey) -> None:
        """Add a private note; the requester gets no mail."""
        call = Call("adding a note", may_repeat=False, ticket_id=ref.id)
        read_object(await self._http.send(self._wire.add_note(ref.id, note, key)), call)

    async def find_attachment(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> bool:  # noqa: ARG002 (the port)
        """Whether one of the ticket's notes ends with the marker: the note and its file are made together."""
        return await self.find_comment(ref, key)

    async def attach(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> None:
        """Add a private note with the file; the requester gets no mail."""
        call = Call("adding a file", may_repeat=False, ticket_id=ref.id)
        read_object(await self._http.send(self._wire.add_file(ref.id, file, key)), call)

    async def set_priority(self, ref: TicketRef, incident: IncidentView, options: Mapping[str, Any]) -> None:  # noqa: ARG002 (the port)
        """Set the priority alone."""
        await self._change(ref, self._wire.priority(incident.severity))

    async def resolve(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:  # noqa: ARG002 (the port)
        """Add the note unless it is there, then set the status; a ticket in a done status stays as it is."""
        ticket = await self._existing(ref)
        if not self._wire.is_done(ticket):
            await self._comment_once(ref, note, key)
            await self._change(ref, self._wire.resolution(ticket))

    async def reopen(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:  # noqa: ARG002 (the port)
        """Add the note unless it is there, then set the status; a ticket that is not done stays as it is."""
        ticket = await self._existing(ref)
        if self._wire.is_done(ticket):
            await self._comment_once(ref, note, key)
            await self._change(ref, self._wire.reopening())

    async def read(self, ref: TicketRef) -> RemoteTicket | None:
        """The ticket as it is now; None if it was deleted, merged away or marked as spam."""
        try:
            return self._wire.remote_ticket(ref, await self._existing(ref))
        except RequestRejected as error:
            if error.is_gone:
                return None
            raise

    async def _existing(self, ref: TicketRef) -> dict[str, Any]:
        call = Call("reading a ticket", ticket_id=ref.id)
        _, ticket = await self._fetch(self._wire.read_ticket(ref.id), call, read_object)
        if wire.is_gone(ticket):
            raise RequestRejected(f"{call.what}: ticket {ref.id} is gone (deleted or spam)", is_gone=True)
        return ticket

    async def _comment_once(self, ref: TicketRef, note: TicketNote, key: EffectKey) -> None:
        # An earlier attempt may have added the note and then failed to set the status.
        if not await self.find_comment(ref, key):
            await self.comment(ref, note, key)

    async def _change(self, ref: TicketRef, fields: Mapping[str, Any]) -> None:
        call = Call("changing a ticket", ticket_id=ref.id)
        read_object(await self._http.send(self._wire.change_ticket(ref.id, fields)), call)

    async def _group(self, options: Mapping[str, Any]) -> tuple[int | None, tuple[str, ...]]:
        """The group's id, or a remark for people why the ticket has no group: a wrong name must not stop a ticket."""
        group = self._wire.group_of(options)
        if group.id is not None or not group.name:
            return group.id, ()
        name = group.name.casefold()
        if name not in self._group_ids:
            try:
                await self._learn_groups()
            except (CredentialsRejected, RequestRejected) as error:  # not every agent may list groups
                return None, (f"The group {group.name!r} could not be looked up: {error}",)
        if name not in self._group_ids:
            return None, (
                f"There is no group {group.name!r} in Freshdesk: correct the rule or the connector's `group`.",
            )
        return self._group_ids[name], ()

    async def _learn_groups(self) -> None:
        call = Call("listing groups")
        for page in range(1, _GROUP_PAGES + 1):
            reply, groups = await self._fetch(self._wire.list_groups(page), call, read_list)
            self._group_ids |= {
                str(group.get("name")).casefold(): group["id"] for group in groups if isinstance(group.get("id"), int)
            }
            if not next_page(reply):
                break

    async def _fetch(
        self, request: HttpRequest, call: Call, read: Callable[[HttpReply, Call], _T]
    ) -> tuple[HttpReply, _T]:
        """Send a request that changes nothing: whatever becomes of it, it may simply be asked again."""
        try:
            reply = await self._http.send(request)
            return reply, read(reply, call)
        except (OutcomeUnknown, ReplyUnreadable) as error:
            raise TryLater(str(error)) from error
