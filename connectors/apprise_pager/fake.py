"""Models of an incoming webhook of Slack and of a Workflow of Teams: what they take, what they answer, and where their limits are.

They judge a request as the services are known to: Slack answers ``ok`` or a word such as ``invalid_payload``, Teams 202 whatever becomes
of the card later. So the model of Teams loses a card that is too large after it has said 202, as the service does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingestd.ports import HttpReply, HttpRequest

SLACK_PATH: Final = "/services/T0123ABCD/B0123ABCD/abcdefghijklmnopqrstuvwx"
TEAMS_PATH: Final = "/workflows/643e69f83c8944438d68119179a10a64/triggers/manual/paths/invoke"
TEAMS_SIGNATURE: Final = "KODuebWbDGYFr0z0eu-6Rj8aUKz7108W3wrNJZxFE5A"
_SLACK_LIMITS: Final = {"header": 150, "section": 3000, "field": 2000}
_TEAMS_LOST_ABOVE: Final = 24_000


class ChatFake:
    """Both services. ``answers`` are given before anything is judged: the next requests get them, first one first."""

    def __init__(self) -> None:
        self.slack: list[dict[str, Any]] = []
        """What was posted, oldest first."""
        self.teams: list[dict[str, Any]] = []
        self.answers: list[HttpReply] = []
        self.request_count = 0

    def answer(self, request: HttpRequest, query: Mapping[str, str]) -> HttpReply:
        """What the service says to a request; ``url`` is the path alone."""
        self.request_count += 1
        if self.answers:
            return self.answers.pop(0)
        if request.method != "POST":
            return _said(405, "method_not_allowed")
        try:
            body = json.loads(request.body)
        except ValueError:
            return _said(400, "invalid_payload")
        if request.url == SLACK_PATH:
            fault = slack_fault(body)
            if fault:
                return _said(400, fault)
            self.slack.append(body)
            return HttpReply(200, {"content-type": "text/html"}, b"ok")
        if request.url == TEAMS_PATH:
            if query.get("sig") != TEAMS_SIGNATURE:
                return _said(401, "unauthorized")
            if is_card(body) and len(request.body) <= _TEAMS_LOST_ABOVE:
                self.teams.append(body)
            return HttpReply(202, {}, b"")
        return _said(404, "no_service" if request.url.startswith("/services/") else "not_found")


def slack_fault(body: object) -> str:
    """The word with which Slack refuses a message; empty if it takes it."""
    if not isinstance(body, dict) or not (body.get("text") or body.get("attachments") or body.get("blocks")):
        return "no_text"
    blocks = [*body.get("blocks", []), *(one for part in body.get("attachments", []) for one in part.get("blocks", []))]
    if len(blocks) > 50 or not all(_is_block(block) for block in blocks):
        return "invalid_blocks"
    return ""


def _is_block(block: Mapping[str, Any]) -> bool:
    kind = block.get("type")
    if kind == "header":
        return block["text"]["type"] == "plain_text" and _fits(block["text"], "header")
    if kind != "section" or len(block.get("fields", ())) > 10:
        return False
    texts: Sequence[Mapping[str, Any]] = [block["text"]] if "text" in block else []
    return all(_fits(one, "section") for one in texts) and all(_fits(one, "field") for one in block.get("fields", ()))


def _fits(text: Mapping[str, Any], place: str) -> bool:
    return text.get("type") in {"plain_text", "mrkdwn"} and 0 < len(text.get("text", "")) <= _SLACK_LIMITS[place]


def is_card(body: object) -> bool:
    """Whether a Workflow would post this: one message with one Adaptive Card."""
    if not isinstance(body, dict) or body.get("type") != "message" or len(body.get("attachments", ())) != 1:
        return False
    [attachment] = body["attachments"]
    card = attachment.get("content", {})
    return (
        attachment.get("contentType") == "application/vnd.microsoft.card.adaptive"
        and card.get("type") == "AdaptiveCard"
        and bool(card.get("body"))
    )


def _said(status: int, word: str) -> HttpReply:
    return HttpReply(status, {"content-type": "text/plain"}, word.encode())
