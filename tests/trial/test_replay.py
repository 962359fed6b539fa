"""A history through two sets of rules: which incidents are the same, and what of them differs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.config.policy import build_policy
from ingestd.core.names import PersonName, Severity
from ingestd.core.silence import Silence
from ingestd.core.sources import SourceKind
from ingestd.testing.builders import NOW, alert
from ingestd.trial.comparison import ChangeKind, compare
from ingestd.trial.replay import Episode, Episodes, Replay
from ingestd.trial.replay_summary import Case, Count, Funnel, Night, RuleSum, Summary, summarise
from ingestd.trial.rule_changes import KeyChange, WrittenRules, rule_changes, written_rules
from ingestd.trial.written_alert import Doors

ASHA, BEN = PersonName("asha"), PersonName("ben")
MINUTE = timedelta(minutes=1)

RULES = """\
version: 1
defaults: {team: payments, dedup: {within: 5m}, correlate: {by: [service], within: 1h}}
rules:
  - rule: gateway
    match: [alertname = GatewayDown]
    impact: high
    urgency: high
  - rule: others
    match: []
    page: none
"""


@dataclass(frozen=True)
class Sent:
    """An envelope of an Alertmanager."""

    received_at: datetime
    body: bytes
    source: str = "am"
    kind: str = SourceKind.ALERTMANAGER.value


def sent(minute: float, *alerts: str, status: str = "firing") -> Sent:
    """Alerts as ``name/service``, at a minute of the history."""
    at = NOW + minute * MINUTE
    listed = []
    for written in alerts:
        name, _, service = written.partition("/")
        listed.append(
            {"status": status, "labels": {"alertname": name, "service": service}, "startsAt": NOW.isoformat()}
        )
    return Sent(at, json.dumps({"version": "4", "alerts": listed}).encode())


@pytest.fixture
def replayed(load_rules):
    """Plays envelopes through rules and gives the summary of each, and the replay."""

    def play(envelopes, *rules, answer_after=None, silences=()):
        policies = [build_policy(load_rules({"payments.yaml": text})) for text in rules]
        replay = Replay(policies, Doors(), NOW - MINUTE, answer_after=answer_after, silences=silences)
        for envelope in envelopes:
            replay.take(envelope)
        replay.finish()
        return [summarise(replay, side, Night(UTC)) for side in replay.sides], replay

    return play


DAY = [
    sent(0, "GatewayDown/cards", "LedgerLag/ledger"),
    sent(1, "GatewayDown/cards"),
    sent(2, "GatewayDown/cards", "LedgerLag/ledger", status="resolved"),
    sent(8 * 60, "GatewayDown/cards"),
    sent(8 * 60 + 3, "GatewaySlow/cards"),
]


def test_the_funnel_narrows_from_envelopes_to_pages_and_night_is_told_apart(replayed):
    ((summary,), replay) = replayed(
        [*DAY, Sent(NOW + 600 * MINUTE, b"{"), Sent(NOW + 601 * MINUTE, b"", kind="fax")], RULES
    )
    # Twice asha, ben, chloe for each incident: the first at 02:00 was over after two minutes.
    assert summary.funnel == Funnel(7, 7, 4, 0, 3, 3, Count(7, 1))
    assert replay.unreadable_count == 2
    assert summary.people == {"asha": Count(3, 1), "ben": Count(2, 0), "chloe": Count(2, 0)}
    assert summary.rules == {"gateway": RuleSum(2, 2, Count(7, 1)), "others": RuleSum(2, 1, Count())}


def test_whoever_answers_is_paged_once_and_the_next_one_only_if_the_answer_comes_late(replayed):
    ((soon,), _) = replayed([sent(0, "GatewayDown/cards")], RULES, answer_after=4 * MINUTE)
    ((late,), _) = replayed([sent(0, "GatewayDown/cards")], RULES, answer_after=6 * MINUTE)
    assert soon.people == {"asha": Count(1, 1)}
    assert late.people == {"asha": Count(1, 1), "ben": Count(1, 1), "chloe": Count(1, 1)}


def test_who_is_paged_again_answers_again(replayed):
    history = [
        sent(0, "GatewayDown/cards"),
        sent(10, "GatewayDown/cards", status="resolved"),
        sent(14, "GatewayDown/cards"),
    ]
    ((summary,), _) = replayed(history, RULES, answer_after=2 * MINUTE)
    assert (summary.funnel.incident_count, summary.people) == (1, {"asha": Count(2, 2)})


def test_equal_rules_change_nothing(replayed):
    (before, after), _ = replayed(DAY, RULES, RULES)
    comparison = compare(before, after)
    assert not comparison.would_change
    assert (comparison.same_count, comparison.changes) == (3, ())


def only(before: Summary, after: Summary):
    (change,) = compare(before, after).changes
    return change


def test_severity_pages_ticket_and_title_are_told_of_an_incident_that_stays_the_same(replayed):
    other = RULES.replace(
        "    urgency: high", "    urgency: low\n    page: default\n    ticket: {to: jira, project: OPS}"
    )
    (before, after), _ = replayed([sent(0, "GatewayDown/cards")], RULES, other)
    change = only(before, after)
    assert (change.kind, change.aspects) == (ChangeKind.CHANGED, ("severity", "pages", "policy", "ticket"))
    assert [case.severity for case in (*change.before, *change.after)] == ["critical", "medium"]
    assert (change.before[0].pages[BEN], change.after[0].pages) == (Count(2, 2), {"asha": Count(1, 1)})
    assert [case.ticket for case in (*change.before, *change.after)] == ["tickets", "jira, project: OPS"]
    assert compare(before, after).people == {
        "asha": (Count(2, 2), Count(1, 1)),
        "ben": (Count(2, 2), Count()),
        "chloe": (Count(2, 2), Count()),
    }


def test_an_incident_is_split_and_merged(replayed):
    alone = RULES.replace("correlate: {by: [service], within: 1h}", "correlate: {by: []}")
    history = [sent(0, "GatewayDown/cards", "GatewaySlow/cards")]
    (before, after), _ = replayed(history, RULES, alone)
    change = only(before, after)
    assert (change.kind, len(change.before), len(change.after)) == (ChangeKind.SPLIT, 1, 2)
    assert only(after, before).kind is ChangeKind.MERGED


def test_alerts_that_change_places_are_regrouped(replayed):
    by_name = RULES.replace("by: [service]", "by: [alertname]")
    history = [sent(0, "A/x", "B/y"), sent(1, "A/y", "B/x")]
    (before, after), _ = replayed(history, RULES, by_name)
    change = only(before, after)
    assert (change.kind, len(change.before), len(change.after)) == (ChangeKind.REGROUPED, 2, 2)


def test_what_clears_while_it_is_on_hold_is_gone_and_what_does_not_opens_later(replayed):
    patient = RULES.replace("    urgency: high", "    urgency: high\n    hold: 5m")
    (before, after), _ = replayed(DAY, RULES, patient)
    gone, changed = compare(before, after).changes
    assert (gone.kind, gone.before[0].opened_at) == (ChangeKind.GONE, NOW)
    # What was open when the other alert came is now opened by that one, and the gateway joins it.
    assert (changed.before[0].rule, changed.after[0].rule, len(changed.after[0].episodes)) == ("gateway", "others", 2)
    assert "opened" in changed.aspects
    assert (after.funnel.news_count, after.funnel.kept_back_count) == (4, 1)
    assert after.rules["gateway"].alert_count == 2
    back = compare(after, before)
    assert [change.kind for change in back.changes] == [ChangeKind.ADDED, ChangeKind.CHANGED]


def test_a_rule_that_only_monitors_brings_nothing_about(replayed):
    monitoring = RULES.replace("    urgency: high", "    urgency: high\n    mode: monitor")
    (before, after), _ = replayed([sent(0, "GatewayDown/cards")], RULES, monitoring)
    assert only(before, after).kind is ChangeKind.GONE
    assert after.rules == {"gateway": RuleSum(1, 0, Count())}
    assert after.funnel == Funnel(1, 1, 1, 1, 0, 0, Count())


def test_nobody_is_woken_before_office_hours_begin(replayed):
    hours = "office_hours: {when: {weekdays: ['monday:friday'], times: ['09:00-17:00']}}"
    calm = RULES.replace("rules:", f"response: {{critical: {{page: office-hours}}}}\n{hours}\nrules:")
    (before, after), _ = replayed([sent(0, "GatewayDown/cards")], RULES, calm)
    assert before.people["asha"] == Count(2, 2)
    assert after.people["asha"] == Count(2, 0)


def test_silences_that_were_made_hold_on_both_sides(replayed):
    silence = Silence("SIL-1", 1, ("service = cards",), "known", "asha", NOW, NOW - MINUTE, NOW + 60 * MINUTE)
    (before, after), _ = replayed([sent(0, "GatewayDown/cards", "LedgerLag/ledger")], RULES, RULES, silences=[silence])
    assert [case.title for case in before.cases][:1] == ["LedgerLag"]
    # It still fires when the silence ends, and is news then.
    assert [case.opened_at for case in before.cases] == [NOW, NOW + 60 * MINUTE]
    assert not compare(before, after).would_change


def test_a_rule_that_takes_over_is_seen_though_nothing_else_differs(replayed):
    renamed = RULES.replace("rule: gateway", "rule: gates")
    (before, after), _ = replayed(DAY[:1], RULES, renamed)
    assert only(before, after).aspects == ("rule",)
    assert compare(before, after).rules == {
        "gateway": (before.rules["gateway"], RuleSum()),
        "gates": (RuleSum(), after.rules["gates"]),
    }


CASE = Case(NOW, "it is down", Severity.HIGH, "gateway", "payments", "", "jira", {}, frozenset({Episode(1)}))
NOTHING = Summary(Funnel(0, 0, 0, 0, 0, 0, Count()), (), {}, {})


def test_incidents_are_added_and_gone_and_lose_alerts():
    one = replace(NOTHING, cases=(CASE,))
    assert only(NOTHING, one).kind is ChangeKind.ADDED
    assert only(one, NOTHING).kind is ChangeKind.GONE
    fewer = replace(NOTHING, cases=(replace(CASE, episodes=frozenset({Episode(1), Episode(2)})),))
    assert only(one, fewer).aspects == ("alerts",)


def test_the_worst_change_comes_first():
    def case(number, severity, night=0, day=0):
        return replace(
            CASE,
            severity=severity,
            pages={ASHA: Count(day + night, night)},
            episodes=frozenset({Episode(number)}),
            title=str(number),
        )

    cases = (
        case(1, Severity.LOW, night=9),
        case(2, Severity.HIGH, day=3),
        case(3, Severity.HIGH, night=1),
        case(4, Severity.CRITICAL),
        case(5, Severity.HIGH, day=4),
    )
    changes = compare(NOTHING, replace(NOTHING, cases=cases)).changes
    assert [change.after[0].title for change in changes] == ["4", "3", "5", "2", "1"]


@given(
    st.lists(st.frozensets(st.integers(0, 9), min_size=1), max_size=6),
    st.lists(st.frozensets(st.integers(0, 9)), max_size=6),
)
def test_every_incident_is_in_exactly_one_change_or_the_same(before, after):
    def side(holdings):
        return replace(
            NOTHING, cases=tuple(replace(CASE, episodes=holding, title=str(n)) for n, holding in enumerate(holdings))
        )

    comparison = compare(side(before), side(after))
    assert sum(len(change.before) for change in comparison.changes) + comparison.same_count == len(before)
    assert sum(len(change.after) for change in comparison.changes) + comparison.same_count == len(after)
    held = [frozenset().union(*(one.episodes for one in (*c.before, *c.after))) for c in comparison.changes]
    assert sum(len(one) for one in held) == len(frozenset().union(*held))


@pytest.mark.parametrize(
    ("clock", "zone", "is_night"),
    [
        ("21:59", "UTC", False),
        ("22:00", "UTC", True),
        ("06:59", "UTC", True),
        ("07:00", "UTC", False),
        ("05:00", "Asia/Kolkata", False),
        ("17:00", "Asia/Kolkata", True),
    ],
)
def test_night_is_from_ten_to_seven_on_the_clock_of_the_configuration(clock, zone, is_night):
    at = datetime.fromisoformat(f"2026-03-02T{clock}:00+00:00")
    assert Night(ZoneInfo(zone)).holds(at) is is_night


def test_an_episode_lasts_from_the_first_word_of_it_to_the_last():
    episodes = Episodes()
    seen = [
        episodes.see(alert("resolved"), NOW),
        episodes.see(alert(), NOW + MINUTE),
        episodes.see(alert(), NOW + 2 * MINUTE),
        episodes.see(alert("resolved"), NOW + 3 * MINUTE),
        episodes.see(alert(), NOW + 4 * MINUTE),
    ]
    assert seen == [None, 0, 0, 0, 1]
    assert [episodes.running(alert().key, NOW + n * MINUTE) for n in (0, 1, 3, 4, 9)] == [None, 0, 0, 1, 1]


# ---------------------------------------------------------------------- what is written


def test_what_is_written_differently_is_told_key_by_key_with_the_defaults_of_the_file(tmp_path):
    old, new = tmp_path / "old.yaml", tmp_path / "new"
    old.write_text(RULES)
    new.mkdir()
    text = RULES.replace("within: 5m", "within: 9m").replace("    page: none", "    dedup: {by: [service]}")
    (new / "10.yaml").write_text(text.replace("rule: gateway", "rule: gates"))
    (new / "00.yaml").write_text("version: 1\nseverity: {high: {high: low}}\n")
    changes = rule_changes(written_rules(old), written_rules(new))
    assert (changes.added, changes.removed) == (("gates",), ("gateway",))
    assert changes.changed == {
        "others": (
            KeyChange("dedup", {"within": "5m"}, {"within": "9m", "by": ["service"]}),
            KeyChange("page", "none", None),
        )
    }
    assert changes.sections == (KeyChange("severity", None, [{"high": {"high": "low"}}]),)
    assert changes
    assert not rule_changes(written_rules(old), written_rules(old))


def written(*names: str) -> WrittenRules:
    return WrittenRules({name: {} for name in names}, {})


def test_a_rule_that_moved_is_told_and_not_those_that_it_passed():
    changes = rule_changes(written("a", "b", "c", "d"), written("d", "a", "b", "c"))
    assert changes.moved == {"d": (4, 1)}


@given(st.permutations(range(7)))
def test_the_rules_that_did_not_move_are_in_the_same_order(order):
    changes = rule_changes(written(*map(str, range(7))), written(*map(str, order)))
    still = [name for name in map(str, order) if name not in changes.moved]
    assert still == sorted(still)
    assert bool(changes.moved) == (list(order) != sorted(order))
