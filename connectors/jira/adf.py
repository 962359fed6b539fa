"""Blocks as an Atlassian Document Format document, which Jira Cloud takes for descriptions and comments (REST v3).

Text nodes are literal, so nothing can be injected; but they must not be empty, and a line break is a node of its own.
Checked against Atlassian's published JSON schema (``@atlaskit/adf-schema``, ``v1/full.json``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from connectors.jira.picture import Block, Facts, Heading, Paragraph, Piece, Verbatim
from connectors.jira.text import jira_length

_ENDS_LINE = ("paragraph", "heading", "codeBlock", "hardBreak")
_LINE_END = object()


def render(blocks: Sequence[Block]) -> dict[str, Any]:
    """The blocks as a document."""
    return {"type": "doc", "version": 1, "content": [_node(block) for block in blocks]}


def size(document: object) -> int:
    """The length of the document as JSON, which is more than Jira can count whichever way it counts."""
    return jira_length(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def plain_text(document: object) -> str:
    """All text of a document that Jira returned, in order, one line for each paragraph. Takes anything, and any depth."""
    found: list[str] = []
    waiting: list[object] = [document]
    while waiting:
        node = waiting.pop()
        if node is _LINE_END:
            found.append("\n")
        elif isinstance(node, list):
            waiting.extend(reversed(node))
        elif isinstance(node, dict):
            text = node.get("text")
            if isinstance(text, str):
                found.append(text)
            if node.get("type") in _ENDS_LINE:
                waiting.append(_LINE_END)
            waiting.append(node.get("content"))
    return "".join(found).strip("\n")


def _node(block: Block) -> dict[str, Any]:
    match block:
        case Heading(text):
            return {"type": "heading", "attrs": {"level": 3}, "content": [{"type": "text", "text": text}]}
        case Verbatim(text):
            return {"type": "codeBlock", "content": [{"type": "text", "text": text}]}
        case Facts(rows):
            return {"type": "table", "content": [_row(name, value) for name, value in rows]}
        case Paragraph(lines):
            return _paragraph(lines)


def _row(name: str, value: tuple[Piece, ...]) -> dict[str, Any]:
    return {
        "type": "tableRow",
        "content": [
            {"type": "tableHeader", "content": [_paragraph([(Piece(name),)])]},
            {"type": "tableCell", "content": [_paragraph([value])]},
        ],
    }


def _paragraph(lines: Iterable[tuple[Piece, ...]]) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for pieces in lines:
        if content:
            content.append({"type": "hardBreak"})
        content.extend(_text(piece) for piece in pieces)
    return {"type": "paragraph", "content": content}


def _text(piece: Piece) -> dict[str, Any]:
    marks: list[dict[str, Any]] = []
    if piece.href:
        marks.append({"type": "link", "attrs": {"href": piece.href}})
    if piece.is_strong:
        marks.append({"type": "strong"})
    return {"type": "text", "text": piece.text, **({"marks": marks} if marks else {})}
