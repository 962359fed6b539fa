"""What a rule file may say: pydantic models of its keys. Meaning and matchers: ``core.rule_compiler``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ingestd.config.model import PolicyChoice, TicketChoice
from ingestd.config.quantities import DurationSeconds, Name, Text, duration_range, fault
from ingestd.config.section import Explained
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


class DedupModel(Explained):
    """What makes two alerts the same thing, and how long after a resolve it still is."""

    by: tuple[FieldName, ...] | None = Field(default=None, max_length=20)
    """Alerts of one team that agree in these labels or fields are the same thing. Without it: the alert itself."""
    within_seconds: Window | None = Field(default=None, alias="within")
    """How long after the resolve a re-fire opens the same incident and ticket again: 2h, at most 30d."""


class CorrelateModel(Explained):
    """What makes two alerts one incident, and for how long an incident takes in more."""

    by: tuple[FieldName, ...] | None = Field(default=None, max_length=20)
    """Alerts of one team that agree in these labels or fields are one incident; [] correlates with nothing."""
    within_seconds: Window | None = Field(default=None, alias="within")
    """How long after its last alert an incident still takes in more: 1h, at most 30d. Without it: 30m."""


class DefaultsModel(Explained):
    """What a rule says besides when it applies; in ``defaults:`` for all rules of the file that do not say it."""

    impact: Level | None = None
    """How much is affected. Without it: medium."""
    urgency: Level | None = None
    """How soon somebody must act. Without it: medium."""
    category: Text | None = Field(default=None, max_length=64)
    """A word of yours: availability, capacity, security."""
    team: Name | None = None
    """A team of the configuration. Without it: default."""
    dedup: DedupModel = DedupModel()
    """What counts as the same thing."""
    correlate: CorrelateModel = CorrelateModel()
    """What belongs into one incident."""
    title: Text | None = None
    """A template for the title: "{{ labels.service }}: {{ summary }}". Without it: the alert's name and summary."""
    summary: Text | None = None
    """A template for the text below the title. Without it: the alert's description."""
    ticket: TicketChoice = None
    """Where the ticket goes, or none. Without it: as the team says."""
    page: PolicyChoice = None
    """The policy that pages people, or none. Without it: as the team says."""
    runbook: Text | None = Field(default=None, max_length=2000)
    """A link for whoever is paged. Without it: the alert's own runbook_url."""


class RuleModel(DefaultsModel):
    """One rule. The first one that matches an alert decides about it, alone."""

    rule: Name
    """Its name, unique over all files: it stands in logs, metrics, tickets and pages."""
    about: Text = ""
    """One sentence for people."""
    match: MatcherList | None = None
    """Matchers that must all hold: alertname = DiskFull, env =~ "prod|live". [] matches every alert."""
    match_any: MatcherList | None = None
    """Selectors of which one must hold, besides match: '{alertname = BatchLate}'."""
    unless: MatcherList = ()
    """Matchers of which none may hold."""


class RuleFileModel(Explained):
    """One file of the rules folder. One of them may hold the ``severity`` matrix: rows are impact, columns urgency."""

    version: Literal[1] = 1
    """Of this format."""
    owner: Text = ""
    """Who looks after this file; for people."""
    severity: dict[Level, dict[Level, Severity]] | None = None
    """The severity by impact (rows) and urgency (columns). In one file only, with all nine cells."""
    defaults: DefaultsModel = DefaultsModel()
    """What rules of this file have where they say nothing themselves."""
    rules: list[Any] = Field(default_factory=list)
    """From top to bottom; the first rule that matches decides. Each is a ``RuleModel``; they are validated one by one."""
    tests: list[Any] = Field(default_factory=list)
    """What must come of alerts; the daemon does not read them. Each is a ``RuleTestModel``; see ``trial.rule_tests``."""
