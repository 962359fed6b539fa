"""What intake is told: who may knock, how they prove who they are, and how much of anything is taken.

The composition root makes these from the configuration. All are values: a reload hands over new ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from ingestd.core.sources import SourceKind

Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Secret:
    """A shared secret as bytes. Never shown: ``repr`` and ``str`` are masked."""

    raw: bytes = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Secret:
        """The secret as it was written, in UTF-8."""
        return cls(text.encode())


@dataclass(frozen=True, slots=True)
class Open:
    """Anybody may send: ``auth: none``, written out."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """``Authorization: Bearer SECRET``. Any of the live secrets will do, so that a sender can change at leisure."""

    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class Basic:
    """``Authorization: Basic`` with one user and one of the live passwords."""

    username: str
    passwords: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class SecretHeader:
    """A header, named by the admin, whose whole value is one of the live secrets."""

    name: str
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class GrafanaHmac:
    """Grafana's signature (since Grafana 12): lower-case hex of HMAC-SHA256 over the body, without a prefix.

    With ``timestamp_header`` the signed text is ``SECONDS:BODY``, messages older or newer than ``replay_seconds`` are refused, and
    each signature is good once. Without it Grafana signs the body alone, which then can be replayed for ever.
    Source: grafana/alerting@783ce041, http/hmac.go.
    """

    secrets: tuple[Secret, ...]
    header: str = "X-Grafana-Alerting-Signature"
    timestamp_header: str | None = None
    replay_seconds: float = 300.0


Auth: TypeAlias = Open | Bearer | Basic | SecretHeader | GrafanaHmac


@dataclass(frozen=True, slots=True)
class SourceDoor:
    """One source: ``/api/v1/webhooks/{name}``. Without ``allowed_networks`` every address may knock."""

    name: str
    kind: SourceKind
    auth: Auth
    body_bytes_max: int = 2 * 1024**2
    allowed_networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class GateLimits:
    """How much may wait for the disk, and how much is committed at once."""

    waiting_count_max: int = 1_000
    waiting_bytes_max: int = 64 * 1024**2
    batch_count_max: int = 100
    """SQLite's gain from larger batches ends here, and their commits take noticeably longer."""
    batch_bytes_max: int = 4 * 1024**2
    commit_seconds_max: float = 8.0
    """Who waits longer is told to come again. A sender must hear from us before the 10 s that some of them give."""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one listener grants its connections. aiohttp itself has no deadline for headers or bodies."""

    connections_max: int = 256
    header_bytes_max: int = 64 * 1024
    header_line_bytes_max: int = 8 * 1024
    header_count_max: int = 200
    header_seconds: float = 10.0
    body_seconds: float = 20.0
    keep_alive_seconds: float = 330.0
    """Longer than the 5 minutes for which Prometheus and Alertmanager keep an idle connection: the side that sends must be the one
    that closes, else a request may meet a closing door, and Grafana does not send it again for minutes."""
    linger_seconds: float = 2.0
    """How long the rest of a refused body is read and dropped, so that the sender gets to see the answer."""
