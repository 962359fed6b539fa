"""A sign of life is consumed: it is no news, whatever the rules would make of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ingestd.core.alert import Alert
from ingestd.core.decide import decide_alerts
from ingestd.core.draft import Snapshot
from ingestd.core.effects import Decision, Verdict, VerdictReason
from ingestd.core.incident import AlertState, KnownAlert
from ingestd.core.matchers import parse_matcher
from ingestd.core.names import AlertKey, AlertStatus, IncidentId
from ingestd.core.sighting import sight
from ingestd.core.watchdog import Watchdog
from ingestd.testing.world import policy as make_policy

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
MATCH = (parse_matcher("alertname = Watchdog"), parse_matcher('env =~ "prod|live"'))
POLICY = replace(make_policy(), watchdogs={"am": Watchdog(MATCH, 300)})


def _alert(source: str = "am", status: AlertStatus = AlertStatus.FIRING, **labels: str) -> Alert:
    return Alert(source, AlertKey(f"{source}/w"), status, {"alertname": "Watchdog", "env": "prod", **labels})


def _decided(alert: Alert, known: KnownAlert | None = None) -> Decision:
    snapshot = Snapshot(alerts={alert.key: known} if known else {})
    return decide_alerts([sight(alert, known, None, POLICY, NOW)], snapshot, POLICY, NOW)


def test_it_is_heard_and_nothing_else_comes_of_it():
    decision = _decided(_alert())
    assert [(one.verdict, one.reason) for one in decision.findings] == [(Verdict.HEARTBEAT, VerdictReason.HEARD)]
    assert decision.heard == ("am",)
    assert (decision.alerts, decision.incidents, decision.effects, decision.watches) == ((), (), (), ())


def test_all_matchers_must_hold_and_another_source_is_not_meant():
    for other in (_alert(env="test"), _alert(source="other")):
        decision = _decided(other)
        assert decision.heard == ()
        assert decision.findings[0].verdict is not Verdict.HEARTBEAT


def test_its_end_is_consumed_and_is_no_sign_of_life():
    decision = _decided(_alert(status=AlertStatus.RESOLVED))
    assert decision.findings[0].reason is VerdictReason.WATCHDOG_ENDED
    assert (decision.heard, decision.alerts) == ((), ())


def test_what_was_kept_back_before_it_became_a_watchdog_still_ends():
    held = KnownAlert(AlertKey("am/w"), AlertState.HELD, IncidentId(""), NOW, NOW, None, None, None)
    decision = _decided(_alert(status=AlertStatus.RESOLVED), held)
    assert decision.findings[0].reason is VerdictReason.CLEARED_WHILE_HELD
    assert decision.alerts[0].state is AlertState.CLEARED
