"""One seed, one run: alerts, answers and deaths drawn by chance, then peace, then the books are checked.

The workload keeps its own account of what it said and saw (``Ledger``). Safety rules are checked inside every transaction; the
rest once the faults have stopped and the world had time to settle. A failure names the seed; the seed replays it.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Connection

from ingestd.core.invariants import broken
from ingestd.core.names import Channel, EnvelopeId, IncidentState, Severity
from ingestd.core.sources import SourceKind
from ingestd.core.throttle import DEFAULT_LIMITS, ChannelLimits, Limit
from ingestd.core.turn import STANDS_IN
from ingestd.store import audit, inbox, outbox, receipts
from ingestd.testing import simulated_mail
from ingestd.testing.alertmanager_bodies import alertmanager_body
from ingestd.testing.outside import Fault, SentPage
from ingestd.testing.simulated_rules import RESTRAINED_NAMES, may_be_kept_back, restrained_policy
from ingestd.testing.ticket_books import ModelBooks, TicketBooks
from ingestd.testing.virtual_time import SimulatedCrash
from ingestd.testing.world import World, policy

HOSTS = ("db1", "db2", "db3", "web1")
CLUSTERS = ("a", "b")
ALERT_NAMES = ("DiskFull", "SiteDown", "Odd")
SETTLE_HOURS = 3
RESTRAINED_EVERY = 4
"""So often a seed runs under rules that keep alerts back."""
TIGHT_EVERY = 5
"""So often a seed's people may get one text message an hour and no more."""
TIGHT = {**DEFAULT_LIMITS, Channel.SMS: ChannelLimits((Limit(1, 3600),))}
MAILED_EVERY = 4
"""So often a seed has a host whose alerts come by mail, each in one of its own."""
FOLLOWED_EVERY = 3
"""So often a seed's service of text messages promises receipts, and is silent."""
INCIDENTS_CHECKED = 4
"""The newest ones, at every commit; all of them at the end."""


class BrokenPromise(AssertionError):
    """A rule did not hold. The text names the seed and the rule."""


@dataclass(slots=True)
class Ledger:
    """What the workload knows to be true, whatever the daemon says."""

    accepted: list[EnvelopeId] = field(default_factory=list)
    firing: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """What fires at this moment: (name, host, cluster) to the start that its sender gives."""
    acknowledged_at: dict[str, datetime] = field(default_factory=dict)


class Simulation:
    """Draws the faults' probabilities from the seed (often none), runs some hours, heals, and checks."""

    def __init__(self, seed: int, path: Path, books: TicketBooks | None = None, *, is_harsh: bool = False) -> None:
        """``is_harsh``: nothing is spared, where the seed alone would draw many calm runs."""
        self.seed = seed
        self.books = books or ModelBooks()
        self.random = random.Random(seed)
        self.ledger = Ledger()
        self.crash_chance = self.random.choice((0.0, 0.0, 0.002, 0.01, 0.03))
        self.fault_chance = self.random.choice((0.0, 0.05, 0.2, 0.5))
        if is_harsh:
            self.crash_chance, self.fault_chance = 0.02, 0.5
        self.page_faults = [fault for fault in Fault if self.random.random() < 0.6]
        self.ticket_faults = [fault for fault in self.books.known_faults() if self.random.random() < 0.6]
        self.is_faulty = False
        self.crash_count = 0
        self.failure: BrokenPromise | None = None
        self.digest = ""
        """Of all that reached somebody and of every timeline, once the run has settled: equal for equal runs, in any process."""
        self._mail_count = 0
        # By the number alone, so that the draws of the other seeds stay as they were.
        self.is_restrained = seed % RESTRAINED_EVERY == 0
        self.alert_names = RESTRAINED_NAMES if self.is_restrained else ALERT_NAMES
        rules = restrained_policy() if self.is_restrained else policy()
        if seed % TIGHT_EVERY == 2:
            rules = replace(rules, limits=TIGHT)
        self.is_mailed = seed % MAILED_EVERY == 3
        ways = simulated_mail.WAYS if self.is_mailed else {}
        self.world = World(path, rules, seed, self._at_point, self._check, self.books.system, ways=ways)
        self.world.sms.has_receipts = seed % FOLLOWED_EVERY == 1
        self.books.lag(self.random.choice((0, 0, 20, 90, 300)))
        self.is_faulty = True

    # ------------------------------------------------------------------ faults

    def _at_point(self, point: str) -> None:
        if not self.is_faulty:
            return
        if self.random.random() < self.crash_chance:
            self.crash_count += 1
            self.world.life.loop.crash(point)
        if point.startswith("before ") and point != "before commit":
            self._maybe_spoil()

    def _maybe_spoil(self) -> None:
        for service, faults in (
            (self.books.faults, self.ticket_faults),
            (self.world.sms.faults, self.page_faults),
            (self.world.mail.faults, self.page_faults),
        ):
            if faults and not service and self.random.random() < self.fault_chance:
                service.append(self.random.choice(faults))

    def _check(self, connection: Connection) -> None:
        for sentence in broken(audit.facts(connection, limit=INCIDENTS_CHECKED)):
            self._fail(sentence)

    def _fail(self, sentence: str) -> NoReturn:
        # A worker outlives every error of a step, this one too: it is kept until the workload looks.
        self.failure = BrokenPromise(
            f"seed {self.seed} at {self.world.now():%H:%M:%S} after {self.crash_count} crashes: {sentence}"
        )
        raise self.failure

    def _look_for_failure(self) -> None:
        if self.failure is not None:
            raise self.failure

    # ------------------------------------------------------------------ the run

    def run(self) -> None:
        """The whole of it. Raises ``BrokenPromise`` if a rule does not hold."""
        try:
            for _ in range(self.random.randint(10, 25)):
                self._survive(self._act)
                self._survive(self._pass_time)
            self._heal()
            self._look_for_failure()
            self.digest = self._sum_up()
            self._check_books()
        finally:
            self.world.close()

    def _survive(self, step: Callable[[], None]) -> None:
        """Do it; if the process dies on the way, start another one. What was under way is for the senders to repeat."""
        try:
            if not self.world.is_running:
                self.world.start()
            step()
        except SimulatedCrash:
            self.world.bury()
            self._restart()
        self._look_for_failure()

    def _restart(self) -> None:
        for _ in range(50):
            try:
                self.world.start()
            except SimulatedCrash:
                self.world.bury()
            else:
                return
        self._fail("the process does not come up again")

    def _pass_time(self) -> None:
        self.world.advance(seconds=self.random.choice((0.2, 1, 5, 20, 61, 300, 900, 2400)))

    def _act(self) -> None:
        draw = self.random.random()
        if draw < 0.45:
            self._fire()
        elif draw < 0.7:
            self._clear()
        elif draw < 0.8:
            self._repeat()
        elif draw < 0.95:
            self._acknowledge()
        elif self.world.is_running and self.crash_chance:
            self.crash_count += 1
            self.world.kill()
            self._restart()

    def _fire(self) -> None:
        for _ in range(self.random.choice((1, 1, 1, 3))):
            alert = (self.random.choice(self.alert_names), self.random.choice(HOSTS), self.random.choice(CLUSTERS))
            self.ledger.firing.setdefault(alert, self.world.now().isoformat())
            self._send([alert], "firing")

    def _clear(self) -> None:
        if self.ledger.firing:
            alert = self.random.choice(sorted(self.ledger.firing))
            self._send([alert], "resolved")
            self.ledger.firing.pop(alert)

    def _repeat(self) -> None:
        if self.ledger.firing:
            self._send(sorted(self.ledger.firing), "firing")

    def _send(self, alerts: list[tuple[str, str, str]], status: str) -> None:
        by_mail = [one for one in alerts if self.is_mailed and one[1] == simulated_mail.HOST]
        for alert in by_mail:
            self._mail_count += 1
            self._deliver(simulated_mail.mail_body(alert, status, self._mail_count, self.world.now()), SourceKind.EMAIL)
        listed = [
            {
                "alertname": name,
                "host": host,
                "cluster": cluster,
                "_starts": self.ledger.firing.get((name, host, cluster), self.world.now().isoformat()),
                **({"_ends": self.world.now().isoformat()} if status == "resolved" else {}),
            }
            for name, host, cluster in alerts
            if (name, host, cluster) not in by_mail
        ]
        if listed:
            self._deliver(alertmanager_body(*listed, status=status), SourceKind.ALERTMANAGER)

    def _deliver(self, body: bytes, kind: SourceKind) -> None:
        """As senders do: repeat until it is accepted. A reply lost to a crash means a second delivery."""
        source = simulated_mail.POST if kind is SourceKind.EMAIL else "alertmanager"
        for _ in range(20):
            try:
                self.ledger.accepted.append(self.world.receive(body, source=source, kind=kind))
            except SimulatedCrash:
                self.world.life.crash("died while receiving")
                self.world.bury()
                self._restart()
                continue
            return
        self._fail("an envelope is never accepted")

    def _acknowledge(self) -> None:
        waiting = [i for i in self.world.incidents() if i.state is IncidentState.TRIGGERED]
        if waiting:
            incident = self.random.choice(waiting)
            self.world.acknowledge(incident.id, by=self.random.choice(("ada", "bo")))
            self.ledger.acknowledged_at[incident.id] = self.world.now()

    def _heal(self) -> None:
        """No more faults; everything that fires is said once more, everything that does not is cleared."""
        self.is_faulty = False
        for faults in (self.books.faults, self.world.sms.faults, self.world.mail.faults):
            faults.clear()
        if not self.world.is_running:
            self.world.start()
        self.world.advance(hours=SETTLE_HOURS)
        self._repeat()
        self.world.advance(hours=SETTLE_HOURS)

    def _sum_up(self) -> str:
        sent = [
            (page.at, page.key, page.person, page.purpose) for page in (*self.world.sms.sent, *self.world.mail.sent)
        ]
        told = [(incident.id, self.world.history(incident.number)) for incident in self.world.incidents()]
        return hashlib.sha256(repr((sent, told)).encode()).hexdigest()

    # ------------------------------------------------------------------ the books

    def _check_books(self) -> None:
        for sentence in broken(self.world.database.read_now(audit.facts)):
            self._fail(sentence)
        self._every_envelope_ended()
        self._nothing_is_left_over()
        self._one_ticket_per_incident()
        self._what_fires_is_open_and_what_does_not_is_over()
        self._nothing_is_quiet_for_ever()
        self._pages_were_sound()
        self._limits_held()

    def _every_envelope_ended(self) -> None:
        """A1, A2: what was accepted is stored and has its one disposition."""
        for envelope_id in self.ledger.accepted:
            report = self.world.database.read_now(inbox.report, envelope_id)
            if report is None:
                self._fail(f"A1: {envelope_id} was accepted and is not stored")
            elif report.state != inbox.DONE or not report.disposition:
                self._fail(f"A2: {envelope_id} ended as {report.state}/{report.disposition}")

    def _nothing_is_left_over(self) -> None:
        waiting = self.world.database.read_now(lambda c: outbox.listed(c, states=outbox.UNSETTLED, limit=10))
        late = [row.key for row in waiting if row.due_at < self.world.now() - timedelta(minutes=15)]
        if late:
            self._fail(f"liveness: {late} are still not settled")
        awaited = self.world.database.read_now(receipts.next_due_at)
        if awaited is not None and awaited < self.world.now() - timedelta(minutes=15):
            self._fail(f"liveness: a receipt that was due at {awaited:%H:%M:%S} is still awaited")

    def _one_ticket_per_incident(self) -> None:
        """A6: never two that live; one for every incident unless the service refused it for good."""
        living = Counter(self.books.incidents())
        doubled = [incident for incident, count in living.items() if count > 1]
        if doubled:
            self._fail(f"A6: more than one ticket: {doubled}")
        may_refuse = any(self.books.refuses_for_good(fault) for fault in self.ticket_faults)
        for incident in self.world.incidents():
            if incident.ticket_connector and not living[incident.id] and not may_refuse:
                self._fail(f"A6: {incident.id} has no ticket")
        twice = self.books.doubled_comments()
        if twice:
            self._fail(f"A6: comments stand twice: {twice}")

    def _what_fires_is_open_and_what_does_not_is_over(self) -> None:
        """No incident is lost: everything that still fires has an open one, everything else has none."""
        open_keys = {
            (member.labels.get("alertname"), member.labels.get("host"), member.labels.get("cluster"))
            for incident in self.world.incidents()
            if incident.state.is_open
            for member in self.world.members(incident.id)
            if member.state.value == "firing"
        }
        own = {key for key in open_keys if key[0] in self.alert_names}
        fires = set(self.ledger.firing)
        if self.is_restrained:
            fires -= {key for key in fires - own if may_be_kept_back(key, fires)}
        if own != fires:
            self._fail(f"lost or left over: only ledger {sorted(fires - own)}, only daemon {sorted(own - fires)}")

    def _nothing_is_quiet_for_ever(self) -> None:
        """Every window is over by now: only what an open incident explains, or what is inhibited, may still be quiet."""
        living = {incident.id: incident for incident in self.world.incidents() if incident.state.is_open}
        for incident in living.values():
            labels = [member.labels for member in self.world.members(incident.id)]
            fired = [(one.get("alertname", ""), one.get("host", ""), one.get("cluster", "")) for one in labels]
            may_be = any(may_be_kept_back(one, self.ledger.firing) for one in fired)
            if incident.quiet and incident.parent_id not in living and not may_be:
                self._fail(f"A2: {incident.id} is still quiet ({incident.quiet})")

    def _pages_were_sound(self) -> None:
        """A4, A5, A9: somebody was told of every incident with a policy; nobody was told after an acknowledgement."""
        sent = [*self.world.sms.sent, *self.world.mail.sent]
        asked = [page for page in sent if page.purpose in {"page", "summary"}]
        told = Counter(one for page in asked for one in (page.incident, *(view.id for view in page.text.also)))
        refused = {Fault.REJECT, Fault.UNAUTHORIZED} & set(self.page_faults)
        for incident in self.world.incidents():
            lived = (incident.resolved_at or self.world.now()) - incident.opened_at
            # Whoever was kept quiet for a while may have been released just before the end.
            was_quiet = self.is_restrained and "escalation/no_page" in self.world.history(incident.number)
            was_answered = was_quiet or incident.id in self.ledger.acknowledged_at
            if not told[incident.id] and not refused and not was_answered and lived > timedelta(minutes=20):
                self._fail(f"A3: nobody was paged for {incident.id}")
        # One text per key, channel and life: more means that something pages in a loop.
        keys = Counter(page.key for page in (*self.world.sms.sent, *self.world.mail.sent))
        for key, count in keys.items():
            if count > 2 + self.crash_count + 2 * (Fault.LOSE_REPLY in self.page_faults):
                self._fail(f"A5: {key} was sent {count} times")

    def _limits_held(self) -> None:
        """G11: what no limit lets through at once came alone or with the first page of something critical, and bursts stayed readable."""
        for pager in (self.world.sms, self.world.mail):
            limits = self.world.policy.limits.get(pager.channel)
            if limits is None:
                continue
            for person in sorted({page.person for page in pager.sent}):
                self._check_limits(person, [page for page in pager.sent if page.person == person], limits)

    def _check_limits(self, person: str, sent: list[SentPage], limits: ChannelLimits) -> None:
        """Counts each message once: one whose outcome is not known may be sent again. Ends of incidents count apart from pages."""
        said = {page.key: page for page in reversed(sent) if page.purpose != "word"}.values()
        free = [page for page in said if self._is_free(page)]
        # Until it has been looked up, a message whose reply was lost, or whose sender died, counts for nothing.
        spare = (Fault.LOSE_REPLY in self.page_faults) + (self.crash_count > 0)
        for limit in limits.windows:
            for page in (page for page in said if page not in free):
                begun = page.at - timedelta(seconds=limit.within_seconds)
                alike = [one for one in said if begun < one.at <= page.at and _is_end(one) is _is_end(page)]
                allowed = limit.count + spare + sum(one in free for one in alike)
                if len(alike) > allowed:
                    self._fail(f"G11: {person} got {len(alike)} messages within {limit.within_seconds} s")

    def _is_free(self, page: SentPage) -> bool:
        """Whether no limit holds it: a page of something critical, or one that stands in for a page that failed."""
        if page.text.incident.severity is Severity.CRITICAL:
            return True
        row = self.world.database.read_now(outbox.load, page.key)
        return row is not None and row.cause in STANDS_IN


def _is_end(page: SentPage) -> bool:
    return page.purpose == "resolved"
