"""ingestd as its users run it: a process with a configuration file, signals, exit codes, a log and an HTTP port."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.acceptance import warm_start
from tests.acceptance.waiting import until

ROOT = Path(__file__).resolve().parents[2]
SERVE = [str(Path(sys.executable).with_name("ingestd")), "serve"]
WARM = "warm"
_LAUNCHER = str(Path(__file__).with_name("launch_planted.py"))
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 25.0
CALL_SECONDS_MAX = 10.0


def planted(fault: str) -> list[str]:
    """The command of a daemon with a fault, to show that a test notices it."""
    return [sys.executable, _LAUNCHER, fault, "serve"]


def warm(fault: str = "no-fault") -> list[str]:
    """For a daemon that is started many times: see ``warm_start``."""
    return [WARM, fault]


def config_of(folder: Path, **sections: Any) -> dict[str, Any]:
    """A configuration that serves on a free port of loopback with its database, tickets and mail in ``folder``; ``sections`` replace."""
    return {
        "server": {"listen": "127.0.0.1:0", "external_url": "http://ingestd.example.com"},
        "database": {"url": f"sqlite:{folder / 'ingestd.db'}"},
        "sources": {"alertmanager": {"kind": "alertmanager", "auth": "none"}},
        "connectors": {
            "tickets": {"kind": "ticket_folder", "path": str(folder / "tickets")},
            "mail": {"kind": "email_pager", "from": "ingestd@example.com", "maildir": str(folder / "mail")},
        },
        "channels": {"email": "mail"},
        "people": {"asha": {"name": "Asha Rao", "email": "asha@example.com"}},
        "policies": {"default": {"steps": [{"page": ["asha"], "wait": "10m"}]}},
        "teams": {"default": {"policy": "default", "ticket": {"to": "tickets"}}},
        "rules": {"path": str(ROOT / "rules")},
        "incidents": {"comment_delay": "0s", "resolve_grace": "1s"},
        "api": {"loopback_without_token": True},
        "log": {"level": "info", "format": "json"},
        **sections,
    }


class DaemonProcess:
    """One daemon that may be started, killed and started again; its log goes on in one file."""

    def __init__(
        self, folder: Path, config: Mapping[str, Any], *, name: str = "ingestd", command: Sequence[str] = SERVE
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config_path = folder / f"{name}.yaml"
        self.log_path = folder / f"{name}.log"
        self.environment: dict[str, str] = {}
        self.command = list(command)
        self.process: subprocess.Popen[bytes] | warm_start.Life | None = None
        self.port = 0
        self._log_from = 0
        self.write_config(config)

    # ------------------------------------------------------------------ its life

    def write_config(self, config: Mapping[str, Any]) -> None:
        self.config_path.write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))

    def spawn(self) -> None:
        """Start the process and wait for nothing."""
        self._log_from = self.log_path.stat().st_size if self.log_path.exists() else 0
        self.port = 0
        if self.command[0] == WARM:
            arguments = ["serve", f"--config.file={self.config_path}"]
            self.process = warm_start.Life(arguments, self.folder, self.log_path, self.command[1])
            return
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, f"--config.file={self.config_path}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self.environment},
            )

    def start(self) -> DaemonProcess:
        """Start the process and return when it says that it is ready."""
        self.spawn()
        self.await_port()
        until(self.is_ready, START_SECONDS_MAX, "the daemon is ready", last_words=self.log)
        return self

    def await_port(self) -> int:
        self.port = until(self._bound_port, START_SECONDS_MAX, "the daemon listens", last_words=self.log)
        return self.port

    def kill(self) -> None:
        """``kill -9``, and wait until the kernel has buried it."""
        assert self.process is not None, "it was started"
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "it was started"
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        self.signal(signal.SIGTERM)
        return self.exit_code(STOP_SECONDS_MAX)

    def exit_code(self, seconds: float = START_SECONDS_MAX) -> int:
        assert self.process is not None, "it was started"
        return self.process.wait(seconds)

    def end(self) -> None:
        """Whatever state it is in: it does not outlive the test."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    # ------------------------------------------------------------------ what it says

    def log(self) -> str:
        """What it has written since it was started last."""
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as file:
            file.seek(self._log_from)
            return file.read().decode(errors="replace")

    def log_events(self, name: str = "") -> list[dict[str, Any]]:
        """The log events of this name since it was started last; all of them without a name."""
        events = []
        for line in self.log().splitlines():
            if line.startswith("{") and line.endswith("}"):
                event = json.loads(line)
                if name in {"", event.get("event")}:
                    events.append(event)
        return events

    def _bound_port(self) -> int:
        assert self.process is not None, "it was started"
        code = self.process.poll()
        assert code is None, f"the daemon ended with {code}\n{self.log()}"
        for event in self.log_events("daemon_ready"):
            return int(event["listen"].rpartition(":")[2])
        return 0

    def is_ready(self) -> bool:
        return self.get("/-/ready").status_code == 200

    # ------------------------------------------------------------------ its API

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def webhook(self, source: str = "alertmanager") -> str:
        return f"{self.url}/api/v1/webhooks/{source}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=CALL_SECONDS_MAX, **options)

    def post(self, path: str, *, timeout: float = CALL_SECONDS_MAX, **options: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=timeout, **options)

    def send(self, body: bytes | Mapping[str, Any], source: str = "alertmanager") -> requests.Response:
        """POST one webhook."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.post(f"/api/v1/webhooks/{source}", data=raw)

    def incidents(self) -> list[dict[str, Any]]:
        """All incidents, oldest first."""
        newest_first: list[dict[str, Any]] = self.get("/api/v1/incidents?state=all&limit=200").json()["incidents"]
        return newest_first[::-1]

    def incident(self, incident_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/v1/incidents/{incident_id}").json()
        return found

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over everything that bears these labels."""
        total = 0.0
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        for line in self.get("/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(label in series for label in wanted):
                total += float(value)
        return total

    # ------------------------------------------------------------------ its file

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """What a query finds in the SQLite file, read beside the daemon."""
        with closing(sqlite3.connect(f"file:{self.folder / 'ingestd.db'}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query, arguments).fetchall()
