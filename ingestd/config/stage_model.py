"""What a rule file may say besides its rules: what each severity sets in motion, the service catalogue, the stages around the rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ingestd.config.quantities import DurationSeconds, Name, Text, duration_range, fault
from ingestd.config.section import Explained
from ingestd.config.window_model import WhenModel
from ingestd.core.names import Level
from ingestd.core.response import PageWhen, ReportNeed
from ingestd.core.ruleset import DuringWindow

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


def matcher_list(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    """Refuse what is no list of matchers; its author is told how the same is written."""
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


def as_list(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    """One mapping where a list of them may stand."""
    return [value] if isinstance(value, dict) else value


MatcherText = Annotated[str, BeforeValidator(_matcher_text)]
MatcherList = Annotated[tuple[MatcherText, ...], Field(max_length=200), BeforeValidator(matcher_list)]
FieldName = Annotated[Text, Field(min_length=1, max_length=256)]
LabelName = Annotated[Text, Field(min_length=1, max_length=256)]
FieldList = Annotated[tuple[FieldName, ...], Field(max_length=20)]


class ExtractModel(Explained):
    """Labels out of a text: every named group of the expression that is found becomes a label."""

    source: Annotated[FieldName, Field(alias="from")]
    """Where to look: a label, annotations.NAME, alert.subject, alert.body."""
    regex: Annotated[Text, Field(min_length=1)]
    """RE2 with named groups, found anywhere in the text: 'file (?P<file>[A-Z0-9]+)'."""


WhenList = Annotated[
    tuple[WhenModel, ...],
    Field(min_length=1, max_length=100),
    BeforeValidator(as_list, json_schema_input_type=WhenModel | list[WhenModel]),
]
ExtractList = Annotated[
    tuple[ExtractModel, ...],
    Field(max_length=20),
    BeforeValidator(as_list, json_schema_input_type=ExtractModel | list[ExtractModel]),
]


class EnrichModel(Explained):
    """One step before the rules; all of them apply, in order. An alert keeps its identity whatever is added."""

    name: Annotated[Text, Field(min_length=1, max_length=64)]
    """For people."""
    match: MatcherList = ()
    """To which alerts it applies; without it: to all."""
    rename: Annotated[dict[LabelName, LabelName], Field(max_length=50)] = Field(default_factory=dict)
    """Labels that get another name, unless that is taken: {svc: service}."""
    extract: ExtractList = ()
    """Labels out of a text."""
    add: Annotated[dict[LabelName, Text], Field(max_length=50)] = Field(default_factory=dict)
    """Labels for alerts that do not have them: {region: eu}."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.rename or self.extract or self.add):
            raise fault("empty", "this step adds nothing", "write rename, extract or add")
        return self


class ServiceModel(Explained):
    """What the catalogue says of a service: for alerts whose label service is its name. A rule that says something itself goes before."""

    team: Name | None = None
    """The team that answers for it; its policy and tickets come with it."""
    impact: Level | None = None
    """How much is affected when it fails."""
    runbook: Annotated[Text, Field(max_length=2000)] = ""
    """A link for whoever is paged."""
    labels: Annotated[dict[LabelName, Text], Field(max_length=50)] = Field(default_factory=dict)
    """Labels for alerts that do not have them: {tier: gold}."""


class ResponseModel(Explained):
    """What one severity sets in motion."""

    page: PageWhen = PageWhen.NOW
    """Whether it pages whom the rule or the team names: now, in office-hours, or never. Without it: now."""
    ack_within_seconds: Annotated[DurationSeconds, duration_range("1m", "30d")] | None = Field(
        default=None, alias="ack_within"
    )
    """How soon somebody must have acknowledged: 5m. Later the incident and its ticket say so."""
    update_every_seconds: Annotated[DurationSeconds, duration_range("5m", "30d")] | None = Field(
        default=None, alias="update_every"
    )
    """How often those who wait are to hear how it stands: 30m."""
    report: ReportNeed = ReportNeed.NONE
    """Whether it ends with a report: required, on-request or none. Without it: none."""


class MaintenanceModel(Explained):
    """Times at which some alerts bring about less. It never swallows an end; what still fires when it is over counts as new."""

    name: Name
    """Stands in timelines, logs and metrics."""
    about: Text = ""
    """One sentence for people."""
    match: MatcherList | None = None
    """Matchers that must all hold."""
    match_any: MatcherList | None = None
    """Selectors of which one must hold, besides match."""
    unless: MatcherList = ()
    """Matchers of which none may hold."""
    when: WhenList
    """When: {weekdays: [sunday], times: ["02:00-04:00"], tz: Europe/Berlin}, or {from: ..., to: ...}; or a list of them."""
    do: Literal["ticket-only", "record", "drop"] = "drop"
    """What is left: ticket-only (no page), record (an incident without ticket and page), drop (nothing opens). Without it: drop."""

    @property
    def during(self) -> DuringWindow:
        """What is left of an alert."""
        return DuringWindow(self.do)


class OfficeHoursModel(Explained):
    """When people are at work, for severities that page in office-hours."""

    when: WhenList
    """{weekdays: ['monday:friday'], times: ["09:00-17:00"], tz: Europe/Berlin}; or a list of them."""
