"""What the configuration says of intake: sources, how they authenticate, and the limits that they are held to."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from ingestd.config.email_source_model import EmailSourceSection
from ingestd.config.json_source_model import JsonSourceSection
from ingestd.config.problems import did_you_mean
from ingestd.config.proof_model import WatchdogSection
from ingestd.config.quantities import (
    DurationSeconds,
    Network,
    SizeBytes,
    Text,
    as_written,
    duration_range,
    fault,
    size_range,
)
from ingestd.config.report_model import TicketReportSection
from ingestd.config.section import Section
from ingestd.core.sources import ReadLimits, SourceKind, SourceWays

HeaderName = Annotated[Text, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
Secrets = Annotated[
    tuple[Annotated[SecretStr, BeforeValidator(as_written), Field(min_length=8)], ...],
    Field(min_length=1, max_length=2),
]
"""One or two live secrets, so that a sender can change from the old one to the new one at leisure."""


_NEVER_OVER = frozenset({SourceKind.WATCHER, SourceKind.ELASTALERT2})
"""Kinds that send problems and no recoveries."""


class LimitsSection(Section):
    """Bounds of what is accepted. Each has a counter; what is over a bound of text is cut, never refused."""

    body_bytes: Annotated[SizeBytes, size_range("1KiB", "64MiB")] = 2 * 1024**2
    header_bytes: Annotated[SizeBytes, size_range("1KiB", "1MiB")] = 64 * 1024
    header_line_bytes: Annotated[SizeBytes, size_range("512B", "64KiB")] = 8 * 1024
    header_count: int = Field(default=200, ge=10, le=1000)
    header_seconds: Annotated[DurationSeconds, duration_range("1s", "5m")] = 10
    body_seconds: Annotated[DurationSeconds, duration_range("1s", "5m")] = 20
    connections: int = Field(default=256, ge=1, le=10_000)
    alerts: int = Field(default=5000, ge=1, le=50_000)
    labels: int = Field(default=64, ge=1, le=1000)
    label_chars: int = Field(default=1024, ge=16, le=16_384)
    annotations: int = Field(default=64, ge=1, le=1000)
    annotation_chars: int = Field(default=16_384, ge=64, le=262_144)
    json_depth: int = Field(default=32, ge=8, le=100)

    @property
    def reading(self) -> ReadLimits:
        """The part that a source reader needs."""
        return ReadLimits(
            alerts_count_max=self.alerts,
            labels_count_max=self.labels,
            label_value_chars_max=self.label_chars,
            annotations_count_max=self.annotations,
            annotation_chars_max=self.annotation_chars,
            depth_max=self.json_depth,
        )


class BearerSection(Section):
    """``Authorization: Bearer SECRET``."""

    secrets: Secrets


class BasicSection(Section):
    """``Authorization: Basic ...`` with one user and up to two passwords."""

    username: Text = Field(min_length=1, max_length=200, pattern=r"^[^:\x00-\x1f]+$")
    passwords: Secrets


class HeaderSection(Section):
    """A header of the sender's choice that holds the secret itself."""

    name: HeaderName
    secrets: Secrets


class GrafanaHmacSection(Section):
    """Grafana's signature over the body (Grafana 12). With a timestamp header a message is good for the replay window."""

    secrets: Secrets
    header: HeaderName = "X-Grafana-Alerting-Signature"
    timestamp_header: HeaderName | None = None
    replay_window_seconds: Annotated[DurationSeconds, duration_range("30s", "1h")] = Field(
        default=300, alias="replay_window"
    )


class AuthSection(Section):
    """How a source proves itself: exactly one way, or ``none``, which must be written out."""

    bearer: BearerSection | None = None
    basic: BasicSection | None = None
    header: HeaderSection | None = None
    grafana_hmac: GrafanaHmacSection | None = None
    is_none: bool = Field(default=False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _read_none(cls, value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
        if value == "none":
            return {"is_none": True}
        ways = "bearer, basic, header or grafana_hmac"
        if isinstance(value, dict):
            if "is_none" in value:
                raise fault("auth", "there is no such way to authenticate", f"use {ways}, or write  auth: none")
            return value
        if isinstance(value, AuthSection):
            return value
        hint = did_you_mean(value, ["none"]) if isinstance(value, str) else ""
        raise fault(
            "auth", "auth is a mapping with one way to authenticate, or none", hint if "mean" in hint else f"use {ways}"
        )

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        given = [way for way in ("bearer", "basic", "header", "grafana_hmac") if getattr(self, way) is not None]
        if len(given) + self.is_none != 1:
            text = f"only one of {' and '.join(given)}" if given else "no way to authenticate is given"
            raise fault("auth", text, "use one of bearer, basic, header or grafana_hmac, or write  auth: none")
        return self


class SourceLimitsSection(Section):
    """What a source sets for itself; the rest is the server's."""

    body_bytes: Annotated[SizeBytes, size_range("1KiB", "64MiB")] | None = None
    alerts: int | None = Field(default=None, ge=1, le=50_000)


class SourceSection(Section):
    """A monitoring system that sends alerts to ``/api/v1/webhooks/NAME``."""

    kind: SourceKind
    auth: AuthSection | None = None
    """Of everything that comes over HTTP."""
    email: EmailSourceSection | None = None
    """Of a source of mail."""
    json_: JsonSourceSection | None = Field(default=None, alias="json")
    """Of a source of JSON that is mapped here."""
    tickets: TicketReportSection | None = None
    """Of a source whose tickets are reports."""
    auto_resolve_after_seconds: Annotated[DurationSeconds, duration_range("1m", "30d")] | None = Field(
        default=None, alias="auto_resolve_after"
    )
    """Of a sender that never says when something is over."""
    allowed_networks: tuple[Network, ...] = Field(default=(), max_length=100)
    vanished: Literal["keep", "resolve"] = "keep"
    limits: SourceLimitsSection = SourceLimitsSection()
    watchdog: WatchdogSection | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        is_mail = self.kind is SourceKind.EMAIL
        if is_mail and self.email is None:
            raise fault(
                "missing-key",
                "a source of mail has a section  email",
                "write  email: {recipients: [alerts@example.com]}",
            )
        if is_mail and self.auth is not None:
            raise fault("auth", "mail has no auth", "whose mail is believed stands under  email")
        if not is_mail and self.email is not None:
            raise fault("unknown-key", f"a source of kind {self.kind} has no section  email", "remove it")
        self._check_mapping()
        self._check_tickets()
        if not is_mail and self.auth is None:
            raise fault(
                "missing-key",
                'the key "auth" is missing: no way to authenticate is given',
                "use one of bearer, basic, header or grafana_hmac, or write  auth: none",
            )
        return self

    def _check_tickets(self) -> None:
        is_tickets = self.kind is SourceKind.FRESHDESK_TICKET
        if is_tickets and self.tickets is None:
            hint = "write  tickets: {connector: freshdesk}  with the name of your Freshdesk connector"
            raise fault("missing-key", "a source of kind freshdesk_ticket has a section  tickets", hint)
        if not is_tickets and self.tickets is not None:
            raise fault("unknown-key", f"a source of kind {self.kind} has no section  tickets", "remove it")

    def _check_mapping(self) -> None:
        if self.kind is SourceKind.JSON and self.json_ is None:
            hint = "write  json: {identity: [id], status: {from: state, problem: [down], recovery: [up]}}: docs/howto/json.md"
            raise fault("missing-key", "a source of kind json has a section  json", hint)
        if self.kind is not SourceKind.JSON and self.json_ is not None:
            hint = "remove it; with  kind: json  it says how any body is read"
            raise fault("unknown-key", f"a source of kind {self.kind} has no section  json", hint)
        if self.kind in _NEVER_OVER and self.auto_resolve_after_seconds is None:
            text = f"{self.kind} never says when something is over, so that its incidents would stay open"
            raise fault(
                "missing-key", text, "write  auto_resolve_after: 1h  (longer than the time between two of its runs)"
            )

    @property
    def ways(self) -> SourceWays:
        """How its bodies are read, but for the profiles of mail: those know the whole configuration (``Config.ways_of``)."""
        return SourceWays(
            mapping=self.json_.as_mapping() if self.json_ else None,
            mail=self.email.as_source() if self.email else None,
            tickets=self.tickets.as_reports() if self.tickets else None,
            auto_resolve_seconds=self.auto_resolve_after_seconds,
        )

    def limits_within(self, server: LimitsSection) -> LimitsSection:
        """The server's limits with this source's own in their place."""
        own = {key: value for key, value in self.limits if value is not None}
        return server.model_copy(update=own)
