"""The HTTP client against real sockets: what is known to be unsent, and what is not."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from ingestd.errors import OutcomeUnknown, RequestRejected, TryLater
from ingestd.net.http_client import AiohttpClient
from ingestd.ports import REPLY_BYTES_MAX, HttpRequest


@pytest.fixture
async def client() -> AsyncIterator[AiohttpClient]:
    made = AiohttpClient()
    yield made
    await made.close()


def answering(raw: bytes, seen: list[bytes] | None = None):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head)
        writer.write(raw)
        await writer.drain()
        writer.close()

    return answer


async def never_answer(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up_after_the_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_an_answer_comes_back_with_lower_case_header_names(client, listen):
    port = await listen(answering(reply(b"{}", "X-Two: a", "X-Two: b", status="422 Unprocessable")))
    got = await client.send(HttpRequest("POST", f"http://127.0.0.1:{port}/x", body=b"{}"))
    assert (got.status, got.body, got.headers["x-two"]) == (422, b"{}", "a, b")


async def test_a_redirect_is_an_answer_and_is_not_followed(client, listen):
    port = await listen(answering(reply(b"", "Location: http://127.0.0.1:1/elsewhere", status="302 Found")))
    got = await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/"))
    assert got.status == 302
    assert got.headers["location"] == "http://127.0.0.1:1/elsewhere"


async def test_an_escaped_url_arrives_byte_for_byte(client, listen):
    seen: list[bytes] = []
    port = await listen(answering(reply(b""), seen))
    await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/M.json?DateSent%3E=2026-11-21&To=%2B15550100"))
    assert seen[0].startswith(b"GET /M.json?DateSent%3E=2026-11-21&To=%2B15550100 HTTP/1.1\r\n")


async def test_nothing_is_sent_where_nobody_listens(client):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(TryLater, match="cannot be reached"):
            await client.send(HttpRequest("POST", f"http://127.0.0.1:{port}/", body=b"x"))


async def test_a_server_that_never_answers_leaves_the_outcome_unknown(client, listen):
    port = await listen(never_answer)
    with pytest.raises(OutcomeUnknown, match="no answer in time"):
        await client.send(HttpRequest("POST", f"http://127.0.0.1:{port}/", body=b"x", timeout_seconds=0.05))


async def test_a_connection_lost_after_the_request_leaves_the_outcome_unknown(client, listen):
    port = await listen(hang_up_after_the_request)
    with pytest.raises(OutcomeUnknown, match="was lost before the answer"):
        await client.send(HttpRequest("POST", f"http://127.0.0.1:{port}/", body=b"x"))


async def test_an_answer_that_breaks_off_in_its_body_leaves_the_outcome_unknown(client, listen):
    port = await listen(answering(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"))
    with pytest.raises(OutcomeUnknown):
        await client.send(HttpRequest("POST", f"http://127.0.0.1:{port}/", body=b"x"))


async def test_what_is_no_http_leaves_the_outcome_unknown(client, listen):
    port = await listen(answering(b"220 mail.example.com ESMTP\r\n\r\n"))
    with pytest.raises(OutcomeUnknown):
        await client.send(HttpRequest("POST", f"http://127.0.0.1:{port}/", body=b"x"))


async def test_a_body_is_cut_at_one_mebibyte(client, listen):
    port = await listen(answering(reply(b"a" * (REPLY_BYTES_MAX + 5))))
    got = await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/"))
    assert len(got.body) == REPLY_BYTES_MAX


async def test_a_compressed_body_is_unpacked_up_to_the_same_limit(client, listen):
    bomb = gzip.compress(b"\0" * (20 * REPLY_BYTES_MAX))
    port = await listen(answering(reply(bomb, "Content-Encoding: gzip")))
    got = await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/"))
    assert got.body == b"\0" * REPLY_BYTES_MAX


async def test_a_body_that_lies_about_its_encoding_comes_back_as_it_is(client, listen):
    port = await listen(answering(reply(b"plain", "Content-Encoding: gzip")))
    assert (await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/"))).body == b"plain"


async def test_a_certificate_of_an_unknown_authority_stops_the_request(client, listen, server_tls):
    seen: list[bytes] = []
    port = await listen(answering(reply(b""), seen), server_tls)
    with pytest.raises(TryLater, match="certificate"):
        await client.send(HttpRequest("POST", f"https://localhost:{port}/", body=b"secret"))
    assert seen == []


async def test_a_certificate_for_another_name_stops_the_request(listen, server_tls, authority):
    port = await listen(answering(reply(b"")), server_tls)
    client = AiohttpClient(ca_file=authority, resolver=FixedResolver("127.0.0.1"))
    with pytest.raises(TryLater, match="certificate"):
        await client.send(HttpRequest("GET", f"https://elsewhere.example:{port}/"))
    await client.close()


async def test_a_private_authority_can_be_trusted(listen, server_tls, authority):
    port = await listen(answering(reply(b"ok")), server_tls)
    client = AiohttpClient(ca_file=authority)
    assert (await client.send(HttpRequest("GET", f"https://localhost:{port}/"))).body == b"ok"
    await client.close()


async def test_a_proxy_in_the_environment_is_ignored(client, listen, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    port = await listen(answering(reply(b"direct")))
    assert (await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/"))).body == b"direct"


async def test_a_cookie_is_not_kept(client, listen):
    seen: list[bytes] = []
    port = await listen(answering(reply(b"", "Set-Cookie: session=1; Path=/"), seen))
    for _ in range(2):
        await client.send(HttpRequest("GET", f"http://localhost:{port}/"))
    assert b"cookie" not in seen[1].lower()


async def test_plain_http_goes_to_this_machine_only_unless_the_host_is_named(client, listen):
    with pytest.raises(TryLater, match="without encryption"):
        await client.send(HttpRequest("GET", "http://gateway.example/send"))
    port = await listen(answering(reply(b"ok")))
    named = AiohttpClient(plain_http_hosts=["Gateway.example"], resolver=FixedResolver("127.0.0.1"))
    assert (await named.send(HttpRequest("GET", f"http://gateway.example:{port}/"))).body == b"ok"
    await named.close()


class FixedResolver(AbstractResolver):
    """Says that every name is at one address, as a name server in an attacker's hands would."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def resolve(self, host, port=0, family=socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=self.address, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        return None


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"])
async def test_a_link_local_address_is_refused(client, host):
    with pytest.raises(TryLater, match="link-local"):
        await client.send(HttpRequest("GET", f"https://{host}/latest/meta-data"))


async def test_a_name_that_leads_to_a_link_local_address_is_refused():
    client = AiohttpClient(resolver=FixedResolver("169.254.169.254"))
    with pytest.raises(TryLater, match="link-local"):
        await client.send(HttpRequest("GET", "https://metadata.example/"))
    await client.close()


@pytest.mark.parametrize(
    "url", ["ftp://a/b", "https:///x", "https://a/b c", "https://a/\r\nHost: b", "file:///etc/passwd"]
)
async def test_a_url_that_cannot_be_sent_is_refused_for_good(client, url):
    with pytest.raises(RequestRejected):
        await client.send(HttpRequest("GET", url))


async def test_a_header_cannot_smuggle_a_second_one(client):
    with pytest.raises(RequestRejected, match="line break"):
        await client.send(HttpRequest("GET", "http://127.0.0.1:1/", headers={"X-A": "b\r\nX-Evil: 1"}))


async def test_no_error_tells_a_secret(client):
    request = HttpRequest("POST", "http://127.0.0.1:1/path?token=hunter2", {"Authorization": "Bearer hunter2"}, b"x")
    with pytest.raises(TryLater) as caught:
        await client.send(request)
    assert "hunter2" not in str(caught.value)


async def test_a_closed_client_opens_again(client, listen):
    port = await listen(answering(reply(b"ok")))
    url = f"http://127.0.0.1:{port}/"
    await client.send(HttpRequest("GET", url))
    await client.close()
    await client.close()
    assert (await client.send(HttpRequest("GET", url))).status == 200


@pytest.mark.parametrize("host", ["a..b", "...", f"{'a' * 80}.com"])
async def test_a_host_that_no_resolver_can_be_asked_for_is_not_reached(client, host):
    with pytest.raises(TryLater, match="cannot be reached"):
        await client.send(HttpRequest("GET", f"https://{host}/x", timeout_seconds=3))
