"""What a rule file may say: pydantic models of its keys. Meaning and matchers: ``core.rule_compiler``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ingestd.config.model import PolicyChoice, TicketChoice
from ingestd.config.quantities import DurationSeconds, Name, Text, duration_range, fault
from ingestd.config.section import Section
from ingestd.core.names import Level, Severity

_OPERATORS = ("=~", "!~", "!=", "=")


def _matcher_text(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) >= 1:
        key, inner = next(iter(value.items()))
        whole = f"{key}: {inner}" if isinstance(inner, str | int | float | bool) else str(key)
        if '"' in whole or any(sign in key for sign in _OPERATORS):
            hint = f"put the whole matcher in single quotes:  '{whole}'"
        else:
            hint = f"write  '{key} = {inner}'"
        raise fault("matcher", "a matcher is one string, not a mapping", hint[:200])
    raise fault("matcher", "a matcher is one string", "write  'name = value'")


def _matcher_list(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        raise fault("matcher", "matchers stand in a list", f"write  ['{value}']"[:200])
    if isinstance(value, dict):
        first = next(iter(value.items()), ("name", "value"))
        raise fault(
            "matcher", "matchers are strings in a list, not a mapping", f"write  ['{first[0]} = {first[1]}']"[:200]
        )
    raise fault("matcher", "matchers stand in a list", "write  ['name = value']")


MatcherText = Annotated[str, BeforeValidator(_matcher_text)]
MatcherList = Annotated[tuple[MatcherText, ...], BeforeValidator(_matcher_list), Field(max_length=200)]
FieldName = Annotated[Text, Field(min_length=1, max_length=256)]
Window = Annotated[DurationSeconds, duration_range("0s", "30d")]


class DedupModel(Section):
    """What makes two alerts the same thing, and how long after a resolve it still is."""

    by: tuple[FieldName, ...] | None = Field(default=None, max_length=20)
    within_seconds: Window | None = Field(default=None, alias="within")


class CorrelateModel(Section):
    """What makes two alerts one incident, and for how long an incident takes in more."""

    by: tuple[FieldName, ...] | None = Field(default=None, max_length=20)
    within_seconds: Window | None = Field(default=None, alias="within")


class DefaultsModel(Section):
    """What a rule says besides when it applies; in ``defaults:`` for all rules of the file that do not say it."""

    impact: Level | None = None
    urgency: Level | None = None
    category: Text | None = Field(default=None, max_length=64)
    team: Name | None = None
    dedup: DedupModel = DedupModel()
    correlate: CorrelateModel = CorrelateModel()
    title: Text | None = None
    summary: Text | None = None
    ticket: TicketChoice = None
    page: PolicyChoice = None
    runbook: Text | None = Field(default=None, max_length=2000)


class RuleModel(DefaultsModel):
    """One rule."""

    rule: Name
    about: Text = ""
    match: MatcherList | None = None
    match_any: MatcherList | None = None
    unless: MatcherList = ()


class RuleFileModel(Section):
    """One file of the rules folder. One of them may hold the ``severity`` matrix: rows are impact, columns urgency."""

    version: Literal[1] = 1
    owner: Text = ""
    severity: dict[Level, dict[Level, Severity]] | None = None
    defaults: DefaultsModel = DefaultsModel()
    rules: list[Any] = Field(default_factory=list)
    """Each is a ``RuleModel``; they are validated one by one."""
    tests: list[Any] = Field(default_factory=list)
    """Each is a ``RuleTestModel``. They do not bear on the daemon: ``trial.rule_tests`` reads and runs them."""
