"""From envelopes to decisions: reads what waits longest, decides, and writes the decision in one transaction.

Large envelopes are decided in slices, so that no transaction is long. Deciding the same alert twice is harmless (a repeat), so a
crash between slices costs nothing. An envelope that breaks the decision itself is quarantined: it cannot stop the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.core import drill, sources
from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.decide import decide_alerts, decide_drill
from ingestd.core.draft import Snapshot
from ingestd.core.effects import Decision, Finding, JoinReason, Verdict
from ingestd.core.mail.mail_words import BY_STRANGERS
from ingestd.core.names import EnvelopeId, IncidentId
from ingestd.core.sources import ReadLimits, SourceWays
from ingestd.store import apply, dialect, drills, inbox, incidents, mail_filing, roster, snapshot
from ingestd.store.database import Database
from ingestd.store.inbox import Envelope
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers import mail_taking, self_report
from ingestd.workers.current import Current, Standing
from ingestd.workers.mail_taking import MailTaken
from ingestd.workers.mail_telling import MailTelling
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BATCH_ENVELOPES = 50
SLICE_ALERTS = 200
"""Alerts of one transaction, so that an acknowledgement of an envelope never waits long behind a decision."""

INTERNAL_ERROR = "internal_error"
PARTLY_UNREADABLE = "partly_unreadable"
"""Some alerts of the envelope were decided, others could not be read."""


RULES_VERSION_CHARS = 12
"""So much of the ruleset's hash stands in findings, logs and pages."""


@dataclass(slots=True)
class BatchReport:
    """What one transaction did."""

    envelopes: list[tuple[Envelope, str, str]] = field(default_factory=list)
    """Envelope, disposition, reason."""
    parsed: list[tuple[str, ParsedEnvelope]] = field(default_factory=list)
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    """Source and finding."""
    mails: list[tuple[Envelope, MailTaken]] = field(default_factory=list)
    """Mail that brought no alert."""
    connectors: dict[str, None] = field(default_factory=dict)
    """For which deliveries were queued, in that order."""
    has_deadlines: bool = False
    has_more: bool = False

    def note(self, decision: Decision) -> None:
        """Remember whom to wake."""
        self.connectors.update(dict.fromkeys(effect.connector for effect in decision.effects))
        self.has_deadlines = self.has_deadlines or decision.has_dues


@dataclass(frozen=True, slots=True)
class _Slice:
    """The part of an envelope that this transaction decides."""

    envelope: Envelope
    parsed: ParsedEnvelope
    alerts: tuple[Alert, ...]
    is_last: bool


class LastRead:
    """What was read last. A large envelope is decided in many slices; it is parsed for the first of them."""

    def __init__(self) -> None:
        self._of: tuple[EnvelopeId, ReadLimits, SourceWays] | None = None
        self._parsed: ParsedEnvelope | Unreadable | None = None

    def read(self, envelope: Envelope, standing: Standing) -> ParsedEnvelope | Unreadable:
        """The envelope's alerts. Equal whether it is remembered or read anew."""
        limits = standing.limits_of(envelope.source)
        ways = standing.ways_of(envelope.source)
        if self._parsed is None or self._of != (envelope.id, limits, ways):
            kind = sources.SourceKind(envelope.kind)
            self._parsed = sources.read(kind, envelope.source, envelope.body, limits, ways, envelope.received_at)
            self._of = (envelope.id, limits, ways)
        return self._parsed


def disposition_of(findings: Sequence[dict[str, Any]]) -> str:
    """The one word for what became of an envelope: the most that any of its alerts brought about."""
    order = ("incident", "joined", "resolved", "vanished", "held", "heartbeat", "duplicate", "ignored")
    found = {_weight(finding) for finding in findings}
    return next((word for word in order if word in found), "empty")


def _weight(finding: dict[str, Any]) -> str:
    if finding["verdict"] == Verdict.NEW:
        return "incident" if finding["join"] in {JoinReason.OPENED, JoinReason.REOPENED} else "joined"
    return {
        Verdict.RESOLVE: "resolved",
        Verdict.VANISHED: "vanished",
        Verdict.REPEAT: "duplicate",
        Verdict.HELD: "held",
        Verdict.HEARTBEAT: "heartbeat",
    }.get(finding["verdict"], "ignored")


def _plain(finding: Finding) -> dict[str, Any]:
    plain = {
        "alert": finding.key,
        "verdict": finding.verdict.value,
        "reason": finding.reason.value,
        "incident": finding.incident_id,
        "join": finding.join.value if finding.join else None,
        "rule": finding.rule,
    }
    if finding.rules_version:
        plain["rules_version"] = finding.rules_version[:RULES_VERSION_CHARS]
    if finding.restraint is not None:
        plain["held_by"] = finding.restraint.text
    return plain


def process_batch(
    connection: Connection,
    standing: Standing,
    now: datetime,
    limit: int,
    poison: frozenset[EnvelopeId],
    last: LastRead | None = None,
) -> BatchReport:
    """Decide what waits longest, in the caller's transaction. Envelopes in ``poison`` go to quarantine unread."""
    last = last or LastRead()
    dialect.serialise_decisions(connection)
    standing = replace(standing, policy=roster.effective(connection, standing.policy, now))
    report = BatchReport()
    slices: list[_Slice] = []
    room = SLICE_ALERTS
    waiting = inbox.oldest_waiting(connection, limit)
    for envelope in waiting:
        if envelope.id in poison:
            bad = Unreadable(
                INTERNAL_ERROR, "deciding this envelope failed; see the log, then retry it after an update"
            )
            _quarantine(connection, report, envelope, bad, standing, now)
            continue
        if room <= 0:
            break
        if envelope.kind == drill.KIND:
            _decide_drill(connection, report, envelope, standing, now)
            continue
        if envelope.kind == sources.SourceKind.EMAIL:
            parsed = _open_mail(connection, report, slices, envelope, standing, now)
        else:
            parsed = last.read(envelope, standing)
        if isinstance(parsed, MailTaken):
            _end_mail(connection, report, envelope, parsed, now)
            continue
        if isinstance(parsed, Unreadable):
            _quarantine(connection, report, envelope, parsed, standing, now)
            continue
        alerts = parsed.alerts[envelope.next_alert : envelope.next_alert + room]
        is_last = envelope.next_alert + len(alerts) >= len(parsed.alerts)
        slices.append(_Slice(envelope, parsed, alerts, is_last))
        room -= max(1, len(alerts))
    if slices:
        _decide(connection, report, slices, standing, now)
    report.has_more = bool(waiting)
    return report


def _decide(
    connection: Connection, report: BatchReport, slices: list[_Slice], standing: Standing, now: datetime
) -> None:
    """All slices together: one snapshot, one decision, one write; then each envelope gets its findings."""
    arrived = [alert for part in slices for alert in part.alerts]
    truncated = [part.parsed.truncated_count for part in slices for _ in part.alerts]
    sightings, known = snapshot.load(connection, arrived, standing.policy, now, truncated)
    received_at = [part.envelope.received_at for part in slices for _ in part.alerts]
    decision = decide_alerts(sightings, known, standing.policy, now, received_at)
    apply.write(connection, decision, now)
    report.note(decision)
    for source in decision.heard:
        report.note(self_report.source_heard(connection, source, standing.policy, now))
    findings = iter(decision.findings)
    for part in slices:
        mine = [next(findings) for _ in part.alerts]
        report.findings.extend((part.envelope.source, finding) for finding in mine)
        _finish(connection, report, part, [_plain(finding) for finding in mine], standing, now)


def _decide_drill(
    connection: Connection, report: BatchReport, envelope: Envelope, standing: Standing, now: datetime
) -> None:
    """An order to try a policy. It counts among no alerts and no incidents."""
    order = drill.order_of(envelope.body)
    snapshot_of_now = Snapshot(next_number=incidents.next_number(connection))
    decision = decide_drill(order, snapshot_of_now, standing.policy, now)
    apply.write(connection, decision, now)
    report.note(decision)
    for incident in decision.incidents:
        drills.opened(connection, order.id, incident.id)
    if not decision.incidents:
        drills.end(connection, order.id, "failed", now)
    findings = [_plain(finding) for finding in decision.findings]
    word = disposition_of(findings)
    inbox.mark_done(connection, envelope.id, disposition=word, alert_count=0, findings=findings, now=now)
    report.envelopes.append((envelope, word, ""))


def _open_mail(
    connection: Connection,
    report: BatchReport,
    slices: list[_Slice],
    envelope: Envelope,
    standing: Standing,
    now: datetime,
) -> ParsedEnvelope | Unreadable | MailTaken:
    """The alerts of a mail, or what became of it. What it may speak of is decided before it."""
    mail = mail_taking.opened(connection, envelope, standing)
    if isinstance(mail, Unreadable):
        return mail
    if slices and mail.needs_what_came_before:
        _decide(connection, report, slices, standing, now)
        slices.clear()
    return mail_taking.take(connection, mail, standing, now)


def _end_mail(connection: Connection, report: BatchReport, envelope: Envelope, taken: MailTaken, now: datetime) -> None:
    """A mail that brings no alert has its one disposition. One that is put aside wakes nobody: strangers can send such mail."""
    why = (taken.reason, taken.detail)
    if taken.is_put_aside:
        inbox.quarantine(connection, envelope.id, reason=taken.reason, detail=taken.detail, now=now)
    else:
        inbox.mark_done(
            connection, envelope.id, disposition=taken.disposition, alert_count=0, findings=[], now=now, why=why
        )
    report.mails.append((envelope, taken))


def _finish(
    connection: Connection,
    report: BatchReport,
    part: _Slice,
    findings: list[dict[str, Any]],
    standing: Standing,
    now: datetime,
) -> None:
    envelope = part.envelope
    if not part.is_last:
        reached = envelope.next_alert + len(part.alerts)
        inbox.mark_progress(connection, envelope.id, next_alert=reached, findings=findings)
        report.has_more = True
        return
    if envelope.next_alert:
        findings = [*inbox.findings_of(connection, envelope.id), *findings]
    word = disposition_of(findings)
    count = len(part.parsed.alerts)
    refused = part.parsed.refused
    _file_mail(connection, envelope, findings)
    unread = (PARTLY_UNREADABLE, f"{len(refused)} not read, the first: {refused[0].detail}") if refused else None
    inbox.mark_done(
        connection, envelope.id, disposition=word, alert_count=count, findings=findings, now=now, unread=unread
    )
    report.envelopes.append((envelope, word, unread[0] if unread else ""))
    report.parsed.append((envelope.source, part.parsed))
    if unread and all(one.reason in BY_STRANGERS for one in refused):
        return
    if unread:
        report.note(self_report.unreadable(connection, envelope, Unreadable(*unread), standing.policy, now))
    else:
        report.note(self_report.readable(connection, envelope.source, standing.policy, now))


def _file_mail(connection: Connection, envelope: Envelope, findings: Sequence[dict[str, Any]]) -> None:
    """Remember which incident a mail came to belong to: later mail refers to it."""
    if envelope.kind != sources.SourceKind.EMAIL:
        return
    incident = next((finding["incident"] for finding in findings if finding["incident"]), None)
    if incident is not None:
        mail_filing.belongs(connection, envelope.source, envelope.id, IncidentId(incident))


def _quarantine(
    connection: Connection, report: BatchReport, envelope: Envelope, bad: Unreadable, standing: Standing, now: datetime
) -> None:
    inbox.quarantine(connection, envelope.id, reason=bad.reason, detail=bad.detail, now=now)
    report.envelopes.append((envelope, "quarantined", bad.reason))
    try:
        report.note(self_report.unreadable(connection, envelope, bad, standing.policy, now))
    except Exception as error:
        if dialect.is_trouble(error):
            raise
        # What breaks every decision would otherwise keep this envelope at the head of the line.
        log.exception(log_events.WORKER_FAILED, worker="processor", envelope=envelope.id)


class Processor:
    """The worker's step around ``process_batch``."""

    def __init__(self, database: Database, current: Current, clock: Clock, metrics: Metrics, wake: Wake) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self._mail_telling = MailTelling(metrics)
        self._alone_count = 0
        """How many envelopes are still decided one by one, since one of them breaks the decision."""
        self._poison: frozenset[EnvelopeId] = frozenset()
        self._last = LastRead()

    async def run_once(self) -> bool:
        """Decide one batch; true if there may be more. An envelope that breaks the decision even alone is put aside."""
        limit = 1 if self._alone_count else BATCH_ENVELOPES
        try:
            report = await self._process(limit)
        except Exception as error:
            if dialect.is_trouble(error) or self._poison:
                raise
            if self._alone_count:
                first = await self._database.read(inbox.oldest_waiting, 1)
                self._poison = frozenset(envelope.id for envelope in first)
            self._alone_count = BATCH_ENVELOPES
            self._metrics.worker_failures.labels("processor").inc()
            log.exception(log_events.WORKER_FAILED, worker="processor")
            return True
        self._alone_count = max(0, self._alone_count - 1)
        self._poison = frozenset()
        self._tell(report)
        return report.has_more or limit == 1

    async def _process(self, limit: int) -> BatchReport:
        now = self._clock.now()
        return await self._database.run(process_batch, self._current.standing, now, limit, self._poison, self._last)

    def _tell(self, report: BatchReport) -> None:
        metrics = self._metrics
        for envelope, disposition, reason in report.envelopes:
            metrics.dispositions.labels(envelope.source, disposition).inc()
            if reason:
                metrics.quarantined.labels(envelope.source, reason).inc()
                log.warning(
                    log_events.ENVELOPE_QUARANTINED, envelope=envelope.id, source=envelope.source, reason=reason
                )
            else:
                log.debug(
                    log_events.ENVELOPE_PROCESSED,
                    envelope=envelope.id,
                    source=envelope.source,
                    disposition=disposition,
                )
        for envelope, taken in report.mails:
            self._mail_telling.tell(envelope, taken, self._clock.now())
            for decision in taken.decisions:
                self._wake.after_decision(decision)
        self._tell_alerts(report)
        self._wake.after(report.connectors, has_deadlines=report.has_deadlines)

    def _tell_alerts(self, report: BatchReport) -> None:
        metrics = self._metrics
        for source, parsed in report.parsed:
            if parsed.cut_count:
                metrics.cut_texts.labels(source).inc(parsed.cut_count)
            if parsed.truncated_count:
                metrics.truncated_alerts.labels(source).inc(parsed.truncated_count)
                log.warning(log_events.ALERTS_TRUNCATED, source=source, count=parsed.truncated_count)
        for source, finding in report.findings:
            metrics.alerts.labels(source, finding.verdict.value, finding.reason.value).inc()
            if finding.rule:
                metrics.rule_matches.labels(finding.rule).inc()
            if finding.label is not None and finding.label.template_problem:
                metrics.template_failures.labels(finding.rule).inc()
            if finding.join is JoinReason.OPENED:
                metrics.incidents_opened.inc()
                log.info(log_events.INCIDENT_CHANGED, incident=finding.incident_id, change="opened", rule=finding.rule)

    async def idle_seconds(self) -> float:
        """Envelopes ring the bell; waiting is only a safety net."""
        return 3600.0
