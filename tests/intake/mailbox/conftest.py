"""A mailbox on a server, somebody else who uses it too, and a desk that stores what is fetched in a real database."""

from __future__ import annotations

import imaplib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestd.core.mail.arrival import Arrival, parted
from ingestd.core.mail.source import MailSource
from ingestd.core.names import EnvelopeId
from ingestd.core.sources import SourceKind
from ingestd.errors import StoreBusy
from ingestd.intake.mailbox_client import MailboxClient
from ingestd.intake.mailbox_errands import KNOWN_FOR, Parcel
from ingestd.intake.mailbox_plan import MailboxPlan, MailRoutes
from ingestd.intake.mailbox_reader import MailboxReader
from ingestd.intake.mailbox_wire import Stop, Wire
from ingestd.ports import HttpReply, HttpRequest
from ingestd.store import dialect, inbox, mailboxes, signatures
from ingestd.store.inbox import Envelope
from ingestd.store.mailboxes import Position
from ingestd.store.migrate import migrate
from ingestd.store.signatures import Signature
from ingestd.telemetry.metrics import Metrics
from tests.intake.mailbox.dovecot import Dovecot
from tests.intake.mailbox.imap_model import ImapModel

CERTIFICATES = Path(__file__).parents[2] / "net/tls"
ROUTES = MailRoutes({"mail": MailSource(("alerts@example.com",)), "disks": MailSource(("alerts+disk@example.com",))})
WAIT_SECONDS_MAX = 20.0


def mail(subject: str = "disk full", *, top: str = "", body: str = "hello") -> bytes:
    """A message, with lines that the keeper of the mailbox put on top."""
    return f"{top}From: nagios@example.com\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


class Died(BaseException):
    """The process ends here, as if killed."""


class MailClock:
    """Real time, moved at will: servers date what they get by the clock of the machine."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Desk:
    """Does the errands at once, in a database of its own. ``at(point)`` is called before and after each; it may raise."""

    def __init__(self, path: Path, clock: MailClock) -> None:
        self._engine = dialect.engine_for(f"sqlite:///{path}")
        self._lock = threading.Lock()
        self.clock = clock
        self.at: Callable[[str], None] = lambda _point: None
        self.on_stored = threading.Condition()
        self.on_request: Callable[[HttpRequest], HttpReply] = lambda _request: HttpReply(500)
        self.is_busy = False
        self.on_close: list[Callable[[], None]] = []
        self._count = 0
        self._write(migrate)

    def close(self) -> None:
        for close in self.on_close:
            close()
        self._engine.dispose()

    def _write(self, fn: Callable[..., Any], *arguments: Any) -> Any:
        with self._lock, self._engine.begin() as connection:
            return fn(connection, *arguments)

    def store(self, parcels: Sequence[Parcel]) -> list[bool]:
        self.at("before store")
        if self.is_busy:
            raise StoreBusy
        told = [self._write(self._store_one, one) for one in parcels]
        with self.on_stored:
            self.on_stored.notify_all()
        self.at("after store")
        return told

    def _store_one(self, connection: Any, parcel: Parcel) -> bool:
        now = self.clock.now()
        if not signatures.add(connection, Signature(parcel.name, now + KNOWN_FOR), now):
            return False
        self._count += 1
        envelope = EnvelopeId(f"env_{self._count:06}")
        inbox.add(connection, [Envelope(envelope, parcel.source, SourceKind.EMAIL, now, "", parcel.body)])
        return True

    def position(self, account: str, place: str) -> Position | None:
        found: Position | None = self._write(mailboxes.position, account, place)
        return found

    def keep(self, reached: Position) -> None:
        self.at("before keep")
        self._write(mailboxes.keep, reached)
        self.at("after keep")

    def send(self, request: HttpRequest) -> HttpReply:
        return self.on_request(request)

    # ------------------------------------------------------------------ what a test looks at

    def stored(self) -> list[tuple[str, Arrival, bytes]]:
        """Source, arrival and raw message of each envelope, oldest first."""

        def rows(connection: Any) -> list[tuple[str, bytes]]:
            found = connection.exec_driver_sql("SELECT source, body FROM inbox ORDER BY id").all()
            return [(row[0], bytes(row[1])) for row in found]

        apart = [(source, parted(body)) for source, body in self._write(rows)]
        return [(source, found[0], found[1]) for source, found in apart if found is not None]

    def subjects(self) -> list[str]:
        """What came in, by its subjects, sorted."""
        return sorted(_subject(raw) for _, _, raw in self.stored())

    def await_stored(self, count: int) -> None:
        """Return when so many are stored."""
        with self.on_stored:
            assert self.on_stored.wait_for(lambda: len(self.stored()) >= count, WAIT_SECONDS_MAX), self.subjects()


def _subject(raw: bytes) -> str:
    lines = [line for line in raw.decode("utf-8", "replace").splitlines() if line.startswith("Subject: ")]
    return lines[0].removeprefix("Subject: ") if lines else ""


class Visitor:
    """Somebody else who uses the mailbox: another client, or the server that delivers."""

    def __init__(self, server: ImapModel | Dovecot) -> None:
        self.server = server

    def _open(self, folder: str = "") -> Any:
        client = imaplib.IMAP4(self.server.host, self.server.port, timeout=10)
        secret = f"\0{self.server.username}\0{self.server.password}".encode()
        client.authenticate("PLAIN", lambda _: secret)
        if folder:
            assert client.select(folder)[0] == "OK", folder
        return client

    def deliver(self, raw: bytes, folder: str = "INBOX", flags: str = "", received: str | None = None) -> None:
        with self._open() as client:
            assert client.append(folder, flags or None, received, raw)[0] == "OK"

    def deliver_all(self, raws: Sequence[bytes]) -> None:
        with self._open() as client:
            for raw in raws:
                assert client.append("INBOX", None, None, raw)[0] == "OK"

    def create(self, folder: str) -> None:
        with self._open() as client:
            assert client.create(folder)[0] == "OK"

    def flag(self, flags: str, sign: str = "+", folder: str = "INBOX") -> None:
        """All messages of a folder."""
        with self._open(folder) as client:
            assert client.uid("STORE", "1:*", f"{sign}FLAGS", f"({flags})")[0] == "OK"

    def move(self, source: str, target: str) -> None:
        """All messages, by copying and deleting, as old clients do."""
        with self._open(source) as client:
            assert client.uid("COPY", "1:*", target)[0] == "OK"
            assert client.uid("STORE", "1:*", "+FLAGS", "(\\Deleted)")[0] == "OK"
            assert client.expunge()[0] == "OK"

    def empty(self, folder: str = "INBOX") -> None:
        with self._open(folder) as client:
            client.uid("STORE", "1:*", "+FLAGS", "(\\Deleted)")
            client.expunge()

    def count(self, criteria: str = "ALL", folder: str = "INBOX") -> int:
        with self._open(folder) as client:
            found: list[Any] = client.uid("SEARCH", criteria)[1]
            return len(found[0].split()) if found[0] else 0


class Account:
    """One mailbox as the daemon reads it, look by look; a new connection each time unless one is held."""

    def __init__(self, server: ImapModel | Dovecot, desk: Desk, **changes: Any) -> None:
        self.server = server
        self.desk = desk
        self.metrics = Metrics()
        values = {"poll_seconds": 5.0, "password": server.password, "username": server.username, **changes}
        self.plan = MailboxPlan("ops", server.host, server.port, "none", source="mail", **values)
        self.routes = ROUTES
        self.restart()

    def restart(self) -> None:
        """As after a crash: what is not in the database is forgotten."""
        self.reader = MailboxReader(
            self.plan, lambda: self.routes, self.desk, self.desk.clock, self.metrics, lambda: None
        )

    def connect(self) -> MailboxClient:
        stop = Stop()
        self.desk.on_close += [stop.close]
        client = MailboxClient(Wire(self.server.host, self.server.port, stop), "none", None)
        self.desk.on_close += [client.close]
        client.log_in(self.plan.username, self.plan.password)
        return client

    def look(self) -> None:
        client = self.connect()
        try:
            self.reader.look(client)
        finally:
            client.close()

    def counted(self, result: str) -> float:
        found = self.metrics.registry.get_sample_value(
            "ingestd_mailbox_mails_total", {"account": "ops", "result": result}
        )
        return found or 0.0


@pytest.fixture
def model() -> Iterator[ImapModel]:
    server = ImapModel()
    yield server
    server.close()


@pytest.fixture(scope="session")
def running_dovecot(require: Callable[[str], str]) -> Iterator[Dovecot]:
    server = Dovecot(require("dovecot"), (CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key"))
    yield server
    server.stop()


@pytest.fixture
def dovecot(running_dovecot: Dovecot) -> Dovecot:
    """With a mailbox that nobody has used yet."""
    running_dovecot.new_user()
    return running_dovecot


@pytest.fixture(params=["model", "dovecot"])
def server(request: pytest.FixtureRequest) -> ImapModel | Dovecot:
    """The contract holds for both: what is only so in the model would be worth nothing."""
    found: ImapModel | Dovecot = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def visitor(server: ImapModel | Dovecot) -> Visitor:
    return Visitor(server)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path / "ingestd.db", MailClock())
    yield found
    found.close()


@pytest.fixture
def account(server: ImapModel | Dovecot, desk: Desk) -> Account:
    return Account(server, desk)
