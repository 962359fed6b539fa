"""Who may import whom. The picture is in docs/ARCHITECTURE.md; this is the part that holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

# What each part of ingestd may import of ingestd, besides itself. Lower parts never import higher ones.
_FLOOR = {
    "core",
    "ports",
    "chat",
    "telling",
    "ambient",
    "errors",
    "ingestd",
}  # "ingestd" is the package itself, for its __version__
_MIDDLE = {"store", "net", "calendars", "telemetry", "config"}
_EDGES = {"intake", "workers", "web"}
LAYERS: dict[str, set[str]] = {
    "ingestd": set(),
    "core": set(),
    "errors": {"core"},
    "ambient": {"core", "errors"},
    "chat": set(),
    "ports": {"core", "errors", "chat"},
    "telling": {"core", "ports"},
    "store": _FLOOR,
    "net": _FLOOR - {"core"},
    "calendars": _FLOOR,
    "telemetry": _FLOOR,
    "config": _FLOOR,
    "trial": _FLOOR | {"config"},
    "intake": _FLOOR | {"store", "telemetry", "config"},
    "workers": _FLOOR | {"store", "telemetry", "calendars", "config"},
    "web": _FLOOR | {"store", "telemetry", "calendars", "config"},
    "registry": _FLOOR | {"config", "telemetry"},
    "reloading": _FLOOR | {"config", "telemetry", "registry", "trial"},
    "wiring": _FLOOR | _MIDDLE | _EDGES,
    "app": _FLOOR | _MIDDLE | _EDGES | {"registry", "reloading", "wiring"},
    "serving": _FLOOR | _MIDDLE | {"app", "reloading", "wiring"},
    "cli": _FLOOR | _MIDDLE | _EDGES | {"trial", "registry", "wiring", "app", "serving"},
    "__main__": {"cli"},
    "testing": _FLOOR | _MIDDLE | _EDGES | {"registry", "reloading", "app", "wiring"},
}
WHY_LAYERS = (
    "decisions stay pure, and each layer can be tested, simulated and replaced without those above it. "
    "A part that needs something from above takes it as an argument from app.py."
)

# The modules of core that decide. The edges hand messages in and carry effects out; only workers ask for a decision.
DECIDING = {"decide", "settle", "dedup", "classify", "correlate", "escalation", "throttle", "invariants"}
WHY_DECIDING = (
    "intake stores and web shows; if they decided too, there would be two places to make a page twice or never"
)

_VALUES = (
    "__future__ abc base64 binascii bisect calendar collections contextlib copy dataclasses datetime decimal difflib email enum "
    "fractions functools hashlib heapq hmac html ipaddress itertools json math operator re re2 statistics string struct textwrap "
    "types typing unicodedata urllib.parse zoneinfo ingestd.core"
)
CORE_MAY_IMPORT = set(_VALUES.split())
WHY_CORE = (
    "core is arithmetic on values: what it decides depends on its arguments alone, so that explain, the rule tests and the "
    "simulator see exactly what production saw. Time, ids and chance come in as arguments."
)

CONNECTORS_MAY_IMPORT = {"pydantic", "ingestd.ports", "ingestd.chat", "ingestd.errors", "ingestd.core"}
# Reads addresses with it when the configuration is loaded; what it sends goes through ingestd.chat.
CONNECTORS_OWN = {"connectors.apprise_pager": {"apprise"}}
_REACHES_OUT = (
    "asyncio concurrent ftplib http.client http.server imaplib poplib random sched secrets select selectors signal smtplib socket "
    "socketserver ssl subprocess threading urllib.request uuid"
)
NOT_IN_CONNECTORS = set(_REACHES_OUT.split())
WHY_CONNECTORS = (
    "a connector makes one attempt through the doors of ingestd.ports. One that opened sockets, waited or knew the store would "
    "escape time-outs, secrets masking, the circuit breaker and the simulator."
)

# Where a library lives, besides ingestd.testing. Elsewhere it would be a second way to do the same thing.
HOMES: dict[str, tuple[set[str], str]] = {
    "aiohttp": (
        {"intake", "web", "net", "app", "telemetry"},
        "HTTP is spoken at the edges; others use ports.HttpClient",
    ),
    "aiosmtpd": ({"intake"}, "mail comes in through intake alone"),
    "imap_tools": ({"intake"}, "mail comes in through intake alone"),
    "imaplib": ({"intake"}, "mail comes in through intake alone"),
    "aiosmtplib": ({"net"}, "mail goes out through net.mail_sender alone"),
    "apprise": ({"net"}, "chat goes out through net.chat_sender alone, which keeps its addresses out of the log"),
    "smtplib": ({"net"}, "mail goes out through net.mail_sender alone"),
    "socket": (
        {"intake", "net", "app", "telemetry", "cli", "web"},
        "workers and the store open no connections of their own",
    ),
    "requests": ({"cli"}, "it blocks: in the daemon it would stop the event loop"),
    "click": ({"cli"}, "only the command line speaks to a terminal"),
    "rich": ({"cli"}, "only the command line speaks to a terminal"),
    "sqlalchemy": ({"store"}, "SQL stays in one place, where both databases are tested"),
    "psycopg": ({"store"}, "SQL stays in one place, where both databases are tested"),
    "sqlite3": ({"store"}, "SQL stays in one place, where both databases are tested"),
    "pydantic": (
        {"config", "registry", "wiring", "web", "cli"},
        "outside shapes are checked at the edge; inside are our own frozen values",
    ),
    "structlog": (
        {"telemetry"} | _EDGES | {"store", "net", "config", "registry", "reloading", "app", "serving", "cli"},
        "core and the ports have no log",
    ),
    "icalendar": ({"calendars"}, "what a stranger's calendar makes it do is bounded there"),
    "recurring_ical_events": ({"calendars"}, "what a stranger's calendar makes it do is bounded there"),
    "prometheus_client": ({"telemetry", "app"}, "all metrics stand in one catalogue, on an injected registry"),
}
CONNECTION = "sqlalchemy.Connection"  # transaction functions of the workers name it in their signatures

_DIALECT_HOMES = {"ingestd.store.dialect", "ingestd.store.columns"}


def part_of(name: str) -> str:
    """``ingestd.core.alert`` → ``core``; names below ``ingestd`` itself → ``ingestd``."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else "ingestd"


def is_within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def layer_faults(module) -> Iterator[str]:
    if not module.name.startswith("ingestd"):
        return
    second = [*module.name.split("."), ""][1]
    if second and second not in LAYERS:
        yield f"{module.path}: tests/tidy/test_imports.py does not say in which layer {second!r} is"
        return
    own = part_of(module.name)
    for line, name in module.imports():
        if is_within(name, {"connectors"}):
            yield f"{module.path}:{line}: imports {name}; ingestd finds connectors by entry point only"
        if is_within(name, {"ingestd"}) and part_of(name) not in LAYERS[own] | {own}:
            yield f"{module.path}:{line}: {own} imports {name}"


def deciding_faults(module) -> Iterator[str]:
    if part_of(module.name) in {"intake", "web"} or module.name.startswith("connectors"):
        for line, name in module.imports():
            if is_within(name, {f"ingestd.core.{noun}" for noun in DECIDING}):
                yield f"{module.path}:{line}: imports {name}"


def core_faults(module) -> Iterator[str]:
    if is_within(module.name, {"ingestd.core"}):
        for line, name in module.imports():
            if not is_within(name, CORE_MAY_IMPORT):
                yield f"{module.path}:{line}: core imports {name}"


def connector_faults(module) -> Iterator[str]:
    if not module.name.startswith("connectors."):
        return
    own = ".".join(module.name.split(".")[:2])
    for line, name in module.imports():
        top = name.split(".")[0]
        is_standard = top in sys.stdlib_module_names and not is_within(name, NOT_IN_CONNECTORS)
        if not (is_standard or is_within(name, CONNECTORS_MAY_IMPORT | CONNECTORS_OWN.get(own, set()) | {own})):
            yield f"{module.path}:{line}: {own} imports {name}"


def home_faults(module) -> Iterator[str]:
    own = part_of(module.name)
    if own == "testing" or not module.name.startswith("ingestd"):
        return
    for line, name in module.imports():
        homes, why = HOMES.get(name.split(".")[0], ({own}, ""))
        if own not in homes and name != CONNECTION:
            yield f"{module.path}:{line}: {own} imports {name}: {why}"
        if name.startswith("sqlalchemy.dialects") and module.name not in _DIALECT_HOMES:
            yield f"{module.path}:{line}: imports {name}: only store/dialect.py and store/columns.py know the databases apart"


def test_each_part_imports_only_what_is_below_it(modules, hold):
    hold(WHY_LAYERS, [fault for module in modules for fault in layer_faults(module)])


def test_only_workers_ask_for_decisions(modules, hold):
    hold(WHY_DECIDING, [fault for module in modules for fault in deciding_faults(module)])


def test_core_is_pure(modules, hold):
    hold(WHY_CORE, [fault for module in modules for fault in core_faults(module)])


def test_connectors_are_leaves(modules, hold):
    hold(WHY_CONNECTORS, [fault for module in modules for fault in connector_faults(module)])


def test_each_library_stays_at_home(modules, hold):
    hold(
        "a library used in one place can be replaced in one place",
        [fault for module in modules for fault in home_faults(module)],
    )


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (layer_faults, "ingestd/store/inbox.py", "from ingestd.workers import dispatcher"),
        (layer_faults, "ingestd/workers/dispatcher.py", "def f():\n    import connectors.jira"),
        (layer_faults, "ingestd/app.py", "from ingestd.testing import virtual_time"),
        (layer_faults, "ingestd/net/http_client.py", "from ingestd.core.alert import Alert"),
        (layer_faults, "ingestd/elsewhere/thing.py", ""),
        (deciding_faults, "ingestd/intake/http.py", "from ingestd.core.decide import decide"),
        (deciding_faults, "ingestd/web/pages.py", "from ingestd.core import settle"),
        (core_faults, "ingestd/core/alert.py", "import time"),
        (core_faults, "ingestd/core/alert.py", "from ingestd import ports"),
        (core_faults, "ingestd/core/alert.py", "import urllib.request"),
        (connector_faults, "connectors/jira/wire.py", "import aiohttp"),
        (connector_faults, "connectors/jira/wire.py", "from connectors.freshdesk import wire"),
        (connector_faults, "connectors/jira/connector.py", "from ingestd.store import outbox"),
        (connector_faults, "connectors/jira/connector.py", "import http.client"),
        (home_faults, "ingestd/workers/dispatcher.py", "import aiohttp"),
        (home_faults, "ingestd/workers/dispatcher.py", "from sqlalchemy import select"),
        (home_faults, "ingestd/store/inbox.py", "from sqlalchemy.dialects.postgresql import insert"),
    ],
)
def test_the_rules_see_what_they_forbid(parse, rule, path, text):
    assert list(rule(parse(path, text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ingestd/core/alert.py", "from datetime import datetime\nfrom ingestd.core.names import AlertId\nimport re2"),
        ("ingestd/workers/processor.py", "from sqlalchemy import Connection\nfrom ingestd.core.decide import decide"),
        ("ingestd/cli/serve.py", "import ingestd\nfrom ingestd.app import build"),
        (
            "connectors/jira/wire.py",
            "import json\nfrom ingestd.ports import HttpRequest\nfrom connectors.jira.settings import Settings",
        ),
    ],
)
def test_the_rules_leave_good_imports_alone(parse, path, text):
    rules = [layer_faults, deciding_faults, core_faults, connector_faults, home_faults]
    assert not [fault for rule in rules for fault in rule(parse(path, text))]
