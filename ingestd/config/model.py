"""What the configuration file may say: one pydantic model per section. Positions and wording of errors: ``validation``.

Keys are named as an admin reads them (``wait: 5m``); attributes carry their unit (``wait_seconds``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from ingestd.config.mail_model import MailSection
from ingestd.config.mail_profile_model import MailProfileSection
from ingestd.config.mail_profiles import chosen
from ingestd.config.people_model import PersonSection, PolicySection, Routes, TeamSection, TicketSection
from ingestd.config.proof_model import DrillSection, HeartbeatSection
from ingestd.config.quantities import (
    DatabaseUrl,
    DurationSeconds,
    Listen,
    ListenAddress,
    Name,
    OptionalUrl,
    Zone,
    as_written,
    duration_range,
    fault,
)
from ingestd.config.schedule_model import OncallSection, OncallTestSection, ScheduleSection
from ingestd.config.section import Section
from ingestd.config.source_model import AuthSection, LimitsSection, SourceSection
from ingestd.config.storm_model import LimitSection
from ingestd.core.names import Channel
from ingestd.core.sources import SourceWays

__all__ = [
    "AuthSection",
    "Config",
    "ConnectorSection",
    "LimitsSection",
    "PersonSection",
    "Section",
    "SourceSection",
    "TeamSection",
    "TicketSection",
]

Secret = Annotated[SecretStr, BeforeValidator(as_written), Field(min_length=1)]


class TlsSection(Section):
    """The certificate that the server shows. Both files are PEM; the key without a passphrase."""

    cert_file: Path
    key_file: Path


class ServerSection(Section):
    """Where the daemon listens and how people reach it."""

    listen: Listen = ListenAddress("127.0.0.1", 8095)
    external_url: OptionalUrl = ""
    tls: TlsSection | None = None
    limits: LimitsSection = LimitsSection()


class DatabaseSection(Section):
    """Where everything is stored: ``sqlite:PATH`` or ``postgresql://USER@HOST/NAME``."""

    url: DatabaseUrl = "sqlite:var/ingestd.db"
    password: Secret | None = None

    @model_validator(mode="after")
    def _has_no_password_in_url(self) -> Self:
        if "@" in self.url and ":" in self.url.removeprefix("postgresql://").rpartition("@")[0]:
            raise fault("database", "the password must not stand in the URL", "use password_file beside it")
        if self.is_sqlite and self.password is not None:
            raise fault("database", "SQLite has no password", "remove it")
        return self

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a SQLite file."""
        return self.url.startswith("sqlite:")

    @property
    def path(self) -> Path:
        """The SQLite file."""
        if not self.is_sqlite:
            raise ValueError("a PostgreSQL database has no path")
        return Path(self.url.removeprefix("sqlite:"))


class ConnectorSection(BaseModel):
    """One outside system. Besides ``kind`` the keys are the connector's own and checked by it: see ``validation``."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    kind: Name

    @property
    def settings(self) -> Mapping[str, Any]:
        """The connector's own keys as plain values. May hold secrets: never log or show it."""
        return dict(self.model_extra or {})

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        yield "kind", self.kind


class RulesSection(Section):
    """Where the rules are: a folder whose ``*.yaml`` files are read in the order of their names, or one file."""

    path: Path = Path("rules")
    watch: bool = False
    """Whether a change of them is taken over by itself, once they are at rest."""
    test_on_reload: bool = True
    """Whether a reload is refused when a test of the rules fails."""


class IncidentsSection(Section):
    """How long things wait. See ``core.policy.Timing``."""

    resolve_grace_seconds: Annotated[DurationSeconds, duration_range("0s", "1d")] = Field(
        default=60, alias="resolve_grace"
    )
    reopen_within_seconds: Annotated[DurationSeconds, duration_range("0s", "30d")] = Field(
        default=1800, alias="reopen_within"
    )
    comment_delay_seconds: Annotated[DurationSeconds, duration_range("0s", "1h")] = Field(
        default=30, alias="comment_delay"
    )
    late_fire_seconds: Annotated[DurationSeconds, duration_range("0s", "1d")] = Field(default=60, alias="late_fire")
    receipt_within_seconds: Annotated[DurationSeconds, duration_range("0s", "1h")] = Field(
        default=60, alias="receipt_within"
    )


class TokenSection(Section):
    """Who may use the API: a viewer reads, a responder also acknowledges and resolves, an admin may do everything."""

    name: Name
    role: Literal["viewer", "responder", "admin"]
    token: Secret = Field(min_length=16)


class ApiSection(Section):
    """Who may use the API and the CLI."""

    tokens: tuple[TokenSection, ...] = Field(default=(), max_length=100)
    loopback_without_token: bool = False


class LogSection(Section):
    """What is logged, and how a line looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["logfmt", "json"] = "logfmt"


class Config(Section):
    """The whole configuration file. Maps are by name: of a source, connector, person, schedule, policy or team."""

    server: ServerSection = ServerSection()
    database: DatabaseSection = DatabaseSection()
    sources: dict[Name, SourceSection] = Field(min_length=1)
    mail: MailSection = MailSection()
    mail_profiles: Annotated[dict[Name, MailProfileSection], Field(max_length=200)] = Field(default_factory=dict)
    """How the mail of machines is read that no built-in profile knows; one with the name of a built-in one takes its place."""
    connectors: dict[Name, ConnectorSection] = Field(default_factory=dict)
    people: dict[Name, PersonSection] = Field(default_factory=dict)
    channels: dict[Channel, Routes] = Field(default_factory=dict)
    schedules: dict[Name, ScheduleSection] = Field(default_factory=dict)
    oncall: OncallSection = OncallSection()
    oncall_tests: tuple[OncallTestSection, ...] = Field(default=(), max_length=1000)
    policies: dict[Name, PolicySection] = Field(default_factory=dict)
    teams: dict[Name, TeamSection]
    rules: RulesSection = RulesSection()
    incidents: IncidentsSection = IncidentsSection()
    api: ApiSection = ApiSection()
    page_limits: dict[Channel, LimitSection] = Field(default_factory=dict)
    log: LogSection = LogSection()
    heartbeat: HeartbeatSection | None = None
    drills: tuple[DrillSection, ...] = Field(default=(), max_length=100)
    timezone: Zone = ZoneInfo("UTC")
    """Of times for which nothing else says where: windows, office hours, schedules, tests."""

    def limits_of(self, source: str) -> LimitsSection:
        """The server's limits with those that the source sets for itself."""
        return self.sources[source].limits_within(self.server.limits)

    def ways_of(self, source: str) -> SourceWays:
        """How the bodies of a source are read, with the profiles that its mail is asked for."""
        section = self.sources[source]
        if section.email is None:
            return section.ways
        profiles = chosen(section.email.profiles, self.mail_profiles)
        return replace(section.ways, mail=section.email.as_source(profiles))
