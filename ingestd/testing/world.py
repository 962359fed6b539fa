"""A small world for scenarios and the simulator: the engine, a database inline, two people's phones and a ticket system.

Nothing here waits for real time. ``World.advance`` lets virtual time pass; ``World.kill`` is a power cut for the process: what
was committed and what the outside saw stays, everything else is gone, and the next ``start`` builds the engine anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ingestd.core import mail_reply
from ingestd.core.decide import Answer, AnswerAction
from ingestd.core.drill import DrillOrder
from ingestd.core.effects import Decision
from ingestd.core.incident import Incident, Member
from ingestd.core.mail.arrival import Arrival, joined
from ingestd.core.names import Channel, EnvelopeId, IncidentId, Level, PersonName, Severity
from ingestd.core.policy import EscalationPolicy, Person, Policy, Step, Timing
from ingestd.core.rule_compiler import compile_rules
from ingestd.core.rule_draft import Known, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, TeamRoute, TicketPlan
from ingestd.core.sources import SourceKind, SourceWays
from ingestd.intake.gate import Gate
from ingestd.ports import Pager, ReceiptNews, TicketSystem
from ingestd.store import answers, contacts, drills, inbox, incidents, migrate, outbox, receipts, timeline
from ingestd.store.answers import Answered
from ingestd.store.reply_taking import Heard, Taken, take_mail, take_message
from ingestd.telemetry.metrics import Metrics
from ingestd.testing.alertmanager_bodies import alertmanager_body
from ingestd.testing.inline_database import InlineDatabase
from ingestd.testing.outside import RANKS, OutsidePager, OutsideTickets, SentPage
from ingestd.testing.virtual_time import LoopLife, VirtualAmbient
from ingestd.testing.watcher import OutsideWatcher
from ingestd.workers.current import Current, HeartbeatPlan, ScheduledDrill, Standing
from ingestd.workers.engine import Engine

EXTERNAL_URL = "https://ingestd.example"
START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)

IDLE_SECONDS = 3600.0
"""Workers look by themselves only once an hour here, so that a bell that is not rung shows."""

NAMES = ("ada", "bo", "cy")

RULES: tuple[RuleDraft, ...] = (
    RuleDraft(
        name="disk-full",
        match=("alertname = DiskFull",),
        impact=Level.MEDIUM,
        urgency=Level.HIGH,
        correlate_by=("cluster",),
        correlate_within_seconds=1800,
    ),
    RuleDraft(
        name="site-down",
        match=("alertname = SiteDown",),
        impact=Level.HIGH,
        urgency=Level.HIGH,
        correlate_by=("cluster",),
        correlate_within_seconds=1800,
    ),
    RuleDraft(
        name="watchdog",
        match=("alertname = Watchdog",),
        impact=Level.LOW,
        urgency=Level.LOW,
        has_page=True,
        has_ticket=True,
    ),
)


def policy(
    drafts: Sequence[RuleDraft] = RULES,
    *,
    steps: Sequence[Step] | None = None,
    loop_count: int = 1,
    timing: Timing | None = None,
    keep_vanished: frozenset[str] = frozenset({"grafana"}),
    stages: Stages | None = None,
) -> Policy:
    """Three people, each with a phone and a mailbox; the policy ``default`` pages ada, then bo, then cy, five minutes apart."""
    plan = TicketPlan("tickets", {})
    known = Known(
        {"default": TeamRoute("default", plan)}, frozenset({"default"}), frozenset({"tickets", "sms", "mail"})
    )
    ruleset, faults = compile_rules(drafts, stages or Stages(DEFAULT_MATRIX, "test"), known)
    assert not faults, faults
    default_steps = tuple(Step((PersonName(name),), 300) for name in NAMES)
    return Policy(
        ruleset=ruleset,
        people={
            PersonName(name): Person(
                PersonName(name),
                name.title(),
                ((Channel.SMS, f"+1555000{index}"), (Channel.EMAIL, f"{name}@example.com")),
            )
            for index, name in enumerate(NAMES)
        },
        escalations={"default": EscalationPolicy("default", tuple(steps or default_steps), loop_count)},
        channel_connectors={Channel.SMS: "sms", Channel.EMAIL: "mail"},
        timing=timing or Timing(),
        keep_vanished=keep_vanished,
    )


@dataclass(slots=True)
class World:
    """The engine and what surrounds it. ``at_point`` is called at every marked instant at which the process could die."""

    path: Path
    policy: Policy = field(default_factory=policy)
    seed: int = 0
    at_point: Callable[[str], None] = lambda _point: None
    check: Callable[[Connection], None] = lambda _connection: None
    ticket_system: Callable[[World], TicketSystem] | None = None
    """Makes the ticket connector of each life, for a real connector before a fake service; else ``tickets``."""
    audit_seconds: float | None = None
    """How often it is audited; None: never, since that would take most of the time of a long day."""
    heartbeat: HeartbeatPlan | None = None
    drills: tuple[ScheduledDrill, ...] = ()
    ways: Mapping[str, SourceWays] = field(default_factory=dict)
    """How the bodies of each source are read, where that must be known."""
    watcher: OutsideWatcher = field(init=False)
    life: LoopLife = field(init=False)
    tickets: OutsideTickets = field(init=False)
    sms: OutsidePager = field(init=False)
    mail: OutsidePager = field(init=False)
    sms2: OutsidePager = field(init=False)
    """A second vendor of text messages; there if the policy names it."""
    chat: OutsidePager = field(init=False)
    """There if the policy names it."""
    database: InlineDatabase = field(init=False)
    current: Current = field(init=False)
    engine: Engine = field(init=False)
    gate: Gate = field(init=False)
    metrics: Metrics = field(init=False)
    is_running: bool = field(default=False, init=False)
    _reply_count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.life = LoopLife(seed=self.seed, start_at=START)
        self.watcher = OutsideWatcher(self.now)
        self.tickets = OutsideTickets("tickets", self.now, self._point)
        self.sms = OutsidePager("sms", Channel.SMS, self.now, self._point)
        self.mail = OutsidePager("mail", Channel.EMAIL, self.now, self._point)
        self.sms2 = OutsidePager("sms2", Channel.SMS, self.now, self._point)
        self.chat = OutsidePager("chat", Channel.CHAT, self.now, self._point)
        self.start()

    def _point(self, point: str) -> None:
        self.life.loop.require_alive()
        self.at_point(point)

    def now(self) -> datetime:
        """The virtual time of day."""
        return self.life.clock.now()

    # ------------------------------------------------------------------ life and death

    def start(self) -> None:
        """Build the engine on the database as it is, and let it run."""
        self.database = InlineDatabase(f"sqlite:///{self.path}", at_point=self._point, check=self.check)
        self.metrics = Metrics()
        self.current = Current(
            Standing(self.policy, EXTERNAL_URL, heartbeat=self.heartbeat, drills=self.drills, ways=self.ways)
        )
        tickets = self.ticket_system(self) if self.ticket_system else self.tickets
        connectors: dict[str, TicketSystem | Pager] = {"tickets": tickets, "sms": self.sms, "mail": self.mail}
        named = {route.connector for routes in self.policy.routes.values() for route in routes}
        named.update(self.policy.channel_connectors.values())
        connectors.update({one.name: one for one in (self.sms2, self.chat) if one.name in named})

        async def begin(ambient: VirtualAmbient) -> None:
            await self.database.run(migrate.migrate)
            self.engine = Engine(
                self.database,
                self.current,
                connectors,
                ambient.clock,
                ambient.ids,
                ambient.chance,
                self.metrics,
                idle_seconds_max=IDLE_SECONDS,
                janitor_seconds=IDLE_SECONDS,
                http=self.watcher,
                audit_seconds=self.audit_seconds,
            )
            self.gate = Gate(
                self.database,
                ambient.clock,
                ambient.ids,
                self.metrics,
                self.engine.wake.processor.ring,
                on_missed=self.engine.missed,
            )
            await self.engine.start(is_only_daemon=True)

        self.is_running = True
        self.life.run(begin)

    def kill(self) -> None:
        """The process dies at this instant."""
        self.life.crash("killed")
        self.bury()

    def bury(self) -> None:
        """After a death: let go of what the dead process held."""
        self.database.close()
        self.is_running = False

    def close(self) -> None:
        """End it all."""
        self.life.close()
        self.database.close()

    def advance(self, **duration: float) -> None:
        """Let virtual time pass: ``minutes=5``."""
        seconds = timedelta(**duration).total_seconds()

        async def wait(_ambient: VirtualAmbient) -> None:
            await asyncio.sleep(seconds)

        self.life.run(wait)

    # ------------------------------------------------------------------ what comes in

    def receive(
        self, body: bytes, *, source: str = "alertmanager", kind: SourceKind = SourceKind.ALERTMANAGER
    ) -> EnvelopeId:
        """A webhook arrives and is answered after its commit."""

        async def knock(_ambient: VirtualAmbient) -> EnvelopeId:
            return await self.gate.receive(source, kind, body, "192.0.2.1")

        return self.life.run(knock)

    def mail_in(self, raw: bytes, how: Arrival | None = None, source: str = "post") -> EnvelopeId:
        """A mail arrives by one of the doors, and the engine has a second to react; without ``how`` nothing proves who wrote it."""
        envelope = self.receive(joined(how or Arrival("smtp"), raw), source=source, kind=SourceKind.EMAIL)
        self.advance(seconds=1)
        return envelope

    def fires(self, name: str = "DiskFull", host: str = "db1", cluster: str = "a", **extra: Any) -> EnvelopeId:  # noqa: ANN401 (labels of any kind)
        """One alert fires, and the engine has a second to react."""
        envelope = self.receive(alertmanager_body({"alertname": name, "host": host, "cluster": cluster, **extra}))
        self.advance(seconds=1)
        return envelope

    def clears(self, name: str = "DiskFull", host: str = "db1", cluster: str = "a", **extra: Any) -> EnvelopeId:  # noqa: ANN401 (labels of any kind)
        """One alert resolves now, and the engine has a second to react."""
        labels = {"alertname": name, "host": host, "cluster": cluster, "_ends": self.now().isoformat(), **extra}
        envelope = self.receive(alertmanager_body(labels, status="resolved"))
        self.advance(seconds=1)
        return envelope

    def acknowledge(self, incident: str, by: str = "ada", via: str = "link") -> Answered | None:
        """A person acknowledges."""
        return self._answer(Answer(IncidentId(incident), AnswerAction.ACKNOWLEDGE, by, via))

    def resolve_by_hand(self, incident: str, by: str = "ada") -> Answered | None:
        """A person says that it is over."""
        return self._answer(Answer(IncidentId(incident), AnswerAction.RESOLVE, by, "cli"))

    def answer(
        self, incident: str, action: AnswerAction, by: str = "ada", to: str = "", text: str = ""
    ) -> Answered | None:
        """A person says anything else."""
        return self._answer(Answer(IncidentId(incident), action, by, "cli", text, to))

    def note(self, incident: str, text: str, by: str = "ada") -> Answered | None:
        """A person adds a note."""
        return self._answer(Answer(IncidentId(incident), AnswerAction.NOTE, by, "cli", text))

    def _answer(self, answer: Answer) -> Answered | None:
        answered = self.database.run_now(answers.give, answer, self.policy, self.now())
        if answered is not None:
            self.engine.wake.after_decision(answered.decision)
        return answered

    def text_back(self, sender: str, text: str, message_id: str = "") -> Taken:
        """A text message comes in from a phone number, and the engine has a second to react."""
        self._reply_count += 1
        heard = Heard("sms", Channel.SMS, message_id or f"SM{self._reply_count}", sender, text)
        return self._take(take_message, heard)

    def mail_back(self, raw: bytes) -> Taken:
        """A mail is handed in, and the engine has a second to react."""
        mail = mail_reply.read(raw)
        heard = Heard(
            "mail", Channel.EMAIL, mail.id, mail.sender, mail.text, tokens=mail.tokens, is_automatic=mail.is_automatic
        )
        return self._take(take_mail, heard)

    def _take(self, take: Callable[[Connection, Heard, Policy, datetime], Taken], heard: Heard) -> Taken:
        taken = self.database.run_now(take, heard, self.policy, self.now())
        for decision in taken.decisions:
            self.engine.wake.after_decision(decision)
        self.advance(seconds=1)
        return taken

    def receipt(self, page: SentPage, status: str, *, is_dead: bool = False) -> None:
        """The service says what became of a page: ``delivered``, ``failed`` or ``pending``."""
        pager = next(one for one in (self.sms, self.sms2, self.mail, self.chat) if page in one.sent)
        news = ReceiptNews(f"R-{pager.sent.index(page) + 1}", status, RANKS[status], "", is_dead)
        decision = self.database.run_now(receipts.take, pager.name, news, self.policy, self.now())
        if decision is not None:
            self.engine.wake.after_decision(decision)

    def opts_out(self, person: str, channel: Channel = Channel.SMS, *, is_out: bool = True) -> None:
        """Somebody answers STOP to the service, or START."""
        address = self.policy.people[PersonName(person)].address_of(channel) or ""
        for pager in (self.sms, self.sms2):
            (pager.opted_out.add if is_out else pager.opted_out.discard)(address)
        news = self.database.run_now(
            partial(contacts.opt_out, is_out=is_out), channel, address, self.policy, self.now()
        )
        self.engine.wake.after_decision(Decision(contacts=news))

    def drill(self, policy_name: str = "default", by: str = "ada", *, has_ticket: bool = False) -> str:
        """Somebody orders a drill, and the engine has a second to react; gives the drill's id."""
        order = DrillOrder(f"by-hand/{self.now().isoformat()}", policy_name, by, has_ticket)
        assert self.database.run_now(drills.begin, order, self.life.ids.envelope(), self.now())
        self.engine.wake.processor.ring()
        self.engine.wake.drills.ring()
        self.advance(seconds=1)
        return order.id

    def result_of(self, drill_id: str) -> str:
        """What came of a drill; empty while it runs."""
        found = self.database.read_now(drills.load, drill_id)
        assert found is not None, "a drill that was ordered is remembered"
        return found.result

    def reload(self, changed: Policy) -> None:
        """The configuration changes under the running engine."""
        self.policy = changed
        self.current.standing = replace(self.current.standing, policy=changed)
        self.engine.wake.contacts.ring()

    # ------------------------------------------------------------------ what is seen

    def incident(self, number: int = 1001) -> Incident:
        """The incident with this number."""
        found = self.database.read_now(incidents.load, IncidentId(f"INC-{number}"))
        assert found is not None, f"there is no INC-{number}"
        return found

    def incidents(self) -> list[Incident]:
        """All incidents, oldest first."""
        return self.database.read_now(lambda c: incidents.listed(c, states=None, limit=10_000))[::-1]

    def members(self, incident_id: IncidentId) -> list[Member]:
        """An incident's alerts."""
        return self.database.read_now(incidents.members_of, incident_id, 1000)

    def history(self, number: int = 1001) -> list[str]:
        """An incident's timeline as ``kind/reason`` words."""
        lines = self.database.read_now(timeline.last, IncidentId(f"INC-{number}"), 1000)
        return [f"{line.kind}/{line.reason}" for line in lines]

    def envelope(self, envelope_id: EnvelopeId) -> inbox.EnvelopeReport:
        """What became of an envelope."""
        found = self.database.read_now(inbox.report, envelope_id)
        assert found is not None, "an envelope that was answered is stored"
        return found

    def pages(self) -> list[tuple[str, str, str]]:
        """Everything that reached somebody: (person, channel, purpose), in order of time."""
        sent = sorted([*self.sms.sent, *self.mail.sent, *self.sms2.sent, *self.chat.sent], key=lambda page: page.at)
        return [(page.person, page.channel.value, page.purpose) for page in sent]

    def severity_of_ticket(self, index: int = 0) -> Severity:
        """The priority that a ticket has outside."""
        return Severity(self.tickets.kept[index].priority)

    def unsettled(self) -> list[str]:
        """The keys of deliveries that are not settled."""
        rows = self.database.read_now(lambda c: outbox.listed(c, states=outbox.UNSETTLED, limit=10_000))
        return [row.key for row in rows]
