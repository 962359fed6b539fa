"""Debian's own Prometheus and Alertmanager, hurried: they scrape, evaluate and group within a second.

What they monitor is a page of metrics of ours, so a test makes an alert fire by setting a value.
"""

from __future__ import annotations

import contextlib
import http.server
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.acceptance.waiting import until

START_SECONDS_MAX = 30.0


def free_port() -> int:
    """A port that nobody listens on. For programs that cannot say which one the system gave them."""
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Exporter:
    """A page of metrics; ``values`` maps a series, labels included, to its value."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self._values = dict(values)
        exporter = self

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.page().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silence."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def page(self) -> str:
        return "".join(f"{series} {value}\n" for series, value in self._values.items())

    def set(self, series: str, value: float) -> None:
        assert series in self._values, "a series that comes into being has another meaning than one that changes"
        self._values = {**self._values, series: value}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Program:
    """One of the two: started with a configuration file, ready when it says so."""

    def __init__(self, folder: Path, name: str, command: Sequence[str], config: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._log_path = folder / f"{name}.log"
        config_path = folder / f"{name}.yaml"
        config_path.write_text(yaml.safe_dump(dict(config), sort_keys=False))
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, f"--config.file={config_path}", f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
            )

    def await_ready(self) -> None:
        until(self._is_ready, START_SECONDS_MAX, f"{self._log_path.stem} is ready", last_words=self.log)

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self.log()
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).status_code == 200
        return False

    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    def kill(self) -> None:
        """``kill -9``: it says nothing any more, and nothing of that it ends."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def alertmanager(program: str, folder: Path, urls: Sequence[str]) -> Program:
    """Sends every group to every URL; groups by alert name, repeats every second, waits half of one for a group to gather."""
    config = {
        "global": {"resolve_timeout": "30s"},
        "route": {
            "receiver": "ingestd",
            "group_by": ["alertname"],
            "group_wait": "500ms",
            "group_interval": "1s",
            "repeat_interval": "900ms",  # of a group that is looked at every second: equal ones would miss each other
        },
        "receivers": [{"name": "ingestd", "webhook_configs": [{"url": url, "send_resolved": True} for url in urls]}],
    }
    options = [f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address="]
    return Program(folder, "alertmanager", [program, *options], config)


def prometheus(
    program: str,
    folder: Path,
    exporter: Exporter,
    to: Program | Mapping[str, Any],
    rules: Sequence[Mapping[str, Any]],
) -> Program:
    """Scrapes the exporter and evaluates the rules twice a second, says alerts each second, each time good for four.

    ``to`` is an Alertmanager, or what the configuration says of one.
    """
    receiver = {"static_configs": [{"targets": [f"127.0.0.1:{to.port}"]}]} if isinstance(to, Program) else dict(to)
    folder.mkdir(parents=True, exist_ok=True)
    rules_path = folder / "rules.yaml"
    rules_path.write_text(yaml.safe_dump({"groups": [{"name": "acceptance", "rules": [dict(rule) for rule in rules]}]}))
    config = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(rules_path)],
        "alerting": {"alertmanagers": [receiver]},
        "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}],
    }
    options = [f"--storage.tsdb.path={folder / 'prometheus'}", "--rules.alert.resend-delay=1s"]
    return Program(folder, "prometheus", [program, *options], config)
