"""What the configuration says of the listener for mail: where it listens, who may hand in mail, and how much of it is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ingestd.config.quantities import (
    DurationSeconds,
    Listen,
    ListenAddress,
    Network,
    SizeBytes,
    Text,
    duration_range,
    fault,
    size_range,
)
from ingestd.config.section import Section
from ingestd.config.source_model import BasicSection

_Seconds = Annotated[DurationSeconds, duration_range("1s", "1h")]


class ListenerTlsSection(Section):
    """The certificate that the listener shows, and when: after STARTTLS, or from the first byte. PEM; the key without a passphrase."""

    cert_file: Path
    key_file: Path
    mode: Literal["starttls", "implicit"] = "starttls"


class ListenerAuthSection(Section):
    """Who may log in. Passwords are taken over TLS alone, or from this machine."""

    users: tuple[BasicSection, ...] = Field(min_length=1, max_length=100)
    required: bool = False
    """Of everybody outside ``trusted_networks``."""


class ListenerLimitsSection(Section):
    """Bounds of what is accepted. Each has a counter; what is refused for a while is answered 4xx, so that its sender comes again."""

    message_bytes: Annotated[SizeBytes, size_range("64KiB", "30MiB")] = 10 * 1024**2
    in_flight_bytes: Annotated[SizeBytes, size_range("1MiB", "60MiB")] = 32 * 1024**2
    line_bytes: Annotated[SizeBytes, size_range("1000B", "1MiB")] = 64 * 1024
    recipients: int = Field(default=100, ge=1, le=1000)
    connections: int = Field(default=100, ge=1, le=2000)
    connections_per_address: int = Field(default=20, ge=1, le=2000)
    mails_per_minute: int = Field(default=300, ge=1, le=100_000)
    failed_logins_per_minute: int = Field(default=10, ge=1, le=1000)
    errors: int = Field(default=10, ge=1, le=1000)
    hops: int = Field(default=50, ge=5, le=200)
    command_seconds: _Seconds = 60
    data_seconds: _Seconds = 300
    session_seconds: _Seconds = 900

    @model_validator(mode="after")
    def _has_room_for_two(self) -> Self:
        if self.in_flight_bytes < 2 * self.message_bytes:
            raise fault(
                "value",
                "in_flight_bytes has no room for two messages, and strangers get half of it",
                "make it at least twice message_bytes",
            )
        return self


class ListenerSection(Section):
    """Where mail servers and programs hand in mail."""

    listen: Listen = ListenAddress("127.0.0.1", 2525)
    hostname: Annotated[Text, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")] | None = None
    """What it calls itself; without it, what this machine is called."""
    tls: ListenerTlsSection | None = None
    require_tls: bool = False
    auth: ListenerAuthSection | None = None
    allowed_networks: tuple[Network, ...] = Field(default=(), max_length=100)
    trusted_networks: tuple[Network, ...] = Field(default=(), max_length=100)
    limits: ListenerLimitsSection = ListenerLimitsSection()

    @model_validator(mode="after")
    def _has_tls_where_it_is_needed(self) -> Self:
        if self.require_tls and self.tls is None:
            raise fault("missing-key", "require_tls needs a certificate", "add  tls: {cert_file: ..., key_file: ...}")
        return self

    @property
    def place(self) -> tuple[object, ...]:
        """What cannot change while it is open."""
        return self.listen, self.tls
