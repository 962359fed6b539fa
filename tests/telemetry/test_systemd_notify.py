"""What systemd hears: over a real socket, as sd_notify(3) has it, and food for the watchdog only while the engine turns."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from ingestd.telemetry.systemd_notify import SystemdNotify
from ingestd.testing.virtual_time import LoopLife


class Systemd:
    """The manager's end of the socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self):
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return found


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    name = str(tmp_path / "notify") if request.param == "path" else f"@ingestd-test-{os.getpid()}"
    manager = Systemd("\0" + name[1:] if name.startswith("@") else name)
    manager.name = name
    yield manager
    manager.socket.close()


def test_the_life_of_the_daemon_is_told(systemd):
    notify = SystemdNotify({"NOTIFY_SOCKET": systemd.name})
    notify.ready("serving on 127.0.0.1:8095")
    notify.reloading()
    notify.status("busy")
    notify.feed()
    notify.stopping("finishing")
    ready, reloading, status, fed, stopping = systemd.heard()
    assert ready == ["READY=1", "STATUS=serving on 127.0.0.1:8095"]
    assert reloading[0] == "RELOADING=1"
    assert reloading[1].startswith("MONOTONIC_USEC=")
    assert (status, fed, stopping) == (["STATUS=busy"], ["WATCHDOG=1"], ["STOPPING=1", "STATUS=finishing"])


def test_a_status_cannot_smuggle_another_variable(systemd):
    SystemdNotify({"NOTIFY_SOCKET": systemd.name}).status("x\nMAINPID=1\n" + "y" * 1000)
    ((line,),) = systemd.heard()
    assert line.startswith("STATUS=x MAINPID=1 ")
    assert len(line) < 220


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_systemd_nothing_is_sent_and_nothing_fails(environment):
    notify = SystemdNotify(environment)
    notify.ready("serving")
    notify.feed()
    assert notify.watchdog_seconds is None


def test_a_socket_that_is_gone_stops_nothing(tmp_path):
    SystemdNotify({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("serving")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_the_one_that_systemd_set_for_this_process(environment, seconds):
    assert SystemdNotify(environment).watchdog_seconds == seconds


class Fed(SystemdNotify):
    """Keeps what it would send; sockets do not exist in virtual time."""

    def __init__(self, environment):
        super().__init__(environment)
        self.sent = []

    def _send(self, *lines):
        self.sent.append(lines[0])


def live(seconds, stalled):
    notify = Fed({"WATCHDOG_USEC": "30000000"})
    life = LoopLife(seed=0)

    async def run(_ambient):
        try:
            async with asyncio.timeout(seconds):
                await notify.keep_fed(stalled)
        except TimeoutError:
            pass

    life.run(run)
    life.close()
    return notify.sent


def test_the_watchdog_is_fed_well_within_its_time():
    assert live(61, list) == ["WATCHDOG=1"] * 7


def test_a_stalled_engine_starves_the_watchdog_and_says_why():
    assert (
        live(31, lambda: ["engine: no worker has turned for 46 s"])
        == ["STATUS=engine: no worker has turned for 46 s"] * 4
    )


def test_an_engine_that_turns_again_is_fed_again():
    answers = iter([[], ["engine: stuck"], [], [], []])
    assert live(35, lambda: next(answers)) == [
        "WATCHDOG=1",
        "STATUS=engine: stuck",
        "WATCHDOG=1",
        "STATUS=running",
        "WATCHDOG=1",
    ]


async def test_without_a_watchdog_feeding_ends_at_once():
    await SystemdNotify({}).keep_fed(list)
