"""A configuration on disk with one rule, to be changed, broken and tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

CONFIG = """\
sources:
  am: {{kind: alertmanager, auth: {{bearer: {{secrets_file: {secret}}}}}}}
connectors:
  tickets: {{kind: ticket_folder, path: var/tickets}}
  mail: {{kind: email_pager, from: ingestd@localhost, maildir: var/mail}}
channels: {{email: mail}}
people: {{asha: {{email: asha@example.com}}}}
policies: {{default: {{steps: [{{page: [asha], wait: 15m}}]}}}}
teams: {{default: {{policy: default, ticket: {{to: tickets}}}}}}
rules: {{path: rules{options}}}
"""
RULES = """\
version: 1
rules:
  - rule: checkout
    match: [alertname = CheckoutDown]
    impact: high
    urgency: high
"""
TEST = """\
tests:
  - name: a checkout that is down
    alert: {{alertname: CheckoutDown}}
    expect: {{rule: checkout, severity: {severity}, pages: [asha]}}
"""


@dataclass
class Disk:
    """What the daemon finds."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def rules(self) -> Path:
        return self.folder / "rules"

    def write(self, *, rules: str = RULES, severity: str = "critical", options: str = "") -> None:
        self.rules.mkdir(exist_ok=True)
        secret = self.folder / "secret"
        secret.write_text("quiet-as-a-mouse-0123\n")
        self.config.write_text(CONFIG.format(secret=secret, options=options))
        (self.rules / "10-shop.yaml").write_text(rules)
        (self.rules / "10-shop_test.yaml").write_text(TEST.format(severity=severity))


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    found = Disk(tmp_path)
    found.write()
    return found
