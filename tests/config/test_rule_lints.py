"""Rules that load and are not what their author believes: each warning, exactly as it is told."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from ingestd.config.problems import render_all

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
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
    pytest.param(
        """\
rules:
  - rule: bank-file
    match: ['file != ""', alert.source = email]
    extract: {from: alert.subject, regex: 'file (?P<file>[A-Z0-9]+) of (?P<day>\\S+)'}
""",
        """\
rules/payments.yaml:4:43: warning[no-effect]: extract never gives the label "file": every alert of rule "bank-file" has it already
  |
4 |     extract: {from: alert.subject, regex: 'file (?P<file>[A-Z0-9]+) of (?P<day>\\S+)'}
  |                                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ labels are never replaced: give the group another name
""",
        id="a label that is there already",
    ),
    pytest.param(
        """\
rules:
  - rule: try
    match: [alertname = Lag]
    mode: monitor
    hold: 5m
    threshold: {count: 3, within: 10m}
""",
        """\
rules/payments.yaml:5:11: warning[no-effect]: hold has no effect: rule "try" only monitors
  |
5 |     hold: 5m
  |           ^^ every alert is recorded at once; hold counts from when the rule is active

rules/payments.yaml:6:16: warning[no-effect]: threshold has no effect: rule "try" only monitors
  |
6 |     threshold: {count: 3, within: 10m}
  |                ^^^^^^^^^^^^^^^^^^^^^^^ every alert is recorded at once; threshold counts from when the rule is active
""",
        id="a hold of a rule that only monitors",
    ),
    pytest.param(
        """\
rules:
  - rule: nodes
    match: ['alertname =~ "NodeDown|NodeSlow"', env = prod]
    inhibit_by:
      - {match: [alertname = ClusterDown]}
      - {match: [env = prod]}
      - {match: [env = prod], equal: [host]}
""",
        """\
rules/payments.yaml:6:17: warning[self-inhibiting]: alerts of rule "nodes" keep each other back
  |
6 |       - {match: [env = prod]}
  |                 ^^^^^^^^^^^^ each of them is one that inhibits: narrow its match, or say with  equal  what the two have in common
""",
        id="alerts that keep each other back",
    ),
    pytest.param(
        """\
defaults:
  inhibit_by: {match: [env = prod]}
rules:
  - rule: nodes
    match: [env = prod, alertname = NodeDown]
""",
        """\
rules/payments.yaml:2:23: warning[self-inhibiting]: alerts of rule "nodes" keep each other back
  |
2 |   inhibit_by: {match: [env = prod]}
  |                       ^^^^^^^^^^^^ each of them is one that inhibits: narrow its match, or say with  equal  what the two have in common
""",
        id="alerts that keep each other back by the defaults",
    ),
    pytest.param(
        """\
rules:
  - rule: site-down
    match: [alertname = SiteDown]
    correlate: {collects: {match: ['alertname =~ "SiteDown|PowerLost"'], equal: [site]}}
  - rule: power-lost
    match: [alertname = PowerLost]
    correlate: {collects: {match: [alertname = SiteDown], equal: [site]}}
  - rule: rack-down
    match: [alertname = RackDown]
    correlate: {collects: {match: [alertname = HostDown]}}
""",
        """\
rules/payments.yaml:7:35: warning[collects-each-other]: rules "power-lost" and "site-down" collect each other
  |
7 |     correlate: {collects: {match: [alertname = SiteDown], equal: [site]}}
  |                                   ^^^^^^^^^^^^^^^^^^^^^^ whichever opens first takes the other in: let one of them collect, or narrow match
""",
        id="rules that collect each other",
    ),
    pytest.param(
        """\
response:
  low: {page: never}
defaults: {page: default}
rules:
  - rule: wakes-nobody
    match: [a = b]
    urgency: low
    page: payments-oncall
  - rule: as-the-file-says
    match: [a = c]
    urgency: low
  - rule: nobody-on-purpose
    match: [a = d]
    urgency: low
    page: none
  - rule: wakes-somebody
    match: [a = e]
    page: payments-oncall
""",
        """\
rules/payments.yaml:8:11: warning[never-paged]: rule "wakes-nobody" never pages: its severity is low
  |
8 |     page: payments-oncall
  |           ^^^^^^^^^^^^^^^ response says  low: {page: never}: raise impact or urgency, or take page out
""",
        id="a page of a severity that never pages",
    ),
    pytest.param(
        """\
response:
  low: {page: never}
services:
  checkout: {impact: high}
rules:
  - rule: wakes-somebody-for-checkout
    match: [a = b]
    urgency: low
    page: payments-oncall
  - rule: wakes-whom-its-alerts-say
    match: [a = d]
    impact: low
    urgency: low
    impact_from: impact
    page: payments-oncall
  - rule: wakes-nobody
    match: [a = c]
    impact: low
    page: payments-oncall
""",
        """\
rules/payments.yaml:19:11: warning[never-paged]: rule "wakes-nobody" never pages: its severity is low
   |
19 |     page: payments-oncall
   |           ^^^^^^^^^^^^^^^ response says  low: {page: never}: raise impact or urgency, or take page out
""",
        id="a page of a severity that the catalogue may raise",
    ),
    pytest.param(
        """\
response:
  medium: {page: office-hours}
rules:
  - rule: x
    match: [a = b]
""",
        """\
rules/payments.yaml:2:18: warning[office-hours]: severity medium pages at any hour: no file says when office hours are
  |
2 |   medium: {page: office-hours}
  |                  ^^^^^^^^^^^^ add  office_hours: {when: {weekdays: ['monday:friday'], times: ["09:00-17:00"]}}
""",
        id="office hours that no file has",
    ),
    pytest.param(
        """\
rules:
  - rule: over
    match: [a = b]
    expires: 2026-11-22
  - rule: tomorrow
    match: [a = c]
    expires: 2026-11-23 18:00
  - rule: in-two-weeks
    match: [a = d]
    expires: 2026-12-06
  - rule: later
    match: [a = e]
    expires: 2026-12-07
maintenance:
  - name: move
    match: [site = hq]
    when: {from: 2026-11-01 20:00, to: 2026-11-02 04:00}
  - name: move-again
    match: [site = hq]
    when:
      - {from: 2026-11-01 20:00, to: 2026-11-02 04:00}
      - {from: 2026-12-01 20:00, to: 2026-12-02 04:00}
  - name: last-year
    match: [site = hq]
    when: {years: [2025], weekdays: [sunday]}
  - name: every-week
    match: [site = hq]
    when: {weekdays: [sunday]}
""",
        """\
rules/payments.yaml:4:14: warning[expired]: rule "over" has expired: it matches nothing any more
  |
4 |     expires: 2026-11-22
  |              ^^^^^^^^^^ take it out, or give it a later day

rules/payments.yaml:7:14: warning[expires-soon]: rule "tomorrow" expires within 2 days
  |
7 |     expires: 2026-11-23 18:00
  |              ^^^^^^^^^^^^^^^^ later rules decide from then on: give it a later day if it is still needed

rules/payments.yaml:10:14: warning[expires-soon]: rule "in-two-weeks" expires within 14 days
   |
10 |     expires: 2026-12-06
   |              ^^^^^^^^^^ later rules decide from then on: give it a later day if it is still needed

rules/payments.yaml:15:11: warning[window-over]: maintenance "move" is over: it never opens again
   |
15 |   - name: move
   |           ^^^^ take it out, or give it another time

rules/payments.yaml:23:11: warning[window-over]: maintenance "last-year" is over: it never opens again
   |
23 |   - name: last-year
   |           ^^^^^^^^^ take it out, or give it another time
""",
        id="rules and windows that are over or soon will be",
    ),
    pytest.param(
        """\
enrich:
  - name: region
    match: [site = hq # and others
      ]
    add: {region: eu}
maintenance:
  - name: patching
    match:
      - service = ledger # eu
    when: {weekdays: [sunday]}
rules:
  - rule: x
    match: [a = b]
    inhibit_by:
      match:
        - a = c #1
""",
        """\
rules/payments.yaml:3:23: warning[comment]: text after # is ignored
  |
3 |     match: [site = hq # and others
  |                       ^^^^^^^^^^^^ put the matcher in single quotes if this belongs to it; else move it to a line of its own

rules/payments.yaml:9:26: warning[comment]: text after # is ignored
  |
9 |       - service = ledger # eu
  |                          ^^^^ put the matcher in single quotes if this belongs to it; else move it to a line of its own

rules/payments.yaml:16:17: warning[comment]: text after # is ignored
   |
16 |         - a = c #1
   |                 ^^ put the matcher in single quotes if this belongs to it; else move it to a line of its own
""",
        id="text lost in an enrich step, a window and what inhibits",
    ),
    pytest.param(
        """\
rules:
  - rule: for-now
    match: [env = prod]
    expires: 2027-01-31
  - rule: for-good
    match: [env = prod, service = checkout]
  - rule: for-less
    match: [env = prod, service = ledger]
    expires: 2027-01-01
""",
        """\
rules/payments.yaml:7:11: warning[unreachable]: rule "for-less" can never match
  |
7 |   - rule: for-less
  |           ^^^^^^^^ "for-now" on line 2 always matches first
""",
        id="a rule for a time hides none that stays",
    ),
]


@pytest.mark.parametrize(("rules", "expected"), LINTS)
def test_a_doubtful_rule_file_loads_with_a_warning(load_text, rules, expected):
    loaded = load_text(rules=rules, now=NOW)
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
