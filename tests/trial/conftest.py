"""A configuration with two on-call policies, and rules given as text, to try out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingestd.config.load import Loaded, load
from ingestd.trial.rule_tests import RuleTests, read_tests
from ingestd.trial.running import Bench, Coverage, RuleTestResult, coverage

CONFIG = """\
sources:
  am: {kind: alertmanager, auth: none}
  grafana: {kind: grafana, auth: none}
connectors:
  tickets: {kind: ticket_folder, path: var/tickets}
  jira: {kind: ticket_folder, path: var/jira}
  mail: {kind: email_pager, from: ingestd@localhost, maildir: var/mail}
channels: {email: mail}
people:
  asha: {email: asha@example.com}
  ben: {email: ben@example.com}
  chloe: {email: chloe@example.com}
policies:
  default: {steps: [{page: [asha], wait: 15m}]}
  payments-oncall: {steps: [{page: [asha], wait: 5m}, {page: [ben, chloe], wait: 10m}], loop: 2}
teams:
  default: {policy: default, ticket: {to: tickets}}
  payments: {policy: payments-oncall}
api: {loopback_without_token: true}
"""

RULES = """\
version: 1
owner: payments
defaults:
  team: payments
  dedup: {by: [alertname, service, env], within: 15m}
  correlate: {by: [service, env], within: 30m}
  ticket: {to: jira, project: PAY, type: Incident}
  page: payments-oncall
maintenance:
  - name: patching
    match: [service = patched-only]
    when: {weekdays: [sunday], times: ["02:00-04:00"]}
rules:
  - rule: card-gateway-down
    match:
      - alertname =~ "CardGateway(Down|ErrorsHigh)"
      - env = prod
    unless: [cluster = canary]
    impact: high
    urgency: high
    category: availability
    runbook: https://runbooks.example.com/card-gateway
    title: "{{ labels.service }}: {{ summary }}"
  - rule: ledger-lag
    match: [alertname = LedgerReplicationLag]
    urgency: high
    category: performance
    correlate: {by: [cluster], within: 1h}
  - rule: payments-other
    match: ['service =~ "card-gateway|ledger|checkout"']
    urgency: low
    category: other
    page: none
"""


@dataclass(frozen=True)
class Tried:
    """What came of the tests of some rules."""

    loaded: Loaded
    read: RuleTests
    results: list[RuleTestResult]

    @property
    def coverage(self) -> Coverage:
        return coverage(self.loaded, self.results)

    @property
    def only(self) -> RuleTestResult:
        (result,) = self.results
        return result

    @property
    def wrong(self) -> list[tuple[object, ...]]:
        """Key, expected and actual of everything that did not hold."""
        return [
            (one.key, one.expected, one.actual)
            for result in self.results
            for shortfall in result.shortfalls
            for one in shortfall.differences
        ]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``config.yaml`` and an empty ``rules``, which is also where we are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def load_rules(place: Path) -> Callable[..., Loaded]:
    def load_them(files: Mapping[str, str]) -> Loaded:
        for name, text in files.items():
            (place / "rules" / name).write_text(text)
        return load(Path("config.yaml"), environment={})

    return load_them


@pytest.fixture
def lab(load_rules: Callable[..., Loaded]) -> Callable[..., Tried]:
    """Runs the tests of the payments rules: ``tests`` is the list below ``tests:``; ``files`` are further rule and test files."""

    def run(tests: str = "", files: Mapping[str, str] | None = None, rules: str = RULES) -> Tried:
        text = rules + ("tests:\n" + tests if tests else "")
        loaded = load_rules({"payments.yaml": text, **(files or {})})
        read = read_tests(loaded)
        return Tried(loaded, read, Bench(loaded).run(read.tests))

    return run
