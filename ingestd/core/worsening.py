"""An alert that is known to fire is said again with other labels: a host that went from WARNING to CRITICAL keeps its identity.

Most senders name the severity among the labels that identify an alert: theirs is another alert then. Mail and mapped JSON name what
identifies apart from the rest, and what has become worse must not pass for a repeat.
"""

from __future__ import annotations

from dataclasses import replace

from ingestd.core import correlate, lifecycle, restraint
from ingestd.core.admit import watch_over
from ingestd.core.alert import Alert
from ingestd.core.draft import Draft
from ingestd.core.effects import Finding, JoinReason, Verdict, VerdictReason
from ingestd.core.incident import Incident, KnownAlert
from ingestd.core.names import IncidentId
from ingestd.core.policy import Policy
from ingestd.core.restraint import Case
from ingestd.core.ruleset import Classification
from ingestd.core.sighting import Sighting


def take_worse(
    draft: Draft, sighting: Sighting, label: Classification, known: KnownAlert, own: Incident, policy: Policy
) -> IncidentId | None:
    """The rules make more of the alert than of its incident so far: the incident rises, unless something keeps that back; then it rises later.

    What somebody had resolved by hand was the lesser trouble: it opens again.
    """
    alert = sighting.alert
    case = Case(
        alert=alert,
        label=label,
        dedup_key=correlate.dedup_key_of(alert.key, label),
        own=own,
        since=known.first_seen_at,
        is_fire=False,
        received=sighting.as_received,
        is_left_over=True,
    )
    weighed = restraint.weigh(draft, case, policy)
    watch_over(draft, case, weighed.restraint)
    is_kept_back = weighed.restraint is not None
    join = JoinReason.SAME_ALERT if own.state.is_open else JoinReason.REOPENED
    draft.find(
        Finding(
            alert.key,
            Verdict.REPEAT if is_kept_back else Verdict.NEW,
            VerdictReason.GOT_WORSE,
            own.id,
            None if is_kept_back else join,
            label.rule,
            restraint=weighed.restraint,
            rules_version=label.rules_version,
            window=weighed.window,
            label=weighed.label,
        )
    )
    if is_kept_back:
        return None
    _rise(draft, alert, weighed.label, own, policy)
    return own.id


def _rise(draft: Draft, alert: Alert, label: Classification, own: Incident, policy: Policy) -> None:
    incident = own
    if incident.alert_count == 1:
        incident = draft.put_incident(replace(incident, title=label.title, summary=label.summary))
    if incident.is_reopenable:
        incident = lifecycle.reopen(draft, incident, label, policy)
    elif incident.quiet is not None:
        incident = lifecycle.unquiet(draft, incident, label, policy)
    draft.note(
        incident, "alert-fired", f"alert is worse: {alert.summary}", reason=VerdictReason.GOT_WORSE, for_ticket=True
    )
    incident = lifecycle.worsen(draft, incident, label, policy, is_new_alert=False)
    lifecycle.comment_ticket(draft, incident, policy)
