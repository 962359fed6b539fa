"""What ``doctor`` can see without a daemon: the configuration, the Python that runs, the libraries, SQLite, the clock's keeper."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingestd import __version__

if TYPE_CHECKING:
    from ingestd.config.load import Loaded
    from ingestd.config.problems import Problem

OK, WARN, RED = "ok", "warn", "red"

FLOORS: Final[Mapping[str, str]] = {"aiohttp": "3.14.3", "aiosmtpd": "1.4.6", "Jinja2": "3.1.6"}
"""The first releases without holes that strangers could use: request smuggling, smuggled mail, a way out of the sandbox."""

_SQLITE_FIXED = "3.51.3"
_TIMESYNC = Path("/run/systemd/timesync")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the page. ``mark`` is ``ok``, ``warn`` or ``red``; ``hint`` says what to do and may be empty."""

    mark: str
    topic: str
    text: str
    hint: str = ""


def check_config(path: Path, problems: Sequence[Problem]) -> Check:
    """Whether the configuration can be used."""
    errors = sum(problem.level == "error" for problem in problems)
    hint = f"ingestd check all {path}"
    if errors:
        return Check(RED, "config", f"{path} cannot be used: {errors} error{'' if errors == 1 else 's'}", hint)
    if problems:
        return Check(WARN, "config", f"{path} can be used, with {len(problems)} to look at", hint)
    return Check(OK, "config", f"{path}: everything is right")


def check_database(loaded: Loaded) -> Check:
    """Whether the database is sound, asked over a connection that can only read. Takes seconds for each GB of SQLite."""
    from ingestd import wiring  # noqa: PLC0415 (loads the daemon's parts)
    from ingestd.store import dialect, migrate  # noqa: PLC0415 (loads SQLAlchemy)

    config = loaded.config
    if config.database.is_sqlite and not config.database.path.exists():
        return Check(WARN, "database", f"there is no {config.database.path} yet", "the daemon makes it when it starts")
    try:
        with dialect.engine_for(wiring.database_url(config), read_only=True).connect() as connection:
            version, result = dialect.version(connection), dialect.quick_check(connection)
            schema = migrate.version(connection) if result == "ok" else None
    except Exception as exc:
        if not dialect.is_trouble(exc):
            raise
        return Check(
            WARN, "database", "it cannot be read from here", "run doctor as the user of the daemon, or as root"
        )
    if result != "ok":
        hint = "stop the daemon, keep a copy, and restore the newest backup"
        return Check(RED, "database", f"{version}: quick check says: {result}", hint)
    return Check(OK, "database", f"{version}, schema {schema}, quick check: ok")


def check_software() -> Iterator[Check]:
    """The program, its Python and the libraries with known holes."""
    yield Check(OK, "ingestd", __version__)
    yield Check(OK, "python", platform.python_version())
    yield check_mail_headers(forged_subject())
    for package, floor in FLOORS.items():
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not in use
        is_fine = numbers(found) >= numbers(floor)
        hint = "" if is_fine else f"older ones have known holes: install {package} {floor} or newer"
        yield Check(OK if is_fine else RED, package, f"{found} (at least {floor})", hint)
    yield check_sqlite(_sqlite_version())


def numbers(version: str) -> tuple[int, ...]:
    """``3.14.3rc1`` as ``(3, 14, 3)``, for comparing releases."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def forged_subject() -> bytes:
    """A mail as this Python writes it, with a subject that tries to become two headers (CPython issue 121650)."""
    mail = EmailMessage()
    try:
        mail["Subject"] = "=?utf-8?q?a=0ABcc:_x=40example.com?="
        return mail.as_bytes()
    except Exception as exc:  # noqa: BLE001 (each release refuses in its own way, and any refusal will do)
        return type(exc).__name__.encode()


def check_mail_headers(written: bytes) -> Check:
    """Whether that subject stayed one header. Asked of the behaviour, since distributions mend without a new version."""
    if not any(line.lower().startswith(b"bcc:") for line in written.splitlines()):
        return Check(OK, "mail headers", "this Python does not write forged headers")
    text = "this Python's own mail library lets a subject forge headers; ingestd writes its mail without it"
    return Check(WARN, "mail headers", text, "update Python when you can (CPython issue 121650)")


def check_sqlite(version: str) -> Check:
    """The version of SQLite. Old ones are safe as we use them, and the line says why."""
    if numbers(version) >= numbers(_SQLITE_FIXED):
        return Check(OK, "sqlite", version)
    note = f"{version}; before {_SQLITE_FIXED} two writers could corrupt a file: the daemon has one writer and a lock"
    return Check(OK, "sqlite", note)


def check_clock_keeper(folder: Path = _TIMESYNC) -> Check:
    """Whether systemd-timesyncd keeps the clock, where it is in use."""
    if (folder / "synchronized").exists():
        return Check(OK, "clock", "kept by systemd-timesyncd")
    if folder.exists():
        return Check(WARN, "clock", "systemd-timesyncd has not set it yet", "see: timedatectl")
    return Check(OK, "clock", "not kept by systemd-timesyncd; whether chrony or ntpd keep it is not known here")


def _sqlite_version() -> str:
    from ingestd.store import dialect  # noqa: PLC0415 (loads SQLAlchemy)

    with dialect.engine_for("sqlite://").connect() as connection:
        return dialect.version(connection).removeprefix("SQLite ")
