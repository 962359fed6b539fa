"""Templates say what their author wrote, and cannot do more."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import TemplateError, UndefinedError

from ingestd.config import templates
from ingestd.config.templates import OUTPUT_LENGTH_MAX, TemplateProblemError, compile_template
from ingestd.core.alert import Alert
from ingestd.core.classify import template_fields
from ingestd.core.condition import Condition
from ingestd.core.names import AlertKey, AlertStatus, Level, Severity
from ingestd.core.ruleset import Rule

LABELS = {"service": "ledger", "items": "7", "a-b": "dash", "env": "prod", "markup": "<b>{{ labels.env }}</b>"}
RULE = Rule("r", Condition(), Level.HIGH, Level.LOW, Severity.MEDIUM, "payments")


def fields_of(labels: dict[str, str]) -> dict[str, object]:
    alert = Alert(
        source="am",
        key=AlertKey("am/1"),
        status=AlertStatus.FIRING,
        labels=labels,
        annotations={"summary": "lag is 9 s"},
        rule_name="Lag",
        value="9",
    )
    return template_fields(alert, RULE)


FIELDS = fields_of(LABELS)


def render(source: str, labels: dict[str, str] | None = None) -> str:
    return compile_template(source)(fields_of(LABELS if labels is None else labels))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{{ labels.service }}: {{ summary }}", "ledger: lag is 9 s"),
        ("{{ labels.items }}", "7"),
        ("{{ labels['a-b'] }}", "dash"),
        ("{{ labels.missing|default('?') }}", "?"),
        ("{% if labels.env == 'prod' %}PROD{% else %}test{% endif %}", "PROD"),
        ("{% for name, value in labels|dictsort %}{{ name }} {% endfor %}", "a-b env items markup service "),
        ("{% for name in labels %}{{ loop.index }}{% endfor %}", "12345"),
        ("{{ alert.rule }} {{ alert.value }} {{ alert.source }}", "Lag 9 am"),
        ("{{ severity }} {{ impact }} {{ urgency }} {{ team }} {{ rule }}", "medium high low payments r"),
        ("{{ labels.service|upper|truncate(4, true, '', 0) }}", "LEDG"),
        ("{{ labels.service|replace('l', 'L') }}", "Ledger"),
        ("{{ labels.items|int * 2 % 5 }}", "4"),
        ("{{ annotations.summary ~ '!' }}", "lag is 9 s!"),
        ("{{ labels.markup }}", "<b>{{ labels.env }}</b>"),
        ("{{ [team, rule]|join('/') }}", "payments/r"),
        ("{{ 'x' if 'service' in labels else 'y' }}", "x"),
        ("{{ labels.missing is defined }}", "False"),
    ],
)
def test_a_template_says_what_is_written(source, text):
    assert render(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ labels.missing }}",
        "{{ labels['missing'] }}",
        "{{ labels.missing.more }}",
        "{{ labels.service.upper }}",
        "{{ labels.service.__class__ }}",
        "{{ labels.__class__ }}",
        "{{ 'x' * 5 }}",
        "{{ [1] * 5 }}",
        "{{ '%1000000000s' % 'x' }}",
        "{{ 10**18 }}".replace("**", "*"),
        "{{ labels|list|join(summary|replace('a', 'b')) * 3 }}",
        "{{ 1 / 0 }}",
    ],
)
def test_what_cannot_be_rendered_raises_or_stays_small(source):
    try:
        text = render(source)
    except (TemplateError, ZeroDivisionError, TypeError):
        return
    assert len(text) < 100


def test_a_label_that_the_alert_does_not_have_is_an_error_and_not_nothing():
    with pytest.raises(UndefinedError, match="missing"):
        render("x {{ labels.missing }}")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ ''.__class__.__mro__ }}", None),
        ("{{ labels.service.upper() }}", "a call is not allowed"),
        ("{{ range(100000) }}", "a call is not allowed"),
        ("{{ cycler('a') }}", "a call is not allowed"),
        ("{{ lipsum }}", 'no template field "lipsum"'),
        ("{{ self }}", 'no template field "self"'),
        ("{% set a = 1 %}", "set is not allowed"),
        ("{% macro a() %}{% endmacro %}", "macro is not allowed"),
        ("{% include 'x' %}", "include is not allowed"),
        ("{% import 'x' as y %}", "import is not allowed"),
        ("{% extends 'x' %}", "extends is not allowed"),
        ("{% block a %}{% endblock %}", "block is not allowed"),
        ("{% filter upper %}{% endfilter %}", "filterblock is not allowed"),
        ("{{ 9 ** 9 }}", r"\*\* is not allowed"),
        ("{{ summary|format('x') }}", "No filter named 'format'"),
        ("{{ summary|center(1000000000) }}", "No filter named 'center'"),
        ("{{ summary|attr('x') }}", "No filter named 'attr'"),
        ("{{ {'a': 1} }}", "dict is not allowed"),
        ("{% for a in summary %}{% endfor %}", "loops over labels or annotations only"),
        ("{% for a in labels recursive %}{% endfor %}", "a loop in a loop"),
        (
            "{% for a in labels %}{% if true %}{% for b in labels %}{% endfor %}{% endif %}{% endfor %}",
            "a loop in a loop",
        ),
        ("{{ " + "(" * 300 + "1" + ")" * 300 + " }}", "too deep"),
        ("x" * 5000, "at most 4096"),
        ("{{ nope", "bad template"),
        ("{{ alert.nope }}", 'no template field "alert.nope"'),
    ],
)
def test_what_a_template_may_not_do_is_refused_when_it_is_loaded(source, words):
    if words is None:
        with pytest.raises(UndefinedError):
            render(source)
        return
    with pytest.raises(TemplateProblemError, match=words):
        compile_template(source)


def test_joining_and_replacing_cannot_make_text_without_bound():
    labels = {"big": "x" * 16_000, "sep": "y" * 1000}
    for source in ("{{ labels.big|list|join(labels.sep) }}", "{{ labels.big|replace('x', labels.sep) }}"):
        with pytest.raises(TemplateError, match="more than 65536 characters"):
            render(source, labels)


def test_the_output_is_cut():
    source = "{{ labels.big ~ labels.big ~ labels.big ~ labels.big ~ labels.big }}" * 20
    assert len(render(source, {"big": "x" * 16_000})) == OUTPUT_LENGTH_MAX


def test_what_can_only_fail_is_a_bad_template():
    with pytest.raises(TemplateProblemError, match="bad template: 'int object' has no attribute 'nothing'"):
        compile_template("{{ 0 ~ 0 .nothing }}")


@given(st.text(alphabet="{}%|.()[]'\" labelsforinifx*~-_+/<>=,:0123", max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_template_makes_the_compiler_raise_anything_else(source):
    try:
        compile_template("{{" + source + "}}")
    except TemplateProblemError as exc:
        assert str(exc)  # noqa: PT017 (either it compiles, or it says why not)


SNIPPETS = r"""
{{ labels.service }}
{{ labels.items|int * 2 }}
{{ labels.missing|default('?') }}
{{ labels.missing }}
{{- team }}
{{ team -}}
{{team}}
{{ '}}' }}
{{ "{{" }}
{{ 'it''s' }}
{{ '\n' }}
{{ 1-}}
{{+1}}
{{ }}
{{ nope }}
{{ 1 # 2 }}
{{ [rule, team] }}
{{ 1 if false }}
{{ 'A' if labels.env == 'prod' else "B" }}
{{
}}
{
}
{%
%}
{% if labels.env == 'prod' %}
{% else %}
{% endif %}
{% raw %}
{% endraw %}
{# no #}
#}
text
'
"
-
"""
PIECES = st.sampled_from([*SNIPPETS.split("\n"), " ", "\t", "\n", "\r\n", "\r", "{{ labels['a-b'] }}", "{{\nrule\n}}"])


@given(st.lists(PIECES, max_size=6).map("".join))
@example("a {{- team }}")
@example("{{ team -}} a")
@example("a{{{ team }}}")
@example("{{ '}}' }} {{ team }}")
@example("{{ team }}\n\n")
@example("{{ team }}\r\n{{ rule }}")
@example("{% raw %}{{ team }}{% endraw %}")
@example("{# {{ team }} #}")
@settings(max_examples=600, deadline=None)
def test_a_template_in_pieces_says_what_jinja_says_of_it_as_a_whole(source):
    def outcome(way: Callable[[], str]) -> tuple[type | None, str]:
        try:
            return None, way()
        except (TemplateProblemError, TemplateError, TypeError) as exc:
            return type(exc), str(exc)

    whole = outcome(lambda: "".join(templates._compile(source).generate(FIELDS)))
    assert outcome(lambda: compile_template(source)(FIELDS)) == whole


def test_an_expression_that_many_templates_share_is_compiled_once():
    renderers = [compile_template(f"T{number}: {{{{ labels.service|upper }}}} is down") for number in range(100)]
    assert [renderer(FIELDS) for renderer in renderers] == [f"T{number}: LEDGER is down" for number in range(100)]
    before = templates._compile_expression.cache_info().misses
    compile_template("another text: {{ labels.service|upper }}")
    assert templates._compile_expression.cache_info().misses == before


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=5))
@settings(max_examples=100, deadline=None)
def test_alert_text_is_never_taken_for_a_template(labels):
    labels = {name: "{{ 1 + 1 }}" + value for name, value in labels.items()}
    assert render("{% for name, value in labels|dictsort %}{{ value }}{% endfor %}", labels).count(
        "{{ 1 + 1 }}"
    ) == len(labels)
