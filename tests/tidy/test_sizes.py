"""Modules that fit in a head, functions that fit on a screen, and names that say something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from statistics import median

import pytest

MODULE_LINES, MEDIAN_LINES, FUNCTION_LINES = 400, 150, 60
WHY_LENGTH = "a reader should hold a module in mind and see a function whole; what is longer does two things"
SAYS_NOTHING = {"util", "utils", "helper", "helpers", "common", "base", "types", "misc", "manager", "data", "info"}
WHY_NAMES = "a name that fits everything collects everything; name a module for the one concept that it holds"


def line_count(module) -> int:
    return len(module.text.splitlines())


def function_faults(module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
        if length > FUNCTION_LINES:
            yield f"{module.path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"


def name_faults(module) -> Iterator[str]:
    for part in module.name.split("."):
        words = SAYS_NOTHING & set(part.split("_"))
        if words:
            yield f"{module.path}: {part} is named {', '.join(sorted(words))}"


def test_no_module_is_long(modules, hold):
    found = [f"{module.path}: {line_count(module)} lines" for module in modules if line_count(module) > MODULE_LINES]
    hold(WHY_LENGTH, found)


def test_modules_are_short_as_a_rule(modules):
    counts = [line_count(module) for module in modules if not module.path.endswith("__init__.py")]
    assert median(counts) <= MEDIAN_LINES, WHY_LENGTH


def test_no_function_is_long(modules, hold):
    hold(WHY_LENGTH, [fault for module in modules for fault in function_faults(module)])


def test_modules_are_named_for_what_they_hold(modules, hold):
    hold(WHY_NAMES, [fault for module in modules for fault in name_faults(module)])


def test_a_docstring_does_not_count_as_length(parse):
    body = "    x = 1\n" * (FUNCTION_LINES - 1)
    assert not list(function_faults(parse("a.py", f'def f():\n    """A.\n\n    B.\n    """\n{body}')))
    assert list(function_faults(parse("a.py", f"def f():\n{body}    y = 2\n")))


@pytest.mark.parametrize("path", ["ingestd/utils.py", "ingestd/core/alert_types.py", "connectors/common/__init__.py"])
def test_names_that_say_nothing_are_seen(parse, path):
    assert list(name_faults(parse(path, "")))
