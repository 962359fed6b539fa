"""The listener as a whole: how it stops, and what it shows under TLS."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import threading
from pathlib import Path

import pytest

from ingestd.intake.server import Tls
from ingestd.intake.settings import ServerLimits
from tests.intake.conftest import request_of, until

NET = Path(__file__).parents[1] / "net" / "tls"
OWN = Path(__file__).parent / "tls"


async def test_a_stop_answers_what_has_come_whole_and_lets_the_others_go(build):
    house = await build()
    go_on = threading.Event()
    blocking = asyncio.ensure_future(house.database.run(lambda _connection: go_on.wait(20)))
    whole = [await house.peer(), await house.peer()]
    whole[0].send(request_of())
    whole[1].send(request_of(method="PUT"))
    parts = [await house.peer(), await house.peer()]
    parts[0].send(request_of()[:-5])
    parts[1].send(request_of(method="PUT")[:-5])
    idle = await house.peer()
    await until(lambda: house.gate._count == 2)
    stopping = asyncio.ensure_future(house.runner.cleanup())
    assert [await peer.end() for peer in (*parts, idle)] == [b"", b"", b""]
    go_on.set()
    assert [(await peer.answer()).status for peer in whole] == [202, 202]
    await stopping
    await blocking
    assert len(await house.stored()) == 2


async def test_after_a_stop_nobody_gets_in(build):
    house = await build()
    await house.runner.cleanup()
    with pytest.raises(ConnectionRefusedError):
        await house.peer()


# ---------------------------------------------------------------------------------- TLS


@pytest.fixture
def pair(tmp_path) -> tuple[Path, Path]:
    """A certificate and its key, in files that may be replaced."""
    return put(tmp_path, NET / "localhost.pem", NET / "localhost.key")


def put(folder: Path, cert: Path, key: Path) -> tuple[Path, Path]:
    return Path(shutil.copy(cert, folder / "cert.pem")), Path(shutil.copy(key, folder / "key.pem"))


def blind(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client that takes any certificate: the test looks at it itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.maximum_version = version
    return context


async def shown(house) -> bytes:
    """The certificate that a new connection gets to see."""
    peer = await house.peer(ssl=blind())
    assert (await peer.ask(request_of())).status == 202
    return peer.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)


def der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


async def test_a_renewed_certificate_is_shown_after_a_reload(build, pair, tmp_path):
    house = await build(tls=Tls(*pair))
    assert await shown(house) == der(NET / "localhost.pem")
    put(tmp_path, OWN / "renewed.pem", OWN / "renewed.key")
    house.tls.reload()
    assert await shown(house) == der(OWN / "renewed.pem")


async def test_a_reload_of_files_that_do_not_fit_changes_nothing(build, pair, tmp_path):
    house = await build(tls=Tls(*pair))
    put(tmp_path, OWN / "renewed.pem", NET / "localhost.key")
    with pytest.raises(OSError, match=rf"certificate {pair[0]} and key {pair[1]} cannot be used: they do not belong"):
        house.tls.reload()
    assert await shown(house) == der(NET / "localhost.pem")
    pair[0].unlink()
    with pytest.raises(OSError, match="No such file"):
        house.tls.reload()
    assert await shown(house) == der(NET / "localhost.pem")


def test_a_key_with_a_passphrase_is_told_and_nobody_is_asked_for_it(pair):
    shutil.copy(OWN / "locked.key", pair[1])
    with pytest.raises(OSError, match="the key without a passphrase"):
        Tls(*pair)


async def test_old_versions_of_tls_are_refused(build, pair):
    tls = Tls(*pair)
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
    house = await build(tls=tls)
    await house.peer(ssl=blind(ssl.TLSVersion.TLSv1_2))


async def test_a_handshake_that_never_ends_is_let_go(build, pair, caplog):
    house = await build(limits=ServerLimits(header_seconds=0.05), tls=Tls(*pair))
    peer = await house.peer()
    peer.send(b"\x16\x03\x01")
    assert await peer.end() == b""


async def test_large_bodies_come_through_tls_too(build, pair):
    house = await build(tls=Tls(*pair))
    peer = await house.peer(ssl=blind())
    body = b'"' + b"x" * 1_000_000 + b'"'
    for method in ("POST", "PUT"):
        assert (await peer.ask(request_of(body, method=method))).status == 202
    assert [envelope.body for envelope in await house.stored()] == [body, body]
