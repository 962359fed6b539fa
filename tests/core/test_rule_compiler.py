"""Rules as written become rules that can be applied, or faults with their places."""

from ingestd.core.matchers import Field
from ingestd.core.names import Level, Severity
from ingestd.core.rule_compiler import compile_rules
from ingestd.core.rule_draft import Fault, Known, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, UNMATCHED, Condition, TeamRoute, TicketPlan

KNOWN = Known(
    teams={"default": TeamRoute("p", TicketPlan("t")), "web": TeamRoute()},
    policies=frozenset({"p"}),
    connectors=frozenset({"t"}),
)


def compiled(*drafts: RuleDraft, known: Known = KNOWN):
    return compile_rules(drafts, Stages(DEFAULT_MATRIX, "version"), known)


def faults_of(*drafts: RuleDraft) -> list[tuple[int, tuple[str | int, ...], str]]:
    return [(fault.index, fault.place, fault.code) for fault in compiled(*drafts)[1]]


def test_no_rules_at_all_still_leave_the_built_in_one():
    ruleset, faults = compiled()
    assert faults == ()
    assert (ruleset.count, ruleset.version) == (0, "version")
    (last,) = ruleset.rules
    assert (last.name, last.condition, last.policy, last.ticket) == (UNMATCHED, Condition(), "p", TicketPlan("t"))


def test_the_built_in_rule_comes_last_and_the_order_is_kept():
    ruleset, _ = compiled(*(RuleDraft(name, match=()) for name in "cab"))
    assert [rule.name for rule in ruleset.rules] == ["c", "a", "b", UNMATCHED]


def test_the_built_in_rule_follows_the_matrix():
    matrix = {**DEFAULT_MATRIX, (Level.MEDIUM, Level.MEDIUM): Severity.HIGH}
    ruleset, _ = compile_rules([], Stages(matrix, "v"), KNOWN)
    assert ruleset.rules[-1].severity is Severity.HIGH


def test_what_a_rule_does_not_say_is_medium_and_the_default_teams():
    (rule, _), _ = compiled(RuleDraft("r", match=("a = b",)))[0].rules, None
    assert (rule.impact, rule.urgency, rule.team, rule.policy) == (Level.MEDIUM, Level.MEDIUM, "default", "p")
    assert (rule.dedup_by, rule.correlate_by, rule.reopen_within_seconds) == ((), None, None)


def test_a_team_without_a_route_has_the_default_teams():
    rule = compiled(RuleDraft("r", match=(), team="web"))[0].rules[0]
    assert (rule.policy, rule.ticket) == ("p", TicketPlan("t"))


def test_a_team_that_says_none_has_none():
    silent = Known(
        {**KNOWN.teams, "web": TeamRoute(has_policy=True, has_ticket=True)}, KNOWN.policies, KNOWN.connectors
    )
    ruleset, _ = compiled(RuleDraft("r", match=(), team="web"), known=silent)
    assert (ruleset.rules[0].policy, ruleset.rules[0].ticket) == (None, None)


def test_no_correlation_is_not_the_default_correlation():
    rule = compiled(RuleDraft("r", match=(), correlate_by=()))[0].rules[0]
    assert rule.correlate_by == ()
    rule = compiled(RuleDraft("r", match=(), correlate_by=("a", "alert.rule")))[0].rules[0]
    assert rule.correlate_by == (Field("a"), Field("alert.rule", is_label=False))


def test_every_fault_of_every_rule_is_found_at_once():
    found = faults_of(
        RuleDraft("a", match=("x", "y = z", "v =~ ("), unless=("= b",), match_any=("{}",)),
        RuleDraft("b", match=(), team="nope", page="nope", has_page=True, ticket=TicketPlan("nope"), has_ticket=True),
        RuleDraft("c", match=(), dedup_by=("a", "alert.x"), correlate_by=("alert.y",)),
        RuleDraft("d"),
    )
    assert found == [
        (0, ("match", 0), "matcher"),
        (0, ("match", 2), "matcher"),
        (0, ("match_any", 0), "matcher"),
        (0, ("unless", 0), "matcher"),
        (1, ("team",), "unknown-team"),
        (1, ("page",), "unknown-policy"),
        (1, ("ticket", "to"), "unknown-connector"),
        (2, ("dedup", "by", 1), "matcher"),
        (2, ("correlate", "by", 0), "matcher"),
        (3, ("rule",), "missing-key"),
    ]


def test_a_rule_with_a_fault_is_left_out_and_the_others_are_kept():
    ruleset, faults = compiled(RuleDraft("a", match=("x",)), RuleDraft("b", match=()))
    assert len(faults) == 1
    assert [rule.name for rule in ruleset.rules] == ["b", UNMATCHED]


def test_a_name_is_given_once():
    first = RuleDraft("a", match=(), file="f.yaml", line=3)
    (fault,) = compiled(first, RuleDraft("a", match=()))[1]
    assert fault == Fault(1, ("rule",), "duplicate-rule", 'there is another rule "a"', "in f.yaml:3")
    assert faults_of(RuleDraft(UNMATCHED, match=())) == [(0, ("rule",), "duplicate-rule")]


def test_a_fault_in_a_matcher_points_into_its_text():
    (fault,) = compiled(RuleDraft("a", match=('severity =~ "cri("',)))[1]
    assert (fault.offset, fault.length) == (13, 4)
    assert fault.text == 'rule "a": bad regular expression: missing ): cri('


def test_an_unknown_name_comes_with_the_known_ones():
    (fault,) = compiled(RuleDraft("a", match=(), team="wbe"))[1]
    assert (fault.word, fault.known) == ("wbe", ("default", "web"))
