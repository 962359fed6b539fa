"""One SMTP connection: aiosmtpd's commands, with the deadlines and bounds that it leaves to others.

Measured on aiosmtpd 1.4.6: only a command that it knows restarts its clock, but a message that drips in is read for ever; commands that come
in one piece are all answered before anybody else's turn; and whoever closes its half of the connection while its message is being stored
never hears that it was.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from ipaddress import ip_network
from typing import Any, AnyStr, Final

import structlog
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, TLSSetupException, syntax

from ingestd.core.mail.arrival import Arrival
from ingestd.intake.authenticate import is_within
from ingestd.intake.smtp_collector import Collector, Overlong
from ingestd.intake.smtp_desk import SmtpDesk
from ingestd.intake.smtp_floor import Share, address_of
from ingestd.intake.smtp_hooks import Handed, Hooks
from ingestd.intake.smtp_refusal import SmtpRefusal
from ingestd.telemetry import log_events

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_CHUNK_BYTES: Final = 64 * 1024
_COMMAND_BYTES_MAX: Final = 512
_LOGINS_MAX: Final = 3
_NULL_SENDER: Final = "<>"
_PATH: Final = re.compile(r'<(?:@[^:<>\s]*:)?((?:"(?:[^"\\]|\\.)*"|[^<>"\s])*)>|([^<>"\s]+)')
_AUTH_PARAMETER: Final = re.compile(r"\sAUTH=\S*", re.IGNORECASE)
_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1"))
_NOT_SMTP: Final = ("BDAT", "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")
"""What other protocols begin with, and what was not offered. Whoever sends it has more to say, some of which might look like commands."""

# aiosmtpd writes every command and address into the log, in its own words. What matters of it is logged and counted here.
logging.getLogger("mail.log").disabled = True


class _Commands(dict[str, Any]):
    """What answers each command. aiosmtpd ends a connection at the fifth that it does not know, whatever ``errors`` says, and tells nobody."""

    def __init__(self, known: Mapping[str, Any], unknown: Callable[[str | None], Awaitable[None]]) -> None:
        super().__init__(known)
        self._unknown = unknown

    def get(self, command: str, _default: object = None) -> Any:  # noqa: ANN401 (aiosmtpd's own)
        return super().get(command, self._unknown)


class SmtpConnection(SMTP):
    """aiosmtpd's protocol, standing on a floor. ``tls`` is offered by STARTTLS, unless the connection ``is_implicit``: encrypted from its begin."""

    def __init__(self, desk: SmtpDesk, tls: ssl.SSLContext | None, *, is_implicit: bool) -> None:
        settings = desk.settings
        self.desk = desk
        self.remote = ""
        self.address = ""
        self.is_trusted = False
        self._is_local = False
        self._is_implicit = is_implicit
        self._refusal: SmtpRefusal | None = None
        self._is_dismissed = False
        self._is_receiving = False
        self._is_storing = False
        self._is_leaving = False
        self._parting: SmtpRefusal | None = None
        self._user = ""
        self._share = Share(desk.floor, is_trusted=False)
        self._errors_count = 0
        self._failed_logins_count = 0
        self._session_end: asyncio.TimerHandle | None = None
        super().__init__(
            Hooks(),
            data_size_limit=None,
            enable_SMTPUTF8=True,
            hostname=settings.hostname or socket.gethostname(),  # aiosmtpd would ask the DNS, and wait
            ident="ESMTP ingestd",
            tls_context=None if is_implicit else tls,
            require_starttls=settings.is_tls_required,
            timeout=settings.limits.command_seconds,
            authenticator=self._judge_login,
            loop=asyncio.get_running_loop(),
        )
        # aiosmtpd keeps these for all connections together, and each new one clears them.
        self.command_size_limits = defaultdict(lambda: _COMMAND_BYTES_MAX)
        self._smtp_methods = _Commands(self._smtp_methods, self._answer_unknown)
        self._smtp_methods.update(dict.fromkeys(_NOT_SMTP, self._end_what_is_not_smtp))

    @property
    def is_idle(self) -> bool:
        """Whether it waits for its peer's next command."""
        return not (self._is_dismissed or self._is_receiving or self._is_storing)

    @property
    def is_tls(self) -> bool:
        """Whether it is encrypted."""
        return self._is_implicit or self._tls_protocol is not None

    @property
    def takes_logins(self) -> bool:
        """Whether it is private enough for a password, and there is anybody who has one."""
        return bool(self.desk.settings.users) and (self.is_tls or self._is_local)

    # ------------------------------------------------------------------ from asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection, or the same one again when STARTTLS has encrypted it."""
        if self._session_end is None:
            self._enter(transport)
        self._user = ""
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """What is on its way to the disk goes on."""
        self.desk.floor.leave(self)
        self.desk.count_connections()
        if self._session_end is not None:
            self._session_end.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """What comes after our last word is dropped."""
        if not self._is_dismissed:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        """The peer will send no more. If its message is being stored, it still hears what became of it."""
        if self._is_storing and not self.is_tls:
            self._is_leaving = True
            return True
        return False if self._is_dismissed else super().eof_received()

    def _enter(self, transport: asyncio.BaseTransport) -> None:
        desk, peer = self.desk, transport.get_extra_info("peername")
        self.remote = str(peer[0]) if isinstance(peer, tuple) else ""
        self.address = address_of(self.remote)
        self.is_trusted = desk.is_trusted(self.remote)
        self._is_local = is_within(self.remote, _LOOPBACK)
        self._auth_required = desk.settings.is_login_required and not self.is_trusted
        self._auth_require_tls = not (self._is_implicit or self._is_local)
        refusal = desk.floor.enter(self, self.address)
        self._refusal = refusal if desk.is_allowed(self.remote) else SmtpRefusal.NETWORK
        desk.count_connections()
        seconds = desk.settings.limits.session_seconds
        self._session_end = self.loop.call_later(seconds, self.dismiss, SmtpRefusal.SESSION_TIMEOUT)

    # ------------------------------------------------------------------ the end of it

    def dismiss(self, reason: SmtpRefusal) -> None:
        """Say why, and close: at once, or when the message that is being stored has its answer."""
        if self._is_dismissed or self.transport is None:
            return
        if self._is_storing:
            self._parting = self._parting or reason
            return
        self._writer.transport.write(f"{self.refuse(reason)}\r\n".encode())
        self._close()

    def abort(self) -> None:
        """Close without a word, whatever is under way."""
        if self.transport is not None:
            self._writer.transport.abort()

    def refuse(self, reason: SmtpRefusal) -> str:
        """Count it; gives the answer."""
        self.desk.note(reason, self.remote)
        return reason.line

    def _close(self) -> None:
        """Let the peer read what was said: closing with something unread would send a reset, and what was written would be lost."""
        self._is_dismissed = True
        self._share.release()
        transport = self._writer.transport
        self._reader._buffer.clear()  # type: ignore[attr-defined]  # noqa: SLF001 (asyncio has no way to forget what has come)
        try:
            if transport.can_write_eof() and not self._is_leaving:
                transport.write_eof()
                transport.resume_reading()  # type: ignore[attr-defined] # a socket reads too, whatever its type says
            else:
                transport.close()
        except OSError:  # it has gone, and asyncio has not noticed yet
            transport.abort()
        self.loop.call_later(self.desk.settings.limits.linger_seconds, transport.abort)

    def _timeout_cb(self) -> None:
        """From aiosmtpd: the time for the next command, or for the message, is over."""
        if self._is_storing:  # the gate has its own patience
            self._reset_timeout()
        else:
            self.dismiss(SmtpRefusal.DATA_TIMEOUT if self._is_receiving else SmtpRefusal.COMMAND_TIMEOUT)

    # ------------------------------------------------------------------ from aiosmtpd

    def _create_envelope(self) -> Handed:
        return Handed()

    async def _handle_client(self) -> None:
        with suppress(ConnectionError):
            if self._refusal is not None:
                self.dismiss(self._refusal)
                self._writer.transport.close()  # it has said nothing that could be left unread, and shall keep no place
                return
            await super()._handle_client()

    async def push(self, status: AnyStr) -> None:
        """Write one line of an answer, and let others have their turn: what comes in one piece may hold ten thousand commands."""
        await super().push(status)
        self.desk.floor.touch(self)
        if status[:1] in {"5", b"5"}:
            self._errors_count += 1
            if self._errors_count > self.desk.settings.limits.errors_max:
                self.dismiss(SmtpRefusal.ERRORS)
        await asyncio.sleep(0)

    async def handle_exception(self, error: Exception) -> str:
        """The answer where a command failed."""
        if isinstance(error, TLSSetupException):
            return self.refuse(SmtpRefusal.TLS)
        log.error(log_events.MAIL_FAILED, remote=self.remote, exc_info=error)
        return self.refuse(SmtpRefusal.INTERNAL)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The address at the begin of an argument, and what follows. aiosmtpd's way recurses for each bracket."""
        found = _PATH.match(arg)
        rest = arg[found.end() :] if found else ""
        if found is None or rest[:1].strip():
            return None, None
        return found[1] or found[2] or _NULL_SENDER, rest

    @syntax("STARTTLS", when="tls_context")
    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802 (aiosmtpd's name)
        """As aiosmtpd, once; and a peer that goes away within the handshake is noticed, which asyncio tells nobody."""
        if self.is_tls:
            await self.push("503 5.5.1 TLS is on already")
            return
        await super().smtp_STARTTLS(arg)
        if self._tls_protocol is not None and (self.session is None or self.session.ssl is None):
            raise TLSSetupException

    @syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 (aiosmtpd's name)
        """As aiosmtpd; who handed the message in to our client (RFC 4954, 5) is nobody's concern."""
        await super().smtp_MAIL(_AUTH_PARAMETER.sub("", arg) if arg and self.takes_logins else arg)

    async def smtp_VRFY(self, _arg: str | None) -> None:  # noqa: N802 (aiosmtpd's name)
        """Who is a recipient is told of one's own mail alone."""
        await self.push("502 5.5.1 VRFY is not offered")

    async def smtp_EXPN(self, _arg: str | None) -> None:  # noqa: N802 (aiosmtpd's name)
        """As VRFY."""
        await self.push("502 5.5.1 EXPN is not offered")

    async def _answer_unknown(self, _arg: str | None) -> None:
        await self.push("500 5.5.1 there is no such command")

    async def _end_what_is_not_smtp(self, _arg: str | None) -> None:
        self.dismiss(SmtpRefusal.NOT_SMTP)

    # ------------------------------------------------------------------ logins

    @syntax("AUTH <mechanism>")
    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802 (aiosmtpd's name)
        """As aiosmtpd, for a bounded number of attempts."""
        if not self.desk.settings.users:
            await self.push("502 5.5.1 AUTH is not offered")
            return
        per_minute = self.desk.settings.limits.logins_per_minute_max
        if self.desk.floor.failed_logins.level(self.address, per_minute) + 1 > per_minute:
            self.dismiss(SmtpRefusal.LOGINS)
            return
        mechanism, blank, rest = (arg or "").partition(" ")
        try:
            await super().smtp_AUTH(mechanism.upper() + blank + rest)
        except ValueError:  # a line without an end
            self.dismiss(SmtpRefusal.ERRORS)
        if self._failed_logins_count >= _LOGINS_MAX:
            self.dismiss(SmtpRefusal.LOGINS)

    def _judge_login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:  # noqa: ANN401 (aiosmtpd's own)
        assert isinstance(login, LoginPassword), "of PLAIN and LOGIN"
        username = login.login.decode("utf-8", "replace")
        if self.desk.knows(username, login.password):
            self._user = username
            return AuthResult(success=True)
        self._failed_logins_count += 1
        self.desk.floor.failed_logins.count(self.address, self.desk.settings.limits.logins_per_minute_max)
        return AuthResult(success=False, handled=False, message=self.refuse(SmtpRefusal.UNAUTHENTICATED))

    # ------------------------------------------------------------------ messages

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 (aiosmtpd's name)
        """Take one message: collected within the bounds, stored, and only then answered 250."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        envelope = self.envelope
        assert isinstance(envelope, Handed), "_create_envelope makes these"
        if not envelope.rcpt_tos or arg:
            await self.push("501 5.5.4 DATA has no argument" if arg else "503 5.5.1 first RCPT")
            return
        await self.push("354 end with a dot on a line of its own")
        self._share = Share(self.desk.floor, is_trusted=self.is_trusted)
        try:
            collector = await self._collect(self._share)
            answer = await self._judge_and_store(envelope, collector)
        except Overlong:
            self.dismiss(SmtpRefusal.TOO_LARGE)
            return
        finally:
            self._share.release()
            self._is_receiving = self._is_storing = False
        self.envelope = self._create_envelope()
        self._reset_timeout()
        await self.push(answer)
        if self._parting is not None:
            self.dismiss(self._parting)
        elif self._is_leaving:
            self._close()

    async def _collect(self, share: Share) -> Collector:
        """The whole message as it was sent, or why it is not taken."""
        limits = self.desk.settings.limits
        self._is_receiving = True
        self._reset_timeout(limits.data_seconds)
        collector = Collector(limits.message_bytes_max, limits.line_bytes_max, share.reserve)
        rest = None
        while rest is None:
            chunk = await self._reader.read(_CHUNK_BYTES)
            if not chunk:
                raise ConnectionResetError
            rest = collector.feed(chunk)
            if collector.refusal is not None:
                share.release()
        self._is_receiving = False
        # What follows the message are the next commands: a client may send QUIT together with the end.
        self._reader._buffer[:0] = rest  # type: ignore[attr-defined]  # noqa: SLF001 (asyncio has no way to put something back)
        return collector

    async def _judge_and_store(self, envelope: Handed, collector: Collector) -> str:
        """The answer, when the message is on disk or was given up."""
        if collector.refusal is not None:
            return self.refuse(collector.refusal)
        if collector.hop_count() > self.desk.settings.limits.hops_max:
            return self.refuse(SmtpRefusal.HOPS)
        arrival = Arrival(
            door="smtp",
            sender="" if envelope.mail_from in {None, _NULL_SENDER} else str(envelope.mail_from),
            remote=self.remote,
            user=self._user,
            is_tls=self.is_tls,
            is_trusted_network=self.is_trusted,
        )
        self._is_storing = True
        stored = await self.desk.store(arrival, envelope.recipients, collector)
        return self.refuse(stored) if isinstance(stored, SmtpRefusal) else f"250 2.0.0 stored as {' '.join(stored)}"
