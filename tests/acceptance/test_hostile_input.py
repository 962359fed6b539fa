"""Whatever comes over the socket: it is answered, the loop does not stand still, memory does not grow, and what was taken in ends somewhere.

The inputs are those that were measured to stop or kill a plainly written daemon, and some of their kin.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.daemon import DaemonProcess, config_of, planted
from tests.acceptance.stalls import watching
from tests.acceptance.waiting import until

STALL_SECONDS_MAX = 0.1
GROWN_BYTES_MAX = 50 * 1024**2
BODY_BYTES = 2 * 1024**2
SETTLE_SECONDS_MAX = 40.0
SAMPLES = sorted(
    sample
    for kind in ("alertmanager", "grafana")
    for sample in (Path(__file__).parents[1] / "samples" / kind).glob("*.json")
)
"""Those of the webhooks that this daemon has. What needs a mapping is posted in ``test_foreign_json``."""
STATUSES = {202, 400, 413, 415, 431}


def alert(**labels: str) -> bytes:
    """One alert with these labels, as Alertmanager wraps it."""
    return alerts([{"status": "firing", "labels": {"alertname": "Hostile", "severity": "critical", **labels}}])


def alerts(found: list[object]) -> bytes:
    return json.dumps({"version": "4", "status": "firing", "receiver": "x", "alerts": found}).encode()


def raw(text: str) -> bytes:
    """One alert whose label ``x`` is this JSON text."""
    head = '{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Hostile","x":'
    return (head + text + "}}]}").encode("utf-8", "surrogatepass")


def small_alerts() -> bytes:
    """As many alerts as the body may hold bytes: far more than are taken."""
    return alerts([{"labels": {"a": str(number)}} for number in range(70_000)])[:BODY_BYTES]


def full_alerts() -> bytes:
    """As many alerts as are taken, each of its own incident."""
    return alerts(
        [{"status": "firing", "labels": {"alertname": f"A{number}", "i": "x" * 200}} for number in range(5_000)]
    )


def evil_name() -> dict[str, str]:
    return {"summary": "alert =?UTF-8?Q?=0A?=Bcc: injected@example.com\r\nBcc: injected@example.com\u2028\u202e\x1b[2J"}


@dataclass(frozen=True)
class Input:
    """A body with the headers that go with it."""

    name: str
    make: Callable[[], bytes]
    headers: tuple[tuple[str, str], ...] = ()


INPUTS = [
    Input("nothing", lambda: b""),
    Input("no-json", lambda: b"\xff\xfe<xml/>"),
    Input("nested-100000-lists", lambda: b"[" * 100_000 + b"]" * 100_000),
    Input("nested-100000-mappings", lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    Input("open-brackets-2MiB", lambda: b"[" * BODY_BYTES),
    Input("number-of-5000-digits", lambda: raw("9" * 5_000)),
    Input("number-of-2MiB", lambda: raw("9" * (BODY_BYTES - 200))),
    Input("2-to-the-70", lambda: raw(str(2**70))),
    Input("nan-and-infinity", lambda: raw("[NaN, Infinity, -Infinity]")),
    Input("same-key-twice", lambda: raw('"a", "x": "b"')),
    Input("lone-surrogates", lambda: raw('"\\ud800 \\udfff\\ud800"')),
    Input("raw-surrogates", lambda: raw('"\ud800"')),
    Input("nul", lambda: raw('"a\\u0000b"')),
    Input("escapes-2MiB", lambda: raw('"' + "\\u0041" * (BODY_BYTES // 6 - 40) + '"')),
    Input("label-of-2MiB", lambda: alert(job="a" * (BODY_BYTES - 300))),
    Input("regex-killer", lambda: alert(alertname="a" * 28 + "!", instance="a" * 100_000 + "!")),
    Input(
        "template-in-a-label", lambda: alert(instance="{{ 'x' * 200000000 }}{% for a in range(100000) %}y{% endfor %}")
    ),
    Input("header-injection", lambda: alerts([{"labels": {"alertname": "Hostile"}, "annotations": evil_name()}])),
    Input("100000-labels", lambda: alert(**{f"l{number}": "x" for number in range(100_000)})[:BODY_BYTES]),
    Input("whole-100000-labels", lambda: alert(**{f"l{number}": "x" for number in range(100_000)})),
    Input("100000-empty-alerts", lambda: alerts([{}] * 100_000)),
    Input("70000-alerts", small_alerts),
    Input("5000-alerts", full_alerts),
    Input("3MiB", lambda: alert(job="a" * (3 * 1024**2))),
    Input("gzip-of-200MiB", lambda: gzip.compress(bytes(200 * 1024**2)), (("Content-Encoding", "gzip"),)),
    Input("gzip-that-says-nothing", lambda: gzip.compress(bytes(50 * 1024**2))),
    Input("header-of-60kB", alert, tuple((f"X-{number}", "a" * 7_900) for number in range(7))),
    Input("header-too-large", alert, tuple((f"X-{number}", "a" * 7_900) for number in range(20))),
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """One daemon for all of them: what one leaves behind must not hurt the next. It pages, so that texts go all the way.

    It opens no tickets: in a folder they are written by the loop, as slowly as the disk is, whatever the input was.
    """
    folder = tmp_path_factory.mktemp("hostile")
    sources = {kind: {"kind": kind, "auth": "none"} for kind in ("alertmanager", "grafana")}
    limits = {"header_seconds": "1s", "body_seconds": "2s"}
    server = {"listen": "127.0.0.1:0", "external_url": "http://ingestd.example.com", "limits": limits}
    teams = {"default": {"policy": "default", "ticket": "none"}}
    made = DaemonProcess(folder, config_of(folder, sources=sources, server=server, teams=teams))
    made.start()
    yield made
    made.end()


def post(daemon: DaemonProcess, body: bytes, headers: tuple[tuple[str, str], ...], source: str = "alertmanager") -> int:
    """The status of the answer, and 0 where the daemon hung up, which it may do to who sends too much."""
    lines = [f"{name}: {value}" for name, value in (("Host", "ingestd"), ("Content-Length", len(body)), *headers)]
    head = "\r\n".join([f"POST /api/v1/webhooks/{source} HTTP/1.1", *lines, "", ""]).encode()
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as line:
        with contextlib.suppress(ConnectionError):  # the answer may have come before the end of the body
            line.sendall(head + body)
        try:
            answer = line.recv(4096)
        except ConnectionError:
            return 0
    return int(answer.split()[1]) if answer else 0


def waiting_count(daemon: DaemonProcess) -> int:
    return int(daemon.rows("SELECT count(*) FROM inbox WHERE state = 'new'")[0][0])


@pytest.mark.timeout(90)
@pytest.mark.parametrize("input_", INPUTS, ids=[input_.name for input_ in INPUTS])
def test_no_body_stops_the_loop_or_takes_the_memory(daemon, input_):
    body = input_.make()
    with watching(daemon.process.pid, daemon.port) as watch:
        status = post(daemon, body, input_.headers)
        until(lambda: waiting_count(daemon) == 0, SETTLE_SECONDS_MAX, "it is decided", last_words=daemon.log)
    print(
        f"{input_.name}: {status}, stall {watch.stall_seconds * 1000:.0f} ms "
        f"({watch.longest_answer_seconds * 1000:.0f} ms with other programs), {watch.grown_bytes / 2**20:+.1f} MiB"
    )
    assert status in STATUSES | {0}
    assert watch.probe_count > 0
    assert watch.stall_seconds < STALL_SECONDS_MAX
    assert watch.grown_bytes < GROWN_BYTES_MAX


@pytest.mark.parametrize("sample", SAMPLES, ids=[f"{path.parent.name}/{path.stem}" for path in SAMPLES])
def test_every_sample_is_taken_in_and_ends_in_one_disposition(daemon, sample):
    answer = daemon.send(sample.read_bytes(), sample.parent.name)
    assert answer.status_code == 202
    envelope = answer.json()["envelope"]

    def found() -> dict[str, str]:
        [row] = daemon.rows("SELECT state, disposition, alert_count FROM inbox WHERE id = ?", envelope)
        return row if row[0] != "new" else None

    state, disposition, alert_count = until(found, SETTLE_SECONDS_MAX, "it is decided", last_words=daemon.log)
    assert state == "done"
    assert disposition
    has_alerts = "pending" not in sample.stem  # Grafana's word for "not yet": nothing has happened
    assert (alert_count > 0) is has_alerts


def test_every_envelope_has_ended(daemon):
    daemon.send(b"{}")
    until(lambda: waiting_count(daemon) == 0, SETTLE_SECONDS_MAX, "all are decided", last_words=daemon.log)
    assert daemon.rows("SELECT id FROM inbox WHERE disposition IS NULL OR state NOT IN ('done', 'quarantined')") == []
    assert daemon.metric("ingestd_worker_failures_total") == 0
    assert "Traceback" not in daemon.log()


def test_slow_peers_are_sent_away_and_block_nobody(daemon):
    slow_head = b"POST /api/v1/webhooks/alertmanager HTTP/1.1\r\nHost: ingestd\r\nX-Slow: "
    slow_body = b"POST /api/v1/webhooks/alertmanager HTTP/1.1\r\nHost: ingestd\r\nContent-Length: 1000\r\n\r\n{"
    lines = [socket.create_connection(("127.0.0.1", daemon.port), timeout=20) for _ in range(40)]
    try:
        with watching(daemon.process.pid, daemon.port) as watch:
            for number, line in enumerate(lines):
                line.sendall(slow_head if number % 2 else slow_body)
            answers = [line.recv(4096) for line in lines]
            assert daemon.send(alert()).status_code == 202
    finally:
        for line in lines:
            line.close()
    assert {answer.split()[1] for answer in answers if answer} == {b"408"}
    assert watch.stall_seconds < STALL_SECONDS_MAX


def test_a_request_of_two_lengths_is_refused(daemon):
    head = b"POST /api/v1/webhooks/alertmanager HTTP/1.1\r\nHost: ingestd\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as line:
        line.sendall(head + b"0\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: ingestd\r\n\r\n")
        answer = line.recv(65_536)
        assert answer.split()[1] == b"400"
        assert b"healthy" not in answer
        assert line.recv(4096) == b"", "what came behind it is not answered as a request"


def test_the_watch_sees_a_loop_that_stands_still(start, tmp_path):
    daemon = start(config_of(tmp_path), command=planted("stand-still"))
    with watching(daemon.process.pid, daemon.port) as watch:
        assert daemon.send(alert()).status_code == 202
    assert watch.stall_seconds > STALL_SECONDS_MAX
