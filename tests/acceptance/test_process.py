"""The daemon as a process: how it starts, reloads, stops and refuses, as systemd and an admin see it."""

from __future__ import annotations

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
import requests

from connectors.freshdesk.fake import FreshdeskFake
from tests.acceptance.daemon import config_of
from tests.acceptance.outside import now
from tests.acceptance.waiting import until

STOP_SECONDS = 8.0
"""What "within seconds" means for a daemon with work under way, on a machine with other work."""
DESK = {"kind": "freshdesk", "api_key": "key-of-the-agent", "requester_email": "monitoring@example.com"}


def desk_config(folder, url):
    return config_of(
        folder,
        connectors={"desk": {**DESK, "url": url}},
        channels={},
        people={},
        policies={},
        teams={"default": {"policy": "none", "ticket": {"to": "desk"}}},
    )


# ---------------------------------------------------------------------------------------------- starting


def test_it_is_ready_once_and_stays_so(start, tmp_path):
    daemon = start(config_of(tmp_path), wait=False)
    daemon.spawn()
    daemon.await_port()
    answers = []

    def look():
        answers.append(daemon.get("/-/ready").status_code)
        return answers.count(200) >= 5

    until(look, 10, "ready", last_words=daemon.log)
    assert set(answers) <= {200, 503}
    assert answers == sorted(answers, reverse=True), "503 until it is ready, then 200"
    assert daemon.get("/-/healthy").status_code == 200


def test_a_bad_configuration_ends_with_78_and_all_its_problems_and_leaves_nothing_behind(start, tmp_path):
    config = config_of(tmp_path)
    config["server"]["listen"] = "nowhere"
    config["teams"]["default"]["policy"] = "defualt"
    config["polices"] = {}
    config["incidents"]["comment_delay"] = "soon"
    daemon = start(config, wait=False)
    daemon.spawn()
    assert daemon.exit_code() == 78
    said = daemon.log()
    problems = [line for line in said.splitlines() if f"{daemon.config_path.name}:" in line and ": error[" in line]
    assert len(problems) == 4, said
    for words in ("nowhere", "defualt", "polices", "soon"):
        assert words in said
    assert "did you mean" in said.casefold()
    assert not (tmp_path / "ingestd.db").exists()


def test_nobody_else_on_the_machine_can_read_the_database(start, tmp_path):
    daemon = start(config_of(tmp_path))
    files = {path.name: path.stat().st_mode & 0o777 for path in daemon.folder.glob("ingestd.db*")}
    assert {"ingestd.db", "ingestd.db-wal", "ingestd.db.lock"} <= set(files)
    assert set(files.values()) == {0o600}


def test_what_is_unwise_is_said_with_its_place_and_the_time(start, tmp_path):
    daemon = start(config_of(tmp_path))
    [lint] = daemon.log_events("config_lint")
    assert lint["place"].startswith(f"{daemon.config_path}:")
    assert datetime.fromisoformat(lint["at"]).tzinfo is not None


def test_a_second_daemon_on_the_same_file_is_refused_and_told_why(start, tmp_path, notification):
    first = start(config_of(tmp_path))
    second = start(config_of(tmp_path), wait=False, name="second")
    second.spawn()
    assert second.exit_code() == 1
    assert f"another ingestd (process {first.process.pid}) uses {tmp_path / 'ingestd.db'}" in second.log()
    assert "PostgreSQL" in second.log()
    assert first.send(notification()).status_code == 202


def test_a_port_that_is_taken_is_said_and_ends_it(start, tmp_path):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = {"listen": f"127.0.0.1:{port}", "external_url": "http://ingestd.example.com"}
        daemon = start(config_of(tmp_path, server=server), wait=False)
        daemon.spawn()
        assert daemon.exit_code() == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in daemon.log()
    assert "server.listen" in daemon.log()
    assert "Traceback" not in daemon.log()


# ---------------------------------------------------------------------------------------------- stopping


def test_sigterm_under_load_keeps_every_promise_and_ends_with_0(start, tmp_path, notification):
    daemon = start(config_of(tmp_path))
    acknowledged: list[str] = []
    other: list[int] = []

    def post(number: int) -> None:
        try:
            answer = daemon.send(notification(instance=f"shop-{number}"))
        except requests.ConnectionError:
            return
        if answer.status_code == 202:
            acknowledged.append(answer.json()["envelope"])
        else:
            other.append(answer.status_code)

    with ThreadPoolExecutor(8) as senders:
        for number in range(400):
            senders.submit(post, number)
        until(lambda: len(acknowledged) >= 40, 15, "some answers", last_words=daemon.log)
        began = time.monotonic()
        assert daemon.stop() == 0
        stop_seconds = time.monotonic() - began
    assert stop_seconds < STOP_SECONDS
    assert set(other) <= {503}
    stored = {row[0] for row in daemon.rows("SELECT id FROM inbox")}
    assert set(acknowledged) <= stored
    assert daemon.log_events("daemon_stopped")


def test_a_body_that_is_half_sent_when_sigterm_comes_is_let_go_and_holds_nothing_up(start, tmp_path, notification):
    daemon = start(config_of(tmp_path))
    body = notification()
    head = (
        f"POST /api/v1/webhooks/alertmanager HTTP/1.1\r\nHost: ingestd\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as line:
        line.sendall(head + body[:20])
        daemon.get("/-/healthy")  # by now the daemon has read what came before on the other connection
        daemon.signal(signal.SIGTERM)
        assert line.recv(4096) == b"", "a sender that gets no answer sends it again; any answer could be taken for one"
    assert daemon.exit_code(STOP_SECONDS) == 0
    assert daemon.rows("SELECT count(*) FROM inbox") == [(0,)]


def test_a_ticket_on_its_way_is_waited_for(start, serve, tmp_path, notification):
    desk = FreshdeskFake(now)
    server = serve(desk, travel_seconds=1.0)
    daemon = start(desk_config(tmp_path, server.url))
    daemon.send(notification())
    until(lambda: server.under_way, 10, "the ticket is on its way", last_words=daemon.log)
    assert daemon.stop() == 0
    assert daemon.rows("SELECT state FROM outbox") == [("done",)]
    assert len(server.ask(desk.tickets)) == 1


# ---------------------------------------------------------------------------------------------- reloading


def reload_metric(daemon):
    return daemon.metric("ingestd_config_last_reload_successful")


def test_a_bad_file_keeps_the_old_configuration_and_says_why(start, tmp_path, notification):
    config = config_of(tmp_path)
    daemon = start(config)
    assert reload_metric(daemon) == 1
    no_such_policy = {"default": {**config["teams"]["default"], "policy": "nobody"}}
    daemon.write_config({**config, "teams": no_such_policy})
    daemon.signal(signal.SIGHUP)
    [refused] = until(lambda: daemon.log_events("config_refused"), 10, "it refuses", last_words=daemon.log)
    assert "nobody" in refused["first"]
    assert daemon.config_path.name in refused["first"]
    assert reload_metric(daemon) == 0
    assert daemon.send(notification()).status_code == 202
    until(lambda: list((tmp_path / "mail" / "new").glob("*")), 10, "the old policy pages", last_words=daemon.log)

    daemon.write_config({**config, "sources": {"another": {"kind": "grafana", "auth": "none"}}})
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.log_events("config_reloaded"), 10, "it takes the good one over", last_words=daemon.log)
    assert reload_metric(daemon) == 1
    assert daemon.send(notification(), "another").status_code == 202
    assert daemon.send(notification()).status_code == 404


def test_a_reload_sets_up_the_log_anew_and_hides_the_secrets_that_it_brings(start, tmp_path):
    config = config_of(tmp_path)
    daemon = start(config)
    secrets = ["quiet-as-a-mouse", "quiet-as-the-grave"]
    sources = {"alertmanager": {"kind": "alertmanager", "auth": {"bearer": {"secrets": secrets}}}}
    daemon.write_config({**config, "sources": sources, "log": {"level": "debug", "format": "json"}})
    assert daemon.post("/-/reload").status_code == 200
    for secret in secrets:
        daemon.get(f"/{secret}")
    daemon.get("/metrics")  # which is logged at level debug alone
    until(lambda: len(daemon.log_events("request_answered")) >= 4, 10, "they are logged", last_words=daemon.log)
    assert "quiet-as" not in daemon.log()
    assert any(event["level"] == "debug" for event in daemon.log_events())


def test_a_reload_over_the_api_shows_all_problems(start, tmp_path):
    config = config_of(tmp_path)
    daemon = start(config)
    daemon.write_config({**config, "teams": {"default": {"policy": "nobody"}}, "polices": {}})
    answer = daemon.post("/-/reload", headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert len(answer.json()["problems"]) == 2


UNTRUE = """\
version: 1
rules:
  - {rule: shop, match: [alertname = CheckoutDown]}
tests:
  - {name: wishful, alert: {alertname: CheckoutDown}, expect: {rule: shop, severity: critical}}
"""


def test_rules_that_fail_their_tests_prevent_no_start_but_a_reload(start, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "10.yaml").write_text(UNTRUE)
    daemon = start(config_of(tmp_path, rules={"path": str(rules)}))
    [failed] = until(lambda: daemon.log_events("rule_tests_failed"), 15, "they are tried", last_words=daemon.log)
    assert (failed["level"], failed["count"]) == ("error", 1)
    assert 'the test "wishful" fails' in failed["first"]
    assert (daemon.metric("ingestd_rule_tests_failing"), reload_metric(daemon)) == (1, 1)
    assert "wishful" in daemon.get("/api/v1/status").json()["rule_tests_failing"][0]

    refused = daemon.post("/-/reload")
    assert (refused.status_code, refused.headers["Content-Type"]) == (422, "text/plain; charset=utf-8")
    assert refused.text.splitlines()[-2:] == ["   - severity: critical", "   + severity: medium"]
    assert [event["reason"] for event in daemon.log_events("config_refused")] == ["tests_failed"]
    assert daemon.is_ready()

    (rules / "10.yaml").write_text(UNTRUE.replace("severity: critical", "severity: medium"))
    assert daemon.post("/-/reload").status_code == 200
    assert (daemon.metric("ingestd_rule_tests_failing"), reload_metric(daemon)) == (0, 1)


def test_a_signal_during_a_reload_is_followed_by_another_one(start, tmp_path):
    config = config_of(tmp_path)
    daemon = start(config)
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children")
    until(lambda: not children.read_text(), 15, "the tests after the start are over", last_words=daemon.log)
    daemon.signal(signal.SIGHUP)
    until(children.read_text, 10, "the tests of the first one run", last_words=daemon.log)
    daemon.write_config({**config, "sources": {"another": {"kind": "grafana", "auth": "none"}}})
    daemon.signal(signal.SIGHUP)
    until(
        lambda: daemon.get("/api/v1/status").json()["sources"].get("another"), 15, "it is there", last_words=daemon.log
    )


def test_a_signal_before_it_serves_does_not_end_it(start, tmp_path):
    daemon = start(config_of(tmp_path), wait=False)
    daemon.spawn()
    until(lambda: daemon.log_events("daemon_started"), 20, "it has begun to start", last_words=daemon.log)
    daemon.signal(signal.SIGHUP)
    daemon.await_port()
    until(lambda: daemon.log_events("config_reloaded"), 15, "the signal is not forgotten", last_words=daemon.log)


# ---------------------------------------------------------------------------------------------- systemd


@pytest.fixture
def systemd(tmp_path):
    """The manager's end of the notification socket: what it has heard, as lists of lines."""
    heard: list[list[str]] = []
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(str(tmp_path / "notify"))

        def listen() -> None:
            while message := manager.recv(4096):
                heard.append(message.decode().split("\n"))

        thread = threading.Thread(target=listen)
        thread.start()
        yield heard
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as end:
            end.sendto(b"", str(tmp_path / "notify"))
        thread.join()


def test_systemd_is_told_the_whole_life(start, tmp_path, systemd, notification):
    config = config_of(tmp_path)
    daemon = start(config, wait=False)
    daemon.environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
    daemon.spawn()

    def words():
        return [lines[0] for lines in systemd]

    until(words, 20, "READY=1", last_words=daemon.log)
    assert words()[0] == "READY=1"
    daemon.await_port()
    assert daemon.send(notification()).status_code == 202
    until(lambda: words().count("WATCHDOG=1") >= 3, 10, "the watchdog is fed", last_words=daemon.log)
    daemon.signal(signal.SIGHUP)
    until(lambda: words().count("READY=1") >= 2, 10, "reloaded", last_words=daemon.log)
    assert words().index("RELOADING=1") < len(words()) - 1
    assert daemon.stop() == 0
    assert "STOPPING=1" in words()
    assert "WATCHDOG=1" not in words()[words().index("STOPPING=1") :]


def test_a_daemon_that_hangs_does_not_feed_the_watchdog(start, tmp_path, systemd):
    daemon = start(config_of(tmp_path), wait=False)
    daemon.environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
    daemon.start()
    until(lambda: ["WATCHDOG=1"] in systemd, 10, "the watchdog is fed", last_words=daemon.log)
    daemon.signal(signal.SIGSTOP)
    fed = len(systemd)
    watchdog_ends = time.monotonic() + 0.6
    until(lambda: time.monotonic() > watchdog_ends, 5, "the watchdog's time is over")
    assert len(systemd) <= fed + 1  # one may have been on its way
    daemon.signal(signal.SIGCONT)
    assert daemon.stop() == 0
