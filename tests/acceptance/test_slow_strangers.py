"""Strangers who send slowly, or go away in the middle, keep nobody else out and leave no fault in the log."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.daemon import DaemonProcess, config_of
from tests.acceptance.waiting import until

CONNECTIONS = 8


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    server = {"listen": "127.0.0.1:0", "limits": {"connections": CONNECTIONS}}
    made = DaemonProcess(tmp_path, config_of(tmp_path, server=server))
    try:
        yield made.start()
    finally:
        made.end()


def half_a_receipt(daemon: DaemonProcess) -> socket.socket:
    """A request that anybody may begin: the report of a paging service, whose signature is only known at its end."""
    stranger = socket.create_connection(("127.0.0.1", daemon.port), timeout=5)
    stranger.sendall(b"POST /api/v1/receipts/mail HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
    return stranger


def test_slow_receipts_do_not_take_all_places(
    daemon: DaemonProcess, notification: Callable[..., dict[str, Any]]
) -> None:
    with ExitStack() as stack:
        for _ in range(2 * CONNECTIONS):
            stack.enter_context(half_a_receipt(daemon))
        assert daemon.send(notification()).status_code == 202


def test_whoever_goes_away_in_the_middle_of_a_body_is_no_fault_of_ours(daemon: DaemonProcess) -> None:
    half_a_receipt(daemon).close()
    until(lambda: daemon.log_events("request_answered"), 10, "the end is noticed", last_words=daemon.log)
    assert daemon.log_events("request_failed") == []
