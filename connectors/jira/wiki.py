"""Blocks as Jira's wiki markup, which Data Center takes for descriptions and comments (REST v2).

Every character with a meaning in the markup is escaped, so that a label like ``{color:red}`` or ``[~admin]`` is shown and
not obeyed. A literal backslash becomes an HTML entity, because two backslashes are a line break in the markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connectors.jira.picture import Block, Facts, Heading, Paragraph, Piece, Verbatim
from connectors.jira.text import jira_length

# Effects such as *strong* and -deleted- begin and end at the edge of a word: inside one (2026-01-02) they mean nothing.
_SPECIAL = re.compile(r"[\\{}\[\]|!#]|(?<!\w)[*_?\-+^~]|[*_?\-+^~](?!\w)|(?<=_)_|_(?=_)")
_LINE_START = re.compile(r"^(h[1-6]|bq)\.")
_IN_LINK_NAME = re.compile(r"[\[\]|]")
_LINK_BREAKERS = re.compile(r"[\[\]|]")
_MACRO = re.compile(r"\{(?=\s*noformat)", re.IGNORECASE)


def render(blocks: Sequence[Block]) -> str:
    """The blocks as wiki text."""
    return "\n\n".join(_block(block) for block in blocks)


def size(text: object) -> int:
    """The length of rendered wiki text, as Jira counts it."""
    return jira_length(str(text)) + 2


def plain_text(text: object) -> str:
    """Wiki text that Jira returned, without the escapes. Takes anything."""
    return text.replace("\\", "") if isinstance(text, str) else ""


def escape(text: str) -> str:
    """The text with nothing left in it that the markup would obey."""
    escaped = _SPECIAL.sub(lambda found: "&#92;" if found.group() == "\\" else "\\" + found.group(), text)
    return _LINE_START.sub(r"\1&#46;", escaped)


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"h3. {escape(text)}"
        case Verbatim(text):
            # A space inside the braces is enough: the macro ends only at its exact name.
            return "{noformat}\n" + _MACRO.sub("{ ", text) + "\n{noformat}"
        case Facts(rows):
            return "\n".join(f"||{escape(name)}|{_line(value)}|" for name, value in rows)
        case Paragraph(lines):
            return "\n".join(_line(pieces) for pieces in lines)


def _line(pieces: tuple[Piece, ...]) -> str:
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: Piece) -> str:
    if piece.href and not _LINK_BREAKERS.search(piece.href):
        return f"[{escape(_IN_LINK_NAME.sub(' ', piece.text))}|{piece.href}]"
    text = escape(piece.text)
    return f"*{text}*" if piece.is_strong else text
