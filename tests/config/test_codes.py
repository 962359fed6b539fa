"""The codes of problems: each one that the source uses is explained, and each one that is explained is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestd.config.codes import CODES

# Where the code stands among the arguments of what reports a problem, and what comes before it.
_PLACES = {"report": 1, "lint": 1, "problem": 1, "problem_at": 1, "_warning": 2, "Problem": 5, "Fault": 2}
_PLAIN_FAULT, _FAULT_OF_THE_COMPILER = 0, 1
# Functions that make a code of a word that they are given.
_MADE_OF = {"_check_name": (3, "unknown-{}"), "_check_word": (2, "unknown-{}"), "_unknown": (1, "unknown-{}")}


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _texts(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression can be, where it is a constant or a choice between two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _of_calls(tree: ast.Module) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = _name_of(call)
        place = _PLACES.get(name)
        if name == "fault":
            place = _FAULT_OF_THE_COMPILER if isinstance(call.func, ast.Attribute) else _PLAIN_FAULT
        elif name == "_report":
            place = 1
        if place is not None and len(call.args) > place:
            yield from _texts(call.args[place])
        if name in _MADE_OF:
            word_at, form = _MADE_OF[name]
            if len(call.args) > word_at:
                yield from (form.format(word) for word in _texts(call.args[word_at]))


def _of_returns(tree: ast.Module) -> Iterator[str]:
    """``validation`` gives (span, code, text, hint) and (code, text, hint)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) in {3, 4}:
            yield from _texts(node.value.elts[len(node.value.elts) - 3])


def used_codes(root: Path) -> set[str]:
    found: set[str] = set()
    for path in [*sorted((root / "ingestd").rglob("*.py")), *sorted((root / "connectors").rglob("*.py"))]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.update(_of_calls(tree))
        if path.name == "validation.py":
            found.update(_of_returns(tree))
    return found


def made_by_forms(root: Path) -> set[str]:
    """The beginnings of codes that are put together: ``unknown-{what}`` gives ``unknown-``."""
    found = set()
    for path in sorted((root / "ingestd").rglob("*.py")):
        for call in (
            node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
        ):
            place = _PLACES.get(_name_of(call), 1 if _name_of(call) == "_report" else None)
            if place is not None and len(call.args) > place and isinstance(call.args[place], ast.JoinedStr):
                found.update(_texts(call.args[place].values[0]))
    return found


def test_every_code_that_is_used_is_explained(root):
    assert used_codes(root) - set(CODES) == set()


def test_every_code_that_is_explained_is_used(root):
    forms = tuple(made_by_forms(root))
    assert forms
    unused = {code for code in set(CODES) - used_codes(root) if not code.startswith(forms)}
    assert unused == set()


def test_every_code_that_some_test_shows_is_explained(root):
    """Also those that are put together at run time."""
    shown = set()
    for path in (root / "tests").rglob("*.py"):
        shown.update(re.findall(r"(?:error|warning)\[([a-z-]+)\]", path.read_text(encoding="utf-8")))
    assert shown - set(CODES) == set()
    assert len(shown) > 20


@pytest.mark.parametrize("code", CODES)
def test_an_explanation_says_what_is_wrong_and_what_to_do(code):
    found = CODES[code]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert found.means.endswith(".")
    assert len(found.means) > 10
    assert found.mend
    assert bool(found.wrong) <= bool(found.right), "who sees what is wrong wants to see it right"
