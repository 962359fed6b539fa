"""Tests that are wrong themselves, each with exactly what its author is told."""

from __future__ import annotations

import pytest

from ingestd.config.problems import render_all

TESTS = [
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n    expect: {sevrity: high}\n",
        """\
rules/payments.yaml:5:14: error[unknown-key]: unknown key "sevrity"
  |
5 |     expect: {sevrity: high}
  |              ^^^^^^^ did you mean "severity"?
""",
        id="an expectation that does not exist",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n    expect: {severity: hihg}\n",
        """\
rules/payments.yaml:5:24: error[value]: "hihg" is not one of critical, high, medium, low
  |
5 |     expect: {severity: hihg}
  |                        ^^^^ did you mean "high"?
""",
        id="a severity that does not exist",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n    expect: {incidents: one}\n",
        """\
rules/payments.yaml:5:25: error[type]: this must be a whole number, not text
  |
5 |     expect: {incidents: one}
  |                         ^^^
""",
        id="a count that is text",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n    expect: {pages: asha}\n",
        """\
rules/payments.yaml:5:21: error[value]: pages are a count, or the people who got them
  |
5 |     expect: {pages: asha}
  |                     ^^^^ write  [asha]
""",
        id="pages that are neither count nor list",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n    expect: {pages: [asha, bne]}\n",
        """\
rules/payments.yaml:5:28: error[unknown-person]: person "bne" is not defined
  |
5 |     expect: {pages: [asha, bne]}
  |                            ^^^ did you mean "ben"?
""",
        id="a person who does not exist",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n    expect: {rule: mien}\n",
        """\
rules/payments.yaml:5:20: error[unknown-rule]: rule "mien" is not defined
  |
5 |     expect: {rule: mien}
  |                    ^^^^ did you mean "mine"?
""",
        id="a rule that does not exist",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n    expect: {page: payments, team: paymnets, ticket: jria}\n",
        """\
rules/payments.yaml:5:20: error[unknown-policy]: policy "payments" is not defined
  |
5 |     expect: {page: payments, team: paymnets, ticket: jria}
  |                    ^^^^^^^^ did you mean "payments-oncall"?

rules/payments.yaml:5:36: error[unknown-team]: team "paymnets" is not defined
  |
5 |     expect: {page: payments, team: paymnets, ticket: jria}
  |                                    ^^^^^^^^ did you mean "payments"?

rules/payments.yaml:5:54: error[unknown-connector]: connector "jria" is not defined
  |
5 |     expect: {page: payments, team: paymnets, ticket: jria}
  |                                                      ^^^^ did you mean "jira"?
""",
        id="names that do not exist",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n    expect: {page: }\n",
        """\
rules/payments.yaml:5:20: error[empty]: this key has no value
  |
5 |     expect: {page: }
  |                    ^ write none if that is meant
""",
        id="an expectation without a value",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n    expect: {}\n",
        """\
rules/payments.yaml:5:13: error[test]: this expects nothing
  |
5 |     expect: {}
  |             ^^ write what must hold:  {rule: NAME, severity: high}
""",
        id="an expectation of nothing",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X}\n",
        """\
rules/payments.yaml:3:5: error[test]: this test expects nothing
  |
3 |   - name: n
  |     ^^^^^^^ add  expect: {rule: NAME, severity: high}
""",
        id="no expectation",
    ),
    pytest.param(
        "  - name: n\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:3:5: error[test]: a test has one of alert, payload and steps, not none
  |
3 |   - name: n
  |     ^^^^^^^ several alerts are steps
""",
        id="nothing happens",
    ),
    pytest.param(
        "  - name: n\n    alert: {a: b}\n    steps: [{at: 1m}]\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:3:5: error[test]: a test has one of alert, payload and steps, not alert and steps
  |
3 |   - name: n
  |     ^^^^^^^ several alerts are steps
""",
        id="two histories at once",
    ),
    pytest.param(
        "  - alert: {a: b}\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:3:5: error[missing-key]: the key "name" is missing
  |
3 |   - alert: {a: b}
  |     ^^^^^^^^^^^^^
""",
        id="no name",
    ),
    pytest.param(
        "  - name: n\n    alert: [alertname = X]\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:4:12: error[alert]: an alert is a mapping of labels
  |
4 |     alert: [alertname = X]
  |            ^^^^^^^^^^^^^^^ write  {alertname: DiskFull, env: prod}
""",
        id="an alert written as matchers",
    ),
    pytest.param(
        "  - name: n\n    alert: {alertname: X, prod: true}\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:4:33: error[type]: this must be text, not true or false
  |
4 |     alert: {alertname: X, prod: true}
  |                                 ^^^^ put it in quotes
""",
        id="a label that is no text",
    ),
    pytest.param(
        "  - name: n\n    alert: {alert.suorce: am}\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:4:13: error[alert]: there is no field "alert.suorce"
  |
4 |     alert: {alert.suorce: am}
  |             ^^^^^^^^^^^^ did you mean "alert.source"?
""",
        id="a pseudo field that does not exist",
    ),
    pytest.param(
        "  - name: n\n    alert: {alert.rule: X}\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:4:13: error[alert]: "alert.rule" cannot be written
  |
4 |     alert: {alert.rule: X}
  |             ^^^^^^^^^^ it follows from the label alertname (or rulename): write that
""",
        id="a field that is derived",
    ),
    pytest.param(
        "  - name: n\n    alert: {labels.env: prod}\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:4:13: error[alert]: there is no field "labels.env"
  |
4 |     alert: {labels.env: prod}
  |             ^^^^^^^^^^ a bare name is a label: write "env"
""",
        id="a label with its family name",
    ),
    pytest.param(
        "  - name: n\n    alert: {alert.source: am}\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:4:12: error[alert]: labels is empty, so that nothing tells this alert from any other
  |
4 |     alert: {alert.source: am}
  |            ^^^^^^^^^^^^^^^^^^
""",
        id="an alert without labels",
    ),
    pytest.param(
        "  - name: n\n    steps:\n      - {at: 5m, alert: {a: b}}\n      - {at: 4m, ack: ben}\n    expect: {incidents: 1}\n",
        """\
rules/payments.yaml:6:14: error[test]: time only goes forward
  |
6 |       - {at: 4m, ack: ben}
  |              ^^ put the steps into their order
""",
        id="steps that go back",
    ),
    pytest.param(
        "  - name: n\n    steps:\n      - {at: 5, alert: {a: b}}\n    expect: {incidents: 1}\n",
        """\
rules/payments.yaml:5:14: error[duration]: 5 has no unit
  |
5 |       - {at: 5, alert: {a: b}}
  |              ^ write 5s for seconds
""",
        id="a step without unit",
    ),
    pytest.param(
        "  - name: n\n    steps:\n      - {ack: ben}\n    expect: {incidents: 0}\n",
        """\
rules/payments.yaml:5:15: error[test]: there is nothing to acknowledge yet
  |
5 |       - {ack: ben}
  |               ^^^ let an alert fire first
""",
        id="an acknowledgement of nothing",
    ),
    pytest.param(
        "  - name: n\n    steps:\n      - {alert: {a: b}, ack: ben}\n    expect: {incidents: 1}\n",
        """\
rules/payments.yaml:5:9: error[test]: one step does one thing, not alert and ack
  |
5 |       - {alert: {a: b}, ack: ben}
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^ write two steps
""",
        id="two things in one step",
    ),
    pytest.param(
        "  - name: n\n    at: yesterday\n    alert: {a: b}\n    expect: {incidents: 1}\n",
        """\
rules/payments.yaml:4:9: error[instant]: this is not an instant
  |
4 |     at: yesterday
  |         ^^^^^^^^^ write  2026-03-29 03:30  or  2026-03-29T03:30:00Z
""",
        id="no instant",
    ),
    pytest.param(
        "  - name: n\n    tz: Berlin\n    alert: {a: b}\n    expect: {incidents: 1}\n",
        """\
rules/payments.yaml:4:9: error[zone]: there is no such time zone
  |
4 |     tz: Berlin
  |         ^^^^^^ did you mean "Europe/Berlin"?
""",
        id="no zone",
    ),
    pytest.param(
        "  - name: n\n    at: 2026-03-29T03:30:00Z\n    tz: Europe/Berlin\n    alert: {a: b}\n    expect: {incidents: 1}\n",
        """\
rules/payments.yaml:5:9: error[test]: at says already where it is
  |
5 |     tz: Europe/Berlin
  |         ^^^^^^^^^^^^^ leave out tz, or the offset
""",
        id="two zones",
    ),
    pytest.param(
        "  - {name: n, payload: x.json, expect: {incidents: 1}}\n",
        """\
rules/payments.yaml:3:5: error[test]: who sends this payload?
  |
3 |   - {name: n, payload: x.json, expect: {incidents: 1}}
  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ add  source: NAME
""",
        id="a payload from nobody",
    ),
    pytest.param(
        "  - {name: n, alert: {a: b}, source: am, expect: {incidents: 1}}\n",
        """\
rules/payments.yaml:3:5: error[test]: source belongs to payload
  |
3 |   - {name: n, alert: {a: b}, source: am, expect: {incidents: 1}}
  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ for a single alert write  "alert.source": NAME  in it
""",
        id="a source without payload",
    ),
    pytest.param(
        "  - {name: n, payload: x.json, source: gafana, expect: {incidents: 1}}\n",
        """\
rules/payments.yaml:3:40: error[unknown-source]: source "gafana" is not defined
  |
3 |   - {name: n, payload: x.json, source: gafana, expect: {incidents: 1}}
  |                                        ^^^^^^ did you mean "grafana"?
""",
        id="a source that does not exist",
    ),
    pytest.param(
        "  - {name: n, payload: bad.json, source: am, expect: {incidents: 1}}\n",
        """\
rules/payments.yaml:3:24: error[payload]: the daemon would not read this body from "am" (not_an_object)
  |
3 |   - {name: n, payload: bad.json, source: am, expect: {incidents: 1}}
  |                        ^^^^^^^^ the body is a list, not a JSON object with a list `alerts`; point the sender's webhook (not its API client) here
""",
        id="a payload that cannot be read",
    ),
]


@pytest.mark.parametrize(("tests", "expected"), TESTS)
def test_a_wrong_test_is_reported_where_it_is_wrong(lab, place, tests, expected):
    (place / "rules" / "bad.json").write_text("[]")
    tried = lab(tests, rules="rules: [{rule: mine, match: [a = b]}]\n")
    assert render_all(tried.read.problems) + "\n" == expected
    assert tried.results == []


def test_a_payload_that_is_not_there(lab, place):
    tried = lab("  - {name: n, payload: none.json, source: am, expect: {incidents: 1}}\n")
    (problem,) = tried.read.problems
    assert (problem.code, problem.text) == ("missing-file", 'cannot read "none.json": No such file or directory')
    assert problem.hint == f"looked at {place}/rules/none.json"


def test_one_wrong_test_does_not_hide_the_others(lab):
    tried = lab("""\
  - {name: wrong, alert: {a: b}, expect: {sverity: low}}
  - {name: right, alert: {a: b}, expect: {rule: unmatched}}
  - {name: wrong too, alert: {a: b}, expect: {rule: nobody}}
""")
    assert [result.test.name for result in tried.results] == ["right"]
    assert tried.only.has_passed
    assert [problem.code for problem in tried.read.problems] == ["unknown-key", "unknown-rule"]


def test_a_file_of_tests_is_checked_as_a_whole(lab):
    tried = lab("", {"x_test.yaml": "rule_files: [paymnets.yaml]\nrules: []\n"})
    assert [(problem.file, problem.code, problem.hint) for problem in tried.read.problems] == [
        ("rules/x_test.yaml", "unknown-key", 'did you mean "rule_files"?'),
    ]
    tried = lab("", {"x_test.yaml": "rule_files: [paymnets.yaml]\ntests: []\n"})
    assert [(problem.line, problem.code, problem.hint) for problem in tried.read.problems] == [
        (1, "missing-file", 'did you mean "payments.yaml"?'),
    ]
    tried = lab("", {"x_test.yaml": "tests: [}\n"})
    assert [problem.code for problem in tried.read.problems] == ["yaml"]


def test_a_wrong_test_does_not_keep_the_daemon_from_its_rules(lab):
    tried = lab("  - {name: wrong, alert: {a: b}, expect: {sverity: low}}\n")
    assert tried.loaded.ruleset.count == 3
    assert tried.loaded.lint == ()
