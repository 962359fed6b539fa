"""A drill: an incident in which nothing is wrong, to see whether a page reaches somebody who answers.

It takes the way of every incident from its escalation on, and nothing else joins it: no rule is asked, no alert is part of it, and nobody
has to end it. It is over when somebody answers, or when its policy has come to its end.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Final

from ingestd.core import escalation, lifecycle
from ingestd.core.conduct import Conduct, ResolveOn
from ingestd.core.draft import Draft
from ingestd.core.effects import Finding, JoinReason, PageReason, Verdict, VerdictReason
from ingestd.core.incident import Incident
from ingestd.core.names import AlertKey, EffectKind, IncidentId, IncidentState, Level, Severity
from ingestd.core.policy import Policy
from ingestd.core.ruleset import DEFAULT_TEAM

KIND: Final = "drill"
"""How the envelope of a drill is read, and the name of the rule that stands in its incident."""
SOURCE: Final = "ingestd"


@dataclass(frozen=True, slots=True)
class DrillOrder:
    """What is to be tried: the escalation policy called ``policy``. ``has_ticket``: the default team's ticket is opened as well."""

    id: str
    policy: str
    author: str
    has_ticket: bool = False

    @property
    def body(self) -> bytes:
        """The order as the body of an envelope."""
        return json.dumps(asdict(self)).encode()


def order_of(body: bytes) -> DrillOrder:
    """The order that an envelope holds; only ingestd writes such envelopes."""
    return DrillOrder(**json.loads(body))


def begin(draft: Draft, order: DrillOrder, policy: Policy) -> Incident:
    """The drill's incident, critical, with its first page. The policy must be known."""
    number = draft.take_number()
    key = AlertKey(f"{SOURCE}/drill:{order.id}")
    incident = Incident(
        id=IncidentId(f"INC-{number}"),
        number=number,
        state=IncidentState.TRIGGERED,
        severity=Severity.CRITICAL,
        impact=Level.HIGH,
        urgency=Level.HIGH,
        category=KIND,
        team=DEFAULT_TEAM,
        rule=KIND,
        title=f"TEST drill of policy “{order.policy}”: nothing is wrong",
        summary=f"{order.author} wants to know whether a page reaches somebody. Acknowledge it as you would in earnest: that ends it.",
        runbook="",
        dedup_key=key,
        correlate_key="",
        correlate_within_seconds=0,
        reopen_within_seconds=0,
        opened_at=draft.now,
        last_alert_at=draft.now,
        conduct=Conduct(resolve_on=ResolveOn.NEVER, rules_version=policy.ruleset.version, is_test=True),
    )
    draft.put_incident(incident)
    draft.note(incident, "opened", f"a drill of policy “{order.policy}” by {order.author}", reason=KIND)
    route = policy.ruleset.routes.get(DEFAULT_TEAM)
    if order.has_ticket and route is not None and route.ticket is not None:
        plan = route.ticket
        incident = replace(incident, ticket_connector=plan.connector, ticket_options=dict(plan.options))
        incident = draft.add_effect(incident, plan.connector, EffectKind.TICKET_OPEN)
    incident = escalation.start(draft, incident, order.policy, policy, PageReason.OPENED)
    draft.find(Finding(key, Verdict.NEW, VerdictReason.FIRST_SEEN, incident.id, JoinReason.OPENED, rule=KIND))
    return incident


def end_unanswered(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """The policy has come to its end: the drill is over, and nobody has answered."""
    if incident.state is not IncidentState.TRIGGERED:
        return incident
    draft.note(incident, KIND, "nobody answered the drill", reason="unanswered", for_ticket=True)
    return lifecycle.resolve(draft, incident, policy)
