"""Problems of files in the forms that programs read: JSON, annotations of GitHub, SARIF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from ingestd import __version__
from ingestd.config.codes import CODES
from ingestd.config.problems import Problem, ProblemLevel

_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def plain(problem: Problem) -> dict[str, object]:
    """One problem as JSON."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "length": problem.length,
        "level": problem.level.value,
        "code": problem.code,
        "text": problem.text,
        "hint": problem.hint,
    }


def annotation(problem: Problem) -> str:
    """A workflow command of GitHub: docs.github.com, "Workflow commands for GitHub Actions"; its escapes as in actions/toolkit."""

    def escape(text: str, more: str = "") -> str:
        for char in "%\r\n" + more:
            text = text.replace(char, f"%{ord(char):02X}")
        return text

    place = {"file": problem.file}
    if problem.line:
        end = problem.column + max(1, problem.length)
        place |= {"line": str(problem.line), "col": str(problem.column), "endColumn": str(end)}
    place["title"] = problem.code
    settings = ",".join(f"{key}={escape(value, ':,')}" for key, value in place.items())
    return f"::{problem.level} {settings}::{escape(_whole_text(problem))}"


def sarif(problems: Sequence[Problem]) -> dict[str, Any]:
    """A SARIF 2.1.0 log (OASIS), as code scanning of GitHub and GitLab and many editors read it."""
    codes = sorted({problem.code for problem in problems})
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "ingestd",
                        "version": __version__,
                        "rules": [_sarif_rule(code) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(problem, codes) for problem in problems],
            }
        ],
    }


def _sarif_rule(code: str) -> dict[str, Any]:
    explained = CODES.get(code)
    if explained is None:  # the code of a plug-in
        return {"id": code, "name": code}
    return {
        "id": code,
        "name": code,
        "shortDescription": {"text": explained.means},
        "help": {"text": explained.mend},
    }


def _sarif_result(problem: Problem, codes: Sequence[str]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(problem.file)}}
    if problem.line:
        place["region"] = {
            "startLine": problem.line,
            "startColumn": problem.column,
            "endColumn": problem.column + max(1, problem.length),
        }
    return {
        "ruleId": problem.code,
        "ruleIndex": codes.index(problem.code),
        "level": "error" if problem.level is ProblemLevel.ERROR else "warning",
        "message": {"text": _whole_text(problem)},
        "locations": [{"physicalLocation": place}],
    }


def _whole_text(problem: Problem) -> str:
    return problem.text + (f" ({problem.hint})" if problem.hint else "")
