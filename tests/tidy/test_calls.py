"""Calls that would let the machine's clock, chance or scheduling decide, where the simulator could not."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

AMBIENT = "ingestd/ambient.py"

_CLOCK = "the wall clock comes from ambient.Clock, once per unit of work: else tests wait, and a seed does not replay"
_IDS = "ids come from ambient.IdSource: else a seed does not replay"
_CHANCE = (
    "chance comes from ambient.Chance, seeded in the simulator; module-level random is shared by the whole process"
)
_TASKS = "the order in which it reports is not reproducible (it keeps a set of tasks); use TaskGroup"
_ORPHAN = "an exception in a task that nobody awaits is lost; use TaskGroup, or workers/worker.py, which supervises"
_BLOCKS = "it stops the event loop, and with it the watchdog"

BANNED: dict[str, str] = {
    "datetime.datetime.now": _CLOCK,
    "datetime.datetime.utcnow": _CLOCK,
    "datetime.datetime.today": _CLOCK,
    "datetime.date.today": _CLOCK,
    "time.time": _CLOCK,
    "time.time_ns": _CLOCK,
    "time.localtime": _CLOCK,
    "time.sleep": _BLOCKS,
    "uuid.uuid1": _IDS,
    "uuid.uuid4": _IDS,
    "asyncio.wait": _TASKS,
    "asyncio.as_completed": _TASKS,
    "asyncio.create_task": _ORPHAN,
    "asyncio.ensure_future": _ORPHAN,
}
# The supervisor of tasks, the composition root and the simulated loop may start what they also end.
_STARTS_TASKS = {"ingestd/workers/worker.py", "ingestd/app.py"}

# No clock and no policy in the database: what a row says was decided in Python, where it can be simulated.
_SQL_CLOCK = {"now", "current_timestamp", "current_time", "current_date", "localtime", "localtimestamp", "sysdate"}
WHY_SQL = "the database has no clock of its own: a time that it wrote would differ from the one that was decided with"
WHY_DIALECT = (
    "only store/dialect.py knows SQLite from PostgreSQL; a second branch elsewhere is tested on one of them only"
)


def _is_excused(path: str, name: str) -> bool:
    if path == AMBIENT:
        return True
    if BANNED.get(name) == _ORPHAN:
        return path in _STARTS_TASKS or path.startswith("ingestd/testing/")
    # The command line is no part of the daemon: `incident watch` may wait.
    return BANNED.get(name) == _BLOCKS and path.startswith("ingestd/cli/")


def call_faults(module) -> Iterator[str]:
    uses = {*module.references(), *module.imports()}
    for line, name in sorted(uses):
        if name in BANNED and not _is_excused(module.path, name):
            yield f"{module.path}:{line}: {name}: {BANNED[name]}"
        if name.startswith("random.") and name.split(".")[1][:1].islower() and module.path != AMBIENT:
            yield f"{module.path}:{line}: {name}: {_CHANCE}"


def sql_clock_faults(module) -> Iterator[str]:
    for line, name in module.references():
        if name.startswith("sqlalchemy.") and ".func." in f"{name}." and name.split(".")[-1] in _SQL_CLOCK:
            yield f"{module.path}:{line}: {name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.keyword) and node.arg in {"server_default", "server_onupdate"}:
            yield f"{module.path}:{node.lineno}: {node.arg}"


def dialect_faults(module) -> Iterator[str]:
    if module.path == "ingestd/store/dialect.py":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "name":
            owner = node.value
            word = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if word == "dialect":
                yield f"{module.path}:{node.lineno}: dialect.name"


def test_the_machine_decides_nothing(modules, hold):
    why = "everything that the operating system could decide comes through ambient.py, so that the simulator can decide it"
    hold(why, [fault for module in modules for fault in call_faults(module)])


def test_the_database_has_no_clock(modules, hold):
    hold(WHY_SQL, [fault for module in modules for fault in sql_clock_faults(module)])


def test_only_one_module_knows_the_database_by_name(modules, hold):
    hold(WHY_DIALECT, [fault for module in modules for fault in dialect_faults(module)])


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (call_faults, "ingestd/core/alert.py", "from datetime import datetime, UTC\nat = datetime.now(UTC)"),
        (call_faults, "ingestd/core/alert.py", "import datetime as d\nat = d.datetime.now()"),
        (call_faults, "ingestd/workers/janitor.py", "from time import time\nclock = time"),
        (call_faults, "ingestd/workers/janitor.py", "import random\nx = random.uniform(0, 1)"),
        (call_faults, "ingestd/workers/janitor.py", "from random import choice"),
        (call_faults, "ingestd/store/inbox.py", "import uuid\nx = uuid.uuid4()"),
        (call_faults, "ingestd/app.py", "import asyncio\nasync def f(x):\n    await asyncio.wait(x)"),
        (call_faults, "ingestd/intake/http.py", "import asyncio\nt = asyncio.create_task(f())"),
        (sql_clock_faults, "ingestd/store/inbox.py", "from sqlalchemy import func\nx = func.now()"),
        (sql_clock_faults, "ingestd/store/inbox.py", "import sqlalchemy as sa\nx = sa.func.current_timestamp()"),
        (sql_clock_faults, "ingestd/store/schema.py", "c = Column('at', Integer, server_default='0')"),
        (
            dialect_faults,
            "ingestd/store/inbox.py",
            "def f(connection):\n    return connection.dialect.name == 'sqlite'",
        ),
    ],
)
def test_the_rules_see_what_they_forbid(parse, rule, path, text):
    assert list(rule(parse(path, text)))


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime\ndef f(at: datetime):\n    return at.isoformat()",
        "def f(clock):\n    return clock.now()",
        "from random import Random\nr = Random(7)\nx = r.uniform(0, 1)",
        "import asyncio\nasync def f(e):\n    async with asyncio.timeout(1):\n        await e.wait()",
    ],
)
def test_the_rules_leave_injected_time_alone(parse, text):
    assert not list(call_faults(parse("ingestd/workers/janitor.py", text)))
