"""Test results as JUnit XML, which CI servers read: a suite per file, a case per test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from ingestd.config.problems import Problem, headline, render
from ingestd.core.safe_text import plain_block
from ingestd.trial.failures import failure_lines
from ingestd.trial.running import RuleTestResult

_TEXT_CHARS_MAX = 20_000


def write_junit(path: Path, results: Sequence[RuleTestResult], problems: Iterable[Problem]) -> None:
    """Write the file. A test that cannot be read is an error of its file. Raises ``OSError``."""
    problems = list(problems)
    root = ET.Element("testsuites", name="ingestd test rules")
    files = dict.fromkeys([*(result.test.file for result in results), *(problem.file for problem in problems)])
    for file in files:
        mine = [result for result in results if result.test.file == file]
        wrong = [problem for problem in problems if problem.file == file]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=_clean(file),
            tests=str(len(mine) + len(wrong)),
            failures=str(sum(not result.has_passed for result in mine)),
            errors=str(len(wrong)),
        )
        for problem in wrong:
            case = ET.SubElement(suite, "testcase", classname=_clean(file), name=f"line {problem.line}")
            ET.SubElement(case, "error", message=_clean(headline(problem))).text = _clean(render(problem))
        for result in mine:
            case = ET.SubElement(
                suite, "testcase", classname=_clean(file), name=_clean(result.test.name), line=str(result.test.line)
            )
            if not result.has_passed:
                lines = failure_lines(result)
                ET.SubElement(case, "failure", message=_clean(lines[0])).text = _clean("\n".join(lines))
    ET.indent(root)
    path.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _clean(text: str) -> str:
    """Text without what XML does not allow."""
    return plain_block(text, _TEXT_CHARS_MAX)
