"""One daemon per SQLite file: an advisory lock on a file beside it, let go by the kernel when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ingestd.errors import DatabaseLocked


class FileLock:
    """Held from construction to ``release``. Raises ``DatabaseLocked``, naming the process that holds it."""

    def __init__(self, database: Path) -> None:
        # Through symbolic links: two names of one file are one database.
        real = database.resolve()
        self.path = real.with_name(real.name + ".lock")
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._handle, 32).decode("ascii", "replace").strip() or "?"
            os.close(self._handle)
            raise DatabaseLocked(
                f"another ingestd (process {holder}) uses {database}",
                hint="stop that one first; several daemons together need PostgreSQL",
            ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next daemon in, even if a child that is just being started has the handle for a moment longer."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)
        os.close(self._handle)
