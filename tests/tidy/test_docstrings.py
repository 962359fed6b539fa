"""Public names say what they guarantee. ruff asks that a docstring is there; this asks that it says something."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

WHY = "a docstring that repeats the name tells a reader nothing; say what is guaranteed, units, shapes and errors"
_FILLER = {
    "a",
    "an",
    "the",
    "of",
    "for",
    "to",
    "this",
    "class",
    "function",
    "method",
    "is",
    "it",
    "that",
    "and",
    "in",
    "module",
    "s",
}


def _words(text: str) -> set[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return {word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", spaced.lower())} - _FILLER


def _public(
    body: list[ast.stmt], prefix: str = ""
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{prefix}{node.name}.")


def _is_excused(node: ast.AST) -> bool:
    """An overload and an override are described where they are first defined, a setter at its property."""
    marks = {ast.unparse(mark) for mark in getattr(node, "decorator_list", [])}
    return any(mark.split(".")[-1] in {"overload", "override", "setter"} for mark in marks)


def docstring_faults(module) -> Iterator[str]:
    if not ast.get_docstring(module.tree):
        yield f"{module.path}: the module has no docstring"
    for name, node in _public(module.tree.body):
        if _is_excused(node):
            continue
        text = ast.get_docstring(node) or ""
        if not text:
            yield f"{module.path}:{node.lineno}: {name} has no docstring"
        elif not _words(text) - _words(node.name):
            yield f"{module.path}:{node.lineno}: the docstring of {name} repeats its name: {text!r}"


def test_every_public_name_says_what_it_guarantees(modules, hold):
    hold(WHY, [fault for module in modules for fault in docstring_faults(module)])


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        '"""Mod."""\ndef load(): pass',
        '"""Mod."""\nclass AlertStore:\n    """The alert store."""',
        '"""Mod."""\nclass Store:\n    """Keeps rows."""\n    def load_alerts(self):\n        """Load the alerts."""',
    ],
)
def test_the_rule_sees_silence_and_echoes(parse, text):
    assert list(docstring_faults(parse("ingestd/store/alerts.py", text)))
