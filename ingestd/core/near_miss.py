"""Why a rule did not decide about an alert, condition by condition: for people who ask which rule nearly did. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.enrich import enrich
from ingestd.core.matchers import Matcher, MatchOp
from ingestd.core.ruleset import UNMATCHED, Classification, Rule, Ruleset

ALIKE = 0.8
"""Two names that are this much alike, of 1 for equal, may be one name, misspelt."""

_NAMES = frozenset({"alertname", "alert.rule"})


@dataclass(frozen=True, slots=True)
class Failed:
    """A condition that did not hold. ``needs`` is what the rule wants, ``actual`` what the alert is, both in words."""

    needs: str
    actual: str

    @property
    def text(self) -> str:
        """``needs env = prod, it is env = staging``."""
        return f"{self.needs}, {self.actual}" if self.actual else self.needs


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that was looked at, with every condition of it that did not hold; none if it matches.

    ``is_near``: one condition alone kept it from matching, and what held was not just anything.
    """

    rule: str
    file: str
    line: int
    failed: tuple[Failed, ...] = ()
    is_near: bool = False

    @property
    def has_matched(self) -> bool:
        """Whether all of it holds."""
        return not self.failed


@dataclass(frozen=True, slots=True)
class Trace:
    """An alert's way through the rules: those before the one that decides, that one, and what the later ones would have said."""

    alert: Alert
    """As the rules see it."""
    before: tuple[Tried, ...]
    decided: Tried
    later: tuple[Tried, ...]
    """Rules behind the one that decides which match as well; never ``unmatched``."""
    label: Classification


def follow(alert: Alert, ruleset: Ruleset, now: datetime) -> Trace:
    """The way of a stored alert through these rules, at this instant.

    It has been enriched when it came; what the enrich steps of now add is added, so that the rules of now see what they would see.
    """
    alert = enrich(alert, ruleset.enrich, ruleset.services)
    tried = [tried_on(rule, alert, now) for rule in ruleset.rules]
    position = next(index for index, one in enumerate(tried) if one.has_matched)
    later = tuple(one for one in tried[position + 1 :] if one.has_matched and one.rule != UNMATCHED)
    return Trace(alert, tuple(tried[:position]), tried[position], later, classify(alert, ruleset, now))


def tried_on(rule: Rule, alert: Alert, now: datetime) -> Tried:
    """The rule with all that stands against its deciding about the alert."""
    failed = tuple(_failures(rule, alert, now))
    return Tried(rule.name, rule.file, rule.line, failed, is_near=len(failed) == 1 and _is_near(rule, alert))


def _failures(rule: Rule, alert: Alert, now: datetime) -> Iterator[Failed]:
    """In the order in which they are written. A rule that expires on top of all is not the same as one that is over."""
    condition = rule.condition
    for matcher in condition.match:
        if not matcher.matches(alert):
            yield Failed(f"needs {matcher.text}", _actual(matcher, alert))
    if condition.match_any and not any(
        all(matcher.matches(alert) for matcher in selector) for selector in condition.match_any
    ):
        wanted = " or ".join("{" + ", ".join(one.text for one in selector) + "}" for selector in condition.match_any)
        read = dict.fromkeys(_actual(one, alert) for selector in condition.match_any for one in selector)
        yield Failed(f"needs one of match_any: {wanted}", "; ".join(read))
    for matcher in condition.unless:
        if matcher.matches(alert):
            yield Failed(f"unless {matcher.text}", _actual(matcher, alert))
    if rule.expires_at is not None and now >= rule.expires_at:
        yield Failed(f"expired: {rule.expires_at:%Y-%m-%d %H:%M} UTC is over", "")


def _actual(matcher: Matcher, alert: Alert) -> str:
    value = matcher.field.read(alert)
    return f"it is {matcher.field.name} = {value}" if value else f"it has no {matcher.field.name}"


def _is_near(rule: Rule, alert: Alert) -> bool:
    """Whether the one condition that failed stands against others that held.

    A rule for an alert of another name is not near, however much else they share; unless the names look like one, misspelt.
    """
    condition = rule.condition
    missed = [matcher for matcher in condition.match if not matcher.matches(alert)]
    if missed and missed[0].field.name in _NAMES and missed[0].op in {MatchOp.EQUAL, MatchOp.REGEX}:
        return _is_alike(missed[0].value, missed[0].field.read(alert))
    wanted_count = len(condition.match) + bool(condition.match_any)
    if not missed and (condition.unless or rule.expires_at is not None):
        return True
    return wanted_count > 1


def _is_alike(wanted: str, value: str) -> bool:
    return SequenceMatcher(None, wanted.casefold(), value.casefold(), autojunk=False).ratio() >= ALIKE
