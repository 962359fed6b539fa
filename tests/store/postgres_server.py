"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool


class PostgresServer:
    """A PostgreSQL of our own: reached by a socket in a private folder, gone afterwards, as fast as it can be."""

    def __init__(self, initdb: str) -> None:
        self._tools = Path(initdb).parent
        self._folder = Path(tempfile.mkdtemp(prefix="ingestd-pg-"))
        # The server refuses to run as root, so it runs as the user that Debian made for it, or as nobody.
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = next(name for name in ("postgres", "nobody") if _has_user(name))
            group = pwd.getpwnam(user).pw_gid
            self._as = {"user": user, "group": group, "extra_groups": []}
            shutil.chown(self._folder, user, group)
        self.data = self._folder / "data"
        self._count = 0
        self._free: list[str] = []
        self._tool("initdb", "--auth=trust", "--username=ingestd", "--encoding=UTF8", "--no-sync", "--locale=C.UTF-8")
        self.start()

    def start(self) -> None:
        """Returns when the server answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 30,
            "deadlock_timeout": "50ms",
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = self._folder / "log"
        self._tool("pg_ctl", "start", "--wait", f"--log={log}", f"--options={options}")

    def stop(self) -> None:
        """As a crash would: no connection is told anything."""
        self._tool("pg_ctl", "stop", "--wait", "--mode=immediate")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def create(self) -> str:
        """The URL of an empty database: one that was given back, if there is any, since making one takes long."""
        if self._free:
            return self._url(self._free.pop())
        self._count += 1
        name = f"t{self._count}"
        self._do("postgres", f"CREATE DATABASE {name}")
        return self._url(name)

    def give_back(self, url: str) -> None:
        """Ends whoever is still connected to a database that ``create`` gave, and empties it for the next."""
        name = make_url(url).database
        assert name is not None
        self._do(
            name,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        self._do(name, "DROP SCHEMA public CASCADE")
        self._do(name, "CREATE SCHEMA public")
        self._free.append(name)

    def _url(self, name: str) -> str:
        return f"postgresql://ingestd@/{name}?host={self._folder}"

    def _do(self, name: str, statement: str) -> None:
        url = self._url(name).replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))

    def _tool(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [self._tools / name, f"--pgdata={self.data}", *arguments],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as,
        )


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
