"""The same content as Slack and Teams draw it, and as text for everybody else.

Slack: blocks of an incoming webhook; ``& < >`` are escaped everywhere, strangers' words stand in plain text alone, and each block stays
within Slack's limits. Teams: an Adaptive Card as a Workflow takes it; strangers' words stand in text runs, which know no markup, and the
whole stays below 20 kB, since Teams loses larger ones after it has said 202.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from connectors.apprise_pager.content import Content
from ingestd.chat import ChatTone
from ingestd.core.safe_text import one_line

TEAMS_BYTES_MAX: Final = 20_000
SLACK_HEADER_CHARS_MAX: Final = 150
SLACK_TEXT_CHARS_MAX: Final = 3000
SLACK_FIELD_CHARS_MAX: Final = 2000
SLACK_FIELDS_MAX: Final = 10
_SLACK_COLOURS: Final = {
    ChatTone.BAD: "#a80019",
    ChatTone.WARNING: "#b58900",
    ChatTone.GOOD: "#0d7f3d",
    ChatTone.PLAIN: "#5b6670",
}
_TEAMS_COLOURS: Final = {
    ChatTone.BAD: "attention",
    ChatTone.WARNING: "warning",
    ChatTone.GOOD: "good",
    ChatTone.PLAIN: "default",
}


def plain_body(content: Content) -> str:
    """Lines, facts and links as text, without the title."""
    facts = [f"{name}: {value}" for name, value in content.facts]
    links = [f"{name}: {url}" for name, url in content.links]
    return "\n".join((*content.lines, *facts, *links))


def slack_message(content: Content) -> dict[str, Any]:
    """What an incoming webhook of Slack is sent. ``text`` is what a notification shows."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _slack_plain(content.title, SLACK_HEADER_CHARS_MAX)},
    ]
    if content.lines:
        blocks.append({"type": "section", "text": _slack_plain("\n".join(content.lines), SLACK_TEXT_CHARS_MAX)})
    if content.facts:
        fields = [
            _slack_plain(f"{name}: {value}", SLACK_FIELD_CHARS_MAX) for name, value in content.facts[:SLACK_FIELDS_MAX]
        ]
        blocks.append({"type": "section", "fields": fields})
    # Whole links only: one that is cut leads nowhere.
    linked = ""
    for name, url in content.links:
        added = f"{linked}  ·  {_slack_link(name, url)}" if linked else _slack_link(name, url)
        linked = added if len(added) <= SLACK_TEXT_CHARS_MAX else linked
    if linked:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": linked}})
    return {
        "text": _slack_escaped(content.title, SLACK_TEXT_CHARS_MAX),
        "attachments": [{"color": _SLACK_COLOURS[content.tone], "blocks": blocks}],
    }


def _slack_link(name: str, url: str) -> str:
    return f"<{url.replace('&', '&amp;')}|{name}>"


def _slack_plain(text: str, chars_max: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _slack_escaped(text, chars_max), "emoji": False}


def _slack_escaped(text: str, chars_max: int) -> str:
    """Escaped and within the limit; cut before escaping, so that no entity is torn."""
    room = chars_max
    while len(escaped := _entities(text[:room])) > chars_max:
        room -= max(1, (len(escaped) - chars_max) // 5)
    return escaped or " "


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def teams_message(content: Content) -> dict[str, Any]:
    """What a Workflow of Teams is sent: one Adaptive Card."""
    body = [_runs({"text": content.title, "weight": "Bolder", "size": "Medium", "color": _TEAMS_COLOURS[content.tone]})]
    body += [_runs({"text": line}) for line in content.lines]
    body += [_runs({"text": f"{name}: ", "weight": "Bolder"}, {"text": value}) for name, value in content.facts]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": one_line(content.title, 250),
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": name, "url": url} for name, url in content.links],
        "msteams": {"width": "full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _runs(*runs: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", **run} for run in runs]}


def size_of(message: Mapping[str, Any]) -> int:
    """How many bytes the message has on its way."""
    return len(json.dumps(message))
