"""Every rule that is switched off somewhere says why, at the place where it is switched off."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

WHY = "a silenced warning without a reason cannot be judged later: it is either a hidden bug or a rule that should go"
_COMMENT = re.compile(
    r"#\s*(?:noqa\b|type:\s*ignore\b|ruff:\s*noqa\b|mypy:|fmt:\s*(?:off|skip)|pragma:|pylint:|nosec\b)"
)
_NAMED = re.compile(
    r"#\s*(?:noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*|type: ignore\[[\w, -]+\]|ruff: noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*|\w+:[^(#]*)\s*"
)
_REASON = re.compile(r"(?:[(#]|--|-|:)\s*\w+(?:\W+\w+)+")


def comment_faults(path: str, text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or not _COMMENT.match(token.string):
            continue
        named = _NAMED.match(token.string)
        if not named:
            yield f"{path}:{token.start[0]}: names no rule: {token.string}"
        elif not _REASON.match(token.string[named.end() :]):
            yield f"{path}:{token.start[0]}: gives no reason: {token.string}"


def setting_faults(path: str, text: str) -> Iterator[str]:
    """Every rule code, and every mypy relaxation, in pyproject.toml has a comment on its line."""
    for number, line in enumerate(text.splitlines(), 1):
        is_rule = re.match(r'\s+"[A-Z]+\d*",', line)
        is_relaxed = re.match(
            r"\s*(ignore_missing_imports|ignore_errors|disable_error_code|follow_imports|allow_\w+)\s*=", line
        )
        if (is_rule or is_relaxed) and not re.search(r"#\s*\w+(\W+\w+)+", line):
            yield f"{path}:{number}: gives no reason: {line.strip()}"


def test_every_suppression_gives_its_reason(root, tracked, hold):
    python = [path for path in tracked if path.suffix == ".py"]
    found = [
        fault
        for path in python
        for fault in comment_faults(str(path.relative_to(root)), Path(path).read_text(encoding="utf-8"))
    ]
    found += setting_faults("pyproject.toml", (root / "pyproject.toml").read_text(encoding="utf-8"))
    hold(WHY, found)


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S101",
        "# type: ignore",
        "# type: ignore[arg-type]",
        "# fmt: off",
        "# noqa: S101 (x)",
        "# pragma: no cover",
    ],
)
def test_a_bare_suppression_is_seen(comment):
    assert list(comment_faults("a.py", f"x = 1  {comment}\n"))


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: ANN401 (each factory has its own settings type)",
        "# type: ignore[arg-type]  # the stub is older than the library",
        "# noqa: S101, E501 -- a test by another name",
        "# fmt: off (the columns line up)",
    ],
)
def test_a_reasoned_suppression_is_fine(comment):
    assert not list(comment_faults("a.py", f"x = 1  {comment}\n"))


def test_a_bare_setting_is_seen():
    assert list(setting_faults("pyproject.toml", '  "D203",\n'))
    assert not list(setting_faults("pyproject.toml", '  "D203", # contradicts D211\n'))
