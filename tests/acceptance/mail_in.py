"""Mail on its way into a daemon: a configuration that takes it, and a sender that speaks SMTP byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.acceptance.daemon import DaemonProcess, config_of
from tests.acceptance.waiting import until

TO = "alerts@example.com"
SOURCES = {
    "alertmanager": {"kind": "alertmanager", "auth": "none"},
    "nagios": {"kind": "email", "email": {"recipients": [TO], "auth": "none"}},
}
NAGIOS = (
    "From: nagios@example.com\r\n"
    "To: alerts@example.com\r\n"
    "Subject: ** PROBLEM Service Alert: {host}/Disk is CRITICAL **\r\n"
    "Message-ID: <{host}.problem@nagios.example.com>\r\n"
    "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
    "\r\n"
    "***** Nagios *****\r\n"
    "\r\n"
    "Notification Type: PROBLEM\r\n"
    "\r\n"
    "Service: Disk\r\n"
    "Host: {host}\r\n"
    "Address: 192.0.2.7\r\n"
    "State: CRITICAL\r\n"
    "\r\n"
    "Date/Time: Sun Nov 22 10:00:00 UTC 2026\r\n"
    "\r\n"
    "Additional Info:\r\n"
    "\r\n"
    "DISK CRITICAL - free space: / 5 MiB (0%)\r\n"
)


def mail_config(folder: Path, *, listener: dict[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    """A configuration with a listener for mail on a free port."""
    mail = {"listener": {"listen": "127.0.0.1:0", "hostname": "ingestd.example.com", **(listener or {})}}
    return config_of(folder, **{"sources": deepcopy(SOURCES), "mail": mail, **sections})


def mail_port(daemon: DaemonProcess) -> int:
    """Where the daemon, started last, takes mail."""
    [event] = until(lambda: daemon.log_events("mail_listener_ready"), 10, "it takes mail", last_words=daemon.log)[-1:]
    return int(event["listen"].rpartition(":")[2])


class Sender:
    """One connection that hands in mail."""

    def __init__(self, port: int, *, timeout: float = 20.0) -> None:
        self.line = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._replies = self.line.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.line.sendall(data)

    def reply(self) -> str:
        """The last line of the next answer; empty at the end of the connection."""
        while True:
            line = self._replies.readline().decode()
            if line[3:4] != "-":
                return line.rstrip("\r\n")

    def ask(self, command: str) -> str:
        self.send(f"{command}\r\n".encode())
        return self.reply()

    def begin(self, recipients: Sequence[str] = (TO,), sender: str = "nagios@example.com") -> None:
        """Up to where the message is wanted."""
        for wish in (f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in recipients), "DATA"):
            reply = self.ask(wish)
            assert reply[:3] in {"250", "354"}, reply

    def greet(self) -> Self:
        assert self.reply().startswith("220 ")
        assert self.ask("EHLO sender.example.com").startswith("250 ")
        return self

    def hand_in(self, mail: bytes) -> str:
        """One message without lines that begin with a dot; the answer to its end."""
        self.begin()
        self.send(mail + b".\r\n")
        return self.reply()

    def close(self) -> None:
        self._replies.close()
        self.line.close()
