"""Mail through a mail server: aiosmtplib behind ``ingestd.ports.MailSender``.

One connection per mail: a page is rare, and a connection that was idle for an hour is what makes it late. What the server
said in which stage decides what happened to the mail (RFC 5321 4.2 and 6.1; an answer lost after the final dot is ambiguous).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import Final, Literal

import aiosmtplib
from aiosmtplib import SMTPAuthenticationError, SMTPDataError, SMTPException, SMTPRecipientRefused, SMTPSenderRefused

from ingestd.errors import CredentialsRejected, DeliveryError, OutcomeUnknown, RequestRejected, TryLater
from ingestd.net.http_client import is_loopback
from ingestd.ports import Mail

TlsMode = Literal["starttls", "implicit", "none"]

_ADDRESS: Final = re.compile(r"[!#-'*+\-./-9=?A-Z^-~]{1,64}@[A-Za-z0-9.\-\[\]:]{1,255}")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_QUIT_SECONDS: Final = 2.0
_WORDS_LENGTH_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class SmtpOptions:
    """Where and how mail is handed over. ``tls="none"`` is for a relay on this machine only: elsewhere it is refused.

    ``ca_file`` names a private authority. ``port`` 0 means 465 for implicit TLS, 587 for STARTTLS and 25 without.
    ``timeout_seconds`` bounds the whole exchange.
    """

    host: str
    port: int = 0
    tls: TlsMode = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    timeout_seconds: float = 30.0
    ca_file: str = ""

    def __post_init__(self) -> None:
        if self.tls not in {"starttls", "implicit", "none"}:
            raise ValueError(f"smtp tls must be starttls, implicit or none, not {self.tls!r}")
        if self.tls == "none" and not is_loopback(self.host):
            raise ValueError(f"mail to {self.host} would travel without encryption: use tls starttls or implicit")

    @property
    def port_in_use(self) -> int:
        """The port as set, or the usual one for this kind of TLS."""
        return self.port or {"implicit": 465, "starttls": 587, "none": 25}[self.tls]


class SmtpSender:
    """Hands each mail to the server over a connection of its own, encrypted and verified unless the server is this machine."""

    def __init__(self, options: SmtpOptions) -> None:
        self._options = options
        self._where = f"{options.host}:{options.port_in_use}"

    async def check(self) -> str:
        """Connects, encrypts and logs in as for a mail, and sends none. Raises as ``send`` does."""
        await self._converse(None)
        account = f"as {self._options.username}" if self._options.username else "without login"
        return f"mail server {self._where} ({self._options.tls}) accepts us {account}"

    async def send(self, mail: Mail) -> str:
        """The server's words of acceptance.

        Raises ``TryLater`` if the server was not reached or said 4xx, ``CredentialsRejected`` if it refuses the login or
        the sender, ``RequestRejected`` if it refuses this recipient or content for good, and ``OutcomeUnknown`` if the
        connection was lost once the content was on its way.
        """
        for address in (mail.sender, mail.recipient):
            if not _ADDRESS.fullmatch(address):
                raise RequestRejected(
                    f"{address!r} cannot be written as a plain mail address", hint="correct the contact"
                )
        return await self._converse(mail)

    async def _converse(self, mail: Mail | None) -> str:
        client = aiosmtplib.SMTP(
            hostname=self._options.host,
            port=self._options.port_in_use,
            use_tls=self._options.tls == "implicit",
            start_tls=self._options.tls == "starttls",
            tls_context=_tls_context(self._options.ca_file),
            timeout=self._options.timeout_seconds,
            local_hostname=_own_name(),
        )
        is_content_sent = False
        words = ""
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                await client.connect()
                await client.ehlo()  # also after STARTTLS: what the server said in the clear counts for nothing
                if self._options.username:
                    await self._log_in(client)
                if mail is not None:
                    await client.mail(mail.sender)
                    await client.rcpt(mail.recipient)
                    is_content_sent = True
                    _, words = await client.data(mail.raw)
            await _part(client)
        except (SMTPException, OSError) as error:
            raise self._outcome(error, is_content_sent=is_content_sent) from error
        finally:
            client.close()
        return _readable(words) or "accepted"

    async def _log_in(self, client: aiosmtplib.SMTP) -> None:
        """Log in with one method, once: trying them all with a wrong password is how accounts get locked."""
        user, password = self._options.username, self._options.password
        offered = client.server_auth_methods
        if "plain" in offered:
            await client.auth_plain(user, password)
        elif "login" in offered:
            await client.auth_login(user, password)
        elif "cram-md5" in offered:
            await client.auth_crammd5(user, password)
        else:
            raise CredentialsRejected(
                f"{self._where} offers no login with a password (it offers: {', '.join(offered) or 'none'})",
                hint="check port and tls, or whether the provider has switched password logins off",
            )

    def _outcome(self, error: Exception, *, is_content_sent: bool) -> DeliveryError:
        code = getattr(error, "code", 0)
        if not isinstance(code, int) or not 400 <= code <= 599:
            what = (
                "no answer in time"
                if isinstance(error, TimeoutError)
                else _readable(str(error)) or type(error).__name__
            )
            if is_content_sent:
                return OutcomeUnknown(f"{self._where} may have taken the mail ({what})")
            return TryLater(f"{self._where} cannot be used ({what})")
        said = f"{self._where} says {code} {_readable(getattr(error, 'message', ''))}".rstrip()
        if code < 500 or isinstance(error, aiosmtplib.SMTPConnectError | aiosmtplib.SMTPHeloError):
            return TryLater(said)
        if isinstance(error, SMTPAuthenticationError):
            return CredentialsRejected(said, hint="check username and password of the mail account")
        if code in {530, 535, 538} or (isinstance(error, SMTPSenderRefused) and code != 552):
            return CredentialsRejected(
                said, hint="the server wants a login, or does not let this account use the sender"
            )
        if isinstance(error, SMTPRecipientRefused | SMTPDataError | SMTPSenderRefused):
            return RequestRejected(said)
        return TryLater(said)


async def _part(client: aiosmtplib.SMTP) -> None:
    """Say goodbye. The mail has been taken by then, so whatever happens here changes nothing."""
    with contextlib.suppress(SMTPException, OSError):
        await client.quit(timeout=_QUIT_SECONDS)


def _tls_context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _own_name() -> str:
    """What to say in EHLO, without asking a name server: that may hang just when pages must leave."""
    name = socket.gethostname()
    return name if _HOST_NAME.fullmatch(name) else "localhost"


def _readable(words: str) -> str:
    """A server's words on one line, fit to be stored and shown."""
    printable = "".join(char if char.isprintable() else " " for char in words)
    return " ".join(printable.split())[:_WORDS_LENGTH_MAX]
