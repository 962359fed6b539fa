"""A real Prometheus without an Alertmanager sends straight to ingestd: its alert opens, holds and clears one incident.

It is hurried: it says each alert every second and says it is good for four. So an ingestd that is away for longer than that would lose
every alert, if it took its own absence for silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance import monitoring
from tests.acceptance.daemon import DaemonProcess, config_of
from tests.acceptance.monitoring import Exporter, Program, free_port
from tests.acceptance.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

STEP_SECONDS_MAX = 30.0
SHOP = 'checkout_up{host="shop1"}'
DISK = 'disk_used_ratio{host="db1"}'
RULES = [
    {"alert": "CheckoutDown", "expr": "checkout_up == 0", "labels": {"severity": "critical"}},
    {
        "alert": "DiskAlmostFull",
        "expr": "disk_used_ratio > 0.9",
        "labels": {"severity": "high"},
        # It changes with every message, and that is no news.
        "annotations": {"summary": "{{ $labels.host }}: {{ $value }} at " + '{{ query "time()" | first | value }}'},
    },
]
PASSWORD = "a password of Prometheus"


class Shop:
    """What is monitored, who monitors it, and who is told."""

    def __init__(self, exporter: Exporter, prometheus: Program, daemon: DaemonProcess) -> None:
        self.exporter = exporter
        self.prometheus = prometheus
        self.daemon = daemon

    def wait(self, what: str, holds: Callable[[], Any]) -> Any:
        return until(holds, STEP_SECONDS_MAX, what, last_words=self._look)

    def _look(self) -> str:
        timelines = {one["id"]: self.alert_lines(one["id"]) for one in self.daemon.incidents()}
        return f"{self.states()} {timelines} {self.told()} {self.tickets()} tickets\n{self.prometheus.log()[-2000:]}"

    def wait_for_repeats(self, count: int) -> None:
        before = self.repeats()
        self.wait(f"{count} repeats", lambda: self.repeats() >= before + count)

    def repeats(self) -> float:
        return self.daemon.metric("ingestd_alerts_received_total", verdict="repeat")

    def failed_sends(self) -> float:
        """How many alerts Prometheus could not hand to anybody, by its own count."""
        page = requests.get(f"http://127.0.0.1:{self.prometheus.port}/metrics", timeout=10).text
        lines = (line.rpartition(" ") for line in page.splitlines())
        return sum(float(value) for name, _, value in lines if name.startswith("prometheus_notifications_errors_total"))

    def states(self) -> list[str]:
        return [incident["state"] for incident in self.daemon.incidents()]

    def told(self) -> list[tuple[str, str]]:
        """What reached people: kind of delivery and incident, in order."""
        return self.daemon.rows(
            "SELECT kind, incident_id FROM outbox WHERE person IS NOT NULL AND state = 'done' ORDER BY seq"
        )

    def tickets(self) -> int:
        return len(list((self.daemon.folder / "tickets").glob("*.md")))

    def alert_lines(self, incident: str) -> list[str]:
        rows = self.daemon.rows(
            "SELECT kind || '/' || reason FROM timeline WHERE incident_id = ? AND kind LIKE 'alert%' ORDER BY seq",
            incident,
        )
        return [line for (line,) in rows]


@pytest.fixture
def shop(require, start, tmp_path: Path) -> Iterator[Shop]:
    program = require("prometheus")
    auth = {"basic": {"username": "prometheus", "passwords": [PASSWORD]}}
    config = config_of(
        tmp_path,
        server={"listen": f"127.0.0.1:{free_port()}", "external_url": "http://ingestd.example.com"},
        sources={"prom": {"kind": "alertmanager_api", "auth": auth}},
        # Of what comes in a burst each mail waits for the one before it: hurried, as a minute's wait would show nothing more.
        page_limits={"email": {"most": ["1 in 2s"], "batch": {"critical_every": "5s", "every": "5s"}}},
    )
    daemon = start(config)
    exporter = Exporter({SHOP: 1, DISK: 0.5})
    to = {
        "basic_auth": {"username": "prometheus", "password": PASSWORD},
        "static_configs": [{"targets": [f"127.0.0.1:{daemon.port}"]}],
    }
    prometheus = monitoring.prometheus(program, tmp_path / "prometheus", exporter, to, RULES)
    try:
        prometheus.await_ready()
        yield Shop(exporter, prometheus, daemon)
    finally:
        prometheus.close()
        exporter.close()


def test_its_alert_opens_holds_and_clears_one_incident_whatever_dies_meanwhile(shop: Shop) -> None:
    shop.exporter.set(SHOP, 0)
    shop.wait("a page and a ticket", lambda: shop.told() and shop.tickets())
    shop.wait_for_repeats(4)

    # ingestd is away for longer than the alert is good for; Prometheus counts what it could not say.
    failed = shop.failed_sends()
    shop.daemon.kill()
    shop.wait("Prometheus says it four times to nobody", lambda: shop.failed_sends() >= failed + 4)
    shop.daemon.start()
    shop.wait_for_repeats(5)
    assert shop.states() == ["triggered"]
    (incident,) = (one["id"] for one in shop.daemon.incidents())
    assert shop.alert_lines(incident) == ["alert-fired/opened"]
    assert (shop.told(), shop.tickets()) == ([("page", incident)], 1)

    shop.exporter.set(SHOP, 1)
    shop.wait("it is over", lambda: shop.states() == ["resolved"] and len(shop.told()) == 2)
    assert shop.alert_lines(incident) == ["alert-fired/opened", "alert-cleared/resolved_by_sender"]

    # Prometheus goes on saying that it is over, and says something else that changes its words each time.
    shop.exporter.set(DISK, 0.95)
    shop.wait("the disk has a page and a ticket", lambda: len(shop.told()) == 3 and shop.tickets() == 2)
    shop.wait_for_repeats(4)
    disk = shop.daemon.incidents()[-1]["id"]
    assert shop.alert_lines(disk) == ["alert-fired/opened"]

    shop.prometheus.kill()
    shop.wait("its silence is the end", lambda: shop.states() == ["resolved", "resolved"] and len(shop.told()) == 4)
    assert shop.alert_lines(disk) == ["alert-fired/opened", "alert-cleared/auto_resolved"]
    assert shop.told() == [("page", incident), ("notice", incident), ("page", disk), ("notice", disk)]
    assert shop.tickets() == 2
    assert shop.daemon.metric("ingestd_envelopes_refused_total") == 0
