"""Which daemon is asked, as whom, and what is said when none answers or it refuses."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from aiohttp import web

from ingestd.cli import client_settings


@pytest.fixture
def settings_file(machine) -> Path:
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "ingestd" / "cli.yaml"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def free_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_without_a_daemon_it_says_how_to_start_one(bare_shell, free_url):
    shown = bare_shell("incident", "list", "--url", free_url)
    assert (shown.exit_code, shown.stdout) == (4, "")
    assert shown.stderr.startswith(
        f"error: no daemon at {free_url} (connection refused)\nhint: start it: ingestd serve"
    )


def test_the_flag_wins_over_the_environment_and_may_stand_before_or_after_the_command(bare_shell, daemon, free_url):
    env = {"INGESTD_URL": free_url}
    assert bare_shell("--url", daemon.url, "incident", "list", env=env).exit_code == 0
    assert bare_shell("incident", "list", "--url", daemon.url, env=env).exit_code == 0
    assert bare_shell("incident", "list", env=env).exit_code == 4


def test_the_users_file_names_daemon_and_token(bare_shell, daemon, settings_file):
    daemon.tokens["0123456789abcdef"] = "viewer"
    (settings_file.parent / "token").write_text("0123456789abcdef\n")
    (settings_file.parent / "token").chmod(0o600)
    settings_file.write_text(f"url: {daemon.url}/\ntoken_file: token\n")
    shown = bare_shell("incident", "list")
    assert (shown.exit_code, shown.stderr) == (0, "nothing is open\n")


def test_the_environment_wins_over_the_file(bare_shell, daemon, settings_file, free_url):
    settings_file.write_text(f"url: {free_url}\n")
    assert bare_shell("incident", "list", env={"INGESTD_URL": daemon.url}).exit_code == 0


def test_the_machines_file_does_not_concern_those_who_may_not_read_it(bare_shell, daemon, tmp_path, monkeypatch):
    file = tmp_path / "cli.yaml"
    file.write_text("this is: [not even YAML\n")
    monkeypatch.setattr(client_settings, "MACHINE_FILE", file)
    assert bare_shell("incident", "list", env={"INGESTD_URL": daemon.url}).exit_code == 2
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != file)  # root may read everything
    assert bare_shell("incident", "list", env={"INGESTD_URL": daemon.url}).exit_code == 0


def test_a_wrong_key_in_the_file_is_shown_with_its_place(bare_shell, daemon, settings_file):
    settings_file.write_text("ulr: http://127.0.0.1:1\n")
    shown = bare_shell("incident", "list")
    assert shown.exit_code == 2
    assert f'{settings_file}:1:1: error[unknown-key]: unknown key "ulr"' in shown.stderr


def test_an_empty_file_is_no_file(bare_shell, daemon, settings_file):
    settings_file.write_text("# nothing yet\n")
    assert bare_shell("incident", "list", "--url", daemon.url).exit_code == 0


@pytest.mark.parametrize(
    "url", ["ftp://x", "localhost:8095", "http://asha:secret@127.0.0.1", "http://h/?a=b", "http://"]
)
def test_a_url_that_cannot_be_meant_is_a_usage_error_and_is_not_repeated(bare_shell, url):
    shown = bare_shell("incident", "list", "--url", url)
    assert shown.exit_code == 2
    assert "secret" not in shown.stderr


def test_without_a_token_it_says_where_to_put_one(shell, daemon):
    daemon.tokens["0123456789abcdef"] = "viewer"
    shown = shell("incident", "list")
    assert shown.exit_code == 5
    assert "error: a token is needed" in shown.stderr
    assert "--token-file, INGESTD_TOKEN_FILE" in shown.stderr


def test_a_wrong_token_is_told_apart_from_none(shell, daemon):
    daemon.tokens["0123456789abcdef"] = "viewer"
    shown = shell("incident", "list", env={"INGESTD_TOKEN": "not-this-one"})
    assert shown.exit_code == 5
    assert "the token was sent but is not one of api.tokens" in shown.stderr
    assert "not-this-one" not in shown.stderr


def test_a_role_that_is_too_low_is_not_allowed(shell, daemon, gateway):
    daemon.tokens["0123456789abcdef"] = "viewer"
    shown = shell("incident", "ack", "1042", env={"INGESTD_TOKEN": "0123456789abcdef"})
    assert shown.exit_code == 5
    assert "this needs the role responder" in shown.stderr


def test_a_token_comes_from_a_file(shell, daemon, tmp_path):
    path = tmp_path / "token"
    path.write_text("0123456789abcdef\n")
    path.chmod(0o600)
    shell("incident", "list", "--token-file", str(path), env={"INGESTD_TOKEN": "another"})
    assert daemon.calls[-1].authorization == "Bearer 0123456789abcdef"
    shell("incident", "list", env={"INGESTD_TOKEN_FILE": str(path)})
    assert daemon.calls[-1].authorization == "Bearer 0123456789abcdef"


def test_a_token_file_that_everybody_can_read_is_warned_of(shell, tmp_path):
    path = tmp_path / "token"
    path.write_text("0123456789abcdef")
    path.chmod(0o644)
    assert f"chmod o= {path}" in shell("incident", "list", "--token-file", str(path)).stderr


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "naïve-token-0123", "x" * 5000])
def test_what_is_no_token_is_refused_before_anything_is_sent(shell, daemon, tmp_path, content):
    path = tmp_path / "token"
    path.write_text(content)
    shown = shell("incident", "list", "--token-file", str(path))
    assert shown.exit_code == 2
    assert not daemon.calls


def test_a_token_file_that_is_not_there(shell, tmp_path):
    shown = shell("incident", "list", "--token-file", str(tmp_path / "none"))
    assert shown.exit_code == 2
    assert "No such file" in shown.stderr


def test_a_token_over_http_to_another_machine_is_warned_of(bare_shell, tmp_path):
    path = tmp_path / "token"
    path.write_text("0123456789abcdef")
    path.chmod(0o600)
    # A name that cannot exist (RFC 6761), so that nothing is sent to anybody.
    shown = bare_shell("incident", "list", "--url", "http://ingestd.invalid:8095", "--token-file", str(path))
    assert shown.exit_code == 4
    assert "the token travels unencrypted" in shown.stderr
    assert "0123456789abcdef" not in shown.stderr


def test_no_proxy_and_no_netrc_come_between_it_and_this_machine(shell, daemon, free_url, machine, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".netrc").write_text("machine 127.0.0.1 login eve password secret\n")
    shown = shell("incident", "list", env={"http_proxy": free_url, "HTTP_PROXY": free_url, "ALL_PROXY": free_url})
    assert shown.exit_code == 0
    assert daemon.calls[-1].authorization is None


@pytest.mark.parametrize(
    ("status", "headers", "body", "words"),
    [
        (200, {"Content-Type": "text/html"}, "<html>Welcome</html>", "is not ingestd"),
        (200, {"Content-Type": "application/json"}, "[1]", "is not ingestd"),
        (200, {"Content-Type": "application/json"}, '{"items": []}', "is not ingestd"),
        (302, {"Location": "https://login.example.com/"}, "", "redirects instead of answering"),
        (502, {"Content-Type": "text/html"}, "<html>Bad gateway</html>", "answers 502 and not in the daemon's words"),
    ],
)
def test_what_is_no_daemon_of_ours_counts_as_not_reachable(bare_shell, serving, status, headers, body, words):
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers, text=body)

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    shown = bare_shell("incident", "list", "--url", serving.start(app))
    assert shown.exit_code == 4
    assert words in shown.stderr


def test_an_error_of_the_daemon_itself_is_told_in_its_words(bare_shell, serving):
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"error": "the database is busy\x1b[2J", "hint": "try again"}, status=503)

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    shown = bare_shell("incident", "list", "--url", serving.start(app))
    assert shown.exit_code == 1
    assert shown.stderr == "error: the database is busy[2J\nhint: try again\n"
