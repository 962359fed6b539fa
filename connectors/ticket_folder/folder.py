"""Ticket files on disk. Every write is whole or not at all: a temporary file, fsync, rename, fsync of the folder.

The file I/O is synchronous, on the event loop, on purpose: a ticket is a few kilobytes, a write takes as long as one fsync, and
the simulator's loop, which lends no threads, runs the same code as production does.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingestd.errors import CredentialsRejected, RequestRejected, TryLater

MAX_FILE_BYTES: Final = 8 * 1024 * 1024
_NO_PERMISSION: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A ticket file as it was read. ``version`` changes whenever anybody writes the file."""

    path: Path
    text: str
    version: tuple[int, int, int]


class TicketFolder:
    """The folder of ticket files. Raises ``DeliveryError`` for whatever the disk says."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> TicketFile:
        """The file of this name. Raises ``RequestRejected`` (gone) if there is none."""
        path = self.path / name
        if Path(name).name != name:
            raise RequestRejected(f"{name!r} is not the name of a ticket file", is_gone=True)
        with _disk_errors(path):
            if not path.is_file():
                raise RequestRejected(f"the ticket file {path} no longer exists", is_gone=True)
            version = _version(path)
            if version[1] > MAX_FILE_BYTES:
                raise RequestRejected(
                    f"the ticket file {path} has grown to {version[1]:,} bytes, more than the {MAX_FILE_BYTES:,} that are kept",
                    hint="shorten it by hand, then retry the delivery",
                )
            # Bytes that are not UTF-8 (somebody's editor) go through unchanged.
            return TicketFile(path, path.read_bytes().decode(errors="surrogateescape"), version)

    def names_of(self, incident: str) -> list[str]:
        """Names of the files that may belong to the incident, sorted; a person may have added words to the name."""
        stem = _stem(incident)
        belongs = re.compile(rf"{re.escape(stem)}(?![0-9A-Za-z]).*\.md")
        with _disk_errors(self.path):
            if not self.path.is_dir():
                return []
            return sorted(entry.name for entry in os.scandir(self.path) if belongs.fullmatch(entry.name))

    def create(self, incident: str, text: str) -> Path:
        """Write a new file and return its path: ``INC-1042.md``, or with ``-2``, ``-3``… if that name is taken."""
        stem = _stem(incident)
        with _disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            number = 1
            path = self.path / f"{stem}.md"
            while path.exists():
                number += 1
                path = self.path / f"{stem}-{number}.md"
            _write(path, _bytes(text))
        return path

    def replace(self, file: TicketFile, text: str) -> None:
        """Replace the file's text. Raises ``TryLater`` if somebody wrote the file since it was read."""
        if text == file.text:
            return
        with _disk_errors(file.path):
            if _version(file.path) != file.version:
                raise TryLater(f"somebody is editing {file.path}", after_seconds=5)
            _write(file.path, _bytes(text))

    def keep(self, ticket: TicketFile, name: str, content: bytes) -> str:
        """Write a file into the ticket's own folder, never executable; gives its path beside the ticket. A repeat replaces it by itself."""
        folder = ticket.path.with_name(f"{ticket.path.stem}.files")
        with _disk_errors(folder):
            folder.mkdir(exist_ok=True)
            _write(folder / name, content)
        return f"{folder.name}/{name}"

    def problem(self) -> str:
        """Why tickets could not be written here, or nothing. Changes nothing."""
        nearest = next((folder for folder in (self.path, *self.path.absolute().parents) if folder.exists()), Path("/"))
        if not nearest.is_dir():
            return f"{nearest} is not a folder"
        return "" if os.access(nearest, os.W_OK | os.X_OK) else f"{nearest} cannot be written by this user"


def _stem(incident: str) -> str:
    return re.sub(r"[^0-9A-Za-z_-]", "_", incident)[:100] or "_"


def _version(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # or the rename itself may not survive a power cut
    finally:
        os.close(folder)


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"{error.strerror or error}: {error.filename or path}"
        if error.errno in _NO_PERMISSION:
            raise CredentialsRejected(text, hint="let the daemon's user write there, or set another `path`") from error
        raise TryLater(text) from error
