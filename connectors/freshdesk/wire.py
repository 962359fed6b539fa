"""Freshdesk's API v2 as requests and answers, without I/O.

Facts from Freshdesk's API v2 reference: ``POST /tickets`` answers 201; ``PUT /tickets/{id}`` takes only what changes;
``POST /tickets/{id}/notes`` is private, while ``/reply`` would mail the requester; lists have ``page``, ``per_page`` up to 100 and a
``Link`` header; ``/search/tickets`` takes an expression of at most 512 characters in double quotes, indexed some minutes late.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from connectors.freshdesk.html_body import description, note_body, one_line, subject
from connectors.freshdesk.replies import FieldProblem
from connectors.freshdesk.settings import FreshdeskSettings
from ingestd.core.mail.attachments import safe_name
from ingestd.core.multipart import FormFile, form_of
from ingestd.core.names import EffectKey, Severity
from ingestd.errors import ReplyUnreadable, RequestRejected
from ingestd.ports import HttpRequest, IncidentView, RemoteTicket, TicketDraft, TicketFile, TicketNote, TicketRef

COMMON_TAG: Final = "ingestd"
"""On every ticket that ingestd made, for people's own filters and automation rules."""

PER_PAGE: Final = 100
_CLOCK_TOLERANCE: Final = timedelta(hours=1)
_FILE_BYTES_MAX: Final = 20_000_000
"""Of all files of one note together, by Freshdesk's API v2 reference."""
_FILE_SECONDS: Final = 60.0
_TAG_CHARACTERS: Final = 32
_OPTIONAL_FIELDS: Final = frozenset({"type", "group_id", "product_id", "custom_fields"})


def marker_of(key: EffectKey, installation: str) -> str:
    """The mark that an effect leaves: ``ingestd-`` and 20 hexadecimal digits, a tag of 28 characters (32 are allowed)."""
    seed = f"{installation}\n{key}" if installation else key
    return f"ingestd-{hashlib.sha256(seed.encode(errors='replace')).hexdigest()[:20]}"


@dataclass(frozen=True, slots=True)
class Group:
    """Which group gets a ticket: an id, or a name that is to be looked up, or neither."""

    id: int | None = None
    name: str = ""


class FreshdeskWire:
    """Builds requests for one account and reads its answers."""

    def __init__(self, settings: FreshdeskSettings) -> None:
        self._settings = settings
        self._api = f"{settings.base_url}/api/v2"
        # Freshdesk takes the key as the user name and any password (Basic authentication).
        credentials = base64.b64encode(f"{settings.api_key.get_secret_value()}:X".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}", "Accept": "application/json"}

    # ------------------------------------------------------------------------------------------ reading

    def read_agent(self) -> HttpRequest:
        """Asks who the API key belongs to."""
        return self._get("/agents/me")

    def list_groups(self, page: int) -> HttpRequest:
        """Asks for groups with their ids and names."""
        return self._get("/groups", page=page, per_page=PER_PAGE)

    def read_ticket(self, ticket_id: str) -> HttpRequest:
        """Asks for one ticket; this read is consistent."""
        return self._get(_ticket_path(ticket_id))

    def list_conversations(self, ticket_id: str, page: int) -> HttpRequest:
        """Asks for a page of replies and notes, oldest first."""
        return self._get(f"{_ticket_path(ticket_id)}/conversations", page=page, per_page=PER_PAGE)

    def list_own_tickets(self, incident: IncidentView, page: int) -> HttpRequest:
        """Asks for the tickets of our requester that changed since the incident opened, newest first."""
        # Without updated_since Freshdesk lists only the tickets of the last 30 days.
        return self._get(
            "/tickets",
            email=self._settings.requester_email,
            updated_since=_earliest(incident).strftime("%Y-%m-%dT%H:%M:%SZ"),
            order_by="created_at",
            order_type="desc",
            page=page,
            per_page=PER_PAGE,
        )

    def search_marker(self, key: EffectKey) -> HttpRequest:
        """Searches the index for the marker's tag."""
        return self._get("/search/tickets", query=f"\"tag:'{marker_of(key, self._settings.installation)}'\"")

    # ------------------------------------------------------------------------------------------ writing

    def open_ticket(self, fields: Mapping[str, Any]) -> HttpRequest:
        """Makes a ticket of ``new_ticket`` fields."""
        return self._send("POST", "/tickets", fields)

    def change_ticket(self, ticket_id: str, fields: Mapping[str, Any]) -> HttpRequest:
        """Sets exactly these fields."""
        return self._send("PUT", _ticket_path(ticket_id), fields)

    def add_note(self, ticket_id: str, note: TicketNote, key: EffectKey) -> HttpRequest:
        """Adds a private note that mails nobody."""
        body = note_body(note, f"[{marker_of(key, self._settings.installation)}]")
        return self._send("POST", f"{_ticket_path(ticket_id)}/notes", {"body": body, "private": True})

    def add_file(self, ticket_id: str, file: TicketFile, key: EffectKey) -> HttpRequest:
        """Adds a private note with the file. Raises ``RequestRejected`` for a file that Freshdesk is known not to take."""
        if len(file.content) > _FILE_BYTES_MAX:
            raise RequestRejected(f"the file has {len(file.content):,} bytes, and Freshdesk takes {_FILE_BYTES_MAX:,}")
        name = safe_name(file.name, file.content_type, 1)
        body = f"<p>File that came with an alert: {html.escape(one_line(name, 150))}</p><p>[{marker_of(key, self._settings.installation)}]</p>"
        form = form_of(
            {"body": body, "private": "true"}, FormFile("attachments[]", name, file.content_type, file.content)
        )
        url = f"{self._api}{_ticket_path(ticket_id)}/notes"
        headers = {**self._headers, "Content-Type": form.content_type}
        return HttpRequest("POST", url, headers, form.body, timeout_seconds=_FILE_SECONDS)

    def new_ticket(
        self, draft: TicketDraft, key: EffectKey, group_id: int | None, remarks: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The fields of a new ticket."""
        settings, options = self._settings, draft.options
        marker = marker_of(key, settings.installation)
        custom = {**settings.custom_fields, **_mapping(options.get("custom_fields"))}
        if settings.marker_field:
            custom[settings.marker_field] = marker
        wanted_tags = [COMMON_TAG, marker, *settings.tags, *_texts(options.get("tags"))]
        fields: dict[str, Any] = {
            "email": settings.requester_email,
            "subject": subject(draft.incident),
            "description": description(draft.incident, remarks),
            "status": settings.open_status,
            "priority": settings.priority_of(draft.incident.severity),
            "tags": list(
                dict.fromkeys(
                    tag for tag in (one_line(tag.replace(",", " "), _TAG_CHARACTERS) for tag in wanted_tags) if tag
                )
            ),
        }
        optional = {
            "type": str(options.get("type") or settings.type),
            "group_id": group_id,
            "product_id": _whole_number(options.get("product_id")) or settings.product_id,
            "custom_fields": custom,
        }
        return fields | {name: value for name, value in optional.items() if value}

    def group_of(self, options: Mapping[str, Any]) -> Group:
        """The group that the rule, else the settings, ask for; by id where that is known without asking."""
        asked = options.get("group_id") or options.get("group") or self._settings.group
        number = _whole_number(asked)
        if number is not None:
            return Group(id=number)
        name = str(asked or "").strip()
        return Group(id=self._settings.groups.get(name), name=name)

    def priority(self, severity: Severity) -> dict[str, int]:
        """The change that lets the priority follow the severity."""
        return {"priority": self._settings.priority_of(severity)}

    def resolution(self, ticket: Mapping[str, Any]) -> dict[str, Any]:
        """The change that resolves the ticket, with the required fields that nobody has filled yet."""
        custom = _mapping(ticket.get("custom_fields"))
        fields: dict[str, Any] = {"status": self._settings.resolved_status}
        for name, value in self._settings.resolve_fields.items():
            if name.startswith("cf_") and custom.get(name) in (None, ""):
                fields.setdefault("custom_fields", {})[name] = value
            elif not name.startswith("cf_") and ticket.get(name) in (None, ""):
                fields[name] = value
        return fields

    def reopening(self) -> dict[str, int]:
        """The change that reopens a ticket."""
        return {"status": self._settings.open_status}

    # ------------------------------------------------------------------------------------------ answers

    def ref_of(self, ticket: Mapping[str, Any]) -> TicketRef:
        """The reference of a ticket. Raises ``ReplyUnreadable`` if it has no id."""
        number = _whole_number(ticket.get("id"))
        if number is None:
            raise ReplyUnreadable("Freshdesk sent a ticket without a usable id")
        return TicketRef(id=str(number), label=f"#{number}", url=f"{self._settings.base_url}/a/tickets/{number}")

    def is_ticket_of(self, ticket: Mapping[str, Any], key: EffectKey, incident: IncidentView) -> bool:
        """Whether a listed ticket carries the marker of this key, as tag or in the custom field, and is neither gone nor too old.

        Too old is a ticket from before the incident: another installation, or this one before its database was lost, had an
        incident of the same number.
        """
        marker = marker_of(key, self._settings.installation)
        tags = [tag.casefold() for tag in _texts(ticket.get("tags"))]
        in_field = (
            bool(self._settings.marker_field)
            and _mapping(ticket.get("custom_fields")).get(self._settings.marker_field) == marker
        )
        return (marker in tags or in_field) and not is_gone(ticket) and not is_older(ticket, incident)

    def is_note_of(self, conversation: Mapping[str, Any], key: EffectKey) -> bool:
        """Whether the note ends with the marker of this key."""
        shown = html.unescape(re.sub(r"<[^>]*>", " ", str(conversation.get("body") or "")))
        return shown.rstrip().endswith(f"[{marker_of(key, self._settings.installation)}]")

    def remote_ticket(self, ref: TicketRef, ticket: Mapping[str, Any]) -> RemoteTicket:
        """The ticket as Freshdesk has it; the assignee is the agent's id."""
        status = _whole_number(ticket.get("status"))
        if status is None:
            raise ReplyUnreadable(f"Freshdesk sent ticket {ref.label} without a status")
        assignee = ticket.get("responder_id")
        return RemoteTicket(
            ref, is_done=self.is_done(ticket), status=str(status), assignee="" if assignee is None else str(assignee)
        )

    def is_done(self, ticket: Mapping[str, Any]) -> bool:
        """Whether the status is one of the done statuses."""
        return _whole_number(ticket.get("status")) in self._settings.done_statuses

    # ------------------------------------------------------------------------------------------ requests

    def _get(self, path: str, **query: str | int) -> HttpRequest:
        url = f"{self._api}{path}" + (f"?{urlencode(query)}" if query else "")
        return HttpRequest("GET", url, self._headers, timeout_seconds=self._settings.timeout_seconds)

    def _send(self, method: str, path: str, fields: Mapping[str, Any]) -> HttpRequest:
        headers = {**self._headers, "Content-Type": "application/json"}
        body = json.dumps(fields).encode()
        return HttpRequest(method, f"{self._api}{path}", headers, body, timeout_seconds=self._settings.timeout_seconds)


def without_refused_fields(
    fields: Mapping[str, Any], problems: tuple[FieldProblem, ...]
) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """The fields without those optional ones that Freshdesk refuses, and a remark for each; None if others are at fault too."""
    kept = {name: dict(value) if name == "custom_fields" else value for name, value in fields.items()}
    remarks: list[str] = []
    for problem in problems:
        name = problem.field.rsplit(".", 1)[-1]
        custom = kept.get("custom_fields", {})
        if name in custom:
            del custom[name]
        elif name in _OPTIONAL_FIELDS and name in kept:
            del kept[name]
        else:
            return None
        remarks.append(f"Freshdesk refused a field of this ticket: {problem}")
    if not kept.get("custom_fields", True):
        del kept["custom_fields"]
    return (kept, tuple(remarks)) if problems else None


def is_gone(ticket: Mapping[str, Any]) -> bool:
    """Whether a person deleted the ticket or marked it as spam."""
    return bool(ticket.get("deleted")) or bool(ticket.get("spam"))


def is_older(ticket: Mapping[str, Any], incident: IncidentView) -> bool:
    """Whether the ticket was certainly made before the incident opened, even if the clocks differ by an hour."""
    try:
        created_at = datetime.fromisoformat(str(ticket.get("created_at")))
    except ValueError:
        return False
    return created_at.replace(tzinfo=created_at.tzinfo or UTC) < _earliest(incident)


def _earliest(incident: IncidentView) -> datetime:
    return incident.opened_at.astimezone(UTC) - _CLOCK_TOLERANCE


def _ticket_path(ticket_id: str) -> str:
    if not re.fullmatch("[0-9]{1,18}", ticket_id):
        raise RequestRejected(f"{ticket_id[:50]!r} is no id of a Freshdesk ticket", is_gone=True)
    return f"/tickets/{ticket_id}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value.strip()) else None
