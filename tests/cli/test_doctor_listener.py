"""What doctor says of the listener for mail, knocking at a socket that answers as it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from ingestd.cli.doctor_listener import check_listener
from ingestd.config.listener_model import ListenerSection


@pytest.fixture
def listening() -> Iterator[Callable[[bytes], ListenerSection]]:
    """``listening(greeting)`` is the configuration of a listener that says so, once."""
    sockets: list[socket.socket] = []

    def make(greeting: bytes) -> ListenerSection:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(greeting)

        threading.Thread(target=answer, daemon=True).start()
        return ListenerSection(listen=f":{server.getsockname()[1]}")

    yield make
    for one in sockets:
        one.close()


@pytest.mark.parametrize(
    ("greeting", "mark", "words"),
    [
        (b"220 mx.example.com ESMTP ingestd\r\n", "ok", "as mx.example.com"),
        (b"554 5.7.1 no\r\n", "warn", "lets this machine not in"),
        (b"421 4.3.2 stopping\r\n", "warn", "421 4.3.2 stopping"),
        (b"", "red", "closed the connection"),
    ],
)
def test_what_it_says_is_told(listening, greeting, mark, words):
    check = check_listener(listening(greeting))
    assert (check.mark, check.topic) == (mark, "mail listener")
    assert words in check.text


def test_nobody_there_is_red():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    check = check_listener(ListenerSection(listen=f"127.0.0.1:{port}"))
    assert check.mark == "red"
    assert "no answer at" in check.text
