"""HTML of mail as lines of text, in one pass and within bounds. It is not rendered: what matters is which words a person would see.

Left out is what is not shown (styles, scripts, hidden elements). A row of a table is a line with `` | `` between its cells, an item of a
list begins with ``- ``, a link is followed by its address. A quote of an earlier mail is left out of what the writer's own words are.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Final

from ingestd.core.safe_text import REPLACEMENT

_LINK_CHARS_MAX: Final = 2000
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_CELL: Final = "\x1f"
_BLOCK_EDGE: Final = "\x1e"
_AROUND_CELL: Final = " \n\xa0\x1e"
_BEFORE_NO_SPACE: Final = " \n\x1e\x1f"
_OWN_MARKS: Final = re.compile(r"[\x1e\x1f]")
_NO_CHARACTER: Final = re.compile(r"&#[0-9]{8,};?")
"""A number that no character has. ``html.unescape`` raises for one of thousands of digits."""
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})(?=[\s/>:]|$)")
_NAMED: Final = re.compile(r"<[a-zA-Z]")
_QUOTE_OR_END: Final = re.compile(r"[>\"']")

_UNSEEN: Final = frozenset({"script", "style", "title", "template", "noscript", "textarea", "svg", "object", "iframe"})
_UNSEEN_END: Final = {name: re.compile(rf"</{name}\b", re.IGNORECASE) for name in _UNSEEN}
_VOID: Final = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_BLOCK: Final = re.compile(
    r"h[1-6r]|p|pre|div|li|[ou]l|d[ltd]|t(?:able|body|foot|head|r)|address|article|aside|blockquote|body|center|details|fieldset"
    r"|fig(?:caption|ure)|footer|form|header|html|main|nav|section|summary"
)
# A font size of nothing hides nothing: Grafana's mail, and every other that is laid out by MJML, has it around cells with a size of their own.
# What styles say in what is looked at of a tag, which is its beginning: a tag of a megabyte is as dear as any other.
_ATTRIBUTES_CHARS_MAX: Final = 1000
_HIDING: Final = ("display", "visibility", "font-size", "hidden")
_HIDDEN: Final = re.compile(r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden")
# Only where words stand: programs that lay out mail set it on what holds the whole mail, and again on what is in it.
_ZERO_SIZE: Final = re.compile(r"font-size\s{0,9}:\s{0,9}0(?:px|pt|em|%)?\s{0,9}(?:[;\"'!]|$)")
_VALUES: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_HIDDEN_ATTRIBUTE: Final = re.compile(r"\shidden(?:[\s=/]|$)")
_QUOTES: Final = ("gmail_quote", "moz-cite-prefix", "yahoo_quoted", "protonmail_quote")
_QUOTES_TO_THE_END: Final = ("divrplyfwdmsg", "appendonsend", "zwchr", "ms-outlook-mobile-reference-message")
_HREF: Final = re.compile(
    r"\shref\s*=\s*(?:\"(https?://[^\"]*)\"|'(https?://[^']*)'|(https?://[^\s>\"']+))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class HtmlText:
    """What is shown, and what of it the writer seems to have written themselves."""

    text: str
    own: str
    tags: int
    """So many of them were read."""
    is_cut: bool = False


def from_html(source: str, chars_max: int, tags_max: int) -> HtmlText:
    """The words that are shown; never raises. Reading stops once there are ``chars_max`` characters of them, or ``tags_max`` tags."""
    reader = _Reader(chars_max)
    position = tags = 0
    while tags < tags_max and not reader.is_full:
        place = source.find("<", position)
        if place < 0:
            reader.text(source[position:])
            return reader.result(tags, is_cut=False)
        reader.text(source[position:place])
        position = _after_tag(source, place, reader)
        tags += 1
    return reader.result(tags, is_cut=position < len(source))


def _after_tag(source: str, place: int, reader: _Reader) -> int:
    """Give the reader the tag that begins here; where the text goes on."""
    tag = _TAG.match(source, place)
    if tag is None:
        if source.startswith("<!--", place):
            end = source.find("-->", place + 4)
            return len(source) if end < 0 else end + 3
        if source.startswith(("<!", "<?", "</"), place):
            end = source.find(">", place)
            return len(source) if end < 0 else end + 1
        if _NAMED.match(source, place) is None:
            reader.text("<")
            return place + 1
        return _tag_end(source, place) + 1
    name = tag[2].lower()
    end = _tag_end(source, tag.end())
    if tag[1]:
        reader.close(name)
    elif name in _UNSEEN:
        closing = _UNSEEN_END[name].search(source, end)
        return len(source) if closing is None else _tag_end(source, closing.end()) + 1
    else:
        reader.open(name, source[tag.end() : min(end, tag.end() + 2 * _LINK_CHARS_MAX)])
    return end + 1


def _tag_end(source: str, position: int) -> int:
    """Where the ``>`` of the tag stands that began before; one in a quoted value is none."""
    begin = position
    while True:
        found = _QUOTE_OR_END.search(source, position)
        if found is None:
            return len(source)
        if found[0] == ">":
            return found.start()
        closing = source.find(found[0], found.end())
        if closing < 0:
            end = source.find(">", begin)
            return len(source) if end < 0 else end
        position = closing + 1


class _Reader:
    def __init__(self, chars_max: int) -> None:
        self._chars_max = chars_max
        self._shown: list[str] = []
        self._own: list[str] = []
        self._chars = 0
        self._pre_depth = 0
        self._link = ""
        self._hidden = _Region()
        self._quote = _Region()
        self._is_quoted_to_the_end = False
        self._is_row_begun = False
        self._is_after_space = True

    @property
    def is_full(self) -> bool:
        return self._chars > self._chars_max

    def text(self, source: str) -> None:
        if not source or self._hidden.depth:
            return
        # Markup that was not needed to be seen costs no more than what is shown.
        source = source[: self._chars_max * 2]
        text = html.unescape(_NO_CHARACTER.sub(REPLACEMENT, source)) if "&" in source else source
        text = _OWN_MARKS.sub(" ", text)
        if not self._pre_depth:
            text = _SPACE.sub(" ", text)
            if self._is_after_space:
                text = text.removeprefix(" ")
        self._put(text)

    def open(self, name: str, attributes: str) -> None:
        if self._hidden.depth:
            self._hidden.open(name)
            return
        marks = attributes[:_ATTRIBUTES_CHARS_MAX].lower()
        if name not in _VOID and _is_hidden(name, marks):
            self._hidden.begin(name)
            return
        if any(mark in marks for mark in _QUOTES_TO_THE_END):
            self._is_quoted_to_the_end = True
        if self._quote.depth:
            self._quote.open(name)
        elif name == "blockquote" or (name == "div" and any(mark in marks for mark in _QUOTES)):
            self._put(_BLOCK_EDGE)
            self._quote.begin(name)
        if name in {"td", "th"}:
            self._put(_CELL if self._is_row_begun else "")
            self._is_row_begun = True
        elif name == "br":
            self._put("\n")
        elif _BLOCK.fullmatch(name):
            self._put(f"{_BLOCK_EDGE}- " if name == "li" else _BLOCK_EDGE)
            self._is_row_begun = self._is_row_begun and name != "tr"
            self._pre_depth += name == "pre"
        elif name == "a":
            link = _HREF.search(attributes)
            self._link = html.unescape((link[1] or link[2] or link[3])[:_LINK_CHARS_MAX]) if link else ""

    def close(self, name: str) -> None:
        if self._hidden.depth:
            self._hidden.close(name)
            return
        if _BLOCK.fullmatch(name):
            self._put(_BLOCK_EDGE)
            self._pre_depth = max(0, self._pre_depth - (name == "pre"))
        elif name == "a" and self._link:
            if self._link.rstrip("/") not in "".join(self._shown[-3:]):
                self._put(f" ({_SPACE.sub('', self._link)})")
            self._link = ""
        if self._quote.depth:
            self._quote.close(name)

    def result(self, tags: int, *, is_cut: bool) -> HtmlText:
        return HtmlText(_lines("".join(self._shown)), _lines("".join(self._own)), tags, is_cut or self.is_full)

    def _put(self, text: str) -> None:
        if not text:
            return
        self._chars += len(text)
        self._is_after_space = text[-1] in _BEFORE_NO_SPACE
        self._shown.append(text)
        if not self._quote.depth and not self._is_quoted_to_the_end:
            self._own.append(text)


def _is_hidden(name: str, attributes: str) -> bool:
    if not any(word in attributes for word in _HIDING):
        return False
    if _HIDDEN.search(attributes) or (name == "span" and _ZERO_SIZE.search(attributes)):
        return True
    return _HIDDEN_ATTRIBUTE.search(_VALUES.sub('""', attributes)) is not None


class _Region:
    """From the opening of an element to its end, counted by its name alone."""

    def __init__(self) -> None:
        self.depth = 0
        self._name = ""

    def begin(self, name: str) -> None:
        self._name, self.depth = name, 1

    def open(self, name: str) -> None:
        self.depth += name == self._name

    def close(self, name: str) -> None:
        self.depth -= name == self._name


def _lines(text: str) -> str:
    """The marks of blocks and cells become lines: a block without anything in it is none, one with a break or a hard blank is an empty one."""
    found: list[str] = []
    # What stands between two cells belongs to neither. A pattern for it would take a time that grows with the square of the blanks.
    first, *others = text.split(_CELL)
    if others:
        first = _CELL.join([first.rstrip(_AROUND_CELL), *(cell.strip(_AROUND_CELL) for cell in others[:-1])])
        first = f"{first}{_CELL}{others[-1].lstrip(_AROUND_CELL)}"
    for block in first.split(_BLOCK_EDGE):
        if not block.strip(" "):
            continue
        for line in block.removesuffix("\n").split("\n"):
            cells = [cell.strip() for cell in line.split(_CELL)] if _CELL in line else [line.rstrip()]
            joined = " | ".join(filter(None, cells))
            if joined.strip() or (found and found[-1]):
                found.append(joined.replace("\xa0", " ") if joined.strip() else "")
    return "\n".join(found).strip("\n")
