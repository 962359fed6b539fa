"""Where in a rule file a fault of the compiler stands, and what is suspicious about how its matchers are written."""

from __future__ import annotations

from collections.abc import Iterator

from ingestd.config.problems import Problem, did_you_mean
from ingestd.config.validation import locate
from ingestd.config.yaml_tree import Document, Node, Scalar, Sequence, Span
from ingestd.config.yaml_tree import Mapping as YamlMapping
from ingestd.core.rule_draft import Fault

_MATCHER_KEYS = ("match", "match_any", "unless")
_TEXT_KEYS = ("title", "summary")
_NAME_KEYS = {"rules": "rule", "enrich": "name", "maintenance": "name"}


def place_of(fault: Fault, document: Document, number: int) -> Problem:
    """The problem of a fault: in the rule, or in the file's defaults where the rule got it from."""
    node: Node | None = None
    for start in ((fault.section, number), ("defaults",)):
        found = node_at(document.root, (*start, *fault.place))
        if found is not None:
            node = found
            break
    span = node.span if node is not None else locate(document.root, (fault.section, number, _NAME_KEYS[fault.section]))
    if span is not None and isinstance(node, Scalar) and fault.offset is not None:
        span = _inside(document, node, fault.offset, fault.length)
    hint = fault.hint or (did_you_mean(fault.word, fault.known) if fault.word else "")
    return document.problem(span, fault.code, fault.text, hint=hint)


def node_at(node: Node | None, place: tuple[str | int, ...]) -> Node | None:
    """What is written at a place; None if nothing is. A mapping where a list of them may stand counts as its first item."""
    for part in place:
        match node:
            case YamlMapping():
                node = node if part == 0 else node.get(str(part))
            case Sequence() if isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            case _:
                return None
    return node


def _inside(document: Document, node: Scalar, offset: int, length: int) -> Span:
    """The place of a part of a text, if the file holds the text as it is; else of the whole text."""
    text = str(node.value)
    begin = node.span.column - 1 + (0 if node.is_plain else 1)
    line = document.lines[node.span.line - 1]
    if line[begin : begin + len(text)] != text:
        return node.span
    return Span(node.span.line, begin + offset + 1, max(1, min(length, len(text) - offset)))


def lint_comments(document: Document, root: Node) -> None:
    """A plain matcher or template before a ``#``: what follows is a comment, which is not always what the author meant."""
    for what, scalar in _plain_texts(root):
        line = document.lines[scalar.span.line - 1]
        end = scalar.span.column - 1 + scalar.span.length
        rest = line[end:]
        if rest.lstrip().startswith("#") and rest[:1] in {" ", "\t"}:
            span = Span(scalar.span.line, end + 1 + len(rest) - len(rest.lstrip()), len(rest.strip()))
            hint = f"put the {what} in single quotes if this belongs to it; else move it to a line of its own"
            document.lint(span, "comment", "text after # is ignored", hint=hint)


def _plain_texts(node: Node | None, key: str = "") -> Iterator[tuple[str, Scalar]]:
    """What is written without quotes, and what it is: matchers, wherever they stand (rules, enrich steps, windows, what inhibits,
    silences of tests), and the texts that people read.
    """
    if isinstance(node, YamlMapping):
        for name, entry in node.entries.items():
            if isinstance(entry.node, Scalar) and entry.node.is_plain and name in _TEXT_KEYS:
                yield name, entry.node
            yield from _plain_texts(entry.node, name)
    elif isinstance(node, Sequence):
        for item in node.items:
            if not isinstance(item, Scalar):
                yield from _plain_texts(item)
            elif item.is_plain and key in _MATCHER_KEYS:
                yield "matcher", item
