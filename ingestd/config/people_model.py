"""What the configuration may say of people: how each is reached, how a page goes on until somebody answers, and who is a team."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ingestd.config.problems import did_you_mean
from ingestd.config.quantities import (
    DurationSeconds,
    Email,
    Instant,
    Name,
    OptionalUrl,
    Phone,
    Text,
    Zone,
    duration_range,
    fault,
    none_word,
)
from ingestd.config.schedule_model import Target
from ingestd.config.section import Section
from ingestd.config.window_model import WhenModel
from ingestd.core.names import Channel, Severity
from ingestd.core.policy import AssignBy, Profile

_LEVEL: Final = re.compile(r"[Ll]([1-9])")
_CHANNEL_WORDS: Final = tuple(channel.value for channel in Channel)


class StageSection(Section):
    """Another channel, so long after the page began, if nobody has answered by then."""

    after_seconds: Annotated[DurationSeconds, duration_range("10s", "7d")] = Field(alias="after")
    by: tuple[Channel, ...] = Field(min_length=1, max_length=8)


def _stage(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    if isinstance(value, str) and value not in _CHANNEL_WORDS:
        raise fault("channel", f'"{value[:60]}" is not a channel', did_you_mean(value, _CHANNEL_WORDS))
    return value


def _form_of_stage(value: Any) -> str:  # noqa: ANN401 (a value from YAML)
    return "(stage)" if isinstance(value, dict | StageSection) else "(channel)"


# Told apart by their form, so that an error is about the one that was meant, and at its own key.
Stage = Annotated[
    Annotated[StageSection, Tag("(stage)")] | Annotated[Channel, Tag("(channel)")],
    Discriminator(_form_of_stage),
    BeforeValidator(_stage),
]
Stages = Annotated[tuple[Stage, ...], Field(max_length=8)]


def _is_ordered(stages: tuple[Channel | StageSection, ...]) -> None:
    later = [stage.after_seconds for stage in stages if isinstance(stage, StageSection)]
    if stages and isinstance(stages[0], StageSection):
        hint = "begin with a channel that is used at once:  [sms, {after: 2m, by: [email]}]"
        raise fault("profile", "nothing is used at once", hint)
    if later != sorted(later) or any(isinstance(stage, Channel) for stage in stages[len(stages) - len(later) :]):
        hint = "write them in the order of time, channels that are used at once first"
        raise fault("profile", "these are not in order", hint)


def _quiet(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    return {"times": [value]} if isinstance(value, str) else value


class NotifySection(Section):
    """How somebody wants to be paged: what is urgent (critical and high, unless a step says otherwise), what is not, and when that waits."""

    urgent: Stages = ()
    normal: Stages = ()
    quiet: Annotated[WhenModel | None, BeforeValidator(_quiet)] = None

    @model_validator(mode="after")
    def _is_in_order(self) -> NotifySection:
        _is_ordered(self.urgent)
        _is_ordered(self.normal)
        return self


def _notify(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    return {"urgent": value} if isinstance(value, list | tuple) else value


def _first_minute(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    """A date alone is its first minute."""
    is_date = isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip())
    return f"{value.strip()} 00:00" if is_date else value


DayOrInstant = Annotated[Instant, BeforeValidator(_first_minute)]


class AwaySection(Section):
    """Nothing is assigned to this person from an instant up to another, on their own clock; a date alone is its first minute."""

    starts_at: DayOrInstant = Field(alias="from")
    ends_at: DayOrInstant = Field(alias="to")
    why: Text = ""

    @field_validator("ends_at")
    @classmethod
    def _is_later(cls, ends_at: datetime, info: ValidationInfo) -> datetime:
        starts_at = info.data.get("starts_at")
        if starts_at is not None and (starts_at.tzinfo is None) == (ends_at.tzinfo is None) and ends_at <= starts_at:
            raise fault("window", "to must be after from", "a date alone is its first minute")
        return ends_at


class PersonSection(Section):
    """Somebody who can be paged. ``notify`` orders their channels; without it: SMS first, then email, then chat."""

    name: Text = ""
    email: Email | None = None
    phone: Phone | None = None
    chat: Name | None = None
    """What the connector of the chat channel calls this person."""
    notify: Annotated[NotifySection, BeforeValidator(_notify)] = NotifySection()
    tz: Zone | None = None
    """Where the person is; without it: as the configuration's timezone says."""
    skills: tuple[Name, ...] = Field(default=(), max_length=50)
    away: tuple[AwaySection, ...] = Field(default=(), max_length=100)

    @property
    def addresses(self) -> dict[Channel, str]:
        """Where the person is reached, by channel."""
        found = {Channel.SMS: self.phone, Channel.EMAIL: self.email, Channel.CHAT: self.chat}
        return {channel: address for channel, address in found.items() if address is not None}


def _level(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    match = _LEVEL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise fault("level", "a level is L1 to L9", "write  level: L2")
    return int(match[1])


class StepSection(Section):
    """One level of a policy: who is paged, and how long to wait for an answer before the next step."""

    page: tuple[Target, ...] = Field(min_length=1, max_length=50)
    wait_seconds: Annotated[DurationSeconds, duration_range("30s", "7d")] = Field(default=300, alias="wait")
    repeat: int = Field(default=1, ge=1, le=20)
    level: Annotated[int, BeforeValidator(_level)] = 0
    profile: Profile = Profile.AUTO
    only: WhenModel | None = None


class LastResortSection(Section):
    """Whom to tell when nobody has answered: people, schedules and teams, or an address that belongs to nobody in particular."""

    page: tuple[Target, ...] = Field(default=(), max_length=50)
    email: Email | None = None
    phone: Phone | None = None
    chat: Name | None = None

    @property
    def addresses(self) -> dict[Channel, str]:
        """The addresses that belong to nobody in particular, by channel."""
        found = {Channel.SMS: self.phone, Channel.EMAIL: self.email, Channel.CHAT: self.chat}
        return {channel: address for channel, address in found.items() if address is not None}

    @model_validator(mode="after")
    def _says_something(self) -> LastResortSection:
        if not self.page and not self.addresses:
            raise fault("last-resort", "this tells nobody", "write  {email: noc@example.com}  or  {page: [asha]}")
        return self


class PolicySection(Section):
    """Steps in order; after the last one they run again, ``loop`` times in all; then the last resort is told."""

    steps: tuple[StepSection, ...] = Field(min_length=1, max_length=20)
    loop: int = Field(default=1, ge=1, le=10)
    last_resort: LastResortSection | None = None
    ack_expires_seconds: Annotated[DurationSeconds, duration_range("1m", "7d")] | None = Field(
        default=None, alias="ack_expires"
    )
    nobody_on_call: Literal["next-level"] = "next-level"


class TicketSection(BaseModel):
    """Which connector opens tickets; every other key (project, group, type, ...) is handed to it as it is."""

    model_config = ConfigDict(extra="allow", frozen=True)

    to: Name = Field(description="The connector, by its name in the configuration.")

    @property
    def options(self) -> Mapping[str, Any]:
        """What the connector is told."""
        return dict(self.model_extra or {})


def _ticket_or_none(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    value = none_word(value)
    if value is None or isinstance(value, dict | TicketSection):
        return value
    hint = f"write {{to: {value}}}, or none" if isinstance(value, str) else "write {to: CONNECTOR}, or none"
    raise fault("ticket", "a ticket is a mapping, or none", hint)


TicketChoice = Annotated[TicketSection | None, BeforeValidator(_ticket_or_none)]
PolicyChoice = Annotated[Name | None, BeforeValidator(none_word)]


class AssignSection(Section):
    """How an incident gets somebody who is in charge: from a schedule, in turn, or whoever has the fewest open incidents."""

    by: AssignBy
    schedule: Name | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> AssignSection:
        if (self.by is AssignBy.SCHEDULE) != (self.schedule is not None):
            text = "by: schedule names a schedule, and nothing else does"
            raise fault("assign", text, "write  {by: schedule, schedule: NAME}  or  {by: round-robin}")
        return self


def _assign(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    return {"by": value} if isinstance(value, str) else value


class BridgeSection(Section):
    """The meeting in which an incident is worked on, by severity; ``other`` for those that have none of their own."""

    critical: OptionalUrl = ""
    high: OptionalUrl = ""
    medium: OptionalUrl = ""
    low: OptionalUrl = ""
    other: OptionalUrl = ""

    @property
    def links(self) -> dict[Severity | None, str]:
        """By severity; None for the others."""
        by_severity: dict[Severity | None, str] = {one: getattr(self, one.value) for one in Severity}
        return {one: link for one, link in {**by_severity, None: self.other}.items() if link}


def _bridge(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    return {"other": value} if isinstance(value, str) else value


class TeamSection(Section):
    """A team: the policy that pages it, where its tickets go unless a rule says otherwise, who belongs to it, and where it meets."""

    policy: PolicyChoice = None
    ticket: TicketChoice = None
    members: tuple[Name, ...] = Field(default=(), max_length=200)
    assign: Annotated[AssignSection | None, BeforeValidator(_assign)] = None
    room: Name | None = None
    """What the connector of the chat channel calls the team's room."""
    bridge: Annotated[BridgeSection, BeforeValidator(_bridge)] = BridgeSection()


class RouteSection(Section):
    """One connector of a channel; only for addresses that begin with one of ``countries``, if there are any."""

    to: Name
    countries: tuple[Annotated[Text, Field(pattern=r"^\+[1-9][0-9]{0,5}$")], ...] = Field(default=(), max_length=300)


def _route(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    return {"to": value} if isinstance(value, str) else value


def _routes(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    return value if isinstance(value, list | tuple) else [value]


Routes = Annotated[
    tuple[Annotated[RouteSection, BeforeValidator(_route)], ...],
    BeforeValidator(_routes),
    Field(min_length=1, max_length=10),
]
