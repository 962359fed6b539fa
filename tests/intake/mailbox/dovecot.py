"""A Dovecot of its own for a test: its own folder, ports, users and processes; no service of the machine is touched."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

PASSWORD = "geheim-für-ops"

_CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = {ssl}
{certificate}
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:~/Maildir
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
}}
"""


class Dovecot:
    """Started when made; ``stop`` ends all its processes."""

    def __init__(self, program: str, certificate: tuple[Path, Path] | None = None) -> None:
        # Short, as sockets have paths, and open to the user that mail belongs to: mail may not belong to root.
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.folder.chmod(0o755)
        self.program = program
        self.host, self.password = "127.0.0.1", PASSWORD
        self.username = "ops@example.com"
        self._user_count = 0
        self.port, self.tls_port = _free_port(), _free_port()
        (self.folder / "home").mkdir()
        me = pwd.getpwuid(os.getuid())
        is_root = me.pw_uid == 0
        owner = pwd.getpwnam("nobody") if is_root else me
        os.chown(self.folder / "home", owner.pw_uid, owner.pw_gid)
        lines = ""
        if certificate is not None:
            for key, path in zip(("ssl_cert", "ssl_key"), certificate, strict=True):
                lines += f"{key} = <{shutil.copy(path, self.folder)}\n"
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(
            _CONFIG.format(
                folder=self.folder,
                ssl="yes" if certificate else "no",
                certificate=lines,
                internal="dovecot" if is_root else me.pw_name,
                login="dovenull" if is_root else me.pw_name,
                group="dovecot" if is_root else grp.getgrgid(me.pw_gid).gr_name,
                uid=owner.pw_uid,
                gid=owner.pw_gid,
                password=PASSWORD,
                port=self.port,
                tls_port=self.tls_port,
            )
        )
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([self.program, "-F", "-c", str(self.config)], start_new_session=True)
        pause = threading.Event()
        until = time.monotonic() + 15
        while time.monotonic() < until:
            assert process.poll() is None, f"dovecot ended: {self.log()}"
            try:
                with socket.create_connection((self.host, self.port), 1) as connection:
                    if connection.recv(4) == b"* OK":
                        return process
            except OSError:
                pass
            pause.wait(0.05)
        raise AssertionError(f"dovecot does not answer: {self.log()}")

    def restart(self) -> None:
        """Every connection ends."""
        self._end()
        self.process = self._start()

    def new_user(self) -> None:
        """From now on the mailbox is another one, which is empty."""
        self._user_count += 1
        self.username = f"ops{self._user_count}@example.com"

    def renumber(self, folder: str = "INBOX") -> None:
        """Another UIDVALIDITY, and UIDs from 1 on, as after a repair: the maildir's list of UIDs is lost. Nobody may be logged in."""
        place = self.folder / "home" / self.username / "Maildir"
        place = place if folder == "INBOX" else place / f".{folder}"
        (place / "dovecot-uidlist").unlink()
        for index in place.glob("dovecot.index*"):
            index.unlink()

    def drop_in(self, raw: bytes, name: str) -> None:
        """Delivers as a mail server does: a file, renamed into ``new``."""
        place = self.folder / "home" / self.username / "Maildir"
        owner = (self.folder / "home").stat()
        for part in (place.parent, place, *(place / one for one in ("tmp", "new", "cur"))):
            if not part.exists():
                part.mkdir()
                os.chown(part, owner.st_uid, owner.st_gid)
        path = place / "tmp" / name
        path.write_bytes(raw)
        os.chown(path, owner.st_uid, owner.st_gid)
        path.rename(place / "new" / name)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def stop(self) -> None:
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
