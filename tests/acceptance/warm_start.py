"""Lives of ingestd that begin by a fork of a process that has loaded its code, so that forty of them do not load it forty times.

What is left out is the time in which an interpreter reads modules, and nothing of ours runs. Each life is a process of its own: it reads its
configuration, opens its database and its socket, and leaves nothing behind when it is killed but its files.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["ingestd.serving", "ingestd.cli.tree", "tests.acceptance.launch_planted"])


def _live(arguments: list[str], folder: Path, log_path: Path, fault: str) -> None:
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    sys.argv[1:] = [fault, *arguments]
    from tests.acceptance.launch_planted import main

    main()


class Life:
    """One life, with the words of ``subprocess.Popen``."""

    def __init__(self, arguments: list[str], folder: Path, log_path: Path, fault: str) -> None:
        self._process: ForkServerProcess = _FORKS.Process(target=_live, args=(arguments, folder, log_path, fault))
        self._process.start()
        assert self._process.pid is not None, "it was started"
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise TimeoutError(f"process {self.pid} has not ended after {timeout} s")
        return code
