"""Which repeats ask the rules: those whose sender says something else than before. What enriching adds is no word of the sender."""

from __future__ import annotations

import pytest

from ingestd.core.decide import decide_alerts
from ingestd.core.draft import Snapshot
from ingestd.core.effects import Verdict, VerdictReason
from ingestd.core.names import IncidentState, Severity
from ingestd.core.sighting import Sighting, says_otherwise, sight
from ingestd.testing.builders import INC, MINUTE, NOW, alert, incident, known, label, member
from ingestd.testing.world import policy

POLICY = policy()
OTHER = {"labels": {**alert().labels, "state": "CRITICAL"}, "key": alert().key}


@pytest.mark.parametrize(
    ("now", "before", "is_otherwise"),
    [
        ({}, {}, False),
        ({"state": "WARNING"}, {"state": "WARNING"}, False),
        ({"state": "CRITICAL"}, {"state": "WARNING"}, True),
        ({"state": "CRITICAL"}, {}, True),
        ({}, {"state": "WARNING"}, False),
    ],
)
def test_another_value_of_a_label_is_something_else_and_a_label_that_is_gone_is_not(now, before, is_otherwise):
    said = alert(labels=now)
    assert says_otherwise(said, said, member(labels={**alert().labels, **before})) is is_otherwise


def test_what_enriching_adds_asks_no_rule():
    received = alert()
    enriched = alert(labels={"tier": "1"})
    assert not says_otherwise(enriched, received, member())


@pytest.mark.parametrize(("said", "is_asked"), [({}, False), (OTHER, True)])
def test_the_rules_are_asked_of_a_repeat_only_if_it_says_something_else(said, is_asked):
    made = sight(alert(**said), known(), incident(), POLICY, NOW, member=member())
    assert (made.label is not None) is is_asked


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        (Severity.CRITICAL, (Verdict.NEW, VerdictReason.GOT_WORSE)),
        (Severity.HIGH, (Verdict.REPEAT, VerdictReason.STILL_FIRING)),
        (Severity.LOW, (Verdict.REPEAT, VerdictReason.STILL_FIRING)),
    ],
)
def test_only_what_is_worse_than_its_incident_is_news(severity, expected):
    before = incident(IncidentState.ACKNOWLEDGED)
    snapshot = Snapshot(alerts={alert().key: known()}, incidents={INC: before}, members={(INC, alert().key): member()})
    decision = decide_alerts([Sighting(alert(**OTHER), label(severity=severity))], snapshot, POLICY, NOW + MINUTE)
    (finding,) = decision.findings
    assert (finding.verdict, finding.reason) == expected
    assert decision.members[0].labels["state"] == "CRITICAL", "its readers see the newest words in any case"
    assert bool(decision.effects) is (expected[0] is Verdict.NEW)


def test_the_title_of_an_incident_of_many_stays():
    before = incident(alert_count=2, title="two of them")
    snapshot = Snapshot(alerts={alert().key: known()}, incidents={INC: before}, members={(INC, alert().key): member()})
    worse = Sighting(alert(**OTHER), label(severity=Severity.CRITICAL, title="one of them"))
    decision = decide_alerts([worse], snapshot, POLICY, NOW + MINUTE)
    assert [one.title for one in decision.incidents] == ["two of them"]
