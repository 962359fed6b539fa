"""The page for rule authors: its example, its tests and its output are what ingestd does."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from ingestd.cli.tree import ingestd
from ingestd.config.rule_test_model import ExpectModel, RuleTestModel, StepModel

CONFIG = """\
sources:
  am: {kind: alertmanager, auth: none}
  grafana: {kind: grafana, auth: none}
connectors:
  tickets: {kind: ticket_folder, path: var/tickets}
  mail: {kind: email_pager, from: ingestd@localhost, maildir: var/mail}
channels: {email: mail}
people:
  asha: {email: asha@example.com}
policies:
  payments: {steps: [{page: [asha], wait: 5m}]}
  office-hours: {steps: [{page: [asha], wait: 1d}]}
teams:
  default: {policy: payments, ticket: {to: tickets}}
  payments: {policy: payments}
api: {loopback_without_token: true}
"""
LEDGER = {
    "version": "1",
    "orgId": 1,
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "LedgerLag", "service": "ledger"},
            "annotations": {"summary": "replica 2 is 40 s behind"},
        }
    ],
}


@pytest.fixture(scope="module")
def page(root) -> str:
    return (root / "docs" / "rules.md").read_text(encoding="utf-8")


@pytest.fixture
def example(page, place) -> str:
    """The rules and the tests of the page in one file, below a configuration in which their names mean something."""
    (place / "config.yaml").write_text(CONFIG)
    (place / "rules" / "fixtures").mkdir()
    (place / "rules" / "fixtures" / "grafana-ledger.json").write_text(json.dumps(LEDGER))
    rules = re.search(r"## Examples.*?```yaml\n(.*?)```", page, re.DOTALL)
    tests = re.search(r"## Tests.*?```yaml\n(.*?)```", page, re.DOTALL)
    return f"{rules[1]}\n{tests[1]}"


def test_the_tests_of_the_page_pass_on_its_rules(example, lab):
    tried = lab(rules=example)
    assert tried.read.problems == ()
    assert [result.test.name for result in tried.results if not result.has_passed] == []
    assert len(tried.results) == 4
    assert tried.coverage.missed == ()


def test_the_failure_of_the_page_is_what_is_printed(page, example, place):
    text = example.replace("    unless: ['env != production']\n", "")
    assert text != example
    (place / "rules" / "10-payments.yaml").write_text(text)
    shown = CliRunner().invoke(ingestd, ["test", "rules", "config.yaml"], env={"COLUMNS": None})
    assert shown.exit_code == 1
    said = re.search(r"\$ ingestd test rules config.yaml\n(.*?)```", page, re.DOTALL)[1]
    assert re.sub(r"yaml:\d+", "yaml:N", shown.stdout) == re.sub(r"yaml:\d+", "yaml:N", said)


@pytest.mark.parametrize("model", [ExpectModel, RuleTestModel, StepModel])
def test_every_key_of_a_test_is_on_the_page(page, model):
    section = page[page.index("## Tests") : page.index("## Before")]
    keys = [field.alias or name for name, field in model.model_fields.items()]
    assert [key for key in keys if f"`{key}`" not in section and f"`{key}:`" not in section] == []
