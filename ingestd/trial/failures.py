"""A test that failed, in words."""

from __future__ import annotations

from ingestd.trial.expectations import text_of
from ingestd.trial.running import RuleTestResult


def failure_lines(result: RuleTestResult) -> list[str]:
    """What a failed test lacks: ``- key: expected`` and ``+ key: actual`` for each, with where and why."""
    lines: list[str] = []
    for shortfall in result.shortfalls:
        if shortfall.when:
            lines.append(f"{shortfall.when} (line {shortfall.line}):")
        for one in shortfall.differences:
            remark = f"  ({one.remark})" if one.remark else ""
            lines += [f"- {one.key}: {text_of(one.expected)}", f"+ {one.key}: {text_of(one.actual)}{remark}"]
        lines += [f"! {reason}" for reason in shortfall.reasons]
    return lines + [f"! {problem}" for problem in result.problems]
