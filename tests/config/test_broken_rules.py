"""Broken rule files, each with exactly what its author is told."""

import pytest

from ingestd.config.problems import ConfigProblems, render_all

FILES = [
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    urgancy: high
""",
        """\
rules/payments.yaml:7:5: error[unknown-key]: unknown key "urgancy"
  |
7 |     urgancy: high
  |     ^^^^^^^ did you mean "urgency"?
""",
        id="a key that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    urgency: hgih
""",
        """\
rules/payments.yaml:7:14: error[value]: "hgih" is not one of high, medium, low
  |
7 |     urgency: hgih
  |              ^^^^ did you mean "high"?
""",
        id="a word that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    team: paymnets
""",
        """\
rules/payments.yaml:7:11: error[unknown-team]: team "paymnets" is not defined
  |
7 |     team: paymnets
  |           ^^^^^^^^ did you mean "payments"?
""",
        id="a team that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: paymnets
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    urgency: low
""",
        """\
rules/payments.yaml:3:9: error[unknown-team]: team "paymnets" is not defined
  |
3 |   team: paymnets
  |         ^^^^^^^^ did you mean "payments"?
""",
        id="a team in the defaults that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    page: payments
""",
        """\
rules/payments.yaml:7:11: error[unknown-policy]: policy "payments" is not defined
  |
7 |     page: payments
  |           ^^^^^^^^ did you mean "payments-oncall"?
""",
        id="a policy that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    page:
""",
        """\
rules/payments.yaml:7:10: error[empty]: this key has no value
  |
7 |     page:
  |          ^ write none if that is meant
""",
        id="a key without a value",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    ticket: {to: jira}
""",
        """\
rules/payments.yaml:7:18: error[unknown-connector]: connector "jira" is not defined
  |
7 |     ticket: {to: jira}
  |                  ^^^^ known: mail, tickets
""",
        id="a connector that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    ticket: {project: PAY}
""",
        """\
rules/payments.yaml:7:5: error[missing-key]: the key "to" is missing in "ticket"
  |
7 |     ticket: {project: PAY}
  |     ^^^^^^
""",
        id="a ticket without its connector",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    title: "{{ lables.x }}"
""",
        """\
rules/payments.yaml:7:16: error[template]: there is no template field "lables"
  |
7 |     title: "{{ lables.x }}"
  |                ^^^^^^ did you mean "labels"?
""",
        id="a template field that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    title: "{{ alert.srouce }}"
""",
        """\
rules/payments.yaml:7:22: error[template]: there is no template field "alert.srouce"
  |
7 |     title: "{{ alert.srouce }}"
  |                      ^^^^^^ did you mean "source"?
""",
        id="a part of a template field that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    title: "{{ labels.x"
""",
        """\
rules/payments.yaml:7:12: error[template]: bad template: unexpected end of template, expected 'end of print statement'
  |
7 |     title: "{{ labels.x"
  |            ^^^^^^^^^^^^^ expressions stand in {{ }}, conditions in {% if ... %}...{% endif %}
""",
        id="a template that does not end",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    summary: "{{ labels.x|uper }}"
""",
        """\
rules/payments.yaml:7:14: error[template]: bad template: No filter named 'uper'
  |
7 |     summary: "{{ labels.x|uper }}"
  |              ^^^^^^^^^^^^^^^^^^^^^ did you mean "upper"?
""",
        id="a filter that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    title: "{{ 9 ** 9 }}"
""",
        """\
rules/payments.yaml:7:12: error[template]: ** is not allowed in a template
  |
7 |     title: "{{ 9 ** 9 }}"
  |            ^^^^^^^^^^^^^^
""",
        id="a template with a power",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    title: "{{ labels.x.upper() }}"
""",
        """\
rules/payments.yaml:7:12: error[template]: a call is not allowed in a template
  |
7 |     title: "{{ labels.x.upper() }}"
  |            ^^^^^^^^^^^^^^^^^^^^^^^^ use a filter: labels.service|upper
""",
        id="a template with a call",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    title: "{% for a in labels %}{% for b in labels %}{% endfor %}{% endfor %}"
""",
        """\
rules/payments.yaml:7:12: error[template]: a loop in a loop is not allowed in a template
  |
7 |     title: "{% for a in labels %}{% for b in labels %}{% endfor %}{% endfor %}"
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
""",
        id="a template with nested loops",
    ),
    pytest.param(
        """\
version: 1
defaults:
  title: "{{ x }}"
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    urgency: low
""",
        """\
rules/payments.yaml:3:14: error[template]: there is no template field "x"
  |
3 |   title: "{{ x }}"
  |              ^ known: alert, annotations, category, impact, labels, rule, runbook, severity, summary, team, urgency
""",
        id="a template that is wrong in the defaults",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    dedup: {by: alertname}
""",
        """\
rules/payments.yaml:7:17: error[type]: this must be a list, not text
  |
7 |     dedup: {by: alertname}
  |                 ^^^^^^^^^ put it in [ ]
""",
        id="dedup by text",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    dedup: {by: [alertname, alert.suorce]}
""",
        """\
rules/payments.yaml:7:29: error[matcher]: rule "ledger-lag": there is no field "alert.suorce"
  |
7 |     dedup: {by: [alertname, alert.suorce]}
  |                             ^^^^^^^^^^^^ did you mean "alert.source"?
""",
        id="dedup by a field that does not exist",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    dedup: {within: 5}
""",
        """\
rules/payments.yaml:7:21: error[duration]: 5 has no unit
  |
7 |     dedup: {within: 5}
  |                     ^ write 5s for seconds
""",
        id="a window without unit",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    correlate: {by: [a], within: 90d}
""",
        """\
rules/payments.yaml:7:34: error[value]: this must be from 0s to 30d
  |
7 |     correlate: {by: [a], within: 90d}
  |                                  ^^^
""",
        id="a window out of bounds",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    rule: x
""",
        """\
rules/payments.yaml:7:5: error[duplicate-key]: key "rule" is given twice
  |
7 |     rule: x
  |     ^^^^ first given on line 5
""",
        id="a rule name given twice in one rule",
    ),
    pytest.param(
        """\
version: 1
defaults:
  team: payments
rules:
  - rule: ledger-lag
    match: [alertname = Lag]
    category: true
""",
        """\
rules/payments.yaml:7:15: error[type]: this must be text, not true or false
  |
7 |     category: true
  |               ^^^^ put it in quotes
""",
        id="a value of the wrong type",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match:
      - env: prod
""",
        """\
rules/payments.yaml:4:9: error[matcher]: a matcher is one string, not a mapping
  |
4 |       - env: prod
  |         ^^^^^^^^^ write  'env = prod'
""",
        id="a matcher as a mapping",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match:
      - summary =~ "disk: full"
""",
        """\
rules/payments.yaml:4:9: error[matcher]: a matcher is one string, not a mapping
  |
4 |       - summary =~ "disk: full"
  |         ^^^^^^^^^^^^^^^^^^^^^^^ put the whole matcher in single quotes:  'summary =~ "disk: full"'
""",
        id="a matcher that YAML takes for a mapping",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: {env: prod}
""",
        """\
rules/payments.yaml:3:12: error[matcher]: matchers are strings in a list, not a mapping
  |
3 |     match: {env: prod}
  |            ^^^^^^^^^^^ write  ['env = prod']
""",
        id="matchers as a mapping",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: env = prod
""",
        """\
rules/payments.yaml:3:12: error[matcher]: matchers stand in a list
  |
3 |     match: env = prod
  |            ^^^^^^^^^^ write  ['env = prod']
""",
        id="matchers as text",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match:
      - alert.summary =~ "(?i)(?=rejected).*"
""",
        """\
rules/payments.yaml:4:27: error[matcher]: rule "x": bad regular expression: invalid perl operator: (?=
  |
4 |       - alert.summary =~ "(?i)(?=rejected).*"
  |                           ^^^^^^^^^^^^^^^^^^ RE2 has no look-ahead or back-references; use "unless:" instead
""",
        id="a look-ahead",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: ['a =~ "(x)\\1"']
""",
        """\
rules/payments.yaml:3:20: error[matcher]: rule "x": bad regular expression: invalid escape sequence: \\1
  |
3 |     match: ['a =~ "(x)\\1"']
  |                    ^^^^^ RE2 has no look-ahead or back-references; use "unless:" instead
""",
        id="a back-reference",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: ["a =~ *foo"]
""",
        """\
rules/payments.yaml:3:19: error[matcher]: rule "x": bad regular expression: no argument for repetition operator: *
  |
3 |     match: ["a =~ *foo"]
  |                   ^^^^ this is not a glob: write ".*" for anything
""",
        id="a glob",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: ["a =~ x{2000}"]
""",
        """\
rules/payments.yaml:3:19: error[matcher]: rule "x": bad regular expression: invalid repetition size: {2000}
  |
3 |     match: ["a =~ x{2000}"]
  |                   ^^^^^^^ RE2 repeats at most 1000 times; write * or +
""",
        id="too many repetitions",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: [a == b]
""",
        """\
rules/payments.yaml:3:15: error[matcher]: rule "x": there is no operator ==
  |
3 |     match: [a == b]
  |               ^^ write one =
""",
        id="two equals signs",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: [severity]
""",
        """\
rules/payments.yaml:3:21: error[matcher]: rule "x": a matcher needs an operator: = != =~ or !~
  |
3 |     match: [severity]
  |                     ^ write  'name = value', 'name != value', 'name =~ "regex"' or 'name !~ "regex"'
""",
        id="no operator",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: ['a = "x']
""",
        """\
rules/payments.yaml:3:18: error[matcher]: rule "x": this value has no closing quote
  |
3 |     match: ['a = "x']
  |                  ^^
""",
        id="an open quote in a matcher",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: ['a = x"y']
""",
        """\
rules/payments.yaml:3:19: error[matcher]: rule "x": an unescaped double quote in the value
  |
3 |     match: ['a = x"y']
  |                   ^ put the whole value in double quotes, and write \\" for one inside
""",
        id="a quote in a value",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: [alert.sumary = x]
""",
        """\
rules/payments.yaml:3:13: error[matcher]: rule "x": there is no field "alert.sumary"
  |
3 |     match: [alert.sumary = x]
  |             ^^^^^^^^^^^^ did you mean "alert.summary"?
""",
        id="an alert field that does not exist",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: [labels.env = x]
""",
        """\
rules/payments.yaml:3:13: error[matcher]: rule "x": there is no field "labels.env"
  |
3 |     match: [labels.env = x]
  |             ^^^^^^^^^^ a bare name is a label: write "env"
""",
        id="a label with a prefix",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: ["{a = b}"]
""",
        """\
rules/payments.yaml:3:14: error[matcher]: rule "x": a matcher starts with a label name
  |
3 |     match: ["{a = b}"]
  |              ^ selectors in { } are for match_any
""",
        id="a selector among plain matchers",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match_any: ['{a=b','{}']
""",
        """\
rules/payments.yaml:3:18: error[matcher]: rule "x": this selector has no closing }
  |
3 |     match_any: ['{a=b','{}']
  |                  ^^^^

rules/payments.yaml:3:25: error[matcher]: rule "x": an empty selector would match every alert
  |
3 |     match_any: ['{a=b','{}']
  |                         ^^ leave it out
""",
        id="a selector without its end, and an empty one",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: [""]
""",
        """\
rules/payments.yaml:3:14: error[matcher]: rule "x": a matcher starts with a label name
  |
3 |     match: [""]
  |              ^
""",
        id="an empty matcher",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: [5]
""",
        """\
rules/payments.yaml:3:13: error[matcher]: a matcher is one string
  |
3 |     match: [5]
  |             ^ write  'name = value'
""",
        id="a number for a matcher",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    about: nothing
""",
        """\
rules/payments.yaml:2:11: error[missing-key]: rule "x" has neither match nor match_any
  |
2 |   - rule: x
  |           ^ to match every alert on purpose, write  match: []
""",
        id="a rule that would match everything",
    ),
    pytest.param(
        """\
rules:
  - rule: x
    match: [a = b]
  - rule: x
    match: [a = c]
""",
        """\
rules/payments.yaml:4:11: error[duplicate-rule]: there is another rule "x"
  |
4 |   - rule: x
  |           ^ in rules/payments.yaml:2
""",
        id="two rules of one name",
    ),
    pytest.param(
        """\
rules:
  - rule: unmatched
    match: []
""",
        """\
rules/payments.yaml:2:11: error[duplicate-rule]: "unmatched" is the built-in last rule
  |
2 |   - rule: unmatched
  |           ^^^^^^^^^ use another name
""",
        id="the name of the built-in rule",
    ),
    pytest.param(
        """\
rules:
  - ruel: y
    match: []
  - rule: z
    match: [a]
  - rule: w
    team: x
    match: [b = c]
""",
        """\
rules/payments.yaml:2:5: error[missing-key]: the key "rule" is missing
  |
2 |   - ruel: y
  |     ^^^^^^^

rules/payments.yaml:2:5: error[unknown-key]: unknown key "ruel"
  |
2 |   - ruel: y
  |     ^^^^ did you mean "rule"?

rules/payments.yaml:5:14: error[matcher]: rule "z": a matcher needs an operator: = != =~ or !~
  |
5 |     match: [a]
  |              ^ write  'name = value', 'name != value', 'name =~ "regex"' or 'name !~ "regex"'

rules/payments.yaml:7:11: error[unknown-team]: team "x" is not defined
  |
7 |     team: x
  |           ^ known: default, payments
""",
        id="every error of a file at once",
    ),
    pytest.param(
        """\
severity:
  high: {high: critical, meduim: high}
rules: []
""",
        """\
rules/payments.yaml:2:26: error[unknown-key]: unknown key "meduim"
  |
2 |   high: {high: critical, meduim: high}
  |                          ^^^^^^ did you mean "medium"?
""",
        id="a matrix with a gap and a word that does not exist",
    ),
    pytest.param(
        """\
severity:
  high: {high: critical, medium: high, low: medium}
  medium: {high: high, medium: medium}
  low: {high: medium, medium: low, low: low}
""",
        """\
rules/payments.yaml:3:3: error[missing-key]: the severity for impact medium and urgency low is missing
  |
3 |   medium: {high: high, medium: medium}
  |   ^^^^^^
""",
        id="a matrix with a gap",
    ),
    pytest.param(
        """\
version: 2
rules: []
""",
        """\
rules/payments.yaml:1:10: error[value]: this must be 1
  |
1 | version: 2
  |          ^
""",
        id="a file of another version",
    ),
    pytest.param(
        """\
rules: {a: b}
""",
        """\
rules/payments.yaml:1:8: error[type]: this must be a list, not a mapping
  |
1 | rules: {a: b}
  |        ^^^^^^
""",
        id="rules as a mapping",
    ),
]


@pytest.mark.parametrize(("rules", "expected"), FILES)
def test_a_wrong_rule_file_is_reported_where_it_is_wrong(load_text, rules, expected):
    with pytest.raises(ConfigProblems) as caught:
        load_text(rules=rules)
    assert render_all(caught.value.problems) + "\n" == expected
