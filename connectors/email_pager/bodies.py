"""The two bodies of a mail, from one content: plain text for phones and terminals, HTML for comfort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from typing import Final

from connectors.email_pager.content import Content, Line, Section

_STYLE_PAGE: Final = "font-family:sans-serif;font-size:16px;line-height:1.4;max-width:42em"
_STYLE_BUTTON: Final = (
    "display:inline-block;padding:12px 20px;background:#1a56db;color:#ffffff;text-decoration:none;border-radius:6px"
)


def plain_body(content: Content) -> str:
    """Lines, each ended by a line feed. The first three are headline, situation and action: all that a preview shows."""
    if content.letter:
        return "\n".join(content.letter) + "\n"
    lines = [content.headline, content.situation, _plain(content.action)]
    for section in content.sections:
        lines += ["", section.heading, *(f"  {_plain(line)}" for line in section.lines)]
    return "\n".join(lines) + "\n"


def html_body(content: Content) -> str:
    """A document without images, scripts or anything else that a mail program would fetch. All text is escaped."""
    if content.letter:
        return _document(content.subject, *(_html_paragraphs(content.letter)))
    if content.action.url:
        action = f'<p><a href="{escape(content.action.url)}" style="{_STYLE_BUTTON}">{escape(content.action.text.rstrip(":"))}</a></p>'
    else:
        action = f"<p>{escape(content.action.text)}</p>"
    return _document(
        content.subject,
        f"<p><strong>{escape(content.headline)}</strong></p>",
        f"<p>{escape(content.situation)}</p>",
        action,
        *(_html_section(section) for section in content.sections),
    )


def _document(title: str, *body: str) -> str:
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title></head>",
            f'<body style="{_STYLE_PAGE}">',
            *body,
            "</body></html>",
            "",
        )
    )


def _html_paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """A paragraph for each run of lines that are not blank."""
    for is_text, run in groupby(lines, key=bool):
        if is_text:
            yield f"<p>{'<br>'.join(escape(line) for line in run)}</p>"


def _plain(line: Line) -> str:
    return f"{line.text} {line.url}".strip()


def _html_section(section: Section) -> str:
    items = "".join(f"<li>{_html_line(line)}</li>" for line in section.lines)
    return f"<h3>{escape(section.heading)}</h3><ul>{items}</ul>"


def _html_line(line: Line) -> str:
    if not line.url:
        return escape(line.text)
    link = f'<a href="{escape(line.url)}">{escape(line.url)}</a>'
    return f"{escape(line.text)} {link}" if line.text else link
