"""A connection to a mail server, for a thread that must always be able to let go: each wait has an end, and ends at once when the thread is told
to stop; and no server makes it read more than is expected of it.

It reads for itself instead of through a file object, because a line that has been read ahead is not seen by whoever polls the socket: mail
that is announced together with the answer to IDLE would be noticed a minute late.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from ingestd.errors import IngestdError

CONNECT_SECONDS_MAX: Final = 10.0
LINE_BYTES_MAX: Final = 4 * 1024**2
"""A search may name many messages on one line."""
_PIECE_BYTES: Final = 64 * 1024
_KEEP_ALIVE_SECONDS: Final = 60
_ADDRESSES_MAX: Final = 4
_GREETING_BYTES_MAX: Final = 256 * 1024


T = TypeVar("T")


class Stopped(IngestdError):
    """The thread is to end."""


class Stop:
    """Tells one thread to end, also while it waits for a socket or for the time. Closed by its thread when that has ended."""

    def __init__(self) -> None:
        self._heard, self._said = socket.socketpair()
        self.is_set = False

    def set(self) -> None:
        """End soon. May be called by any thread, more than once, and after the end."""
        self.is_set = True
        with contextlib.suppress(OSError):
            self._said.send(b"!")

    def fileno(self) -> int:
        """What becomes readable when it is time to end."""
        return self._heard.fileno()

    def wait(self, seconds: float) -> None:
        """Return after the time. Raises ``Stopped`` when told to end."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        if self.is_set or poll.poll(max(seconds, 0.0) * 1000):
            raise Stopped

    def close(self) -> None:
        """It is over."""
        self._heard.close()
        self._said.close()


class Wire:
    """An open connection. ``allow`` says how long, and how many bytes, all that follows may take.

    Everything raises ``TimeoutError`` at that end, ``ConnectionError`` when the server has gone or says too much, ``Stopped`` when it is told
    to end, and besides that ``OSError`` (``ssl.SSLError`` is one).
    """

    def __init__(self, host: str, port: int, stop: Stop) -> None:
        self.host = host
        self.port = port
        self._stop = stop
        self._buffer = bytearray()
        self.allow(CONNECT_SECONDS_MAX, _GREETING_BYTES_MAX)
        self._socket = self._connect()

    def allow(self, seconds: float, bytes_max: int) -> None:
        """What comes next may take so long and bring so much."""
        self._until = time.monotonic() + seconds
        self._bytes_left = bytes_max

    def _connect(self) -> socket.socket:
        trouble = OSError(f"{self.host} has no address")
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found[:_ADDRESSES_MAX]:
            connection = socket.socket(family, kind, protocol)
            try:
                self._reach(connection, address)
            except OSError as error:
                connection.close()
                trouble = error
            except Stopped:
                connection.close()
                raise
            else:
                return connection
        raise trouble

    def _reach(self, connection: socket.socket, address: Any) -> None:  # noqa: ANN401 (each family has its own)
        """Each address has its own time: one family may lead nowhere, and the other one be fine."""
        self.allow(CONNECT_SECONDS_MAX, _GREETING_BYTES_MAX)
        connection.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            connection.connect(address)
        self._wait(connection, select.POLLOUT)
        number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def secure(self, context: ssl.SSLContext) -> None:
        """Encrypt what follows, with the server's certificate verified for its name.

        What came in the clear after the answer to STARTTLS may be anybody's, and is an error.
        """
        if self._buffer:
            raise ConnectionError("the server went on in the clear after STARTTLS")
        wrapped = context.wrap_socket(self._socket, server_hostname=self.host, do_handshake_on_connect=False)
        self._socket = wrapped
        self._until_done(wrapped.do_handshake, select.POLLIN)

    def has_input(self, seconds: float) -> bool:
        """Whether something comes within the time. Does not read it."""
        if self._buffer or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            return True
        poll = self._poll(self._socket, select.POLLIN)
        ready = {number for number, _ in poll.poll(max(seconds, 0.0) * 1000)}
        if self._stop.fileno() in ready:
            raise Stopped
        return bool(ready)

    def readline(self) -> bytes:
        """The next line with its end."""
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                return self._taken(end + 1)
            searched = len(self._buffer)
            if searched > LINE_BYTES_MAX:
                raise ConnectionError("the server sends a line without an end")
            self._fill()

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        if size - len(self._buffer) > self._bytes_left:
            raise ConnectionError(f"the server announces {size} bytes, which is more than it was asked for")
        while len(self._buffer) < size:
            self._fill()
        return self._taken(size)

    def send(self, data: bytes) -> None:
        """All of it."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._until_done(partial(self._socket.send, rest[:_PIECE_BYTES]), select.POLLOUT) :]

    def close(self) -> None:
        """Let go of it, whatever state it is in."""
        self._socket.close()

    def _taken(self, size: int) -> bytes:
        with memoryview(self._buffer) as view:  # a slice of the buffer itself would be one more copy
            taken = bytes(view[:size])
        del self._buffer[:size]
        return taken

    def _fill(self) -> None:
        piece = self._until_done(partial(self._socket.recv, _PIECE_BYTES), select.POLLIN)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self._bytes_left -= len(piece)
        if self._bytes_left < 0:
            raise ConnectionError("the server sends more than it was asked for")
        self._buffer += piece

    def _until_done(self, step: Callable[[], T], event: int) -> T:
        """``event``: what to wait for where there is no encryption, which says itself what it waits for."""
        while True:
            try:
                return step()
            except BlockingIOError:
                self._wait(self._socket, event)
            except ssl.SSLWantReadError:
                self._wait(self._socket, select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait(self._socket, select.POLLOUT)

    def _wait(self, connection: socket.socket, event: int) -> None:
        left = self._until - time.monotonic()
        ready = {number for number, _ in self._poll(connection, event).poll(max(left, 0.0) * 1000)}
        if self._stop.fileno() in ready:
            raise Stopped
        if not ready:
            raise TimeoutError(f"{self.host} does not answer in time")

    def _poll(self, connection: socket.socket, event: int) -> select.poll:
        poll = select.poll()
        poll.register(connection.fileno(), event)
        poll.register(self._stop.fileno(), select.POLLIN)
        return poll


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates are verified, by the system's authorities or a private one; TLS 1.2 or newer. Raises ``OSError``."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
