"""Rules that load and are not what their author believes: each warning, exactly as it is told."""

from __future__ import annotations

import time

import pytest

from ingestd.config.problems import render_all

LINTS = [
    pytest.param(
        """\
rules:
  - rule: ledger-lag
    match: [alertname = LedgerReplicationLag]
  - rule: ledger-lag-prod
    match: [alertname = LedgerReplicationLag, env = prod]
""",
        """\
rules/payments.yaml:4:11: warning[unreachable]: rule "ledger-lag-prod" can never match
  |
4 |   - rule: ledger-lag-prod
  |           ^^^^^^^^^^^^^^^ "ledger-lag" on line 2 always matches first
""",
        id="an earlier rule takes all",
    ),
    pytest.param(
        """\
rules:
  - rule: a
    match: [service = a]
  - rule: b
    match: ['service =~ "b.*"']
  - rule: both
    match: ['service =~ "a|b1"']
    match_any: ['{service = a}', '{service = b1}']
""",
        """\
rules/payments.yaml:6:11: warning[unreachable]: rule "both" can never match
  |
6 |   - rule: both
  |           ^^^^ "a" on line 2 and "b" on line 4 always match first
""",
        id="two earlier rules take all",
    ),
    pytest.param(
        """\
rules:
  - rule: never
    match: [env = prod, env = staging]
""",
        """\
rules/payments.yaml:2:11: warning[unreachable]: rule "never" can never match
  |
2 |   - rule: never
  |           ^^^^^ its matchers exclude each other
""",
        id="matchers that exclude each other",
    ),
    pytest.param(
        """\
rules:
  - rule: odd
    match:
      - summary = disk # full
""",
        """\
rules/payments.yaml:4:24: warning[comment]: text after # is ignored
  |
4 |       - summary = disk # full
  |                        ^^^^^^ put the matcher in single quotes if this belongs to it; else move it to a line of its own
""",
        id="text lost after a hash",
    ),
]


@pytest.mark.parametrize(("rules", "expected"), LINTS)
def test_a_doubtful_rule_file_loads_with_a_warning(load_text, rules, expected):
    loaded = load_text(rules=rules)
    assert render_all(loaded.lint) + "\n" == expected


def test_a_rule_in_another_file_is_named_with_its_place(load_text):
    rules = {
        "10-thief.yaml": "rules:\n  - rule: thief\n    match: [env = prod]\n",
        "50-rules.yaml": "rules:\n  - rule: mine\n    match: [env = prod, service = checkout]\n",
    }
    (problem,) = load_text(rules=rules).lint
    assert (problem.file, problem.line, problem.hint) == (
        "rules/50-rules.yaml",
        2,
        '"thief" in rules/10-thief.yaml:2 always matches first',
    )


def test_two_thousand_rules_load_and_lint_in_less_than_two_seconds(load_text):
    rules = "".join(
        f"  - rule: r{number}\n"
        f"    about: The service {number} in one place.\n"
        f"    match: ['service = s{number}', 'alertname =~ \"(Disk|Cpu{number}).*\"', env = prod]\n"
        f"    unless: ['cluster =~ \"canary-.*\"']\n"
        f"    impact: high\n    urgency: medium\n    category: capacity\n"
        f'    title: "{{{{ labels.service }}}}: {{{{ summary }}}} ({number})"\n'
        for number in range(2000)
    )
    before = time.process_time()
    loaded = load_text(rules="rules:\n" + rules)
    spent = time.process_time() - before
    assert (loaded.ruleset.count, loaded.lint) == (2000, ())
    print(f"{spent:.2f} s")
    assert spent < 2.0, f"{spent:.2f} s of processor time"
