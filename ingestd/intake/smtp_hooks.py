"""What aiosmtpd asks of us at each command of a connection: what is offered, whether there is room, and for which source mail is."""

from __future__ import annotations

from typing import Final, Protocol

from aiosmtpd.smtp import Envelope, Session

from ingestd.intake.smtp_desk import SmtpDesk
from ingestd.intake.smtp_refusal import SmtpRefusal

MECHANISMS: Final = ("LOGIN", "PLAIN")
_MAIL_BYTES_MAX: Final = 600


class Talk(Protocol):
    """A connection, as the hooks know it."""

    desk: SmtpDesk
    remote: str
    address: str
    """What counts as one address."""
    is_trusted: bool
    command_size_limits: dict[str, int]

    @property
    def takes_logins(self) -> bool:
        """Whether it is private enough for a password, and there is anybody who has one."""
        ...

    def refuse(self, reason: SmtpRefusal) -> str:
        """Count it; gives the answer."""
        ...


class Handed(Envelope):
    """A message that is being handed in."""

    def __init__(self) -> None:
        super().__init__()
        self.recipients: dict[str, list[str]] = {}
        """By source."""


class Hooks:
    """What aiosmtpd asks at each command."""

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, connection: Talk, session: Session, _envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        """The answer to EHLO: what is offered."""
        session.host_name = hostname
        connection.command_size_limits["MAIL"] = _MAIL_BYTES_MAX  # aiosmtpd lets it grow with each EHLO
        offered = [line for line in lines[:-1] if not line.startswith("250-AUTH")]
        offered += [f"250-AUTH {' '.join(MECHANISMS)}"] if connection.takes_logins else []
        return [*offered, "250-PIPELINING", f"250 SIZE {connection.desk.settings.limits.message_bytes_max}"]

    async def handle_MAIL(  # noqa: N802 (aiosmtpd's name)
        self, connection: Talk, _session: Session, envelope: Envelope, sender: str, options: list[str]
    ) -> str:
        """Begin a message, if there is room for it."""
        desk, floor = connection.desk, connection.desk.floor
        limits = desk.settings.limits
        size = next((int(one[5:]) for one in options if one.startswith("SIZE=")), 0)
        if size > limits.message_bytes_max:
            return connection.refuse(SmtpRefusal.TOO_LARGE)
        if not floor.has_room(size, is_trusted=connection.is_trusted):
            return connection.refuse(SmtpRefusal.IN_FLIGHT)
        if not connection.is_trusted:
            if floor.mails.level(connection.address, limits.mails_per_minute_max) + 1 > limits.mails_per_minute_max:
                return connection.refuse(SmtpRefusal.RATE)
            floor.mails.count(connection.address, limits.mails_per_minute_max)
        envelope.mail_from = sender
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, connection: Talk, _session: Session, envelope: Handed, recipient: str, _options: list[str]
    ) -> str:
        """Find the source that the message is for."""
        if len(envelope.rcpt_tos) >= connection.desk.settings.limits.recipients_max:
            return connection.refuse(SmtpRefusal.RECIPIENTS)
        source = connection.desk.source_of(recipient, connection.remote)
        if isinstance(source, SmtpRefusal):
            return connection.refuse(source)
        envelope.rcpt_tos.append(recipient)
        envelope.recipients.setdefault(source, []).append(recipient)
        return "250 2.1.5 OK"
