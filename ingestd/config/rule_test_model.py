"""What a test of the rules may say: pydantic models of its keys. Names and fields are looked up by ``trial.rule_tests``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, field_validator, model_validator

from ingestd.config.people_model import PolicyChoice
from ingestd.config.quantities import (
    NAME_PATTERN,
    DurationSeconds,
    Instant,
    Name,
    Text,
    Zone,
    duration_range,
    fault,
    is_duration,
    none_word,
)
from ingestd.config.section import Explained
from ingestd.config.stage_model import MatcherList
from ingestd.config.yaml_tree import WrittenInt
from ingestd.core.names import IncidentState, Level, Severity
from ingestd.core.watch import HoldReason

STEPS_COUNT_MAX = 1000


def _fields(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    if isinstance(value, dict):
        inside = value.get("labels")
        if isinstance(inside, dict):
            first = next(
                (f"{name}: {one}" for name, one in inside.items() if isinstance(one, str)), "alertname: DiskFull"
            )
            raise fault("alert", "labels stand directly in an alert", f"write  {{{first}, ...}}"[:200])
        return value
    raise fault("alert", "an alert is a mapping of labels", "write  {alertname: DiskFull, env: prod}")


def parse_pages(value: Any) -> int | tuple[str, ...]:  # noqa: ANN401 (a value from YAML)
    """How many pages, or who got them: a count, a list of people in the order of their pages, or ``none``."""
    if isinstance(value, WrittenInt) and value >= 0:
        return int(value)
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    if value == "none":
        return 0
    meant = f"[{value}]" if isinstance(value, str) and re.fullmatch(NAME_PATTERN, value) else "1, [asha, ben] or none"
    raise fault("value", "pages are a count, or the people who got them", f"write  {meant}")


AlertFields = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=256)],
        Annotated[Text, WithJsonSchema({"type": ["string", "number"]})],
    ],
    BeforeValidator(_fields),
    Field(min_length=1, max_length=200),
]
Pages = Annotated[int | tuple[str, ...], PlainValidator(parse_pages, json_schema_input_type=int | str | list[str])]
HoldChoice = Annotated[HoldReason | None, BeforeValidator(none_word)]
ConnectorChoice = Annotated[Name | None, BeforeValidator(none_word)]
Offset = Annotated[DurationSeconds, duration_range("0s", "365d")]
Count = Annotated[int, Field(ge=0, le=100_000)]


class ExpectModel(Explained):
    """What must hold. Only the keys that are written are compared."""

    rule: Name | None = None
    """The rule that decided about the last alert that was news."""
    category: Text | None = None
    """The category that it gave."""
    team: Name | None = None
    """The team that it gave."""
    title: Text | None = None
    """The title that it made."""
    summary: Text | None = None
    """The summary that it made."""
    runbook: Text | None = None
    """The runbook: the rule's own, or the one that the alert brought along."""
    dedup_key: Text | None = None
    """What the last alert that was news is about: name=value,... or the alert's own key."""
    correlate_key: Text | None = None
    """What it is grouped by: team|name=value,..."""
    ticket: ConnectorChoice = None
    """The connector that the rule opens tickets with, or none."""
    page: PolicyChoice = None
    """The policy that the rule pages by, or none."""
    severity: Severity | None = None
    """The severity of the incident that was touched last."""
    impact: Level | None = None
    """Its impact."""
    urgency: Level | None = None
    """Its urgency."""
    state: IncidentState | None = None
    """Its state."""
    held: HoldChoice = None
    """What kept the last alert that was news back, or took its page away: maintenance, silenced, inhibited, hold, threshold, monitor,
    parent; or none."""
    held_by: Text | None = None
    """Which one: the window, the alert that inhibits, the incident, the rule."""
    maintenance: Annotated[Name | None, BeforeValidator(none_word)] = None
    """The maintenance window that the last alert that was news fell into, or none."""
    parent: Annotated[Text | None, BeforeValidator(none_word)] = None
    """The rule of the incident that explains the incident that was touched last, or none."""
    incidents: Count | None = None
    """How many incidents were opened, from the beginning of the test."""
    tickets: Count | None = None
    """How many tickets were opened."""
    pages: Pages | None = None
    """How many pages went out, or to whom, in order: [asha, ben]."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise fault("test", "this expects nothing", "write what must hold:  {rule: NAME, severity: high}")
        return self


class SilenceModel(Explained):
    """A silence as a person makes it at run time."""

    match: Annotated[MatcherList, Field(min_length=1)]
    """Matchers that must all hold."""
    for_seconds: Annotated[DurationSeconds, duration_range("1s", "365d")] = Field(alias="for")
    """How long it lasts, from now."""


class StepModel(Explained):
    """One thing that happens, and what must hold right after it. A step without either lets time pass."""

    at_seconds: Offset | None = Field(default=None, alias="at")
    """When, from the beginning of the test: 9m. Without it: when the step before happened."""
    alert: AlertFields | None = None
    """An alert fires: its labels, and alert.source, alert.summary, annotations.NAME."""
    resolve: AlertFields | None = None
    """An alert resolves: the labels with which it fired."""
    ack: Name | None = None
    """This person acknowledges the incident that was touched last."""
    resolved_by: Name | None = None
    """This person resolves the incident that was touched last, by hand."""
    silence: SilenceModel | None = None
    """Somebody makes a silence."""
    payload: Text | None = None
    """A file with the body of a webhook, beside this file."""
    source: Name | None = None
    """Which source sends the payload; or a kind: alertmanager, grafana."""
    expect: ExpectModel | None = None
    """What must hold after this step."""

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        actions = ("alert", "resolve", "ack", "resolved_by", "silence", "payload")
        given = [key for key in actions if getattr(self, key) is not None]
        if len(given) > 1:
            raise fault("test", f"one step does one thing, not {' and '.join(given)}", "write two steps")
        _require_source(self.payload, self.source)
        return self


class RuleTestModel(Explained):
    """One test: an alert, a payload or a history of steps, and what must come of it."""

    name: Annotated[Text, Field(min_length=1, max_length=200)]
    """A sentence that says what holds."""
    at: Instant | None = None
    """When it happens: 2026-03-29 03:30. Without it: Monday, 5 January 2026, 09:00 UTC."""
    tz: Zone | None = None
    """The zone of `at`. Without it: the timezone of the configuration."""
    alert: AlertFields | None = None
    """The one alert that fires: its labels, and alert.source, alert.summary, annotations.NAME."""
    payload: Text | None = None
    """A file with the body of a webhook, beside this file."""
    source: Name | None = None
    """Which source sends the payload; or a kind: alertmanager, grafana."""
    steps: Annotated[tuple[StepModel, ...], Field(min_length=1, max_length=STEPS_COUNT_MAX)] | None = None
    """A history, step by step."""
    expect: ExpectModel | None = None
    """What must hold at the end."""

    @field_validator("at", mode="before")
    @classmethod
    def _is_an_instant(cls, value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
        if is_duration(value):
            hint = f"an offset belongs into steps:  steps: [{{at: {value}, alert: {{...}}}}]"
            raise fault("instant", "this is not an instant", hint)
        return value

    @model_validator(mode="after")
    def _is_one_history(self) -> Self:
        given = [key for key in ("alert", "payload", "steps") if getattr(self, key) is not None]
        if len(given) != 1:
            text = f"a test has one of alert, payload and steps, not {' and '.join(given) or 'none'}"
            raise fault("test", text, "several alerts are steps")
        _require_source(self.payload, self.source)
        if self.expect is None and not any(step.expect for step in self.steps or ()):
            raise fault("test", "this test expects nothing", "add  expect: {rule: NAME, severity: high}")
        return self


class RuleTestFileModel(Explained):
    """A file of tests beside the rules: its name ends in _test.yaml."""

    version: Literal[1] = 1
    """Of this format."""
    rule_files: Annotated[tuple[Text, ...], Field(min_length=1, max_length=1000)] | None = None
    """Try these rule files alone. Without it: all of them, in order, as the daemon does."""
    tests: list[Any] = Field(default_factory=list)
    """Each is a ``RuleTestModel``; they are validated one by one."""


def _require_source(payload: str | None, source: str | None) -> None:
    if payload is not None and source is None:
        raise fault("test", "who sends this payload?", "add  source: NAME")
    if payload is None and source is not None:
        raise fault("test", "source belongs to payload", 'for a single alert write  "alert.source": NAME  in it')
