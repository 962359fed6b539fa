"""Debian's Postfix as an instance of its own: own configuration, queue and log, nothing of the machine's. It relays everything to one port."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.acceptance.monitoring import free_port
from tests.acceptance.waiting import until

START_SECONDS_MAX = 30.0
_MAIN = """
compatibility_level = 3.6
myhostname = relay.example.com
mydestination =
mynetworks = 127.0.0.0/8
relay_domains = example.com
relayhost = [127.0.0.1]:{relay_port}
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_tls_security_level = {tls}
alias_maps =
alias_database =
local_recipient_maps =
inet_protocols = ipv4
disable_dns_lookups = yes
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file_prefixes = {folder}
maillog_file = {folder}/maillog
notify_classes =
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
smtp_destination_concurrency_failed_cohort_limit = 0
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup   unix n - n 60 1 pickup
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 1 1 qmgr
rewrite  unix - - n - - trivial-rewrite
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
verify   unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp     unix - - n - - smtp
relay    unix - - n - - smtp
error    unix - - n - - error
retry    unix - - n - - error
discard  unix - - n - - discard
tlsmgr   unix - - n 1000? 1 tlsmgr
anvil    unix - - n - 1 anvil
scache   unix - - n - 1 scache
postlog  unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One instance. Its parts run as users of their own, so its folder is one that they can reach; only root may start it."""

    def __init__(self, program: str, relay_port: int, *, tls: str = "may") -> None:
        self._program = program
        self.folder = Path(tempfile.mkdtemp(prefix="ingestd-postfix-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        for name in ("queue", "data"):
            (self.folder / name).mkdir()
        (self.folder / "main.cf").write_text(_MAIN.format(folder=self.folder, relay_port=relay_port, tls=tls))
        (self.folder / "master.cf").write_text(_MASTER.format(port=self.port))
        self._as_root("chown", "postfix", str(self.folder / "data"))
        self._as_root(program, "-c", str(self.folder), "start")
        until(lambda: "daemon started" in self.log(), START_SECONDS_MAX, "Postfix listens", last_words=self.log)

    def _as_root(self, *command: str) -> None:
        words = [*([] if os.geteuid() == 0 else ["sudo", "-n"]), *command]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}{self.log()}"

    def log(self) -> str:
        """What it has logged; only root and its own user may read the file elsewhere than here."""
        path = self.folder / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def deliveries(self, word: str) -> list[str]:
        """Lines of its log about deliveries that ended so: ``sent``, ``deferred``, ``bounced``."""
        return [line for line in self.log().splitlines() if f"status={word}" in line]

    def close(self) -> None:
        self._as_root(self._program, "-c", str(self.folder), "abort")
        self._as_root("rm", "-rf", str(self.folder))
