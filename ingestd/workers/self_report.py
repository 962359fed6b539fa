"""The daemon's own alerts: what an operator must hear of goes the way that every alert goes, through the rules.

Source ``ingestd``; an admin can match it as ``alert.source = ingestd``. The alerts resolve by themselves when the cause is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ingestd.core.alert import Alert, Unreadable
from ingestd.core.decide import decide_alerts
from ingestd.core.effects import Decision
from ingestd.core.incident import AlertState
from ingestd.core.mail.mailbox_state import MailboxState
from ingestd.core.names import AlertKey, AlertStatus, Channel, PersonName
from ingestd.core.policy import Policy
from ingestd.store import apply, dialect, roster, snapshot
from ingestd.store.contacts import ContactRow
from ingestd.store.inbox import Envelope
from ingestd.store.snapshot import known_of

SOURCE = "ingestd"

QUIET = timedelta(minutes=15)
"""How long a source must have sent nothing unreadable before its alert ends: a good body says nothing of what was in the bad one."""


def unreadable(connection: Connection, envelope: Envelope, bad: Unreadable, policy: Policy, now: datetime) -> Decision:
    """A source sends what cannot be read: an alert may be hidden in it."""
    alert = Alert(
        source=SOURCE,
        key=_quarantine_key(envelope.source),
        status=AlertStatus.FIRING,
        labels={"alertname": "IngestdUnreadableEnvelope", "intake": envelope.source, "reason": bad.reason},
        annotations={
            "summary": f"source “{envelope.source}” sends what ingestd cannot read ({bad.reason}): alerts may be missing",
            "description": f"{bad.detail}. See: ingestd envelope list --quarantined; first: ingestd explain {envelope.id}",
        },
        rule_name="IngestdUnreadableEnvelope",
    )
    return _decide(connection, alert, policy, now)


def readable(connection: Connection, source: str, policy: Policy, now: datetime) -> Decision:
    """A source can be read (again): nothing happens unless its quarantine alert fires and has not been repeated for a while."""
    known = known_of(connection, _quarantine_key(source))
    if known is None or now - known.last_seen_at < QUIET:
        return Decision()
    return _end(connection, _quarantine_key(source), policy, now)


def connector_refused(connection: Connection, connector: str, detail: str, policy: Policy, now: datetime) -> Decision:
    """A connector's credentials are rejected: its deliveries wait."""
    alert = Alert(
        source=SOURCE,
        key=_connector_key(connector),
        status=AlertStatus.FIRING,
        labels={"alertname": "IngestdConnectorRefused", "connector": connector},
        annotations={
            "summary": f"connector “{connector}” is refused: its credentials are rejected, deliveries wait",
            "description": f"{detail}. Nothing is lost: mend the credentials, then reload ingestd.",
        },
        rule_name="IngestdConnectorRefused",
    )
    return _decide(connection, alert, policy, now)


def is_connector_refused(connection: Connection, connector: str) -> bool:
    """Whether our own alert of a connector fires."""
    return _is_firing(connection, _connector_key(connector))


def connector_accepted(connection: Connection, connector: str, policy: Policy, now: datetime) -> Decision:
    """A connector works again."""
    return _end(connection, _connector_key(connector), policy, now)


def source_silent(
    connection: Connection, source: str, since: datetime, within_seconds: int, policy: Policy, now: datetime
) -> Decision:
    """A source's watchdog is missing: nobody would tell us of the next problem. ``since``: when it was heard last, or waited for first."""
    alert = Alert(
        source=SOURCE,
        key=_silence_key(source),
        status=AlertStatus.FIRING,
        labels={"alertname": "IngestdSourceSilent", "intake": source, "severity": "critical"},
        annotations={
            "summary": f"source “{source}” is silent: its watchdog has not been heard since {since:%Y-%m-%d %H:%M:%S} UTC",
            "description": f"It must come at least every {_duration(within_seconds)}. Until it does nobody would tell us of a problem that"
            f" this source sees: look at the monitoring system, its Alertmanager and the way to ingestd. Last webhook:"
            f" ingestd envelope list --source {source}",
        },
        rule_name="IngestdSourceSilent",
    )
    return _decide(connection, alert, policy, now)


def is_source_silent(connection: Connection, source: str) -> bool:
    """Whether our own alert of a silent source fires."""
    return _is_firing(connection, _silence_key(source))


def source_heard(connection: Connection, source: str, policy: Policy, now: datetime) -> Decision:
    """A source's watchdog is heard again."""
    return _end(connection, _silence_key(source), policy, now)


def audit_failed(connection: Connection, problems: Sequence[str], policy: Policy, now: datetime) -> Decision:
    """The auditor found a promise broken, or cannot look."""
    count = len(problems)
    more = f" (and {count - 1} more)" if count > 1 else ""
    alert = Alert(
        source=SOURCE,
        key=_AUDIT_KEY,
        status=AlertStatus.FIRING,
        labels={"alertname": "IngestdAuditFailed", "severity": "critical"},
        annotations={
            "summary": f"ingestd does not keep what it promises: {problems[0]}{more}",
            "description": "\n".join(
                (*problems[:_PROBLEMS_TOLD_MAX], "See: ingestd doctor, and the log of the daemon.")
            ),
        },
        rule_name="IngestdAuditFailed",
    )
    return _decide(connection, alert, policy, now)


def audit_passed(connection: Connection, policy: Policy, now: datetime) -> Decision:
    """The auditor finds nothing any more."""
    return _end(connection, _AUDIT_KEY, policy, now)


def drill_unanswered(connection: Connection, escalation: str, incident: str, policy: Policy, now: datetime) -> Decision:
    """Nobody answered a drill that runs by itself: a page in earnest may go unanswered as well. ``escalation`` names the policy."""
    alert = Alert(
        source=SOURCE,
        key=_drill_key(escalation),
        status=AlertStatus.FIRING,
        labels={"alertname": "IngestdDrillUnanswered", "policy": escalation, "severity": "critical"},
        annotations={
            "summary": f"nobody answered the drill of policy “{escalation}”: would anybody answer a page?",
            "description": f"Who was paged, and how far that came: ingestd incident show {incident}. It ends with the next drill of"
            f" this policy that somebody answers: ingestd drill {escalation}",
        },
        rule_name="IngestdDrillUnanswered",
    )
    return _decide(connection, alert, policy, now)


def drill_answered(connection: Connection, escalation: str, policy: Policy, now: datetime) -> Decision:
    """Somebody answered a drill of the policy."""
    return _end(connection, _drill_key(escalation), policy, now)


def contact_dead(connection: Connection, row: ContactRow, policy: Policy, now: datetime, *, is_last: bool) -> Decision:
    """An address of somebody is dead. ``is_last``: no other reaches them, so it is tried all the same."""
    whose = f"{row.person} is not reached by {row.channel} any more"
    what_now = "it is their last contact and is tried all the same" if is_last else "pages go by their other channels"
    alert = Alert(
        source=SOURCE,
        key=_contact_key(row.person, row.channel),
        status=AlertStatus.FIRING,
        labels={
            "alertname": "IngestdContactDead",
            "person": row.person,
            "channel": row.channel.value,
            "is_last": str(is_last).lower(),
        },
        annotations={
            "summary": f"{whose}: {row.reason}; {what_now}",
            "description": "Correct the address in the configuration, or, once it works again:"
            f" ingestd contact revive {row.person} {row.channel}. Who answered STOP sends START to the number that pages come from."
            " All of them: ingestd contact list",
        },
        rule_name="IngestdContactDead",
    )
    return _decide(connection, alert, policy, now)


def contact_works(
    connection: Connection, person: PersonName, channel: Channel, policy: Policy, now: datetime
) -> Decision:
    """Somebody is reached by a channel again, or has another address there."""
    return _end(connection, _contact_key(person, channel), policy, now)


def mailbox_unreadable(
    connection: Connection, state: MailboxState, text: str, policy: Policy, now: datetime
) -> Decision:
    """A mailbox has not been read for long: nobody would hear of what is in it. ``text`` says why, without our secrets."""
    when = f"since {state.good_at:%Y-%m-%d %H:%M:%S} UTC"
    alert = Alert(
        source=SOURCE,
        key=_mailbox_key(state.account),
        status=AlertStatus.FIRING,
        labels={
            "alertname": "IngestdMailboxUnreadable",
            "mailbox": state.account,
            "reason": state.reason or "unknown",
            "severity": "critical",
        },
        annotations={
            "summary": f"mailbox “{state.account}” has not been read {when}: alerts in it reach nobody",
            "description": f"{state.place}: {text or 'it does not answer'}. Nothing is lost, it is read as soon as it can be. See: ingestd doctor,"
            " and the log of the daemon.",
        },
        rule_name="IngestdMailboxUnreadable",
    )
    return _decide(connection, alert, policy, now)


def is_mailbox_unreadable(connection: Connection, account: str) -> bool:
    """Whether our own alert of a mailbox fires."""
    return _is_firing(connection, _mailbox_key(account))


def mailbox_read(connection: Connection, account: str, policy: Policy, now: datetime) -> Decision:
    """A mailbox is read again, or is none of ours any more."""
    return _end(connection, _mailbox_key(account), policy, now)


def mailboxes_told(connection: Connection) -> list[str]:
    """The mailboxes whose own alert was ever raised, whether it fires or not."""
    prefix = _mailbox_key("")
    return [key.removeprefix(prefix) for key in snapshot.keys_with(connection, prefix)]


_AUDIT_KEY = AlertKey(f"{SOURCE}/audit")
_PROBLEMS_TOLD_MAX = 10


def calendar_bad(connection: Connection, schedule: str, text: str, policy: Policy, now: datetime) -> Decision:
    """The calendar of a schedule has not been read for hours, or names somebody who is not known. ``text`` says which, as a clause."""
    alert = Alert(
        source=SOURCE,
        key=_calendar_key(schedule),
        status=AlertStatus.FIRING,
        labels={"alertname": "IngestdCalendar", "schedule": schedule},
        annotations={
            "summary": f"the calendar of schedule “{schedule}” {text}: the wrong person, or nobody, may be on call",
            "description": f"What was last read of it stays in force. See: ingestd oncall show {schedule}, ingestd doctor, and the"
            " log of the daemon.",
        },
        rule_name="IngestdCalendar",
    )
    return _decide(connection, alert, policy, now)


def is_calendar_bad(connection: Connection, schedule: str) -> bool:
    """Whether our own alert of a calendar fires."""
    return _is_firing(connection, _calendar_key(schedule))


def calendar_good(connection: Connection, schedule: str, policy: Policy, now: datetime) -> Decision:
    """The calendar is read again, and names people who are known."""
    return _end(connection, _calendar_key(schedule), policy, now)


def _duration(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def _silence_key(source: str) -> AlertKey:
    return AlertKey(f"{SOURCE}/silent:{source}")


def _calendar_key(schedule: str) -> AlertKey:
    return AlertKey(f"{SOURCE}/calendar:{schedule}")


def _drill_key(escalation: str) -> AlertKey:
    return AlertKey(f"{SOURCE}/drill-unanswered:{escalation}")


def _quarantine_key(source: str) -> AlertKey:
    return AlertKey(f"{SOURCE}/quarantine:{source}")


def _contact_key(person: PersonName, channel: Channel) -> AlertKey:
    return AlertKey(f"{SOURCE}/contact:{person}:{channel}")


def _mailbox_key(account: str) -> AlertKey:
    return AlertKey(f"{SOURCE}/mailbox:{account}")


def _connector_key(connector: str) -> AlertKey:
    return AlertKey(f"{SOURCE}/connector:{connector}")


def _is_firing(connection: Connection, key: AlertKey) -> bool:
    known = known_of(connection, key)
    return known is not None and known.state is not AlertState.CLEARED


def _end(connection: Connection, key: AlertKey, policy: Policy, now: datetime) -> Decision:
    if not _is_firing(connection, key):
        return Decision()
    over = Alert(source=SOURCE, key=key, status=AlertStatus.RESOLVED, labels={"alertname": "resolved"})
    return _decide(connection, over, policy, now)


def _decide(connection: Connection, alert: Alert, policy: Policy, now: datetime) -> Decision:
    dialect.serialise_decisions(connection)
    policy = roster.effective(connection, policy, now)
    sightings, known = snapshot.load(connection, [alert], policy, now)
    decision = decide_alerts(sightings, known, policy, now)
    apply.write(connection, decision, now)
    return decision
