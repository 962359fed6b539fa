"""Answers in the form that Jira gives them."""

from __future__ import annotations

import json
from typing import Any

from ingestd.ports import HttpReply, HttpRequest


def body_of(request: HttpRequest) -> dict[str, Any] | None:
    """The JSON object of a request, empty for a GET and a form; None if Jira could not read it."""
    if request.method == "GET" or header(request, "content-type").startswith("multipart/form-data"):
        return {}
    kinds = [value for name, value in request.headers.items() if name.lower() == "content-type"]
    try:
        body = json.loads(request.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) and kinds and kinds[0].startswith("application/json") else None


def header(request: HttpRequest, name: str) -> str:
    """The value of a header, whose name may come in any case."""
    return next((value for given, value in request.headers.items() if given.lower() == name), "")


def answer(status: int, body: object) -> HttpReply:
    """A JSON answer."""
    return HttpReply(status, {"content-type": "application/json;charset=UTF-8"}, json.dumps(body).encode())


def refusal(status: int, *messages: str, **errors: str) -> HttpReply:
    """An error answer: messages of the whole, and errors by field."""
    return answer(status, {"errorMessages": list(messages), "errors": errors})
