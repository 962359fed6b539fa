"""Knocks at the listener for mail as a mail server would, and goes away before it has said anything."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Final

from ingestd.cli.doctor_local import OK, RED, WARN, Check
from ingestd.config.listener_model import ListenerSection

TOPIC: Final = "mail listener"
SECONDS_MAX: Final = 5.0
_ANYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (what it listens on, not what is opened)
_GREETING_BYTES_MAX: Final = 1000


def check_listener(listener: ListenerSection) -> Check:
    """Whether it answers where the configuration says, seen from this machine."""
    at = listener.listen
    try:
        greeting = _greeting(_ANYWHERE.get(at.host, at.host), at.port, listener)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        hint = "is the daemon running, and was it restarted since mail.listener was added or moved?"
        return Check(RED, TOPIC, f"no answer at {at}: {reason}", hint)
    if greeting.startswith("220 "):
        return Check(OK, TOPIC, f"answers at {at} as {greeting[4:].partition(' ')[0]}")
    if greeting.startswith("554 "):
        return Check(WARN, TOPIC, f"{at} lets this machine not in, so it cannot be tried from here", "allowed_networks")
    return Check(WARN, TOPIC, f"{at} says: {greeting}", "ingestd_envelopes_refused_total and the log say why")


def _greeting(host: str, port: int, listener: ListenerSection) -> str:
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(socket.create_connection((host, port), timeout=SECONDS_MAX))
        if listener.tls is not None and listener.tls.mode == "implicit":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False  # it is asked by its address, and told nothing
            context.verify_mode = ssl.CERT_NONE
            line = stack.enter_context(context.wrap_socket(line))
        greeting = stack.enter_context(line.makefile("rb")).readline(_GREETING_BYTES_MAX)
        with contextlib.suppress(OSError):
            line.sendall(b"QUIT\r\n")
    if not greeting:
        raise OSError("it closed the connection")
    return greeting.decode("ascii", "replace").strip()
