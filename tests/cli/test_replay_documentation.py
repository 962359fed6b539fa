"""The page about replays shows what is really printed, for the rules and the change that stand on it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestd.core.names import EnvelopeId
from ingestd.core.sources import SourceKind
from ingestd.store import dialect, inbox
from ingestd.store.inbox import Envelope
from ingestd.store.migrate import migrate

CONFIG = """\
timezone: Europe/Berlin
database: {url: "sqlite:var/ingestd.db"}
sources:
  prometheus: {kind: alertmanager, auth: none}
connectors:
  jira: {kind: ticket_folder, path: tickets}
  mail: {kind: email_pager, from: ingestd@example.com, maildir: mail}
people:
  asha: {email: asha@example.com}
  ben: {email: ben@example.com}
channels: {email: mail}
policies:
  payments-oncall: {steps: [{page: [asha], wait: 5m}, {page: [ben], wait: 10m}]}
teams:
  default: {policy: payments-oncall, ticket: {to: jira}}
  payments: {policy: payments-oncall, ticket: {to: jira}}
api: {loopback_without_token: true}
"""

FIRES = (
    # Day and hour in UTC, minutes that it fires, alert, service, summary.
    (23, 2.0, 3, "LedgerReplicationLag", "ledger", "replica 2 is 41 s behind"),
    (24, 1.5, 2, "LedgerReplicationLag", "ledger", "replica 2 is 38 s behind"),
    (24, 14.0, 90, "CardGatewayDown", "card-gateway", "34 % of card authorisations fail"),
    (25, 3.25, 4, "LedgerReplicationLag", "ledger", "replica 1 is 60 s behind"),
    (26, 0.5, 45, "LedgerReplicationLag", "ledger", "replica 2 is 300 s behind"),
    (26, 10.0, 3, "LedgerReplicationLag", "ledger", "replica 2 is 35 s behind"),
    (27, 4.0, 25, "CheckoutSlow", "checkout", "p99 of checkout is 4.2 s"),
    (28, 2.0, 2, "LedgerReplicationLag", "ledger", "replica 2 is 44 s behind"),
)


def envelopes() -> list[Envelope]:
    """A week of one Alertmanager."""
    sent: list[tuple[datetime, bytes]] = []
    for day, hour, minutes, name, service, summary in FIRES:
        began_at = datetime(2026, 2, day, tzinfo=UTC) + timedelta(hours=hour)
        for status, at in (("firing", began_at), ("resolved", began_at + timedelta(minutes=minutes))):
            alert = {
                "status": status,
                "labels": {"alertname": name, "service": service, "env": "prod"},
                "annotations": {"summary": summary},
                "startsAt": began_at.isoformat(),
                "endsAt": at.isoformat() if status == "resolved" else "0001-01-01T00:00:00Z",
            }
            sent.append((at, json.dumps({"version": "4", "alerts": [alert]}).encode()))
    kind = SourceKind.ALERTMANAGER.value
    return [
        Envelope(EnvelopeId(f"env_{number}"), "prometheus", kind, at, "192.0.2.1", body, inbox.DONE)
        for number, (at, body) in enumerate(sorted(sent))
    ]


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "rules" / "replay.md").read_text(encoding="utf-8")


@pytest.fixture
def place(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rules of the page, those of its change in ``rules-new``, and a week of history."""
    monkeypatch.chdir(tmp_path)
    old, new = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for name, text in (("rules", old), ("rules-new", new)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "10-payments.yaml").write_text(text)
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "var").mkdir()
    engine = dialect.engine_for(f"sqlite:///{tmp_path / 'var' / 'ingestd.db'}")
    with engine.begin() as connection:
        migrate(connection)
        inbox.add(connection, envelopes())
    return tmp_path


def test_the_output_of_the_page_is_what_is_printed(page, place, bare_shell):
    shown = re.findall(r"```(?:console|text)\n\$ ingestd (.*?)\n(.*?)```", page, re.DOTALL)
    assert len(shown) == 3
    for command, output in shown:
        assert bare_shell(*command.split()).stdout == output
