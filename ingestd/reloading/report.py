"""Says what came of reloads and of the rules' tests, wherever somebody looks: log, metrics, status, the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import structlog

from ingestd.ambient import Clock
from ingestd.config.load import Loaded
from ingestd.core.safe_text import one_line
from ingestd.reloading.proof import Proof
from ingestd.reloading.refused import RefusedReload, ReloadReason
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

TAKEN_OVER: Final = "taken_over"
SHOWN_MAX: Final = 20
LINE_CHARS_MAX: Final = 300


class ReloadReport:
    """What is in force since when, and what was refused since."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._in_force_at = clock.now()
        self._refused: RefusedReload | None = None
        self._failing: tuple[str, ...] = ()
        for result in (TAKEN_OVER, *ReloadReason):
            metrics.reloads.labels(str(result))

    def started(self) -> None:
        """What the daemon started with is in force."""
        self._note_in_force()

    def taken_over(self, loaded: Loaded, tests_count: int) -> None:
        """What is on disk is in force from now on, and passed that many tests."""
        self._note_in_force()
        self._metrics.reloads.labels(TAKEN_OVER).inc()
        self._metrics.rule_tests_failing.set(0)
        self._failing = ()
        version = loaded.ruleset.version[:12]
        log.info(log_events.CONFIG_RELOADED, rules=loaded.ruleset.count, rules_version=version, tests=tests_count)

    def _note_in_force(self) -> None:
        self._refused = None
        self._in_force_at = self._clock.now()
        self._metrics.reload_ok.set(1)
        self._metrics.reload_at.set(self._in_force_at.timestamp())

    def refused(self, reason: ReloadReason, problems: Sequence[str]) -> Sequence[str]:
        """What is on disk is not taken over. ``problems`` hold no secret; they are given back."""
        at = self._refused.at if self._refused else self._clock.now()
        self._refused = RefusedReload(at, reason, tuple(problems))
        self._metrics.reload_ok.set(0)
        self._metrics.reloads.labels(reason.value).inc()
        _tell_each(problems)
        log.warning(log_events.CONFIG_REFUSED, reason=reason.value, count=len(problems), first=_heading(problems[0]))
        return problems

    def tests_ran(self, proof: Proof) -> None:
        """The rules in force were tried by their tests after the start, which waits for no test."""
        self._failing = proof.failures
        self._metrics.rule_tests_failing.set(len(proof.failures))
        if proof.failures:
            _tell_each(proof.failures)
            first = _heading(proof.failures[0])
            log.error(log_events.RULE_TESTS_FAILED, count=len(proof.failures), tests=proof.tests_count, first=first)

    def tests_not_run(self, problems: Sequence[str]) -> None:
        """They came to no end, or could not be run."""
        log.error(log_events.RULE_TESTS_NOT_RUN, text=_heading(problems[0]))

    def as_status(self) -> dict[str, Any]:
        """For the API. ``refused`` is None while what is on disk is in force, as far as the daemon has been asked to look."""
        refused = self._refused
        return {
            "in_force_at": self._in_force_at,
            "refused": refused
            and {
                "at": refused.at,
                "reason": refused.reason.value,
                "problem_count": len(refused.problems),
                "problems": [_heading(problem) for problem in refused.problems[:SHOWN_MAX]],
            },
            "rule_tests_failing": [_heading(failure) for failure in self._failing[:SHOWN_MAX]],
        }

    def notice(self) -> str:
        """One sentence for the head of a page; empty if all is as it should be. Times are UTC."""
        refused = self._refused
        if refused is None:
            return ""
        count = len(refused.problems)
        what = f"{count} problem{'' if count == 1 else 's'}"
        since, in_force = f"{refused.at:%Y-%m-%d %H:%M}", f"{self._in_force_at:%Y-%m-%d %H:%M}"
        return f"The configuration on disk is refused since {since} UTC: {what}. That of {in_force} UTC is in force."


def _tell_each(problems: Sequence[str]) -> None:
    for problem in problems[:SHOWN_MAX]:
        log.warning(log_events.CONFIG_PROBLEM, text=_heading(problem))


def _heading(problem: str) -> str:
    return one_line(problem.partition("\n")[0], LINE_CHARS_MAX)
