"""Matchers mean what they mean in Alertmanager."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.alert import Alert
from ingestd.core.matchers import MatcherError, MatchOp, parse_field, parse_matcher, parse_selector
from ingestd.core.names import AlertKey, AlertStatus


def alert(labels: dict[str, str] | None = None, **more) -> Alert:
    return Alert(
        source=more.pop("source", "am"), key=AlertKey("am/1"), status=AlertStatus.FIRING, labels=labels or {}, **more
    )


@pytest.mark.parametrize(
    ("text", "name", "op", "value"),
    [
        ("foo=bar", "foo", "=", "bar"),
        ("foo!=bar", "foo", "!=", "bar"),
        ("foo=~bar", "foo", "=~", "bar"),
        ("foo!~bar", "foo", "!~", "bar"),
        ('foo="bar"', "foo", "=", "bar"),
        ("foo =  bar  ", "foo", "=", "bar"),
        ('  foo   =~   "bar"', "foo", "=~", "bar"),
        ("foo=", "foo", "=", ""),
        ('foo=""', "foo", "=", ""),
        ('foo="bar,baz"', "foo", "=", "bar,baz"),
        ("foo=bar baz", "foo", "=", "bar baz"),
        ("foo=bar==", "foo", "=", "bar=="),
        (r'foo="a\"b"', "foo", "=", 'a"b'),
        (r'foo="a\\b"', "foo", "=", r"a\b"),
        (r'foo="a\nb"', "foo", "=", "a\nb"),
        (r'foo="a\.b"', "foo", "=", r"a\.b"),
        (r"foo=a\.b", "foo", "=", r"a\.b"),
        ('foo="b\\', "foo", None, None),
        (r"foo=b" + "\\", "foo", "=", "b\\"),
        ("service.name = x", "service.name", "=", "x"),
        ('"a label" = x', "a label", "=", "x"),
        ('"alert.source" = x', "alert.source", "=", "x"),
        ("größe=1", "größe", "=", "1"),
        ("foo=~a|b", "foo", "=~", "a|b"),
    ],
)
def test_a_matcher_is_read_as_alertmanager_reads_it(text, name, op, value):
    if op is None:
        with pytest.raises(MatcherError):
            parse_matcher(text)
        return
    matcher = parse_matcher(text)
    assert (matcher.field.name, matcher.op, matcher.value) == (name, MatchOp(op), value)
    assert matcher.text == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "foo",
        "=bar",
        "foo==bar",
        'foo="bar',
        'foo=bar"',
        'foo="bar"baz"',
        'foo=b"ar',
        "foo bar",
        '""=x',
        '"foo=x',
        "{foo=bar}",
        "foo=~[",
        "foo!~(",
        ",",
    ],
)
def test_what_is_no_matcher_is_refused_with_a_place_inside_it(text):
    with pytest.raises(MatcherError) as caught:
        parse_matcher(text)
    assert 0 <= caught.value.offset <= len(text)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("a = b", {"a": "b"}, True),
        ("a = b", {"a": "B"}, False),
        ("a = b", {}, False),
        ("a != b", {}, True),
        ('a = ""', {}, True),
        ('a != ""', {}, False),
        ("a =~ b.*", {"a": "bcd"}, True),
        ("a =~ b", {"a": "bcd"}, False),
        ("a =~ b", {"a": "ab"}, False),
        ("a =~ b|c", {"a": "c"}, True),
        ("a =~ b|c", {"a": "bc"}, False),
        ("a =~ .*", {}, True),
        ("a =~ .+", {}, False),
        ("a !~ .+", {}, True),
        ("a !~ b.*", {"a": "bcd"}, False),
        ('a =~ "(?i)CRIT(ical)?"', {"a": "Critical"}, True),
        ("a =~ .*", {"a": "two\nlines"}, False),
        ("a =~ (?s).*", {"a": "two\nlines"}, True),
        ("a =~ x$", {"a": "x\n"}, False),
        ("a =~ ü+", {"a": "üü"}, True),
        (r"a =~ \d+", {"a": "٣"}, False),
    ],
)
def test_a_regular_expression_matches_the_whole_value_and_a_missing_label_is_empty(text, labels, expected):
    assert parse_matcher(text).matches(alert(labels)) is expected


def test_a_matcher_can_look_at_the_alert_besides_its_labels():
    seen = alert(
        {"alert.source": "label", "summary": "label"},
        source="grafana",
        rule_name="HighLoad",
        annotations={"summary": "load is 9", "team name": "x"},
    )
    for text in (
        "alert.source = grafana",
        "alert.status = firing",
        "alert.rule = HighLoad",
        'alert.summary =~ "load.*"',
        "annotations.summary = load is 9",
        "summary = label",
        '"alert.source" = label',
        "annotations.missing = ",
    ):
        assert parse_matcher(text).matches(seen), text


@pytest.mark.parametrize(("text", "known"), [("alert.sumary", True), ("alert.", True), ("labels.env", False)])
def test_a_field_that_does_not_exist_is_refused(text, known):
    with pytest.raises(MatcherError, match="there is no field") as caught:
        parse_field(text)
    assert bool(caught.value.known) is known


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{a=b}", ["b"]),
        ("{a=b,c=d}", ["b", "d"]),
        (' { a = b , c =~ "d|e" , } ', ["b", "d|e"]),
        ('{a="x,y",b="}"}', ["x,y", "}"]),
        (r'{a="x\",y",b=z}', [r'x",y', "z"]),
        ("a=b, c=d", ["b", "d"]),
        ('{"a,b"=c}', ["c"]),
    ],
)
def test_a_selector_is_split_at_commas_outside_quotes(text, values):
    assert [matcher.value for matcher in parse_selector(text)] == values


@pytest.mark.parametrize("text", ["", "{}", "{,}", "{a=b", "{", "{a=b}}x", "{a=b,,c=d}", "{a}"])
def test_what_is_no_selector_is_refused(text):
    with pytest.raises(MatcherError) as caught:
        parse_selector(text)
    assert 0 <= caught.value.offset <= len(text)


def test_the_place_of_an_error_in_a_selector_counts_from_its_start():
    text = '{a=b, c =~ "x(", d=e}'
    with pytest.raises(MatcherError) as caught:
        parse_selector(text)
    assert text[caught.value.offset : caught.value.offset + caught.value.length] == "x("


def test_a_pattern_that_is_too_long_or_too_greedy_is_refused():
    for pattern in ("a" * 5000, "((a{100}){100}){100}", "a{2000}"):
        with pytest.raises(MatcherError):
            parse_matcher(f"a =~ {pattern}")


def test_a_pattern_that_would_take_other_engines_forever_is_quick_here():
    matcher = parse_matcher('a =~ "(a|a?)+b"')
    assert not matcher.matches(alert({"a": "a" * 5000}))


def test_a_lone_surrogate_in_a_label_does_not_raise():
    assert parse_matcher("a =~ .*x").matches(alert({"a": "\ud800x"}))
    assert not parse_matcher("a =~ y").matches(alert({"a": "\ud800"}))


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_parsing_raises_nothing_but_matcher_errors(text):
    for parse in (parse_matcher, parse_selector):
        error = None
        try:
            parse(text)
        except MatcherError as exc:
            error = exc
        assert error is None or (0 <= error.offset <= len(text) and error.length >= 1)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=300)
def test_every_value_can_be_written_in_quotes(value):
    written = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    matcher = parse_matcher(f'a = "{written}"')
    assert matcher.value == value
    assert matcher.matches(alert({"a": value}))
