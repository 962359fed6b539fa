"""A desk with a real database and a stopped clock, served over a real socket."""

from __future__ import annotations

import io
import logging as stdlib_logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
import structlog
from aiohttp import web
from sqlalchemy import select

from ingestd.core.effects import Decision
from ingestd.core.names import Channel, EnvelopeId, IncidentId, PersonName
from ingestd.errors import CredentialsRejected
from ingestd.ports import ReceiptNews
from ingestd.store import answers, apply, inbox, incidents, links, migrate, outbox, timeline
from ingestd.store.incidents import Ticket
from ingestd.store.schema import metadata
from ingestd.telemetry import logging
from ingestd.telemetry.health import Readiness
from ingestd.telemetry.metrics import Metrics
from ingestd.testing.inline_database import InlineDatabase
from ingestd.testing.world import alertmanager_body, policy
from ingestd.web.desk import Access, ApiToken, Desk, Role
from ingestd.web.routes import add_routes
from ingestd.workers.current import Standing
from ingestd.workers.processor import process_batch

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
EXTERNAL_URL = "https://alerts.example"
SECRETS = {"eyes": "viewer-secret-0123456789", "hands": "responder-secret-0123456", "root": "admin-secret-012345678901"}
INC = "INC-1001"
ROLES = {"eyes": Role.VIEWER, "hands": Role.RESPONDER, "root": Role.ADMIN}
ACCESS = Access(tuple(ApiToken(name, role, SECRETS[name]) for name, role in ROLES.items()))


class StoppedClock:
    def __init__(self):
        self.at = START

    def now(self):
        return self.at

    def advance(self, **duration):
        self.at += timedelta(**duration)


class SignedPager:
    """A service that signs its receipts with the URL that it was told, as real ones do."""

    channel = Channel.SMS

    def __init__(self, name):
        self.name = name
        self.seen = []

    async def check(self):
        return "a model"

    async def page(self, text, key):
        raise NotImplementedError

    async def find_page(self, text, key):
        return None

    def read_receipt(self, url, headers, body):
        self.seen.append(url)
        if headers.get("X-Signature") != f"signed:{url}":
            raise CredentialsRejected("the signature does not fit")
        if not body:
            return None
        receipt_id, status, detail = body.decode().split(" ", 2)
        return ReceiptNews(receipt_id, status, rank=1, detail=detail)


class CountedDatabase(InlineDatabase):
    """Counts the transactions that could have written."""

    written_count = 0

    async def run(self, fn, *args):
        self.written_count += 1
        return await super().run(fn, *args)


@dataclass
class Office:
    """The desk, and what a test does to the daemon behind it."""

    database: CountedDatabase
    clock: StoppedClock = field(default_factory=StoppedClock)
    metrics: Metrics = field(default_factory=Metrics)
    readiness: Readiness = field(default_factory=Readiness)
    decisions: list[Decision] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    tested: list[tuple[str, Channel | None]] = field(default_factory=list)
    nudge_count: int = 0
    access: Access = ACCESS
    pagers: dict[str, SignedPager] = field(default_factory=lambda: {"sms": SignedPager("sms")})
    policy: Any = field(default_factory=policy)
    _count: int = 0

    def desk(self, **changed):
        async def reload():
            return list(self.problems)

        async def test_page(person, channel):
            self.tested.append((person, channel))
            row = {"channel": "sms", "connector": "sms", "address_masked": "+15***00", "ok": True, "text": "accepted"}
            return [row]

        def nudge():
            self.nudge_count += 1

        values = {
            "database": self.database,
            "clock": self.clock,
            "metrics": self.metrics,
            "readiness": self.readiness,
            "access": lambda: self.access,
            "policy": lambda: self.policy,
            "external_url": EXTERNAL_URL,
            "pagers": self.pagers,
            "after_decision": self.decisions.append,
            "reload": reload,
            "status": lambda: {"version": "1.2.3", "started_at": START},
            "test_page": test_page,
            "nudge": nudge,
        }
        return Desk(**{**values, **changed})

    # ------------------------------------------------------------------ what happens

    def receive(self, body: bytes, source="alertmanager", kind="alertmanager") -> EnvelopeId:
        self._count += 1
        envelope_id = EnvelopeId(f"env_{self._count:026}")
        envelope = inbox.Envelope(envelope_id, source, kind, self.clock.at, "192.0.2.1", body)
        self.database.run_now(inbox.add, [envelope])
        return envelope_id

    def decide(self):
        self.database.run_now(process_batch, Standing(self.policy, EXTERNAL_URL), self.clock.at, 50, frozenset())

    def fires(self, name="DiskFull", host="db1", annotations: Mapping[str, str] | None = None, **labels) -> EnvelopeId:
        more = {"_annotations": annotations} if annotations else {}
        envelope_id = self.receive(
            alertmanager_body({"alertname": name, "host": host, "cluster": "a", **labels, **more})
        )
        self.decide()
        return envelope_id

    def answer(self, action: answers.AnswerAction, by="bo", via="cli"):
        return self.database.run_now(
            answers.give, answers.Answer(IncidentId(INC), action, by, via), self.policy, self.clock.at
        )

    def link(self, person="ada", word="tok_ada_1234", hours=72.0) -> str:
        key = self.deliveries()[0].key
        expires_at = self.clock.at + timedelta(hours=hours)
        link = links.PageLink(links.hash_of(word), IncidentId(INC), PersonName(person), key, expires_at)
        self.database.run_now(links.add, link)
        return f"/p/{word}"

    def has_ticket(self, label="OPS-7", url="https://jira.example/browse/OPS-7"):
        ticket = Ticket(IncidentId(INC), "tickets", "10007", label, url, self.clock.at, 0)
        self.database.run_now(incidents.save_ticket, ticket)

    # ------------------------------------------------------------------ what is there

    def incident(self):
        found = self.database.read_now(incidents.load, IncidentId(INC))
        assert found is not None
        return found

    def deliveries(self):
        return self.database.read_now(outbox.of_incident, IncidentId(INC))

    def everything(self):
        """Every row of every table: what must be equal when nothing has changed."""

        def rows(connection):
            return {
                name: [tuple(row) for row in connection.execute(select(table))]
                for name, table in sorted(metadata.tables.items())
            }

        return self.database.read_now(rows)

    def change(self, **changed):
        """The incident as something else would have made it."""

        def write(connection):
            found = incidents.load(connection, IncidentId(INC))
            apply.write(connection, Decision(incidents=(replace(found, **changed),)), self.clock.at)

        self.database.run_now(write)

    def lines(self):
        return self.database.read_now(timeline.last, IncidentId(INC), 100)

    def count(self, name, **labels):
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def office(tmp_path):
    database = CountedDatabase(f"sqlite:///{tmp_path / 'ingestd.db'}")
    database.run_now(migrate.migrate)
    yield Office(database)
    database.close()


@pytest.fixture
def open_door(aiohttp_client):
    """``await open_door(desk)`` gives a client of it."""

    async def open_it(desk):
        app = web.Application()
        add_routes(app, desk)
        return await aiohttp_client(app)

    return open_it


@pytest.fixture
async def client(office, open_door):
    return await open_door(office.desk())


@pytest.fixture
def auth():
    """``auth("hands")`` are the headers of that token's holder."""
    return lambda name: {"Authorization": f"Bearer {SECRETS[name]}"}


class Page(HTMLParser):
    """A page as a browser takes it apart: text, tags with attributes, and no more."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self._in_style = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag):
        self._in_style = False

    def handle_data(self, data):
        if not self._in_style:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def named(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def log_lines():
    """Everything that is logged during the test, as the daemon would write it; what was set up before is put back."""
    stream = io.StringIO()
    root = stdlib_logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logging.configure("debug", "json", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    stdlib_logging.captureWarnings(False)


@pytest.fixture
def parse_page():
    return Page
