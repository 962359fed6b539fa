"""Runs tests of the rules in virtual time, and says which rules they reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ingestd.config.load import Loaded
from ingestd.config.policy import build_policy
from ingestd.config.rule_test_model import ExpectModel
from ingestd.core.alert import Alert
from ingestd.core.decide import Answer, AnswerAction
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.policy import Policy
from ingestd.core.ruleset import Rule
from ingestd.trial.expectations import Difference, Standing, differences, facts, since
from ingestd.trial.reasons import reasons, why_nothing_resolves
from ingestd.trial.rehearsal import Rehearsal
from ingestd.trial.rule_tests import Acknowledge, Arrive, Fire, Hush, Resolve, RuleTest, RuleTestStep
from ingestd.trial.written_alert import Doors, doors_of, written_alert


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What did not hold at one point of a history. ``when`` says which, in words; empty for the end of the test."""

    when: str
    line: int
    differences: tuple[Difference, ...]
    reasons: tuple[str, ...] = ()
    """Why it is otherwise, as far as that can be told: which rule came before, what kept the alert back and until when."""


@dataclass(frozen=True, slots=True)
class RuleTestResult:
    """How a test ended. It passed if nothing is wrong."""

    test: RuleTest
    shortfalls: tuple[Shortfall, ...] = ()
    problems: tuple[str, ...] = ()
    """What is wrong besides expectations: a template that failed, a step that could not happen."""
    facts: dict[str, object] = field(default_factory=dict)
    """Everything that can be expected, as it is at the end."""
    rules: frozenset[str] = frozenset()
    """The rules that decided about an alert."""

    @property
    def has_passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.shortfalls and not self.problems


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which rules the tests reach: those that decided about at least one alert. The built-in last rule does not count."""

    rules: tuple[Rule, ...]
    missed: tuple[Rule, ...]

    @property
    def percent(self) -> float:
        """Of the rules that are reached; 100 if there are none."""
        return 100.0 * (len(self.rules) - len(self.missed)) / len(self.rules) if self.rules else 100.0


class Bench:
    """Runs the tests of one configuration. Each is a history of its own: nothing is left over from the one before."""

    def __init__(self, loaded: Loaded) -> None:
        self._policy = build_policy(loaded)
        self._doors = doors_of(loaded.config)
        self._parts: dict[frozenset[str], Policy] = {}

    def run(self, tests: Iterable[RuleTest]) -> list[RuleTestResult]:
        """The results, in the order of the tests."""
        return [_Run(test, self._policy_for(test), self._doors).result() for test in tests]

    def _policy_for(self, test: RuleTest) -> Policy:
        """The policy with those rules alone that the test is about; the built-in one is always there."""
        only = test.rule_files
        if only is None:
            return self._policy
        if only not in self._parts:
            ruleset = self._policy.ruleset
            rules = tuple(rule for rule in ruleset.rules if not rule.file or rule.file in only)
            windows = tuple(window for window in ruleset.maintenance if window.file in only)
            # A source's watchdog answers before any rule is asked: these tests are about the rules of their files alone.
            alone = replace(ruleset, rules=rules, maintenance=windows)
            self._parts[only] = replace(self._policy, ruleset=alone, watchdogs={})
        return self._parts[only]


def coverage(loaded: Loaded, results: Sequence[RuleTestResult]) -> Coverage:
    """Which of the rules that somebody wrote these results reach."""
    reached = frozenset[str]().union(*(result.rules for result in results))
    written = tuple(rule for rule in loaded.ruleset.rules if rule.file)
    return Coverage(written, tuple(rule for rule in written if rule.name not in reached))


class _Run:
    """One test as it happens."""

    def __init__(self, test: RuleTest, policy: Policy, doors: Doors) -> None:
        self._test = test
        self._doors = doors
        self._rehearsal = Rehearsal(policy, test.begins_at)
        self._firing_since: dict[AlertKey, datetime] = {}
        self._fired: dict[AlertKey, Alert] = {}
        """Every alert that fired so far, whether or not it is over."""
        self._shortfalls: list[Shortfall] = []
        self._problems: list[str] = []

    def result(self) -> RuleTestResult:
        """Let it happen, and compare."""
        test = self._test
        for step in test.steps:
            at = test.begins_at + timedelta(seconds=step.after_seconds)
            self._rehearsal.pass_until(at)
            self._take(step)
            self._rehearsal.pass_until(at)  # a step that reaches nobody is followed by the next one at once
            self._compare(step.expect, since(test.begins_at, at), step.line)
        self._compare(test.expect, "", test.line)
        asked = self._rehearsal.asked
        templates = dict.fromkeys(one.label.template_problem for one in asked if one.label.template_problem)
        return RuleTestResult(
            test,
            tuple(self._shortfalls),
            (*self._problems, *templates),
            facts(self._standing),
            frozenset(one.label.rule for one in asked),
        )

    @property
    def _standing(self) -> Standing:
        return Standing(self._rehearsal, self._test.begins_at, self._rehearsal.touched)

    def _take(self, step: RuleTestStep) -> None:
        touched = self._rehearsal.touched
        match step.action:
            case Fire() as fire:
                alert = self._alert(fire)
                wrong = why_nothing_resolves(alert, self._fired) if fire.is_over else ""
                if wrong:
                    self._problems.append(f"line {step.line}: {wrong}")
                self._receive([alert])
            case Arrive(envelope=envelope):
                self._receive(envelope.alerts, envelope.truncated_count)
            case Acknowledge(by=by):
                if touched is None:
                    self._problems.append(f"line {step.line}: {by} acknowledges, and no incident was opened")
                    return
                answer = Answer(touched, AnswerAction.ACKNOWLEDGE, by, "test")
                self._rehearsal.answer(answer)
            case Resolve(by=by):
                if touched is None:
                    self._problems.append(f"line {step.line}: {by} resolves, and no incident was opened")
                    return
                self._rehearsal.answer(Answer(touched, AnswerAction.RESOLVE, by, "test"))
            case Hush(matchers=matchers, seconds=seconds):
                self._rehearsal.hush(matchers, seconds)
            case None:
                pass

    def _receive(self, alerts: Sequence[Alert], truncated_count: int = 0) -> None:
        self._fired |= {alert.key: alert for alert in alerts if alert.status is AlertStatus.FIRING}
        self._rehearsal.receive(alerts, truncated_count)

    def _alert(self, fire: Fire) -> Alert:
        """The alert as its sender would say it now: with the start of its episode."""
        now = self._rehearsal.now
        alert = written_alert(fire.fields, self._doors, AlertStatus.FIRING, starts_at=now)
        starts_at = self._firing_since.get(alert.key, now)
        if not fire.is_over:
            self._firing_since[alert.key] = starts_at
            return replace(alert, starts_at=starts_at)
        self._firing_since.pop(alert.key, None)
        return written_alert(fire.fields, self._doors, AlertStatus.RESOLVED, starts_at=starts_at, ends_at=now)

    def _compare(self, expect: ExpectModel | None, when: str, line: int) -> None:
        found = differences(expect, self._standing) if expect is not None else []
        if not found:
            return
        why = reasons(found, self._standing, self._test.zone)
        self._shortfalls.append(Shortfall(when, line, tuple(found), why))
