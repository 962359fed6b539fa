"""What the rules say of an alert."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.alert import Alert
from ingestd.core.classify import KEY_LENGTH_MAX, TEMPLATE_FIELDS, TITLE_LENGTH_MAX, classify, template_fields, trace
from ingestd.core.conduct import ManyReports
from ingestd.core.enrich import Service
from ingestd.core.names import AlertKey, AlertStatus, Level, Severity
from ingestd.core.response import DEFAULT_RESPONSES, PageWhen, Response
from ingestd.core.rule_compiler import compile_rules
from ingestd.core.rule_draft import Known, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, UNMATCHED, Ruleset, TeamRoute, TicketPlan
from ingestd.testing.builders import NOW

KNOWN = Known(
    teams={
        "default": TeamRoute("default-policy", TicketPlan("tickets")),
        "payments": TeamRoute("payments-policy", None),
        "quiet": TeamRoute(None, TicketPlan("jira", {"project": "Q"})),
    },
    policies=frozenset({"default-policy", "payments-policy", "other"}),
    connectors=frozenset({"tickets", "jira"}),
)


def rules(*drafts: RuleDraft) -> Ruleset:
    ruleset, faults = compile_rules(drafts, Stages(DEFAULT_MATRIX, "v"), KNOWN)
    assert faults == ()
    return ruleset


def rule(*match: str, name: str = "r", **more) -> RuleDraft:
    return RuleDraft(name=name, match=match, **more)


def alert(labels: dict[str, str] | None = None, **more) -> Alert:
    labels = {"alertname": "Lag", "service": "ledger"} if labels is None else labels
    more.setdefault("rule_name", labels.get("alertname", ""))
    return Alert(source="am", key=AlertKey("am/1"), status=AlertStatus.FIRING, labels=labels, **more)


def test_the_first_rule_that_matches_wins_and_the_trace_says_why():
    ruleset = rules(
        rule("service = x", "alertname = Lag", name="a", file="f.yaml", line=3),
        rule("alertname = Lag", name="b"),
        rule("alertname = Lag", name="c"),
    )
    assert classify(alert(), ruleset, NOW).rule == "b"
    steps = trace(alert(), ruleset, NOW)
    assert [(step.rule, step.failed_on, step.has_matched) for step in steps] == [
        ("a", "service = x", False),
        ("b", "", True),
    ]
    assert (steps[0].file, steps[0].line) == ("f.yaml", 3)


def test_what_no_rule_matches_is_ticketed_and_pages_the_default_team():
    found = classify(alert(), rules(rule("a = b")), NOW)
    assert (found.rule, found.team, found.policy) == (UNMATCHED, "default", "default-policy")
    assert found.ticket == TicketPlan("tickets")
    assert (found.impact, found.urgency, found.severity) == (Level.MEDIUM, Level.MEDIUM, Severity.MEDIUM)
    assert rules(rule("a = b")).count == 1


@pytest.mark.parametrize(
    ("draft", "matches"),
    [
        (RuleDraft("r", match_any=("{service=x}", "{service=ledger, alertname=Lag}")), True),
        (RuleDraft("r", match_any=("{service=x}", "{service=ledger, alertname=Other}")), False),
        (RuleDraft("r", match=("alertname = Lag",), match_any=("service=x",)), False),
        (RuleDraft("r", match=("alertname = Lag",), unless=("service = x",)), True),
        (RuleDraft("r", match=("alertname = Lag",), unless=("service = x", "service = ledger")), False),
        (RuleDraft("r", match=()), True),
    ],
)
def test_all_of_match_one_of_match_any_and_none_of_unless(draft, matches):
    found = classify(alert(), rules(draft), NOW)
    assert (found.rule == "r") is matches
    assert trace(alert(), rules(draft), NOW)[0].has_matched is matches


@pytest.mark.parametrize(("impact", "urgency"), list(DEFAULT_MATRIX))
def test_severity_is_what_the_matrix_says(impact, urgency):
    found = classify(alert(), rules(rule(impact=impact, urgency=urgency)), NOW)
    assert found.severity is DEFAULT_MATRIX[impact, urgency]


@pytest.mark.parametrize(
    ("more", "policy", "ticket"),
    [
        ({}, "default-policy", "tickets"),
        ({"team": "payments"}, "payments-policy", "tickets"),
        ({"team": "quiet"}, "default-policy", "jira"),
        ({"team": "payments", "page": "other", "has_page": True}, "other", "tickets"),
        ({"team": "payments", "has_page": True, "has_ticket": True}, None, None),
        ({"ticket": TicketPlan("jira", {"project": "P"}), "has_ticket": True}, "default-policy", "jira"),
    ],
)
def test_page_and_ticket_come_from_the_rule_else_its_team_else_the_default_team(more, policy, ticket):
    found = classify(alert(), rules(rule(**more)), NOW)
    assert found.policy == policy
    assert (found.ticket.connector if found.ticket else None) == ticket


@pytest.mark.parametrize(
    ("by", "labels", "key"),
    [
        ((), {"a": "1"}, "am/1"),
        (("a", "b"), {"a": "1", "b": "2"}, "a=1,b=2"),
        (("b", "a"), {"a": "1", "b": "2"}, "b=2,a=1"),
        (("a", "b"), {"a": "1"}, "a=1,b="),
        (("a", "b"), {"c": "1"}, "am/1"),
        (("a",), {"a": 'x,b="y"'}, 'a="x,b=\\"y\\""'),
        (("a",), {"a": "two\nlines"}, 'a="two\\nlines"'),
        (("alert.source", "a"), {"a": "1"}, "alert.source=am,a=1"),
    ],
)
def test_the_dedup_key_names_what_the_alert_is_about(by, labels, key):
    assert classify(alert(labels), rules(rule(dedup_by=by)), NOW).dedup_key == key


def test_alerts_that_lack_every_dedup_field_never_count_as_one():
    ruleset = rules(rule(dedup_by=("file",)))
    one, other = alert({"x": "1"}), replace(alert({"x": "2"}), key=AlertKey("am/2"))
    assert classify(one, ruleset, NOW).dedup_key != classify(other, ruleset, NOW).dedup_key


LABEL = st.text(alphabet='ab=,"\\|\n', max_size=6)


@given(LABEL, LABEL, LABEL, LABEL)
@settings(max_examples=500)
def test_two_alerts_have_the_same_key_only_if_their_fields_are_the_same(a, b, c, d):
    ruleset = rules(rule(dedup_by=("x", "y"), correlate_by=("x", "y")))
    one, other = classify(alert({"x": a, "y": b}), ruleset, NOW), classify(alert({"x": c, "y": d}), ruleset, NOW)
    if any((a, b)) or any((c, d)):
        assert (one.dedup_key == other.dedup_key) is ((a, b) == (c, d))


def test_a_key_is_bounded_and_still_tells_long_values_apart():
    ruleset = rules(rule(dedup_by=("a",), correlate_by=("a",)))
    one, other = (classify(alert({"a": "x" * 5000 + end}), ruleset, NOW) for end in "12")
    assert len(one.dedup_key) == len(one.correlate_key) == KEY_LENGTH_MAX
    assert one.dedup_key != other.dedup_key
    assert one.correlate_key != other.correlate_key


@pytest.mark.parametrize(
    ("by", "labels", "key"),
    [
        (("service", "env"), {"service": "ledger", "env": "prod"}, "payments|service=ledger,env=prod"),
        (("service", "env"), {"service": "ledger"}, "payments|service=ledger,env="),
        ((), {"service": "ledger"}, ""),
        (None, {"alertname": "Lag", "job": "j", "instance": "i"}, "payments|alert.rule=Lag,job=j"),
        (None, {"alertname": "Lag", "cluster": "c", "service": "s"}, "payments|alert.rule=Lag,cluster=c,service=s"),
        (None, {"instance": "i"}, ""),
        (("service",), {"alertname": "Lag", "job": "j"}, "payments|alert.rule=Lag,job=j"),
    ],
)
def test_the_correlation_key_names_the_incident_of_a_team(by, labels, key):
    found = classify(alert(labels), rules(rule(team="payments", correlate_by=by)), NOW)
    assert found.correlate_key == key


def test_windows_come_from_the_rule():
    found = classify(alert(), rules(rule(dedup_within_seconds=7, correlate_within_seconds=9)), NOW)
    assert (found.reopen_within_seconds, found.correlate_within_seconds) == (7, 9)
    found = classify(alert(), rules(rule()), NOW)
    assert (found.reopen_within_seconds, found.correlate_within_seconds) == (None, 1800)


@pytest.mark.parametrize(
    ("more", "title", "summary"),
    [
        ({}, "Lag", "Lag"),
        ({"annotations": {"summary": "lag is 9 s"}}, "Lag: lag is 9 s", "lag is 9 s"),
        ({"annotations": {"summary": "Lag on x"}}, "Lag on x", "Lag on x"),
        ({"annotations": {"summary": "s", "description": "long\ntext"}}, "Lag: s", "long\ntext"),
    ],
)
def test_title_and_summary_have_plain_defaults(more, title, summary):
    found = classify(alert(**more), rules(rule()), NOW)
    assert (found.title, found.summary, found.template_problem) == (title, summary, "")


def test_templates_are_rendered_with_the_fields_of_the_alert_and_its_rule():
    def render(fields):
        return f"{fields['labels']['service']} {fields['severity']}\n {fields['alert']['source']} {fields['rule']}"

    found = classify(alert(), rules(rule(render_title=render, render_summary=render)), NOW)
    assert found.title == "ledger medium am r"
    assert found.summary == "ledger medium\n am r"


def test_the_fields_of_templates_are_those_that_are_documented():
    fields = template_fields(alert(), rules(rule()).rules[0])
    assert set(fields) == set(TEMPLATE_FIELDS)
    for name, parts in TEMPLATE_FIELDS.items():
        if parts:
            assert set(fields[name]) == set(parts)


@pytest.mark.parametrize("failure", [KeyError("x"), RecursionError(), MemoryError(), ZeroDivisionError("a\nb")])
def test_a_template_that_fails_gives_the_plain_text_and_says_so(failure):
    def render(_fields):
        raise failure

    found = classify(alert(), rules(rule(render_title=render)), NOW)
    assert found.title == "Lag"
    assert found.template_problem.startswith("title template of rule r: ")
    assert "\n" not in found.template_problem


def test_a_template_that_renders_nothing_gives_the_plain_text():
    found = classify(alert(), rules(rule(render_title=lambda _: " \n", render_summary=lambda _: "fine")), NOW)
    assert (found.title, found.summary) == ("Lag", "fine")
    assert found.template_problem == "title template of rule r: the result is empty"


def test_text_is_cut_to_its_limits():
    found = classify(alert(annotations={"summary": "x" * 9000}), rules(rule()), NOW)
    assert len(found.title) == TITLE_LENGTH_MAX


def test_the_runbook_is_the_rules_own_else_the_alerts():
    linked = alert(links={"runbook": "https://a.example"})
    assert classify(linked, rules(rule()), NOW).runbook == "https://a.example"
    assert classify(linked, rules(rule(runbook="https://b.example")), NOW).runbook == "https://b.example"


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4),
    st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4),
)
@settings(max_examples=200)
def test_any_alert_gets_a_classification_and_equal_ones_get_equal_ones(labels, annotations):
    ruleset = rules(rule('a =~ "x.*"', dedup_by=("a",)), rule("annotations.b != c", "a !~ y", name="s"))
    seen = alert(labels, annotations=annotations)
    assert classify(seen, ruleset, NOW) == classify(seen, ruleset, NOW)
    assert classify(seen, ruleset, NOW).title


# ---------------------------------------------------------------------------------------------- as the alert says


def said(impact_label: str = "", urgency_label: str = "", **more) -> tuple[Level, Level, Severity]:
    """What a rule that takes both levels from labels makes of an alert with these."""
    ruleset = rules(rule("alertname = Lag", impact_from="impact", urgency_from="urgency", **more))
    found = classify(alert({"alertname": "Lag", "impact": impact_label, "urgency": urgency_label}), ruleset, NOW)
    return found.impact, found.urgency, found.severity


def test_a_rule_takes_impact_and_urgency_from_labels():
    assert said("high", "low") == (Level.HIGH, Level.LOW, Severity.MEDIUM)
    assert said(" High ", "HIGH") == (Level.HIGH, Level.HIGH, Severity.CRITICAL)


def test_what_is_no_level_leaves_the_rules_own():
    assert said("enormous", "") == (Level.MEDIUM, Level.MEDIUM, Severity.MEDIUM)
    assert said("", "sehr hoch", impact=Level.LOW, urgency=Level.HIGH) == (Level.LOW, Level.HIGH, Severity.MEDIUM)


def test_a_label_comes_before_the_service_catalogue_and_the_catalogue_before_nothing():
    drafts = (rule("alertname = Lag", impact_from="impact"),)
    stages = Stages(DEFAULT_MATRIX, "v", services={"ledger": Service("ledger", impact=Level.HIGH)})
    ruleset, faults = compile_rules(drafts, stages, KNOWN)
    assert faults == ()
    labels = {"alertname": "Lag", "service": "ledger"}
    assert classify(alert(labels), ruleset, NOW).impact is Level.HIGH
    assert classify(alert({**labels, "impact": "low"}), ruleset, NOW).impact is Level.LOW


def test_many_reports_raise_a_level_and_never_lower_one():
    many = ManyReports(5, 1800, impact=Level.MEDIUM, urgency=Level.HIGH)
    ruleset = rules(rule("alertname = Lag", impact_from="impact", many_reports=many))
    louder = classify(alert({"alertname": "Lag", "impact": "high"}), ruleset, NOW).many_reports
    assert louder is not None
    assert (louder.impact, louder.urgency, louder.severity) == (Level.HIGH, Level.HIGH, Severity.CRITICAL)
    assert (louder.count, louder.within_seconds, louder.policy) == (5, 1800, "default-policy")


def test_many_reports_page_where_one_does_not():
    many = ManyReports(2, 60, impact=Level.HIGH, urgency=Level.HIGH)
    drafts = (rule("alertname = Lag", impact=Level.LOW, urgency=Level.LOW, many_reports=many),)
    responses = {**DEFAULT_RESPONSES, Severity.LOW: Response(page=PageWhen.NEVER)}
    ruleset, _ = compile_rules(drafts, Stages(DEFAULT_MATRIX, "v", responses=responses), KNOWN)
    found = classify(alert(), ruleset, NOW)
    assert found.policy is None
    assert found.many_reports is not None
    assert found.many_reports.policy == "default-policy"


def test_a_field_that_does_not_exist_is_a_fault_at_its_key():
    _, (fault,) = compile_rules([rule("a = b", impact_from="alert.impact")], Stages(DEFAULT_MATRIX, "v"), KNOWN)
    assert (fault.place, fault.code) == (("impact_from",), "matcher")
