"""The life of one mailbox's thread: connect, log in, read what is new, wait for more; and what it does when any of that fails.

It never ends of itself. It waits longer after each failure, and much longer after a login that was refused: an account that is tried with a
wrong password every second is locked, and then for people too.
"""

from __future__ import annotations

import contextlib
import imaplib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import structlog

from ingestd.ambient import Chance, Clock
from ingestd.core.mail.mailbox_state import MailboxState
from ingestd.errors import StoreBusy
from ingestd.intake.mailbox_client import MailboxClient, Refused
from ingestd.intake.mailbox_errands import Errands
from ingestd.intake.mailbox_plan import IDLE_SECONDS_MAX, MailboxPlan, MailboxTrouble, MailRoutes, Trouble
from ingestd.intake.mailbox_reader import MailboxReader
from ingestd.intake.mailbox_token import TokenSource
from ingestd.intake.mailbox_wire import Stop, Stopped, Wire, tls_context
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PAUSE_SECONDS: Final = 1.0
PAUSE_SECONDS_MAX: Final = 60.0
LOCKOUT_PAUSES_SECONDS: Final = (300.0, 900.0, 1800.0, 3600.0)
"""After a login was refused for the first time, the second, ..."""
STORE_PAUSE_SECONDS_MAX: Final = 30.0
_LASTING_SECONDS: Final = 60.0
"""A connection that held so long makes good for the failures before it."""
_TOKEN_FILE_LOOK_SECONDS: Final = 10.0


class MailboxLife:
    """One thread for one mailbox. ``state`` may be read by anybody at any time."""

    def __init__(
        self,
        plan: MailboxPlan,
        routes: Callable[[], MailRoutes],
        errands: Errands,
        clock: Clock,
        chance: Chance,
        metrics: Metrics,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.plan = plan
        self._clock = clock
        self._chance = chance
        self._metrics = metrics
        self._on_end = on_end
        self._stop = Stop()
        self.state = MailboxState(plan.account, plan.place, clock.now(), plan.poll_seconds)
        self._reader = MailboxReader(plan, routes, errands, clock, metrics, self._note_progress)
        self._tokens = TokenSource(plan.oauth, errands.send, clock) if plan.oauth is not None else None
        self._failures = 0
        self._refusals = 0
        # A daemon thread: what it has under way when the process ends is as good as crashed, which loses nothing; the commit is not its
        # work, and is waited for by those who own it.
        self._thread = threading.Thread(target=self._run, name=f"mailbox-{plan.account}", daemon=True)
        self._before: MailboxLife | None = None
        self._is_over = False

    def start(self, after: MailboxLife | None = None) -> None:
        """Begin; when ``after`` has ended, so that no two read the same mailbox."""
        self._before = after
        self._thread.start()

    def stop(self) -> None:
        """End soon. Does not wait."""
        self._stop.set()

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive() and not self._is_over

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        try:
            if self._before is not None:
                self._before._thread.join()  # noqa: SLF001 (another one of this class)
                self._before = None
            while True:
                self._rest(self._live())
        except Stopped:
            pass
        finally:
            self._stop.close()
            self._is_over = True
            self._on_end()

    def _rest(self, seconds: float) -> None:
        """Wait so long before the next connection; not as long if a token was refused and there is another one."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._tokens is not None and self._tokens.has_another():
                return
            self._stop.wait(min(left, _TOKEN_FILE_LOOK_SECONDS))

    def _live(self) -> float:
        """One connection, from its beginning to its end; how long to wait before the next one."""
        began = time.monotonic()
        try:
            with self._connected() as client:
                self._serve(client)
        except (Stopped, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001 (whatever it meets, mail goes on being read)
            if time.monotonic() - began >= _LASTING_SECONDS:
                self._failures = 0
            return self._note_trouble(trouble_of(error), error)
        raise AssertionError("serving ends by an error alone")

    @contextlib.contextmanager
    def _connected(self) -> Iterator[MailboxClient]:
        plan = self.plan
        wire = Wire(plan.host, plan.port, self._stop)
        try:
            client = log_in(plan, wire, self._tokens)
            self._refusals = 0
            log.info(log_events.MAILBOX_CONNECTED, account=plan.account, place=plan.place, server=plan.where)
            yield client
        finally:
            wire.close()

    def _serve(self, client: MailboxClient) -> None:
        """Read and wait in turn, until the connection fails or the end comes."""
        busy_count = 0
        has_idle = self.plan.has_idle and client.can_idle
        while True:
            # A server that answers at once never lets a command wait, which is where the end is noticed else.
            self._stop.wait(0)
            try:
                self._reader.look(client)
                busy_count = 0
            except StoreBusy as error:
                busy_count += 1
                self._note(Trouble.STORE, str(error))
                self._stop.wait(self._pause(busy_count, STORE_PAUSE_SECONDS_MAX))
                continue
            try:
                if has_idle:
                    client.idle(min(self.plan.poll_seconds, IDLE_SECONDS_MAX))
            except Refused:
                has_idle = False  # it says that it can, and does not
            if not has_idle:
                self._stop.wait(self.plan.poll_seconds)

    # ------------------------------------------------------------------ how it is

    def _note_progress(self) -> None:
        now = self._clock.now()
        if self.state.problem:
            log.info(log_events.MAILBOX_READ_AGAIN, account=self.plan.account)
        self.state = replace(self.state, good_at=now, has_been_read=True, problem="", reason="", trouble_at=None)
        self._metrics.mailbox_at.labels(self.plan.account).set(now.timestamp())

    def _note(self, reason: Trouble, text: str) -> None:
        self._metrics.mailbox_failures.labels(self.plan.account, reason.value).inc()
        began = self.state.trouble_at or self._clock.now()
        self.state = replace(self.state, problem=text, reason=reason.value, trouble_at=began)

    def _note_trouble(self, trouble: MailboxTrouble, error: Exception) -> float:
        """Tell of it; how long to wait."""
        self._note(trouble.reason, str(trouble))
        is_ours = trouble.reason is Trouble.INTERNAL
        log.warning(
            log_events.MAILBOX_FAILED,
            account=self.plan.account,
            reason=trouble.reason.value,
            error=str(trouble),
            hint=trouble.hint,
            exc_info=error if is_ours else None,
        )
        if trouble.reason is Trouble.CREDENTIALS:
            if self._tokens is not None and self._tokens.forget():
                return PAUSE_SECONDS  # it may only have grown old
            pause = LOCKOUT_PAUSES_SECONDS[min(self._refusals, len(LOCKOUT_PAUSES_SECONDS) - 1)]
            self._refusals += 1
            return pause * self._chance.uniform(1.0, 1.2)
        self._failures += 1
        return self._pause(self._failures, PAUSE_SECONDS_MAX)

    def _pause(self, failures: int, most: float) -> float:
        return min(PAUSE_SECONDS * 2.0 ** min(failures - 1, 10), most) * self._chance.uniform(0.5, 1.0)


def log_in(plan: MailboxPlan, wire: Wire, tokens: TokenSource | None) -> MailboxClient:
    """A client on a new connection that is encrypted and logged in as the plan says. Raises as ``MailboxClient`` does."""
    client = MailboxClient(wire, plan.tls, tls_context(plan.ca_file) if plan.tls != "none" else None)
    if tokens is None:
        client.log_in(plan.username, plan.password)
    else:
        client.log_in_by_token(plan.username, tokens.token())
    return client


def trouble_of(error: Exception) -> MailboxTrouble:
    """What a failure is called."""
    if isinstance(error, MailboxTrouble):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the server's certificate is not accepted: {error.verify_message}"
        return MailboxTrouble(Trouble.TLS, text, hint="check host, or name a private authority as ca_file")
    if isinstance(error, ssl.SSLError):
        return MailboxTrouble(Trouble.TLS, f"no encryption: {error.reason or error}", hint="check tls and port")
    if isinstance(error, OSError):
        return MailboxTrouble(Trouble.CONNECTION, error.strerror or str(error) or type(error).__name__)
    if isinstance(error, imaplib.IMAP4.error):
        words = " ".join("".join(char if char.isprintable() else " " for char in str(error)).split())
        return MailboxTrouble(Trouble.SERVER, f"the server and ingestd do not understand each other: {words[:200]}")
    return MailboxTrouble(Trouble.INTERNAL, f"{type(error).__name__}: a fault of ingestd", hint="see the log")
