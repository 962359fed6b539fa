"""Which daemon the command line speaks to, and as whom: flags, then ``INGESTD_*``, then the user's file, then the machine's."""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ingestd.cli.failures import BadUsage

DEFAULT_URL: Final = "http://127.0.0.1:8095"
MACHINE_FILE: Final = Path("/etc/ingestd/cli.yaml")
_TOKEN_CHARS_MAX = 4096


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Where the daemon is and how to speak to it. ``token`` may be empty: then none is sent."""

    url: str
    token: str = field(default="", repr=False)
    ca_file: Path | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether the daemon is on this machine, so that no proxy can be meant."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class _FromFile:
    url: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None


def user_file() -> Path:
    """Where this user keeps their settings of the command line."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(folder) if folder.startswith("/") else Path("~/.config").expanduser()) / "ingestd" / "cli.yaml"


def resolve(url: str | None, token_file: Path | None, warn: Callable[[str], None]) -> ClientSettings:
    """The settings in force. ``warn`` is told what is unwise but works. Raises ``BadUsage`` for what cannot be used."""
    files = list(_files())
    chosen = url or os.environ.get("INGESTD_URL") or next((file.url for file in files if file.url), DEFAULT_URL)
    chosen = _checked_url(chosen)
    ca_file = next((file.ca_file for file in files if file.ca_file), None)
    settings = ClientSettings(chosen, _token(token_file, files, warn), ca_file)
    if settings.token and chosen.startswith("http:") and not settings.is_loopback:
        warn("warning: the token travels unencrypted: this URL is http and not this machine")
    return settings


def _token(token_file: Path | None, files: list[_FromFile], warn: Callable[[str], None]) -> str:
    if token_file is not None:
        return _read_token(token_file, warn)
    if text := os.environ.get("INGESTD_TOKEN"):
        return _checked_token(text, "INGESTD_TOKEN")
    if name := os.environ.get("INGESTD_TOKEN_FILE"):
        return _read_token(Path(name), warn)
    found = next((file.token_file for file in files if file.token_file), None)
    return _read_token(found, warn) if found else ""


def _read_token(path: Path, warn: Callable[[str], None]) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_TOKEN_CHARS_MAX + 1)
            mode = path.stat().st_mode
    except OSError as exc:
        raise BadUsage(f"cannot read the token file {path}: {exc.strerror or exc}") from None
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        warn(f"warning: every user of this machine can read {path}: chmod o= {path}")
    return _checked_token(raw.decode("utf-8", "replace"), str(path))


def _checked_token(text: str, where: str) -> str:
    token = text.strip()
    if not token or len(token) > _TOKEN_CHARS_MAX or not token.isascii() or not token.isprintable() or " " in token:
        raise BadUsage(
            f"there is no token in {where}", hint="it must hold one word of printable ASCII and nothing else"
        )
    return token


def _checked_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        is_good = is_good and not (parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        is_good = False
    if not is_good or not text.isprintable():
        raise BadUsage("the URL of the daemon cannot be used", hint=f"write it like {DEFAULT_URL}, without a user name")
    return text.rstrip("/")


def _files() -> Iterator[_FromFile]:
    for path in (user_file(), MACHINE_FILE):
        try:
            if not path.exists():
                continue
        except OSError:  # a folder that this user may not look into
            continue
        if path == MACHINE_FILE and not os.access(path, os.R_OK):  # it is another user's, with a token of theirs
            continue
        yield _read_file(path)


def _read_file(path: Path) -> _FromFile:
    # Reading YAML with its places costs time that most calls, which have no such file, need not spend.
    from ingestd.cli.client_file import read_client_file  # noqa: PLC0415 (loaded only when there is a file)

    found = read_client_file(path)
    return _FromFile(found.url, found.token_file, found.ca_file)
