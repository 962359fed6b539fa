"""Rules that can never decide: what is reported is true of every alert, and what an author would see is reported."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.matchers import parse_matcher
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.rule_compiler import compile_rules
from ingestd.core.rule_draft import Known, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, Ruleset, TeamRoute
from ingestd.core.shadowing import Shadow, always_meets, shadowed
from ingestd.testing.builders import NOW


def ruleset(*drafts: RuleDraft) -> Ruleset:
    compiled, faults = compile_rules(drafts, Stages(DEFAULT_MATRIX, "v"), Known({"default": TeamRoute()}))
    assert not faults, faults
    return compiled


def rule(*match: str, any_of: tuple[str, ...] = (), unless: tuple[str, ...] = (), name: str = "") -> RuleDraft:
    return RuleDraft(name or f"r{id(match)}", match=match, match_any=any_of or None, unless=unless)


def shadows(*drafts: RuleDraft) -> list[Shadow]:
    named = [RuleDraft(f"r{n}", match=d.match, match_any=d.match_any, unless=d.unless) for n, d in enumerate(drafts)]
    return shadowed(ruleset(*named))


SHADOWED = [
    pytest.param([rule("a = x"), rule("a = x", "b = y")], id="fewer matchers"),
    pytest.param([rule(), rule("a = x")], id="a rule for everything"),
    pytest.param([rule("a = x"), rule("a = x")], id="the same"),
    pytest.param([rule('a =~ "x|y"'), rule("a = y")], id="a value out of a list"),
    pytest.param([rule('a =~ "x.*"'), rule("a = xyz")], id="a value that a regex takes"),
    pytest.param([rule('a =~ "x.*"'), rule('a =~ "xy|xz"')], id="values that a regex takes"),
    pytest.param([rule('a =~ "x.*"'), rule('a =~ "x.*"', "b = y")], id="the same regex"),
    pytest.param([rule("a != x"), rule("a = y")], id="any other value"),
    pytest.param([rule('a != ""'), rule('a =~ "x.+"')], id="a value at all"),
    pytest.param([rule('a !~ "x.*"'), rule("a = y")], id="a value that a regex leaves"),
    pytest.param([rule("a = x", unless=("b = y",)), rule("a = x", "b = z")], id="an exception for others"),
    pytest.param([rule("a = x", unless=("b = y",)), rule("a = x", "b != y")], id="an exception that is excluded"),
    pytest.param([rule("a = x", unless=("b = y",)), rule("a = x", unless=("b = y",))], id="the same exception"),
    pytest.param([rule("a = x", unless=("b = y",)), rule("a = x", unless=('b =~ "y|z"',))], id="a wider exception"),
    pytest.param([rule("a = x", unless=('b =~ "y.*"',)), rule("a = x", 'b !~ "y.*"')], id="an exception negated"),
    pytest.param([rule(any_of=("{a = x}", "{b = y}")), rule("b = y", "c = z")], id="one selector of several"),
    pytest.param([rule("a = x"), rule(any_of=("{a = x, b = y}", "{a = x, c = z}"))], id="each selector"),
    pytest.param([rule("alert.source = am"), rule("alert.source = am", "a = x")], id="a field of the alert"),
    pytest.param([rule("annotations.a = x"), rule("annotations.a = x", "a = y")], id="an annotation"),
    pytest.param([rule('a = ""'), rule('a = ""', "b = x")], id="a label that is missing"),
]
REACHABLE = [
    pytest.param([rule("a = x", "b = y"), rule("a = x")], id="more matchers"),
    pytest.param([rule("a = x"), rule("a = y")], id="another value"),
    pytest.param([rule("a = x"), rule("b = x")], id="another field"),
    pytest.param([rule("a = x"), rule("annotations.a = x")], id="the same name elsewhere"),
    pytest.param([rule('a =~ "x|y"'), rule('a =~ "y|z"')], id="lists that overlap"),
    pytest.param([rule('a =~ "x.*"'), rule('a =~ "xy.*"')], id="a regex inside another, which nobody can tell"),
    pytest.param([rule("a = x", unless=("b = y",)), rule("a = x")], id="an exception"),
    pytest.param([rule("a = x", unless=("b = y",)), rule("a = x", "b = y")], id="for the exception"),
    pytest.param([rule("a = x", unless=("b = y",)), rule("a = x", unless=("b = z",))], id="another exception"),
    pytest.param([rule("a = x"), rule(any_of=("{a = x}", "{b = y}"))], id="one selector left over"),
    pytest.param([rule('a != ""'), rule('a =~ "x.*|"')], id="a regex that takes nothing too"),
    pytest.param([rule("a != x"), rule("b = y")], id="a label that may be missing or not"),
]


@pytest.mark.parametrize("drafts", SHADOWED)
def test_a_rule_whose_alerts_an_earlier_rule_takes_is_found(drafts):
    assert shadows(*drafts) == [Shadow(1, (0,))]


@pytest.mark.parametrize("drafts", REACHABLE)
def test_a_rule_that_has_alerts_of_its_own_is_left_alone(drafts):
    assert shadows(*drafts) == []


def test_several_rules_may_take_what_one_has():
    found = shadows(rule("a = x"), rule("b = y"), rule(any_of=("{a = x, c = z}", "{b = y, c = z}")))
    assert found == [Shadow(2, (0, 1))]


@pytest.mark.parametrize(
    "draft",
    [
        rule("a = x", "a = y"),
        rule("a = x", "a != x"),
        rule("a = x", 'a =~ "y.*"'),
        rule("a = x", unless=('a =~ "x|y"',)),
        rule('a =~ "x|y"', any_of=("{a = z}", "{a = v}")),
    ],
)
def test_matchers_that_exclude_each_other_are_found(draft):
    assert shadows(draft) == [Shadow(0, ())]


VALUES = ("", "x", "y", "xy")
matchers = st.builds(
    lambda name, op, value: f'{name} {op} "{value}"',
    st.sampled_from(["a", "b", "alert.source"]),
    st.sampled_from(["=", "=", "!=", "=~", "=~", "!~"]),
    st.sampled_from(["", "x", "y", "xy", "x|y", "x.*", ".*y", ".+", "x?"]),
)
drafts = st.lists(
    st.builds(
        lambda match, any_of, unless: RuleDraft("r", match=tuple(match), match_any=any_of, unless=tuple(unless)),
        st.lists(matchers, max_size=2),
        st.none() | st.lists(matchers.map(lambda text: f"{{{text}}}"), min_size=1, max_size=2).map(tuple),
        st.lists(matchers, max_size=1),
    ),
    min_size=2,
    max_size=5,
)
ALERTS = [
    Alert(source, AlertKey("k"), AlertStatus.FIRING, {name: value for name, value in (("a", a), ("b", b)) if value})
    for source in ("", "x", "y", "xy", "z")
    for a in (*VALUES, "z")
    for b in (*VALUES, "yy")
]


@settings(max_examples=400, deadline=None)
@given(drafts)
def test_what_is_reported_decides_about_no_alert_at_all(several):
    named = [RuleDraft(f"r{n}", match=d.match, match_any=d.match_any, unless=d.unless) for n, d in enumerate(several)]
    compiled = ruleset(*named)
    reported = {compiled.rules[shadow.position].name for shadow in shadowed(compiled)}
    assert not reported & {classify(one, compiled, NOW).rule for one in ALERTS}


def test_two_thousand_rules_are_looked_through_in_a_second():
    several = [
        rule(f"service = s{number % 1500}", 'alertname =~ "Disk.*|Cpu.+"', f"team = t{number % 7}", name=f"r{number}")
        for number in range(1000)
    ] + [rule('env =~ "prod.*"', f'alertname =~ "A{number}(b|c)+"', name=f"q{number}") for number in range(1000)]
    compiled = ruleset(*several)
    before = time.process_time()
    found = shadowed(compiled)
    spent = time.process_time() - before
    assert found == []
    assert spent < 1.0, f"{spent:.2f} s of processor time"
    print(f"{spent * 1000:.0f} ms")


@pytest.mark.parametrize(
    ("earlier_days", "later_days", "is_shadowed"),
    [(None, None, True), (None, 3, True), (3, None, False), (3, 5, False), (5, 3, True), (3, 3, True)],
)
def test_a_rule_that_expires_shadows_only_what_expires_with_it(earlier_days, later_days, is_shadowed):
    drafts = [
        RuleDraft(name, match=("a = x",), expires_at=None if days is None else NOW + timedelta(days=days))
        for name, days in (("earlier", earlier_days), ("later", later_days))
    ]
    assert bool(shadowed(ruleset(*drafts))) is is_shadowed


@pytest.mark.parametrize(
    ("condition", "matchers", "is_always"),
    [
        (rule("a = x", "b = y"), ["a = x"], True),
        (rule('a =~ "x|y"'), ['a != ""'], True),
        (rule("a = x"), ["a = x", "b = y"], False),
        (rule(any_of=("{a = x}", "{b = y}")), ["a = x"], False),
        (rule(any_of=("{a = x, b = z}", "{a = x}")), ["a = x"], True),
        (rule("a = x", "a = y"), ["b = y"], True),
        (rule(), ["a = x"], False),
        (rule(), [], True),
    ],
)
def test_what_every_alert_of_a_rule_satisfies_is_known(condition, matchers, is_always):
    found = ruleset(condition).rules[0].condition
    assert always_meets(found, [parse_matcher(text) for text in matchers]) is is_always
