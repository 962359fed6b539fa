"""``ingestd serve``: refuses a bad configuration with 78, and runs until it is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """\
sources:
  alertmanager: {kind: alertmanager, auth: none}
connectors:
  tickets: {kind: ticket_folder, path: tickets}
  mail: {kind: email_pager, from: ingestd@example.com, maildir: mail}
people:
  asha: {name: Asha Rao, email: asha@example.com}
channels: {email: mail}
policies:
  default: {steps: [{page: [asha], wait: 5m}]}
teams:
  default: {policy: default, ticket: {to: tickets}}
api: {loopback_without_token: true}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def test_a_bad_configuration_ends_with_78_and_every_problem(bare_shell, config):
    config.write_text(CONFIG.replace("wait: 5m", "wait: 5").replace("channels", "chanels"))
    shown = bare_shell("serve", f"--config.file={config}")
    assert shown.exit_code == 78
    assert "error[duration]" in shown.stderr
    assert 'did you mean "channels"?' in shown.stderr


def test_a_configuration_that_is_not_there_ends_with_78(bare_shell, tmp_path):
    assert bare_shell("serve", f"--config.file={tmp_path / 'none.yaml'}").exit_code == 78


def test_check_starts_nothing(bare_shell, config):
    assert bare_shell("serve", f"--config.file={config}", "--check").exit_code == 0
    config.write_text(CONFIG.replace("wait: 5m", "wait: 5"))
    assert bare_shell("serve", f"--config.file={config}", "--check").exit_code == 78
    assert not (config.parent / "var").exists()


def test_an_unknown_flag_is_a_usage_error(bare_shell):
    assert bare_shell("serve", "--config.fil=x").exit_code == 2


def test_it_serves_until_sigterm_and_the_other_commands_reach_it(config):
    program = [sys.executable, "-m", "ingestd"]
    flags = [f"--config.file={config}", "--web.listen-address=127.0.0.1:0", "--log.format=json"]
    with subprocess.Popen([*program, "serve", *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as daemon:
        assert daemon.stdout is not None
        said = []
        for line in daemon.stdout:
            said.append(line.decode())
            if b"daemon_ready" in line:
                break
        assert "daemon_ready" in said[-1], "".join(said)
        port = line.partition(b"127.0.0.1:")[2].partition(b'"')[0].decode()
        env = {**os.environ, "INGESTD_URL": f"http://127.0.0.1:{port}"}

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run([*program, *words], env=env, capture_output=True, text=True, check=False)

        quick = run("doctor", "--quick")
        listed = run("incident", "list")
        body = run("envelope", "body", "env_none")
        whole = run("doctor", f"--config.file={config}")
        daemon.send_signal(signal.SIGTERM)
        daemon.stdout.read()
        assert daemon.wait(30) == 0
    assert (quick.returncode, quick.stdout.split()[:3]) == (0, ["ok", "daemon", "ready"])
    assert (listed.returncode, listed.stderr) == (0, "nothing is open\n")
    assert (body.returncode, body.stderr.splitlines()[0]) == (1, "error: there is no envelope env_none")
    assert whole.returncode == 0, whole.stdout
    assert "quick check: ok" in whole.stdout
    assert run("incident", "list").returncode == 4
