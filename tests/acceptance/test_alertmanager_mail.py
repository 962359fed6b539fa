"""A real Alertmanager that can only mail: its own template, over SMTP to the daemon's listener, read by the profile that comes along."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.mail_in import TO, mail_config, mail_port
from tests.acceptance.monitoring import Program
from tests.acceptance.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

SOURCE = {"kind": "email", "email": {"recipients": [TO], "auth": "none", "recovery_without_proof": True}}
LABELS = {"alertname": "DiskFull", "severity": "critical", "mount": "/var = x", "site": "münchen"}


def mailing_alertmanager(program: str, folder: Path, port: int) -> Program:
    config = {
        "global": {
            "smtp_smarthost": f"127.0.0.1:{port}",
            "smtp_from": "alertmanager@example.com",
            "smtp_require_tls": False,
        },
        "route": {
            "receiver": "mail",
            "group_by": ["alertname"],
            "group_wait": "1s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "mail", "email_configs": [{"to": TO, "send_resolved": True}]}],
    }
    options = [f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address="]
    return Program(folder, "alertmanager", [program, *options], config)


def says(manager: Program, host: str, *, is_over: bool = False) -> None:
    alert: dict[str, Any] = {
        "labels": {**LABELS, "instance": host},
        "annotations": {"summary": f"disk of {host} is full", "description": "first line\nsecond = line"},
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=disk",
    }
    if is_over:
        alert["endsAt"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    answer = requests.post(f"http://127.0.0.1:{manager.port}/api/v2/alerts", json=[alert], timeout=10)
    assert answer.status_code == 200, answer.text


def test_its_mail_fires_and_ends_each_alert_by_itself(require, start, tmp_path):
    program = require("prometheus-alertmanager")
    daemon = start(mail_config(tmp_path, sources={"mailed": SOURCE}))
    manager = mailing_alertmanager(program, tmp_path / "am", mail_port(daemon))

    def states() -> dict[str, str]:
        rows = daemon.rows("SELECT labels, state FROM members ORDER BY 1")
        return {host: state for labels, state in rows for host in ("db1", "db2") if host in str(labels)}

    try:
        manager.await_ready()
        says(manager, "db1")
        says(manager, "db2")
        until(lambda: states() == {"db1": "firing", "db2": "firing"}, 30, "both fire", last_words=daemon.log)
        says(manager, "db1", is_over=True)
        until(lambda: states() == {"db1": "cleared", "db2": "firing"}, 30, "one is over", last_words=daemon.log)
        says(manager, "db2", is_over=True)
        until(
            lambda: {one["state"] for one in daemon.incidents()} == {"resolved"},
            30,
            "all is over",
            last_words=daemon.log,
        )
    finally:
        manager.close()
    members = daemon.rows("SELECT labels, annotations, links FROM members")
    assert all("/var = x" in labels and "münchen" in labels for labels, _, _ in members)
    assert all("disk of db" in annotations and "mail_problem" not in annotations for _, annotations, _ in members)
    assert all("prometheus.example.com" in links for _, _, links in members)
