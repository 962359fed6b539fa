"""Mail into a maildir: the way out that needs no server and no account.

Format: https://cr.yp.to/proto/maildir.html. A mail is written to ``tmp/``, synced, and renamed into ``new/``, so that a reader
never sees half of one and a crash leaves either all of it or nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import string
import tempfile
from pathlib import Path
from typing import Final

from ingestd.errors import TryLater
from ingestd.ports import Mail

_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "-_.")
_NAME_LENGTH_MAX: Final = 100


class MaildirSender:
    """Stores each mail under a name that follows from its Message-ID: a repeat replaces the mail that was not read yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def check(self) -> str:
        """Where the mail goes, and whether that place can be written."""
        nearest = next(place for place in (self._folder, *self._folder.absolute().parents) if place.exists())
        is_usable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
        return f"maildir {self._folder}" if is_usable else f"maildir {self._folder} cannot be written by this user"

    async def send(self, mail: Mail) -> str:
        """The name of the stored file. Raises ``TryLater`` if it could not be stored durably (disk full, no permission)."""
        try:
            name = await asyncio.to_thread(self._store, mail)
        except OSError as error:
            raise TryLater(
                f"the maildir {self._folder} cannot be written: {error.strerror}",
                hint="free space, or let the daemon's user write there",
            ) from error
        return f"stored as new/{name}"

    def _store(self, mail: Mail) -> str:
        for part in ("tmp", "new", "cur"):
            _make_folder(self._folder / part)
        name = file_name(mail.message_id)
        handle, draft = tempfile.mkstemp(prefix=f"{name}.", dir=self._folder / "tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                # The file follows the system's line ends, as everything else in a maildir does.
                file.write(mail.raw.replace(b"\r\n", b"\n"))
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self._folder / "new" / name)  # noqa: PTH105 (one call that is known to be atomic)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        _sync_folder(self._folder / "new")
        return name


def file_name(message_id: str) -> str:
    """The file name for a Message-ID: what can be read of it, and a digest that keeps two of them apart."""
    readable = "".join(char if char in _NAME_CHARACTERS else "_" for char in message_id.strip("<>"))
    digest = hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{readable[:_NAME_LENGTH_MAX].lstrip('.')}.{digest}"


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
