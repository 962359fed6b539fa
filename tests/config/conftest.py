"""A configuration that is right, to be broken in one place at a time."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import pytest

from ingestd.config.load import Loaded, load

GOOD = """\
sources:
  am: {kind: alertmanager, auth: none}
connectors:
  tickets: {kind: ticket_folder, path: var/tickets}
  mail: {kind: email_pager, from: ingestd@localhost, maildir: var/mail}
channels: {email: mail}
people:
  asha: {email: asha@example.com}
policies:
  default: {steps: [{page: [asha], wait: 5m}]}
  payments-oncall: {steps: [{page: [asha]}]}
teams:
  default: {policy: default, ticket: {to: tickets}}
  payments: {}
api: {loopback_without_token: true}
"""

LoadText = Callable[..., Loaded]


@pytest.fixture
def good() -> str:
    return GOOD


@pytest.fixture
def load_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadText:
    """Loads a configuration and rules given as text, from ``config.yaml`` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def load_them(
        config: str = GOOD,
        rules: str | Mapping[str, str] = "",
        environment: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> Loaded:
        (tmp_path / "rules").mkdir(exist_ok=True)
        files = {"payments.yaml": rules or "rules: []\n"} if isinstance(rules, str) else rules
        for name, text in files.items():
            (tmp_path / "rules" / name).write_text(text, encoding="utf-8")
        (tmp_path / "config.yaml").write_text(config, encoding="utf-8", newline="")
        return load(Path("config.yaml"), environment=environment or {}, now=now)

    return load_them
