"""What is on disk, read and checked while the daemon goes on: in a thread, and with the rules' tests in a process of their own."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingestd.ambient import SystemClock
from ingestd.config.load import Loaded, load
from ingestd.config.problems import ConfigProblems, ProblemLevel, render
from ingestd.errors import IngestdError
from ingestd.ports import Pager, TicketSystem
from ingestd.registry import Registry, settings_models
from ingestd.reloading.proof import prove
from ingestd.reloading.refused import Refused, ReloadReason

Connectors = dict[str, TicketSystem | Pager]
READ_COUNT_MAX = 3
"""How often the files are read when they change meanwhile, as in the middle of a checkout."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A configuration that may be taken over: without problems, its connectors built, its tests passed if they are asked for."""

    loaded: Loaded
    registry: Registry
    connectors: Connectors
    tests_count: int


def load_all(path: Path) -> tuple[Loaded, Registry]:
    """The configuration, its rules and its connectors. Raises ``ConfigProblems`` with everything that is wrong."""
    loaded = load(path, connectors=settings_models(), now=SystemClock().now())
    return loaded, Registry(loaded)


def identity_of(loaded: Loaded) -> str:
    """Equal for equal files. Whoever tried a configuration says by it which one that was."""
    digest = hashlib.sha256(loaded.ruleset.version.encode())
    for line in loaded.document.lines:  # secrets are masked in them, and no test can see one
        digest.update(line.encode(errors="surrogatepass") + b"\n")
    return digest.hexdigest()


async def read_anew(path: Path, build: Callable[[Loaded, Registry], Connectors]) -> Fresh:
    """What is on disk. Changes nothing, and does not keep the event loop waiting. Raises ``Refused``."""
    for _ in range(READ_COUNT_MAX):
        try:
            loaded, registry = await asyncio.to_thread(_load_gently, path)
            connectors = build(loaded, registry)
        except Exception as error:
            raise refusal_of(error) from error
        if not loaded.config.rules.test_on_reload:
            return Fresh(loaded, registry, connectors, 0)
        proof = await prove(path)
        if proof.identity != identity_of(loaded):
            continue
        if proof.failures:
            raise Refused(ReloadReason.TESTS_FAILED, proof.failures)
        return Fresh(loaded, registry, connectors, proof.tests_count)
    text = f"{path}: the files changed while they were read, {READ_COUNT_MAX} times in a row"
    raise Refused(ReloadReason.UNSTEADY, [f"{text}\n   = reload again when nobody writes to them any more"])


def refusal_of(error: Exception) -> Refused:
    """Why a configuration cannot be taken over. Its warnings are no reason: ``ingestd check`` shows them."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, ConfigProblems):
        errors = [render(problem) for problem in error.problems if problem.level is ProblemLevel.ERROR]
        return Refused(ReloadReason.INVALID, errors)
    text = str(error) if isinstance(error, IngestdError | OSError) else f"{type(error).__name__}: {error}"
    return Refused(ReloadReason.BROKEN, [text])


def _load_gently(path: Path) -> tuple[Loaded, Registry]:
    with _no_collection():
        return load_all(path)


_collecting = threading.Lock()


@contextmanager
def _no_collection() -> Iterator[None]:
    """A thousand rules are a quarter of a million objects: each full collection among them would stop every thread for 80 ms."""
    with _collecting:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was_enabled:
                gc.enable()
