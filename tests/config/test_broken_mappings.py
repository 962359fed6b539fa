"""Slips in a JSON mapping, each with exactly what its author is told, and where."""

from __future__ import annotations

import pytest

from ingestd.config.problems import ConfigProblems, headline

RIGHT = "{identity: [id], status: {from: state, problem: [down], recovery: [up]}, labels: {host: host}}"
SOURCE = "  robots: {kind: json, auth: none, json: "
SLIPS = [
    (
        "[id]",
        "[data..id]",
        'json-path: "data..id" is no path: it cannot be read from character 6 on',
        "there is no search at any depth (..): write every step",
    ),
    (
        "[id]",
        "[check id]",
        'json-path: "check id" is no path: it cannot be read from character 6 on',
        "a key with a space stands in brackets and quotes: ['a key']",
    ),
    ("[id]", "id", "type: this must be a list, not text", "put it in [ ]"),
    ("[id]", "[]", "value: this must have at least 1 item", ""),
    ("labels", "lables", 'unknown-key: unknown key "lables"', 'did you mean "labels"?'),
    ("problem:", "problems:", 'unknown-key: unknown key "problems"', 'did you mean "problem"?'),
    (
        "{host: host}",
        "{host: 'hosts[*].name'}",
        'json-path: "hosts[*].name" leads to several values',
        "[*] may only stand in  alerts; write [0] for the first item",
    ),
    (
        "{host: host}",
        "{host: 'on {host'}",
        "json-path: the { at character 4 has no other half",
        "a brace that is meant is written twice: {{ or }}",
    ),
    (
        "{host: host}",
        "{host: {txt: web}}",
        "type: this does not say where a text comes from",
        "write a path (data.host), words with paths ('{data.host} is down'), a list of these, or {text: always the same}",
    ),
    (
        "{host: host}",
        "{'tag_*': 'on {tags}'}",
        'json-path: "tag_*" takes the names of an object, and this is no path to one',
        "write a single path",
    ),
    (
        "[up]",
        "[up, Down]",
        'json-path: the word "down" stands under problem and under recovery',
        "upper and lower case are the same",
    ),
    (
        ", problem: [down], recovery: [up]",
        "",
        "missing-key: the status has no words",
        "write  problem: [..]  and  recovery: [..]",
    ),
    (
        "[up]",
        "[up], default: fireing",
        'value: "fireing" is not one of firing, resolved, ignore',
        'did you mean "firing"?',
    ),
    (
        "labels: {host: host}",
        "starts_at: {path: at, as: unixms}",
        'value: "unixms" is not one of auto, rfc3339, unix, unix_ms',
        'did you mean "unix_ms"?',
    ),
    (
        "labels: {host: host}",
        "links: {dashbord: url}",
        'unknown-key: unknown key "dashbord"',
        'did you mean "dashboard"?',
    ),
    (
        "labels: {host: host}",
        "alerts: 'alerts[?(@.on)]'",
        'json-path: "alerts[?(@.on)]" is no path: it cannot be read from character 7 on',
        "there are no filters: take every item with [*], and leave some out by status: {ignore: [..]}",
    ),
    ("labels: {host: host}", "ignore: [{from: type}]", 'missing-key: the key "words" is missing', ""),
]


@pytest.fixture
def told(load_text, good):
    """``told(mapping)``: the headlines and hints of what is wrong with a source of this mapping, below its line's beginning."""

    def load(mapping: str, source: str = SOURCE) -> list[tuple[str, str]]:
        first = "  am: {kind: alertmanager, auth: none}\n"
        assert first in good
        try:
            load_text(good.replace(first, f"{first}{source}{mapping}}}\n", 1))
        except ConfigProblems as caught:
            return [(headline(problem), problem.hint) for problem in caught.problems if problem.line]
        return []

    return load


def test_a_right_mapping_has_no_problem(told):
    assert told(RIGHT) == []


@pytest.mark.parametrize(("right", "wrong", "text", "hint"), SLIPS)
def test_a_slip_is_told_where_it_stands(told, right, wrong, text, hint):
    assert right in RIGHT
    ((head, hinted),) = told(RIGHT.replace(right, wrong, 1))
    place, _, said = head.partition(": error[")
    file, line, column = place.split(":")
    assert (file, line) == ("config.yaml", "3")
    assert int(column) > len(SOURCE)
    assert said.replace("]", "", 1).startswith(text)
    assert hinted == hint


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("  x: {kind: json, auth: none", "a source of kind json has a section  json"),
        ("  x: {kind: kibana, auth: none, json: {identity: [id]}", "a source of kind kibana has no section  json"),
        ("  x: {kind: watcher, auth: none", "watcher never says when something is over"),
        ("  x: {kind: elastalert2, auth: none", "elastalert2 never says when something is over"),
        ("  x: {kind: kibana", 'the key "auth" is missing'),
    ],
)
def test_a_kind_says_what_it_needs(told, source, said):
    ((head, hint),) = told("", source)
    assert said in head
    assert hint


def test_words_may_be_numbers_and_booleans(load_text, good):
    mapping = "{identity: [id], status: {from: ok, problem: [false, 0, 1.10], recovery: [true, 'Yes']}}"
    loaded = load_text(good.replace("sources:\n", f"sources:\n{SOURCE}{mapping}}}\n", 1))
    status = loaded.config.sources["robots"].ways.mapping.status
    assert (status.problem, status.recovery) == ({"false", "0", "1.10"}, {"true", "yes"})
