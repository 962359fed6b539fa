"""What the listener for mail is told: who may hand in mail, for whom, and how much of it is taken. All are values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingestd.core.mail.source import MailSource
from ingestd.intake.settings import Basic, Network


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """The bounds of the listener. aiosmtpd has none that fires but 32 MiB for a message and 300 s for a command."""

    message_bytes_max: int = 10 * 1024**2
    in_flight_bytes_max: int = 32 * 1024**2
    """Of all messages that are on their way to the disk together; peers that are not trusted get half of it."""
    line_bytes_max: int = 64 * 1024
    """Of one line of a message. The standard has 1,000; programs that send straight to us often know no bound."""
    recipients_max: int = 100
    connections_max: int = 100
    connections_per_address_max: int = 20
    mails_per_minute_max: int = 300
    """From one address, or one /64 of IPv6."""
    logins_per_minute_max: int = 10
    """Attempts that fail, from one address."""
    errors_max: int = 10
    """Commands of one connection that were refused."""
    hops_max: int = 50
    """Lines ``Received:``: more of them are a loop between mail servers."""
    command_seconds: float = 60.0
    """From the answer of one command to the end of the next one."""
    data_seconds: float = 300.0
    """For one whole message."""
    session_seconds: float = 900.0
    """For one connection."""
    linger_seconds: float = 2.0
    """How long a last answer may take to be read."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """One listener. A reload hands over a new one."""

    hostname: str
    """What it calls itself; empty for what the machine is called."""
    sources: Mapping[str, MailSource] = field(default_factory=dict)
    """By name."""
    source_networks: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    """From where each source's mail may be handed in; a source that is not listed has no such bound."""
    users: tuple[Basic, ...] = ()
    is_login_required: bool = False
    """Of everybody outside ``trusted_networks``."""
    is_tls_required: bool = False
    allowed_networks: tuple[Network, ...] = ()
    """Without them every address may connect."""
    trusted_networks: tuple[Network, ...] = ()
    """Relays of ours: their word on senders is taken, and no count per address holds them up."""
    limits: SmtpLimits = SmtpLimits()
