"""The issues of the stand-in for Jira: fields with their rules, a workflow, comments, and the index that lags behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.jira.fake_jql import Searchable
from connectors.jira.wire_replies import plain_text

OPTIONAL_FIELDS = frozenset({"description", "labels", "priority", "components", "assignee"})
_LONGEST_TEXT = 32_767
_INLINE = {"text", "hardBreak"}
_BLOCKS = {
    "paragraph",
    "heading",
    "codeBlock",
    "table",
    "tableRow",
    "tableHeader",
    "tableCell",
    "bulletList",
    "listItem",
    "rule",
}


@dataclass(frozen=True, slots=True)
class Status:
    """A status of the workflow; ``category`` is ``new``, ``indeterminate`` or ``done``."""

    id: str
    name: str
    category: str


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """A transition, from the statuses with these ids (from all if None). ``local_name`` is what a German account sees."""

    id: str
    name: str
    target: str
    sources: frozenset[str] | None = None
    local_name: str = ""
    has_screen: bool = False
    resolutions: tuple[str, ...] | None = None
    required: frozenset[str] = frozenset()

    @property
    def fields(self) -> frozenset[str]:
        """What is on its screen."""
        return self.required | ({"resolution"} if self.resolutions else set())


@dataclass(frozen=True, slots=True)
class Workflow:
    """Statuses by id, the first is where issues start; and the steps between them."""

    statuses: tuple[Status, ...]
    steps: tuple[WorkflowStep, ...]

    def status(self, id_: str) -> Status:
        """The status with this id."""
        return next(one for one in self.statuses if one.id == id_)

    def steps_from(self, status: str) -> list[WorkflowStep]:
        """What may be done in a status; never a step to where one is."""
        return [one for one in self.steps if one.target != status and (one.sources is None or status in one.sources)]


SIMPLE_WORKFLOW = Workflow(
    statuses=(
        Status("10000", "To Do", "new"),
        Status("3", "In Progress", "indeterminate"),
        Status("10001", "Done", "done"),
    ),
    steps=(
        WorkflowStep("11", "To Do", "10000", local_name="Zu erledigen"),
        WorkflowStep("21", "In Progress", "3", local_name="In Arbeit"),
        WorkflowStep("31", "Done", "10001", local_name="Fertig"),
    ),
)
"""What a new Jira project has: every status reachable from every other, no screens."""

STEPWISE_WORKFLOW = Workflow(
    statuses=(
        Status("1", "Open", "new"),
        Status("3", "In Progress", "indeterminate"),
        Status("5", "Resolved", "done"),
        Status("4", "Reopened", "new"),
    ),
    steps=(
        WorkflowStep("4", "Start Progress", "3", frozenset({"1", "4"}), "Arbeit beginnen"),
        WorkflowStep(
            "5",
            "Resolve Issue",
            "5",
            frozenset({"3"}),
            "Vorgang erledigen",
            has_screen=True,
            resolutions=("Won't Do", "Fixed"),
            required=frozenset({"resolution"}),
        ),
        WorkflowStep("7", "Reopen Issue", "4", frozenset({"5"}), "Vorgang wieder öffnen"),
    ),
)
"""As older projects have it: work must be started before it can be resolved, and that asks for a resolution."""


@dataclass(slots=True)
class FakeIssue:
    """An issue. Tests may change it as a person would, then call ``JiraFake.touch``."""

    id: str
    key: str
    fields: dict[str, Any]
    status: str
    created_at: datetime
    properties: dict[str, Any] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    """Name and content."""
    resolution: str = ""
    index: list[tuple[datetime, Searchable]] = field(default_factory=list)
    """What the search index holds from which instant on."""
    writes: list[datetime] = field(default_factory=list)

    def searchable(self) -> Searchable:
        """The issue as it would be indexed now."""
        labels = frozenset(self.fields.get("labels", ()))
        return Searchable(self.key.rpartition("-")[0], labels, plain_text(self.fields.get("description")))

    def seen_by_search(self, now: datetime) -> Searchable | None:
        """The newest indexed form that is visible by now."""
        visible = [form for visible_at, form in self.index if visible_at <= now]
        return visible[-1] if visible else None


@dataclass(frozen=True, slots=True)
class FieldRules:
    """What a project takes. ``on_screen`` names the optional fields that the create and edit screens show."""

    is_cloud: bool
    projects: tuple[str, ...] = ("OPS",)
    issue_types: tuple[str, ...] = ("Task", "Incident", "Bug")
    priorities: tuple[str, ...] = ("Highest", "High", "Medium", "Low", "Lowest")
    components: tuple[str, ...] = ("database", "network")
    users: tuple[str, ...] = ("5b10ac8d82e05b22cc7d4ef5", "jdoe")
    on_screen: frozenset[str] = OPTIONAL_FIELDS
    required: Mapping[str, str] = field(default_factory=dict)
    """Custom field id to the name that the error shows."""

    def errors_of_new(self, fields: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with the fields of a new issue, as Jira words it."""
        errors: dict[str, str] = {}
        if _name(fields.get("project"), "key") not in self.projects:
            errors["project"] = "valid project is required"
        if _name(fields.get("issuetype"), "name") not in self.issue_types:
            errors["issuetype"] = "Specify a valid issue type"
        for name, shown in self.required.items():
            if name not in fields:
                errors[name] = f"{shown} is required."
        summary = fields.get("summary")
        if not isinstance(summary, str) or not summary.strip():
            errors["summary"] = "You must specify a summary of the issue."
        elif "\n" in summary or "\r" in summary:
            errors["summary"] = "The summary is invalid because it contains newline characters."
        elif len(summary.encode("utf-16-le", "surrogatepass")) > 2 * 255:
            errors["summary"] = "Summary can't exceed 255 characters."
        others = {name: value for name, value in fields.items() if name not in {"project", "issuetype", "summary"}}
        return errors | self.errors_of(others)

    def errors_of(self, fields: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with optional fields."""
        errors: dict[str, str] = {}
        for name, value in fields.items():
            if name not in self.on_screen and name not in self.required:
                errors[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
            elif problem := self._problem(name, value):
                errors[name] = problem
        return errors

    def _problem(self, name: str, value: Any) -> str:  # noqa: ANN401 (JSON of any shape)
        match name:
            case "description":
                return text_problem(value, is_cloud=self.is_cloud)
            case "labels":
                return next((problem for label in value if (problem := _label_problem(label))), "")
            case "priority":
                return "" if _name(value, "name") in self.priorities else "The priority selected is invalid."
            case "components":
                names = [_name(one, "name") for one in value]
                return next((f"Component name '{one}' is not valid" for one in names if one not in self.components), "")
            case "assignee":
                user = _name(value, "accountId" if self.is_cloud else "name")
                return "" if user in self.users else f"User '{user}' does not exist."
        return ""


def text_problem(text: object, *, is_cloud: bool) -> str:
    """What is wrong with a description or comment; empty if it may be stored."""
    if not isinstance(text, dict if is_cloud else str):
        return "Operation value must be an Atlassian Document" if is_cloud else "Operation value must be a string"
    if isinstance(text, dict) and not _is_document(text):
        return "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
    if (
        len((text if isinstance(text, str) else plain_text(text)).encode("utf-16-le", "surrogatepass"))
        > 2 * _LONGEST_TEXT
    ):
        return "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
    return ""


def _is_document(document: Mapping[str, Any]) -> bool:
    content = document.get("content")
    return (
        document.get("type") == "doc"
        and document.get("version") == 1
        and isinstance(content, list)
        and all(_is_node(node, _BLOCKS) for node in content)
    )


def _is_node(node: Any, allowed: set[str]) -> bool:  # noqa: ANN401 (JSON of any shape)
    if not isinstance(node, dict) or node.get("type") not in allowed:
        return False
    if node["type"] == "text":
        return isinstance(node.get("text"), str) and bool(node["text"])
    return all(_is_node(child, _BLOCKS | _INLINE) for child in node.get("content", []))


def _label_problem(label: object) -> str:
    if not isinstance(label, str) or any(char.isspace() for char in label):
        return f"The label '{label}' contains spaces which is invalid."
    too_long = len(label) > 255
    return f"The label '{label}' exceeds the maximum length for a single label of 255 characters" if too_long else ""


def _name(value: object, name: str) -> str:
    return str(value.get(name, "")) if isinstance(value, dict) else ""
