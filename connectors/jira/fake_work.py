"""What people do with the issues of the stand-in for Jira: comments, and steps of the workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.jira.fake_issues import FakeIssue, Workflow, WorkflowStep, text_problem
from connectors.jira.fake_replies import answer, header, refusal
from ingestd.core.multipart import read_form
from ingestd.ports import HttpReply, HttpRequest

_NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


def page_of_comments(issue: FakeIssue, query: Mapping[str, str]) -> HttpReply:
    """Some of the comments; up to date at once, unlike a search."""
    ordered = issue.comments[::-1] if query.get("orderBy") == "-created" else issue.comments
    start, most = int(query.get("startAt", "0")), int(query.get("maxResults", "50"))
    page = ordered[start : start + most]
    return answer(200, {"comments": page, "total": len(ordered), "startAt": start, "maxResults": most})


def add_comment(issue: FakeIssue, body: Mapping[str, Any], *, is_cloud: bool) -> HttpReply:
    """A new comment, if its text may be stored."""
    problem = text_problem(body.get("body"), is_cloud=is_cloud)
    if problem:
        return refusal(400, comment=problem)
    comment = {"id": str(20_000 + len(issue.comments)), "body": body["body"], "properties": body.get("properties", [])}
    issue.comments.append(comment)
    return answer(201, comment)


def add_files(issue: FakeIssue, request: HttpRequest, bytes_max: int) -> HttpReply:
    """New files, if the form is one that no browser was tricked into sending, and none is too large."""
    if header(request, "x-atlassian-token") != "no-check":
        return HttpReply(403, {"content-type": "text/plain"}, b"XSRF check failed")
    form = read_form(header(request, "content-type"), request.body)
    if form is None or not form[1] or any(file.field_name != "file" for file in form[1]):
        return refusal(400, "The form has no file.")
    if any(len(file.content) > bytes_max for file in form[1]):
        return refusal(413, "The file is larger than the limit.")
    issue.files += [(file.name, file.content) for file in form[1]]
    return answer(200, [{"id": str(30_000 + len(issue.files)), "filename": file.name} for file in form[1]])


def offer(steps: Sequence[WorkflowStep], workflow: Workflow, query: Mapping[str, str], *, language: str) -> HttpReply:
    """The steps that may be taken, named in the language that was asked for."""
    with_fields = query.get("expand") == "transitions.fields"
    is_english = language.startswith("en")
    return answer(200, {"transitions": [_shown(step, workflow, with_fields, is_english) for step in steps]})


def _shown(step: WorkflowStep, workflow: Workflow, with_fields: bool, is_english: bool) -> dict[str, Any]:
    status = workflow.status(step.target)
    shown: dict[str, Any] = {
        "id": step.id,
        "name": step.name if is_english or not step.local_name else step.local_name,
        "hasScreen": step.has_screen,
        "to": {"id": status.id, "name": status.name, "statusCategory": {"key": status.category}},
    }
    if with_fields:
        fields: dict[str, dict[str, Any]] = {
            name: {"required": name in step.required, "hasDefaultValue": False} for name in sorted(step.fields)
        }

        if step.resolutions:
            fields["resolution"] |= {"allowedValues": [{"name": name} for name in step.resolutions]}
        shown["fields"] = fields
    return shown


def move(issue: FakeIssue, steps: Sequence[WorkflowStep], body: Mapping[str, Any], *, is_cloud: bool) -> HttpReply:
    """Take a step, if it is one of those offered and its screen gets what it wants."""
    wanted = str(body.get("transition", {}).get("id", ""))
    step = next((one for one in steps if one.id == wanted), None)
    if step is None:
        return refusal(400 if is_cloud else 500, f"Transition id {wanted} is not valid for this issue.")
    fields = body.get("fields", {})
    resolution = fields.get("resolution", {}).get("name", "")
    errors = {name: _NOT_ON_SCREEN.format(name) for name in fields if name not in step.fields}
    errors |= {name: f"{name.capitalize()} is required." for name in step.required if name not in fields}
    if resolution and not errors and resolution not in (step.resolutions or ()):
        errors["resolution"] = f"Resolution name '{resolution}' is not valid"
    if errors:
        return refusal(400, **errors)
    if step.has_screen:
        # Without a screen a real Jira drops such a comment and still answers 204.
        for item in body.get("update", {}).get("comment", []):
            issue.comments.append({"id": "0", "body": item["add"]["body"], "properties": []})
    issue.status, issue.resolution = step.target, resolution or issue.resolution
    return HttpReply(204)
