"""Text from alerts is hostile until shown otherwise: nothing raises, nothing exceeds a field, nothing is obeyed."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.jira import adf, wiki
from connectors.jira.issue_fields import ADF, SUMMARY_LIMIT, TEXT_LIMIT, WIKI, Markup, comment_of, fields_of
from connectors.jira.marker import comment_line, label_of
from connectors.jira.settings import JiraSettings
from connectors.jira.text import as_label, clean_block, clean_line, cut, jira_length, safe_link
from ingestd.core.names import EffectKey
from ingestd.ports import TicketDraft

OPEN = EffectKey("INC-1042/jira/ticket-open/1")
COMMENT = EffectKey("INC-1042/jira/ticket-comment/3")
SETTINGS = JiraSettings(url="https://jira.example", token="t", project="OPS")

NASTY = (
    "",
    " \t\r\n ",
    "\x00\x1b[31m\x7f\x9b",
    "\ud800 lone \udfff",
    "\u202egnp.exe",
    "😀" * 300,
    "x" * 1_000_000,
    "\\" * 70_000,
    '"' * 70_000,
    "\n" * 70_000,
    "{" * 40_000,
    "{noformat}{color:red}{html}<script>alert(1)</script>{html}",
    "{noformat}\n{noformat}\nh1. title\nbq. quote\n||a||b||\n|c|d|\n----\n* item\n# item",
    "[~admin] [link|javascript:alert(1)] !http://evil.example/x.png! @everyone",
    "*strong* _em_ -deleted- +inserted+ ^sup^ ~sub~ ??cite?? {{mono}}",
    '{"type":"mention","attrs":{"id":"1"}}',
    "\ufffe\uffff\ufdd0",
    "a\u2028b\u2029c\x85d\x0be",
)
texts = st.one_of(st.sampled_from(NASTY), st.text(alphabet=st.characters(), max_size=400))
lenient = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
XML_SAFE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def walk(node):
    yield node
    for child in node.get("content", []):
        yield from walk(child)


def hostile_incident(incident, alert, text, other):
    bad = alert(
        name=text,
        summary=other,
        labels={text: other, other: text, "plain": text},
        annotations={"description": text + other},
        links={text: other, "x": text, other: "https://p.example/" + text},
        source=other,
        value=text,
    )
    return incident(
        title=text,
        summary=other,
        category=text,
        team=other,
        rule=text,
        runbook=other,
        url=text,
        acknowledged_by=other,
        acknowledged_at=bad.first_seen_at,
        alerts=(bad,) * 50,
        alert_count=500,
        firing_count=50,
    )


@lenient
@given(text=texts, other=texts)
@pytest.mark.parametrize("markup", [ADF, WIKI], ids=["cloud", "datacenter"])
def test_no_text_breaks_a_ticket_or_exceeds_a_field(incident, alert, markup, text, other):
    draft = TicketDraft(hostile_incident(incident, alert, text, other), {"labels": [text, other], "component": text})
    fields = fields_of(draft, OPEN, SETTINGS, markup)
    summary, description = fields["summary"], fields["description"]
    assert 1 <= jira_length(summary) <= SUMMARY_LIMIT
    assert "\n" not in summary
    assert label_of(OPEN, "") in fields["labels"]
    for label in fields["labels"]:
        assert 1 <= jira_length(label) <= 255
        assert not re.search(r"\s", label)
    assert markup.size(description) <= TEXT_LIMIT
    plain = adf.plain_text(description) if markup is ADF else wiki.plain_text(description)
    assert label_of(OPEN, "") in plain
    assert re.search(r"and (4[5-9]\d|500) more alerts", plain)
    for shown in (summary, plain, *fields["labels"]):
        assert XML_SAFE.search(shown) is None
    json.dumps(fields).encode()


@lenient
@given(text=texts, count=st.integers(0, 300))
@pytest.mark.parametrize("markup", [ADF, WIKI], ids=["cloud", "datacenter"])
def test_a_comment_keeps_its_marker_and_the_newest_lines(note, markup, text, count):
    body = comment_of(note(*[text] * count, "the newest line", title=text, url=text), COMMENT, markup)
    assert markup.size(body) <= TEXT_LIMIT
    plain = adf.plain_text(body) if markup is ADF else wiki.plain_text(body)
    assert plain.endswith(comment_line(COMMENT))
    assert "the newest line" in plain


@lenient
@given(text=texts, other=texts)
def test_adf_has_no_empty_text_and_no_line_break_inside_a_line(incident, alert, text, other):
    draft = TicketDraft(hostile_incident(incident, alert, text, other), {})
    description = fields_of(draft, OPEN, SETTINGS, ADF)["description"]
    for node in walk(description):
        if node["type"] == "text":
            assert node["text"]
        if node["type"] != "codeBlock":
            assert all("\n" not in child.get("text", "") for child in node.get("content", []))


@lenient
@given(text=texts)
def test_nothing_in_wiki_text_is_left_to_obey(text):
    escaped = wiki.escape(clean_line(text, 2000))
    unescaped = re.sub(r"\\[^\\]", "", escaped)
    assert not re.search(r"[{}\[\]|!#\\]", unescaped.replace("&#92;", "").replace("&#46;", ""))
    assert not re.search(r"(?<!\w)[*_?\-+^~]|[*_?\-+^~](?!\w)", unescaped) or "\\" in escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{color:red}x{color}", r"\{color:red\}x\{color\}"),
        ("[~admin]", r"\[\~admin\]"),
        ("a|b", r"a\|b"),
        ("*strong*", r"\*strong\*"),
        ("snake_case_name and 2026-01-02", "snake_case_name and 2026-01-02"),
        ("__init__", r"\_\_init\_\_"),
        (r"C:\new", "C:&#92;new"),
        ("h1. title", "h1&#46; title"),
        ("bq. quote", "bq&#46; quote"),
    ],
)
def test_wiki_text_shows_what_was_said(text, shown):
    assert wiki.escape(text) == shown


def test_a_label_cannot_end_the_verbatim_block(incident, alert):
    evil = alert(labels={"a": "{noformat} h1. x {NOFORMAT:title=y}{ noformat }"})
    text = fields_of(TicketDraft(incident(alerts=(evil,)), {}), OPEN, SETTINGS, WIKI)["description"]
    assert len(re.findall(r"\{noformat", text, re.IGNORECASE)) == 2


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://x.example/",
        "//x.example",
        "https://",
        "http://[::1",
        "https://a b.example/",
        "https://x.example/" + "a" * 3000,
        "https://x|y.example/",
        "",
        "x" * 1_000_000,
    ],
)
def test_nobody_is_sent_to_anything_but_a_complete_web_address(url):
    assert safe_link(url) == ""


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://p.example/graph?g0.expr=up%3D0&x=[a]|b", "https://p.example/graph?g0.expr=up%3D0&x=%5Ba%5D%7Cb"),
        ("http://[2001:db8::1]:9090/graph", "http://[2001:db8::1]:9090/graph"),
        ("https://p.example/grün?q={a}", "https://p.example/gr%C3%BCn?q=%7Ba%7D"),
    ],
)
def test_links_are_encoded_so_that_no_markup_can_end_them(url, link):
    assert safe_link(url) == link


def test_an_address_that_wiki_links_cannot_hold_is_shown_as_text(incident):
    text = fields_of(TicketDraft(incident(runbook="http://[2001:db8::1]/x"), {}), OPEN, SETTINGS, WIKI)["description"]
    assert "||Runbook|http://\\[2001:db8::1\\]/x|" in text


@given(text=texts, limit=st.integers(1, 300))
def test_cutting_keeps_whole_characters_and_the_limit(text, limit):
    short = cut(text, limit)
    assert jira_length(short) <= limit
    assert short == text or short.endswith("…")
    assert text.startswith(short.removesuffix("…"))


@given(text=texts)
def test_a_label_has_no_space_and_at_most_255_characters(text):
    label = as_label(text)
    assert jira_length(label) <= 255
    assert not re.search(r"\s", label)


def test_the_end_of_a_text_is_cut_and_never_its_beginning():
    assert cut("abcdef", 4) == "abc…"
    assert cut("😀😀😀", 4) == "😀…"
    assert clean_block("a\r\nb\rc\u2028d", 100) == "a\nb\nc\nd"
    assert clean_line("  a \n\t b  ", 100) == "a b"


@pytest.mark.parametrize("markup", [ADF, WIKI], ids=["cloud", "datacenter"])
def test_alerts_beyond_the_limit_are_not_even_rendered(incident, alert, markup):
    rendered = []

    def render(blocks):
        rendered.append(blocks)
        return markup.render(blocks)

    whole = hostile_incident(incident, alert, "\x00a b\n" * 250_000, "😀" * 1_000_000)
    fields_of(TicketDraft(whole, {}), OPEN, SETTINGS, Markup(render, markup.size))
    assert len(rendered) < 25


def test_alerts_that_do_not_fit_are_counted_and_pointed_to(incident, alert):
    alerts = tuple(alert(name=f"Alert{number}", summary="x" * 300) for number in range(50))
    whole = incident(alerts=alerts, alert_count=80, firing_count=80)
    text = wiki.plain_text(fields_of(TicketDraft(whole, {}), OPEN, SETTINGS, WIKI)["description"])
    shown = len(re.findall(r"Firing: Alert\d+", text))
    assert 20 < shown <= 50
    assert f"… and {80 - shown} more alerts — [see the incident|https://ingestd.example/incidents/INC-1042]" in text
    bare = incident(alerts=alerts, alert_count=80, url="")
    assert "ingestd incident show INC-1042" in adf.plain_text(
        fields_of(TicketDraft(bare, {}), OPEN, SETTINGS, ADF)["description"]
    )


@pytest.mark.parametrize("value", [None, 3.5, True, {"a": 1}, [], [None], b"x", object()])
def test_options_of_any_type_are_read_or_ignored(incident, value):
    names = ("project", "type", "component", "components", "labels", "assignee", "fields")
    fields = fields_of(TicketDraft(incident(), dict.fromkeys(names, value)), OPEN, SETTINGS, ADF)
    assert fields["project"] == {"key": "OPS"}
    assert fields["issuetype"] == {"name": "Task"}


@pytest.mark.parametrize("document", [None, 3, "x", [], {}, {"content": 5}, {"content": [{"text": 5}, None, "y"]}])
def test_text_is_read_from_anything_that_jira_may_hold(document):
    assert adf.plain_text(document) == ""


def test_a_document_of_any_depth_is_read():
    document = {"type": "text", "text": "deep"}
    for _ in range(20_000):
        document = {"type": "paragraph", "content": [document]}
    assert adf.plain_text(document) == "deep"
