"""The index finds the rule that trying all rules in order finds, whatever the rules and the alert."""

import re2
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from ingestd.core import rule_index
from ingestd.core.alert import Alert
from ingestd.core.classify import classify, first_failure, trace
from ingestd.core.condition import Condition
from ingestd.core.matchers import MatcherError, parse_matcher, parse_selector
from ingestd.core.names import AlertKey, AlertStatus, Level, Severity
from ingestd.core.rule_index import index_conditions
from ingestd.core.ruleset import DEFAULT_MATRIX, UNMATCHED, Rule, Ruleset
from ingestd.testing.builders import NOW


def alert(labels=None, annotations=None, *, source="am", status=AlertStatus.FIRING, rule_name="") -> Alert:
    return Alert(source, AlertKey("am/1"), status, labels or {}, annotations or {}, rule_name=rule_name)


def condition(*match: str, match_any=(), unless=()) -> Condition:
    return Condition(
        tuple(parse_matcher(text) for text in match),
        tuple(parse_selector(text) for text in match_any),
        tuple(parse_matcher(text) for text in unless),
    )


def ruleset(conditions) -> Ruleset:
    rules = [
        Rule(f"r{number}", each, Level.LOW, Level.LOW, Severity.LOW, "default")
        for number, each in enumerate(conditions)
    ]
    last = Rule(UNMATCHED, Condition(), Level.LOW, Level.LOW, Severity.LOW, "default")
    return Ruleset((*rules, last), DEFAULT_MATRIX, "v")


def candidates(conditions, seen: Alert) -> list[int]:
    return index_conditions(conditions).candidates(seen)


def many(*texts: str, of: str = "service", count: int = 50) -> list[Condition]:
    """More conditions than are checked one by one, each with a value of its own."""
    return [condition(f"{of} = s{number}", *texts) for number in range(count)]


# Small alphabets, so that rules and alerts meet: two labels, values that are prefixes of one another, regexes of every shape.
NAMES = st.sampled_from(
    ["a", "b", '"alert.source"', "annotations.a", "annotations.summary", "alert.source", "alert.rule"]
)
NAMES |= st.sampled_from(["alert.status", "alert.summary"])
STORABLE = st.sampled_from(["", "x", "y", "xy", "x.y", "x|y", "am", "firing", "é", "x\ny", "X", "?", "x\0"])
VALUES = STORABLE | st.just("\ud800")
PIECES = st.sampled_from(
    [
        r"x",
        r"y",
        r"xy",
        r".",
        r".*",
        r".+",
        r"x?",
        r"y*",
        r"|",
        r"^",
        r"$",
        r"(",
        r")",
        r"(?i)",
        r"(?s)",
        r"(?:",
        r"[xX]",
        r"\.",
        r"x\.y",
        r"é",
        r"\n",
        r"am",
        r"\b",
        r"{2}",
        r"\z",
        r"(?m)",
        r"\x{0}",
        r"\C",
        r"\|",
        r"firing",
        r"-",
    ]
)
PATTERNS = st.lists(PIECES, max_size=5).map("".join) | st.lists(STORABLE.map(re2.escape), min_size=1).map("|".join)
PATTERNS |= st.sampled_from(["(x|y)", "^(x|y)$", "(?:x|y)z", "(x|y|)", "x|y|", "|".join(f"v{n}" for n in range(70))])


@st.composite
def matchers(draw):
    op = draw(st.sampled_from(["=", "=", "!=", "=~", "=~", "!~"]))
    value = draw(PATTERNS if "~" in op else VALUES)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    try:
        return parse_matcher(f'{draw(NAMES)} {op} "{escaped}"')
    except MatcherError:  # RE2 refuses it, so that no rule can have it
        return parse_matcher("a = x")


CONDITIONS = st.builds(
    Condition,
    st.lists(matchers(), max_size=3).map(tuple),
    st.lists(st.lists(matchers(), min_size=1, max_size=2).map(tuple), max_size=3).map(tuple),
    st.lists(matchers(), max_size=1).map(tuple),
)
ALERTS = st.builds(
    alert,
    st.dictionaries(st.sampled_from(["a", "b", "alert.source"]), VALUES),
    st.dictionaries(st.sampled_from(["a", "summary"]), VALUES),
    source=st.sampled_from(["am", "x"]),
    status=st.sampled_from(AlertStatus),
    rule_name=VALUES,
)


@given(st.lists(CONDITIONS, max_size=24), st.lists(ALERTS, min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_the_index_and_trying_every_rule_always_agree(conditions, alerts):
    indexed = ruleset(conditions)
    for seen in alerts:
        met = [number for number, each in enumerate(conditions) if not first_failure(each, seen)]
        found = indexed.index.candidates(seen)
        assert found == sorted(set(found))
        assert set(met) <= set(found), "a rule that matches was left out"
        event(
            f"{'some' if met else 'no'} rule matches, {'fewer than all' if len(found) <= len(conditions) else 'all'} tried"
        )
        steps = trace(seen, indexed, NOW)
        assert classify(seen, indexed, NOW).rule == steps[-1].rule
        assert [step.has_matched for step in steps] == [False] * (len(steps) - 1) + [True]


@given(PATTERNS, VALUES | st.text("xyX.|-é\n", max_size=6))
@example("x|y", "x|y")
@example(r"x\.y", "xzy")
@settings(max_examples=500, deadline=None)
def test_a_regex_in_a_set_matches_what_it_matches_by_itself(pattern, value):
    escaped = pattern.replace("\\", "\\\\").replace('"', '\\"')
    try:
        own = condition(f'a =~ "{escaped}"')
    except MatcherError:
        return
    # The others make it a set; they match nothing, so that only the one in question can be found.
    others = [condition(f'a =~ "never{number}[0-9]"') for number in range(20)]
    found = candidates([*others, own], alert({"a": value}))
    is_met_by_nothing = not first_failure(own, alert())
    assert found in ([], [20])
    assert (found == [20]) is (is_met_by_nothing or not first_failure(own, alert({"a": value})))


def test_rules_that_need_another_value_are_not_tried():
    assert candidates(many(), alert({"service": "s7"})) == [7]
    assert candidates(many(), alert({"service": "other"})) == []
    assert candidates(many(), alert()) == []
    assert candidates(many(of="annotations.service"), alert({"service": "s7"}, {"service": "s8"})) == [8]
    assert candidates(many(of="alert.rule"), alert(rule_name="s9")) == [9]
    assert candidates(many(of='"alert.rule"'), alert({"alert.rule": "s8"}, rule_name="s9")) == [8]


def test_what_a_missing_label_satisfies_is_always_tried():
    tried = ["a != x", 'a = ""', 'a =~ ".*"', 'a !~ "x"', 'a =~ "x|"', 'a =~ "x?"']
    conditions = [*many(), *(condition(text) for text in tried)]
    assert candidates(conditions, alert()) == list(range(50, 56))


def test_rules_that_share_a_value_are_told_apart_by_the_next():
    conditions = [
        condition("env = prod", f"team = t{team}", f'instance =~ "web{number}-.*"')
        for team in range(30)
        for number in range(30)
    ]
    assert candidates(conditions, alert({"env": "prod", "team": "t3", "instance": "web4-a"})) == [94]
    assert candidates(conditions, alert({"env": "prod", "team": "t3"})) == []
    assert candidates(conditions, alert({"env": "prod", "instance": "web4-a"})) == []


def test_rules_of_one_regex_are_told_apart_by_another():
    conditions = [condition('namespace =~ "team-.*"', f'pod =~ "p{number}-.*"') for number in range(50)]
    assert candidates(conditions, alert({"namespace": "team-a", "pod": "p7-x"})) == [7]
    alike = [condition('namespace =~ "team-.*"', f"pod != p{number}") for number in range(50)]
    assert candidates(alike, alert({"namespace": "other"})) == []
    assert len(candidates(alike, alert({"namespace": "team-a"}))) == 50


def test_each_selector_of_match_any_is_a_way_of_its_own():
    conditions = [
        condition("env = prod", match_any=(f"{{service=s{number}}}", f"{{service=o{number}, zone=z}}"))
        for number in range(50)
    ]
    assert candidates(conditions, alert({"env": "prod", "service": "s7"})) == [7]
    assert candidates(conditions, alert({"env": "prod", "service": "o7", "zone": "z"})) == [7]
    open_ended = [condition(match_any=(f"service=s{number}", "zone != z")) for number in range(50)]
    assert len(candidates(open_ended, alert({"service": "s7"}))) == 50


def test_a_regex_that_lists_values_is_looked_up_as_values():
    conditions = [condition(f'service =~ "^(s{number}|o{number}\\.example)$"') for number in range(50)]
    assert candidates(conditions, alert({"service": "o7.example"})) == [7]
    assert candidates(conditions, alert({"service": "o7-example"})) == []


def test_regexes_that_re2_has_no_room_for_together_are_split_and_hide_no_rule(monkeypatch):
    monkeypatch.setattr(rule_index, "SET_BYTES_MIN", 0)
    conditions = [condition(f'a =~ ".*x{number}.*(a|b).{{{number}}}c.*"') for number in range(60)]
    seen = alert({"a": "x7" + "ab" * 40 + "c" * 40 + "x59" + "abab" * 100 + "c"})
    met = {number for number, each in enumerate(conditions) if not first_failure(each, seen)}
    assert met
    tried_counts = []
    for bytes_per_pattern in (600, 5000, 12_000, 20_000):
        monkeypatch.setattr(rule_index, "SET_BYTES_PER_PATTERN", bytes_per_pattern)
        found = set(candidates(conditions, seen))
        assert met <= found, bytes_per_pattern
        tried_counts.append(len(found))
    assert tried_counts == sorted(tried_counts, reverse=True)
    assert tried_counts[-1] == len(met) < tried_counts[-2] < len(conditions)


def test_a_set_that_runs_out_of_memory_while_it_matches_hides_no_rule(monkeypatch):
    class ExhaustedSet:
        """An ``re2.Set`` whose states no longer fit: RE2 then answers as if nothing matched."""

        @classmethod
        def FullMatchSet(cls, options):  # noqa: N802 (the name in re2)
            return cls()

        def Add(self, pattern):  # noqa: N802 (the name in re2)
            pass

        def Compile(self):  # noqa: N802 (the name in re2)
            pass

        def Match(self, text):  # noqa: N802 (the name in re2)
            return None

    conditions = [condition(f'a =~ "x{number}.*"') for number in range(50)]
    monkeypatch.setattr(re2, "Set", ExhaustedSet)
    assert candidates(conditions, alert({"a": "x7"})) == list(range(50))


def test_a_set_that_re2_cannot_build_is_always_tried(monkeypatch):
    monkeypatch.setattr(rule_index, "SET_BYTES_MAX", 1000)
    conditions = [condition(f'a =~ "x{number}.*"') for number in range(50)]
    assert candidates(conditions, alert({"a": "x7"})) == list(range(50))
    assert candidates(conditions, alert({"b": "x7"})) == []


def test_a_rule_with_hundreds_of_matchers_is_indexed_like_any_other():
    text = ", ".join(f"l{number}=v" for number in range(900))
    conditions = [condition(match_any=(text,), unless=(f"x = {number}",)) for number in range(20)]
    assert candidates(conditions, alert({"l1": "v"})) == []
    assert len(candidates(conditions, alert({f"l{number}": "v" for number in range(900)}))) == 20
