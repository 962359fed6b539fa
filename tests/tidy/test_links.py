"""A link of a page leads somewhere: to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

WHY = "a reader who follows a link that leads nowhere does not know whether the page, or what it says, is out of date"
LINK = re.compile(r"(?<!!)\[[^\]\[]*\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def headings(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found = set()
    for heading in re.findall(r"^#{1,6} (.*)$", FENCED.sub("", text), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.add(re.sub(r"[^\w -]", "", shown.lower()).replace(" ", "-"))
    return found


def lost_links(path: Path) -> Iterator[str]:
    """What is linked from a page and is not there."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    for target, anchor in LINK.findall(text):
        place = (path.parent / target).resolve() if target else path
        if not place.exists():
            yield f"{path}: there is no {target}"
        elif anchor and place.suffix == ".md" and anchor not in headings(place.read_text(encoding="utf-8")):
            yield f"{path}: {target or path.name} has no heading #{anchor}"


def test_every_link_of_a_page_leads_somewhere(root, hold):
    pages = [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]
    hold(WHY, [fault for path in pages for fault in lost_links(path)])


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("[a](b.md)", "there is no b.md"),
        ("# One `two`: three\n[a](#one-two-three)", None),
        ("# One\n[a](#two)", "has no heading #two"),
        ("```\n[a](b.md)\n# Two\n```\n[a](#two)", "has no heading #two"),
        ("[a](https://example.com/b.md)", None),
    ],
)
def test_a_lost_link_is_found(tmp_path, text, lost):
    page = tmp_path / "page.md"
    page.write_text(text)
    found = list(lost_links(page))
    assert bool(found) == bool(lost)
    assert lost is None or found[0].endswith(lost)
