"""The inside of the Freshdesk model: tickets, what an account accepts, and what its lists and its search show by when."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

Problem = dict[str, str]
"""One entry of ``errors`` in a 400: field, message, code."""

_MAX_SUBJECT_CHARACTERS: Final = 255
_MAX_DESCRIPTION_CHARACTERS: Final = 65_535
_MAX_TAG_CHARACTERS: Final = 32
_INTEGER_FIELDS: Final = ("status", "priority", "source", "group_id", "responder_id", "product_id", "company_id")
_WRITABLE_FIELDS: Final = frozenset(
    {
        *_INTEGER_FIELDS,
        "email",
        "requester_id",
        "name",
        "phone",
        "subject",
        "description",
        "type",
        "tags",
        "custom_fields",
    }
    | {"cc_emails", "due_by", "fr_due_by", "parent_id", "related_ticket_ids", "unique_external_id", "email_config_id"}
)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(slots=True)
class Account:
    """What an admin of the account has set up."""

    types: tuple[str, ...] = ("Question", "Incident", "Problem")
    groups: Mapping[str, int] = field(default_factory=lambda: {"Operations": 7001, "Databases": 7002})
    products: tuple[int, ...] = ()
    custom_fields: tuple[str, ...] = ("cf_ingestd_key", "cf_site")
    required_fields: tuple[str, ...] = ()
    """Fields (also ``cf_…``) that a new ticket must have."""
    required_on_resolve: tuple[str, ...] = ()
    """Fields that a ticket must have before its status becomes resolved or closed."""
    statuses: tuple[int, ...] = (2, 3, 4, 5, 6, 7)
    done_statuses: tuple[int, ...] = (4, 5)


class Desk:
    """The account's tickets. Every write keeps the earlier version, so that late indexes can show it."""

    def __init__(self, account: Account, clock: Callable[[], datetime]) -> None:
        self.account = account
        self._clock = clock
        self._tickets: dict[int, dict[str, Any]] = {}
        self._versions: dict[int, list[tuple[datetime, dict[str, Any]]]] = {}
        self.conversations: dict[int, list[dict[str, Any]]] = {}
        self.contacts: set[str] = set()

    # ------------------------------------------------------------------------------------------ writing

    def create(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Store a ticket whose fields have been checked."""
        number = len(self._versions) + 1
        defaults: dict[str, Any] = {
            "status": 2,
            "priority": 1,
            "source": 2,
            "type": None,
            "tags": [],
            "group_id": None,
            "responder_id": None,
        }
        ticket = {**defaults, **deepcopy(dict(fields)), "id": number, "spam": False, "deleted": False}
        ticket["custom_fields"] = {**dict.fromkeys(self.account.custom_fields), **fields.get("custom_fields", {})}
        ticket["created_at"] = self._now_text()
        self._tickets[number] = ticket
        self.conversations[number] = []
        self.contacts.add(str(fields.get("email")).casefold())
        return self._touched(number)

    def update(self, number: int, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Set fields that have been checked; ``tags`` replaces all tags, ``custom_fields`` only those that are named."""
        custom = {**self._tickets[number]["custom_fields"], **fields.get("custom_fields", {})}
        self._tickets[number].update({**deepcopy(dict(fields)), "custom_fields": custom})
        return self._touched(number)

    def add_conversation(self, number: int, body: str, *, is_private: bool) -> dict[str, Any]:
        """Store a note or a reply."""
        text = " ".join(re.sub(r"<[^>]*>", " ", body).split())
        conversation = {"id": 1000 * number + len(self.conversations[number]), "body": body, "body_text": text}
        conversation |= {"private": is_private, "ticket_id": number, "created_at": self._now_text()}
        self.conversations[number].append(conversation)
        self._touched(number)
        return conversation

    def purge(self, number: int) -> None:
        """Remove a ticket for good, as emptying the trash does."""
        del self._tickets[number]
        self._versions[number].append((self._clock(), {}))

    # ------------------------------------------------------------------------------------------ reading

    def find(self, number: int) -> dict[str, Any] | None:
        """The ticket as it is now."""
        return deepcopy(self._tickets.get(number))

    def all(self) -> list[dict[str, Any]]:
        """All tickets that are neither deleted nor spam, as they are now."""
        return [deepcopy(ticket) for ticket in self._tickets.values() if not ticket["deleted"] and not ticket["spam"]]

    def as_of(self, lag_seconds: float) -> list[dict[str, Any]]:
        """All tickets as an index shows them that is late by so much; deleted ones and spam are never shown."""
        until = self._clock() - timedelta(seconds=lag_seconds)
        seen = [[ticket for at, ticket in versions if at <= until] for versions in self._versions.values()]
        shown = [deepcopy(versions[-1]) for versions in seen if versions and versions[-1]]
        return [ticket for ticket in shown if not ticket["deleted"] and not ticket["spam"]]

    # ------------------------------------------------------------------------------------------ checking

    def problems_of_new(self, fields: Mapping[str, Any]) -> list[Problem]:
        """Why Freshdesk would not make this ticket."""
        problems = self._problems(fields)
        if not {"email", "requester_id", "phone", "unique_external_id"} & set(fields):
            problems.append(_problem("email", "It should be a valid email address", "missing_field"))
        problems += [_missing(name) for name in ("subject", "description") if name not in fields]
        problems += [_missing(name) for name in self.account.required_fields if not _value(fields, name)]
        return problems

    def problems_of_change(self, number: int, fields: Mapping[str, Any]) -> list[Problem]:
        """Why Freshdesk would not change the ticket so."""
        problems = self._problems(fields)
        if fields.get("status") in self.account.done_statuses:
            ticket = self._tickets[number]
            absent = [
                name
                for name in self.account.required_on_resolve
                if not _value(fields, name) and not _value(ticket, name)
            ]
            problems += [_missing(name) for name in absent]
        return problems

    def _problems(self, fields: Mapping[str, Any]) -> list[Problem]:
        problems = [
            _problem(name, "Unexpected/invalid field in request", "invalid_field")
            for name in fields
            if name not in _WRITABLE_FIELDS
        ]
        problems += [
            _problem(name, "Value set is of type String. It should be a/an Positive Integer", "datatype_mismatch")
            for name in _INTEGER_FIELDS
            if name in fields and (isinstance(fields[name], bool) or not isinstance(fields[name], int))
        ]
        problems += self._choice_problems(fields)
        problems += _text_problems(fields)
        custom = fields.get("custom_fields", {})
        if not isinstance(custom, dict):
            return [*problems, _problem("custom_fields", "It should be a/an key/value pair", "datatype_mismatch")]
        unknown = [name for name in custom if name not in self.account.custom_fields]
        return problems + [_problem(name, "Unexpected/invalid field in request", "invalid_field") for name in unknown]

    def _choice_problems(self, fields: Mapping[str, Any]) -> list[Problem]:
        choices: dict[str, Iterable[object]] = {
            "status": self.account.statuses,
            "priority": (1, 2, 3, 4),
            "type": self.account.types,
            "group_id": self.account.groups.values(),
            "product_id": self.account.products,
        }
        return [
            _problem(name, f"It should be one of these values: '{','.join(map(str, allowed))}'", "invalid_value")
            for name, allowed in choices.items()
            if fields.get(name) is not None and fields[name] not in list(allowed)
        ]

    def _touched(self, number: int) -> dict[str, Any]:
        ticket = self._tickets[number]
        ticket["updated_at"] = self._now_text()
        self._versions.setdefault(number, []).append((self._clock(), deepcopy(ticket)))
        return deepcopy(ticket)

    def _now_text(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text_problems(fields: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if "email" in fields and not _EMAIL.fullmatch(str(fields["email"])):
        problems.append(_problem("email", "It should be in the 'valid email address' format", "invalid_value"))
    for name, limit in (("subject", _MAX_SUBJECT_CHARACTERS), ("description", _MAX_DESCRIPTION_CHARACTERS)):
        if name in fields and not (isinstance(fields[name], str) and 0 < len(fields[name]) <= limit):
            problems.append(
                _problem(
                    name,
                    f"Has {len(str(fields[name]))} characters, it can have maximum of {limit} characters",
                    "invalid_value",
                )
            )
    tags = fields.get("tags", [])
    if not isinstance(tags, list) or not all(
        isinstance(tag, str) and 0 < len(tag) <= _MAX_TAG_CHARACTERS for tag in tags
    ):
        problems.append(
            _problem(
                "tags",
                f"It should only contain elements that have maximum of {_MAX_TAG_CHARACTERS} characters",
                "invalid_value",
            )
        )
    return problems


def _value(fields: Mapping[str, Any], name: str) -> object:
    return fields.get("custom_fields", {}).get(name) if name.startswith("cf_") else fields.get(name)


def _missing(name: str) -> Problem:
    return _problem(name, "It should be a/an String", "missing_field")


def _problem(name: str, message: str, code: str) -> Problem:
    return {"field": name, "message": message, "code": code}
