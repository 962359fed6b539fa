"""Runs the tests of the rules in a process of its own: one that can be ended, and that takes no time from the event loop.

A thread would not do. The tests call RE2 thousands of times a second, and each call gives the interpreter's lock up and takes it back so
soon that the event loop was seen to wait for it for half a second.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path

from ingestd.core.safe_text import one_line
from ingestd.reloading.refused import Refused, ReloadReason

TEST_SECONDS_MAX = 30.0
"""How long the tests of all rules may take, with the start of the process; 500 of them take two to five seconds."""
WITHOUT_HINT = "   = try: ingestd test rules CONFIG; to reload without tests: rules: {test_on_reload: false}"
_MODULE = "ingestd.reloading.proving"
_LAST_WORDS_CHARS = 300


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of the tests of one configuration. ``identity`` says which one that was; empty if it could not be read."""

    identity: str
    tests_count: int
    failures: tuple[str, ...]
    """One text for each test that failed or cannot be read, its place first."""


async def prove(config_path: Path, *, seconds_max: float = TEST_SECONDS_MAX) -> Proof:
    """Try the rules on disk by their tests. Raises ``Refused`` if they come to no end, or cannot be run at all."""
    try:
        # -P: what lies in the folder where the daemon was started is no module of ours.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", _MODULE, str(config_path), stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
    except OSError as error:
        text = f"the tests of the rules could not be run: {error.strerror or error}"
        raise Refused(ReloadReason.TESTS_NOT_RUN, [f"{text}\n{WITHOUT_HINT}"]) from error
    try:
        async with asyncio.timeout(seconds_max):
            said, complaint = await _listen(process)
    except TimeoutError:
        text = f"the tests of the rules were not over after {seconds_max:g} s, and were ended"
        raise Refused(ReloadReason.TESTS_UNFINISHED, [f"{text}\n{WITHOUT_HINT}"]) from None
    finally:
        await _end(process)
    return _read(process, said, complaint)


async def _listen(process: Process) -> tuple[bytes, bytes]:
    """All that it says until its end. Its input stays open meanwhile: by that it knows that we live."""
    assert process.stdout is not None, "it was started with a pipe"
    assert process.stderr is not None, "it was started with a pipe"
    said, complaint = await asyncio.gather(process.stdout.read(), process.stderr.read())
    await process.wait()
    return said, complaint


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _read(process: Process, said: bytes, complaint: bytes) -> Proof:
    try:
        report = json.loads(said)
        return Proof(report["identity"], report["tests_count"], tuple(report["failures"]))
    except (ValueError, KeyError, TypeError):
        last = (complaint.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        text = f"the tests of the rules ended with status {process.returncode}: {one_line(last, _LAST_WORDS_CHARS)}"
        raise Refused(ReloadReason.TESTS_NOT_RUN, [f"{text}\n{WITHOUT_HINT}"]) from None
