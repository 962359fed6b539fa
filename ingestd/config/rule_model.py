"""What a rule file may say: pydantic models of its keys. Meaning and matchers: ``core.rule_compiler``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from ingestd.config.people_model import PolicyChoice, TicketChoice
from ingestd.config.quantities import DurationSeconds, Name, Text, duration_range, fault, parse_at
from ingestd.config.section import Explained
from ingestd.config.shapes import by_or_within, count_within, list_of, mapping_like, matchers_as_pairs, without_dash
from ingestd.config.stage_model import (
    ExtractList,
    FieldList,
    FieldName,
    MatcherList,
    OfficeHoursModel,
    ResponseModel,
    ServiceModel,
)
from ingestd.core.conduct import Mode, ResolveOn
from ingestd.core.names import Level, Severity

Window = Annotated[DurationSeconds, duration_range("0s", "30d")]
Waiting = Annotated[DurationSeconds, duration_range("0s", "7d")]


def _parse_expiry(value: Any) -> datetime:  # noqa: ANN401 (a value from YAML)
    """``2026-12-31``, its beginning, or an instant."""
    try:
        return parse_at(f"{value} 00:00" if isinstance(value, str) and ":" not in value else value)
    except ValueError:
        raise fault("instant", "this is not a date", "write  2026-12-31  or  2026-12-31 18:00") from None


Expiry = Annotated[datetime, PlainValidator(_parse_expiry, json_schema_input_type=str)]


_THE_TARGET: Final = "leave it out: the target is what this rule itself matches"
_OF_INHIBITION: Final[Mapping[str, str]] = {
    "source_matchers": "write  match",
    "source_match": "write  match",
    "source_match_re": "write  match",
    "target_matchers": _THE_TARGET,
    "target_match": _THE_TARGET,
    "target_match_re": _THE_TARGET,
}
"""Alertmanager's words."""


class CountModel(Explained):
    """So many within a time."""

    count: Annotated[int, Field(ge=2, le=100)]
    """How many: from 2 to 100."""
    within_seconds: Annotated[DurationSeconds, duration_range("1s", "7d")] = Field(alias="within")
    """Within which time: 10m, at most 7d."""


class ManyReportsModel(Explained):
    """So many people within a time, and how much it matters then."""

    count: Annotated[int, Field(ge=2, le=100)]
    """How many people, each counted once: from 2 to 100."""
    within_seconds: Annotated[DurationSeconds, duration_range("1m", "7d")] = Field(alias="within")
    """Within which time: 30m, at most 7d."""
    impact: Level | None = None
    """The impact then, unless it is higher already."""
    urgency: Level | None = None
    """The urgency then, unless it is higher already."""

    @model_validator(mode="after")
    def _raises_something(self) -> Self:
        if self.impact is None and self.urgency is None:
            raise fault("missing-key", "many_reports raises nothing", "add  impact: high  or  urgency: high")
        return self


class PairModel(Explained):
    """Other alerts: which ones, and what they must have in common with this one."""

    ELSEWHERE: ClassVar[Mapping[str, str]] = _OF_INHIBITION

    match: Annotated[MatcherList, Field(min_length=1)]
    """Matchers that must all hold for the other alert."""
    equal: FieldList = ()
    """Labels or fields in which the two must agree."""


InhibitList = Annotated[
    tuple[PairModel, ...],
    Field(max_length=20),
    BeforeValidator(matchers_as_pairs, json_schema_input_type=PairModel | list[PairModel]),
]


class CollectsModel(PairModel):
    """What an incident of this rule explains: such incidents open below it, and page nobody while it is open."""

    within_seconds: Annotated[Window, Field(alias="within")] = 1800
    """Incidents that opened so long before it, and that nobody has acknowledged, are taken in too. Without it: 30m."""


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
    collects: CollectsModel | None = None
    """A major incident: what it explains."""


_BY_LEVELS: Final = "severity comes of impact and urgency, by the matrix: write those"
_ELSEWHERE: Final[Mapping[str, str]] = {
    "severity": _BY_LEVELS,
    "priority": _BY_LEVELS,
    "continue": "the first rule that matches decides, alone",
    "for": "write  hold: 5m",
    "receiver": "write  page: POLICY  or  team: TEAM",
    "matchers": "write  match",
    "group_by": "write  correlate: {by: [...]}",
    "enabled": "write  mode: monitor,  or take the rule out",
}
"""Words of other systems, and what is written for them here."""


class DefaultsModel(Explained):
    """What a rule says besides when it applies; in ``defaults:`` for all rules of the file that do not say it."""

    ELSEWHERE: ClassVar[Mapping[str, str]] = _ELSEWHERE

    impact: Level | None = None
    """How much is affected. Without it: medium."""
    urgency: Level | None = None
    """How soon somebody must act. Without it: medium."""
    impact_from: FieldName | None = None
    """A label that says the impact of each alert: high, medium or low. Where it says none of them, impact counts."""
    urgency_from: FieldName | None = None
    """A label that says the urgency of each alert, likewise."""
    many_reports: ManyReportsModel | None = None
    """Of reports by people: when so many people have reported one incident, it matters more."""
    category: Text | None = Field(default=None, max_length=64)
    """A word of yours: availability, capacity, security."""
    team: Name | None = None
    """A team of the configuration. Without it: default."""
    dedup: Annotated[DedupModel, mapping_like(by_or_within)] = DedupModel()
    """What counts as the same thing."""
    correlate: Annotated[CorrelateModel, mapping_like(by_or_within)] = CorrelateModel()
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
    skill: Name | None = None
    """What whoever is put in charge should know: one of the skills of people, where the team divides its work."""
    hold_seconds: Waiting | None = Field(default=None, alias="hold")
    """No ticket and no page if it clears within this time: 5m, at most 7d."""
    flap: Annotated[CountModel, mapping_like(count_within)] | None = None
    """What fires so often is flapping: it counts as over only when it has been quiet for that time."""
    threshold: Annotated[CountModel, mapping_like(count_within)] | None = None
    """Nothing happens before the same thing has fired so often within that time."""
    inhibit_by: InhibitList | None = None
    """Nothing happens while such another alert fires."""
    resolve_on: ResolveOn | None = None
    """When an incident is over: all of its alerts have cleared, any one has, or never by itself. Without it: all."""
    auto_resolve_seconds: Annotated[DurationSeconds, duration_range("1m", "30d")] | None = Field(
        default=None, alias="auto_resolve_after"
    )
    """For senders that never say that it is over: an alert that was not seen for this time counts as cleared."""


class RuleModel(DefaultsModel):
    """One rule. The first one that matches an alert decides about it, alone."""

    rule: Name
    """Its name, unique over all files: it stands in logs, metrics, tickets and pages."""
    about: Text = ""
    """One sentence for people."""
    owner: Text = ""
    """Who looks after this rule; without it: whoever looks after the file."""
    mode: Mode = Mode.ACTIVE
    """monitor: it decides and is recorded, and nothing comes of it. Without it: active."""
    expires: Expiry | None = None
    """From this day on the rule matches nothing: 2026-12-31."""
    extract: ExtractList = ()
    """Labels out of a text, for this rule's dedup, correlate, title and summary."""
    match: MatcherList | None = None
    """Matchers that must all hold: alertname = DiskFull, env =~ "prod|live". [] matches every alert."""
    match_any: MatcherList | None = None
    """Selectors of which one must hold, besides match: '{alertname = BatchLate}'."""
    unless: MatcherList = ()
    """Matchers of which none may hold."""


_IN_CONFIGURATION: Final = "that stands in the configuration, config.yaml"
_IN_A_RULE_FILE: Final[Mapping[str, str]] = {
    "silences": "silences are made at run time:  ingestd silence add;  for planned times write  maintenance",
    "routes": "write a list of rules:  rules: [{rule: NAME, match: [...], page: POLICY}]",
    "route": "write a list of rules:  rules: [{rule: NAME, match: [...], page: POLICY}]",
    "groups": "those are rules of Prometheus: here stands what comes of their alerts, under  rules",
    "inhibit_rules": "write  inhibit_by  in the rule that is to wait",
    "time_intervals": "write the times where they are used:  maintenance  or  office_hours",
    "mute_time_intervals": "write  maintenance",
    "receivers": _IN_CONFIGURATION,
    "teams": _IN_CONFIGURATION,
    "people": _IN_CONFIGURATION,
    "policies": _IN_CONFIGURATION,
    "connectors": _IN_CONFIGURATION,
    "sources": _IN_CONFIGURATION,
    "timezone": _IN_CONFIGURATION,
}
"""What people look for at the top of a rule file, and where it is."""


class RuleFileModel(Explained):
    """One file of the rules folder. One of them may hold the ``severity`` matrix: rows are impact, columns urgency."""

    ELSEWHERE: ClassVar[Mapping[str, str]] = _IN_A_RULE_FILE

    version: Literal[1] = 1
    """Of this format."""
    owner: Text = ""
    """Who looks after this file; for people."""
    severity: dict[Level, dict[Level, Severity]] | None = None
    """The severity by impact (rows) and urgency (columns). In one file only, with all nine cells."""
    response: dict[Severity, ResponseModel] | None = None
    """What each severity sets in motion. In one file only; a severity that is left out pages now."""
    office_hours: OfficeHoursModel | None = None
    """When people are at work, for severities that page in office-hours. In one file only."""
    services: Annotated[
        dict[Text, ServiceModel], Field(max_length=10_000), without_dash("checkout: {team: payments}")
    ] = Field(default_factory=dict)
    """The service catalogue: what is known of a service, by the value of the label service."""
    enrich: Annotated[list[Any], list_of("name: ...")] = Field(default_factory=list)
    """Steps before the rules: labels renamed, extracted, added. Each is an ``EnrichModel``."""
    maintenance: Annotated[list[Any], list_of("name: ...")] = Field(default_factory=list)
    """Times at which some alerts bring about less. Each is a ``MaintenanceModel``."""
    defaults: DefaultsModel = DefaultsModel()
    """What rules of this file have where they say nothing themselves."""
    rules: Annotated[list[Any], list_of("rule: ...")] = Field(default_factory=list)
    """From top to bottom; the first rule that matches decides. Each is a ``RuleModel``; they are validated one by one."""
    tests: Annotated[list[Any], list_of("name: ...")] = Field(default_factory=list)
    """What must come of alerts; the daemon does not read them. Each is a ``RuleTestModel``; see ``trial.rule_tests``."""
