"""Why the listener did not take something, and what the other side is told: 4xx to come again, 5xx not to."""

from __future__ import annotations

from enum import StrEnum


class SmtpRefusal(StrEnum):
    """The reason of everything that was refused: the same word in log and metric. ``line`` is the answer."""

    NETWORK = "network"
    CONNECTIONS = "connections"
    CONNECTIONS_OF_ADDRESS = "connections_of_address"
    STOPPING = "stopping"
    COMMAND_TIMEOUT = "command_timeout"
    DATA_TIMEOUT = "data_timeout"
    SESSION_TIMEOUT = "session_timeout"
    ERRORS = "errors"
    NOT_SMTP = "not_smtp"
    TLS = "tls"
    UNAUTHENTICATED = "unauthenticated"
    LOGINS = "logins"
    RATE = "rate"
    RECIPIENT = "unknown_recipient"
    SOURCE_NETWORK = "source_network"
    RECIPIENTS = "too_many_recipients"
    TOO_LARGE = "too_large"
    LINE_TOO_LONG = "line_too_long"
    IN_FLIGHT = "in_flight"
    HOPS = "hops"
    DISK_FULL = "disk_full"
    QUEUE_FULL = "queue_full"
    STORE_BUSY = "store_busy"
    INTERNAL = "internal"

    @property
    def line(self) -> str:
        """The answer, with its codes."""
        return _LINES[self]


_LINES = {
    SmtpRefusal.NETWORK: "554 5.7.1 this address may not send here: it is not in allowed_networks",
    SmtpRefusal.CONNECTIONS: "421 4.3.2 too many connections, come again",
    SmtpRefusal.CONNECTIONS_OF_ADDRESS: "421 4.7.0 too many connections from this address, come again",
    SmtpRefusal.STOPPING: "421 4.3.2 stopping, come again",
    SmtpRefusal.COMMAND_TIMEOUT: "421 4.4.2 no command came in time",
    SmtpRefusal.DATA_TIMEOUT: "421 4.4.2 the message came too slowly",
    SmtpRefusal.SESSION_TIMEOUT: "421 4.4.2 this connection has been open for too long, come again",
    SmtpRefusal.ERRORS: "421 4.7.0 too many errors",
    SmtpRefusal.NOT_SMTP: "421 4.7.0 this is not SMTP",
    SmtpRefusal.TLS: "454 4.7.0 TLS could not be set up",
    SmtpRefusal.UNAUTHENTICATED: "535 5.7.8 the user or the password is wrong",
    SmtpRefusal.LOGINS: "421 4.7.0 too many logins failed, come again later",
    SmtpRefusal.RATE: "451 4.7.1 too many mails from this address within a minute, send again",
    SmtpRefusal.RECIPIENT: "550 5.1.1 no source takes mail for this recipient",
    SmtpRefusal.SOURCE_NETWORK: "550 5.7.1 this address may not send to this recipient",
    SmtpRefusal.RECIPIENTS: "452 4.5.3 too many recipients, send the rest in another mail",
    SmtpRefusal.TOO_LARGE: "552 5.3.4 the message is larger than is taken here",
    SmtpRefusal.LINE_TOO_LONG: "554 5.6.0 a line of the message is too long",
    SmtpRefusal.IN_FLIGHT: "452 4.3.1 too much mail is on its way at once, send again",
    SmtpRefusal.HOPS: "554 5.4.6 the message has been relayed too often: a loop between mail servers",
    SmtpRefusal.DISK_FULL: "452 4.3.1 could not be stored: the disk is full; send again",
    SmtpRefusal.QUEUE_FULL: "451 4.3.0 too much waits to be stored, send again",
    SmtpRefusal.STORE_BUSY: "451 4.3.0 could not be stored, send again",
    SmtpRefusal.INTERNAL: "451 4.3.0 something went wrong here, send again",
}
