"""What Jira's good answers say, as values. Everything that is not as documented raises, nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.jira import adf, wiki
from connectors.jira.settings import Deployment
from connectors.jira.text import clean_line
from connectors.jira.wire import PERMISSIONS, Call
from connectors.jira.wire_errors import unreadable


@dataclass(frozen=True, slots=True)
class IssueState:
    """An issue as it is now. ``category`` is ``new``, ``indeterminate`` or ``done``, the same in every language."""

    id: str
    key: str
    status: str
    status_id: str
    category: str
    assignee: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """An issue that a search returned."""

    id: str
    key: str
    labels: frozenset[str]
    description: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Transition:
    """A step that the workflow offers. ``required`` names fields that it wants and for which it has no default."""

    id: str
    name: str
    status: str
    status_id: str
    category: str
    required: frozenset[str]
    resolutions: tuple[str, ...] | None
    """The resolutions that its screen offers; None if the screen has no such field."""


def read_created(call: Call, body: object) -> tuple[str, str]:
    """Id and key of a new issue."""
    issue = _mapping(call, body)
    return _text(call, issue, "id"), _text(call, issue, "key")


def read_issue(call: Call, body: object) -> IssueState:
    """The state of an issue."""
    issue = _mapping(call, body)
    fields = _mapping(call, issue.get("fields"))
    status = _mapping(call, fields.get("status"))
    category = _mapping(call, status.get("statusCategory"))
    assignee = fields.get("assignee")
    return IssueState(
        id=_text(call, issue, "id"),
        key=_text(call, issue, "key"),
        status=_text(call, status, "name"),
        status_id=str(status.get("id", "")),
        category=_text(call, category, "key"),
        assignee=clean_line(str(assignee.get("displayName", "")), 200) if isinstance(assignee, dict) else "",
        properties=_optional_mapping(issue.get("properties")),
    )


def read_found(call: Call, body: object) -> tuple[Found, ...]:
    """The issues of a search's first page, in its order."""
    return tuple(_found(call, issue) for issue in _list(call, _mapping(call, body), "issues"))


def _found(call: Call, body: object) -> Found:
    issue = _mapping(call, body)
    fields = _optional_mapping(issue.get("fields"))
    labels = fields.get("labels")
    return Found(
        id=_text(call, issue, "id"),
        key=_text(call, issue, "key"),
        labels=frozenset(str(label) for label in labels) if isinstance(labels, list) else frozenset(),
        description=plain_text(fields.get("description")),
        properties=_optional_mapping(issue.get("properties")),
    )


def read_transitions(call: Call, body: object) -> tuple[Transition, ...]:
    """The steps that may be taken now, in the workflow's order."""
    return tuple(
        _transition(call, _mapping(call, item))
        for item in _list(call, _mapping(call, body), "transitions")
        if _optional_mapping(item).get("isAvailable") is not False
    )


def _transition(call: Call, item: Mapping[str, Any]) -> Transition:
    target = _mapping(call, item.get("to"))
    fields = {str(name): _optional_mapping(one) for name, one in _optional_mapping(item.get("fields")).items()}
    wanted = frozenset(
        name for name, one in fields.items() if one.get("required") is True and not one.get("hasDefaultValue")
    )
    resolutions: tuple[str, ...] | None = None
    if "resolution" in fields:
        allowed = fields["resolution"].get("allowedValues")
        names = [_optional_mapping(one).get("name") for one in allowed] if isinstance(allowed, list) else []
        resolutions = tuple(name for name in names if isinstance(name, str))
    return Transition(
        id=_text(call, item, "id"),
        name=clean_line(str(item.get("name", "")), 255),
        status=clean_line(str(target.get("name", "")), 255),
        status_id=str(target.get("id", "")),
        category=str(_optional_mapping(target.get("statusCategory")).get("key", "")),
        required=wanted,
        resolutions=resolutions,
    )


def read_comments(call: Call, body: object) -> tuple[str, ...]:
    """The texts of one page of comments."""
    return tuple(
        plain_text(_optional_mapping(item).get("body")) for item in _list(call, _mapping(call, body), "comments")
    )


def read_file_names(call: Call, body: object) -> tuple[str, ...]:
    """The names of the files of an issue."""
    fields = _mapping(call, _mapping(call, body).get("fields"))
    return tuple(str(_optional_mapping(item).get("filename", "")) for item in _list(call, fields, "attachment"))


def read_deployment(call: Call, body: object) -> Deployment:
    """Cloud says ``Cloud``; Data Center says ``Server`` or ``Data Center``."""
    kind = _text(call, _mapping(call, body), "deploymentType")
    return Deployment.CLOUD if kind.casefold() == "cloud" else Deployment.DATACENTER


def read_account(call: Call, body: object) -> str:
    """The name of the account in use."""
    account = _mapping(call, body)
    name = account.get("displayName") or account.get("name") or account.get("accountId")
    if not isinstance(name, str):
        raise unreadable(call, "it does not name the account")
    return clean_line(name, 200)


def read_missing(call: Call, body: object) -> tuple[str, ...]:
    """The needed permissions that the account does not have."""
    granted = _mapping(call, _mapping(call, body).get("permissions"))
    return tuple(name for name in PERMISSIONS if _optional_mapping(granted.get(name)).get("havePermission") is not True)


def plain_text(body: object) -> str:
    """The text of a description or comment of either deployment."""
    return wiki.plain_text(body) if isinstance(body, str) else adf.plain_text(body)


def _mapping(call: Call, body: object) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise unreadable(call, "the answer lacks an object that the API promises")
    return body


def _optional_mapping(body: object) -> Mapping[str, Any]:
    return body if isinstance(body, dict) else {}


def _list(call: Call, body: Mapping[str, Any], name: str) -> Sequence[Any]:
    items = body.get(name)
    if not isinstance(items, list):
        raise unreadable(call, f"the answer lacks the list {name!r}")
    return items


def _text(call: Call, body: Mapping[str, Any], name: str) -> str:
    text = body.get(name)
    if not isinstance(text, str) or not text:
        raise unreadable(call, f"the answer lacks {name!r}")
    return clean_line(text, 255)
