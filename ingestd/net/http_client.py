"""The HTTP client that connectors send through: aiohttp behind ``ingestd.ports.HttpClient``.

What decides between ``TryLater`` and ``OutcomeUnknown`` is one fact: whether a connection existed. Before that, certainly
nothing was sent. After that, a server may have acted even if its answer never came.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Collection
from types import SimpleNamespace
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from ingestd.errors import DeliveryError, OutcomeUnknown, RequestRejected, TryLater
from ingestd.ports import HttpReply, HttpRequest

CONNECT_SECONDS_MAX: Final = 10.0
KEEPALIVE_SECONDS: Final = 4.0
"""Shorter than the 5 s after which common servers close an idle connection: a request that is written while the server
closes has an unknown outcome, and an unknown outcome costs a look-up."""
_HEADER_FORBIDDEN: Final = frozenset("\r\n\0")


class AiohttpClient:
    """Sends one request at a time per call; many calls may run at once.

    No redirect is followed, no proxy is taken from the environment, no cookie is kept. TLS is at least 1.2 and always verified,
    against the system's authorities or those of ``ca_file``. Plain ``http://`` goes to this machine and to
    ``plain_http_hosts`` only. Link-local addresses (where clouds keep their metadata) are refused whatever name leads there.
    """

    def __init__(
        self,
        *,
        user_agent: str = "ingestd",
        ca_file: str | None = None,
        plain_http_hosts: Collection[str] = (),
        connections_max: int = 100,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._ca_file = ca_file
        self._plain_http_hosts = frozenset(host.lower() for host in plain_http_hosts)
        self._connections_max = connections_max
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: HttpRequest) -> HttpReply:
        """The answer, whatever its status, with as much of its body as the request wants.

        Raises ``TryLater`` when certainly nothing was sent, ``OutcomeUnknown`` when the request may have arrived, and
        ``RequestRejected`` for a URL or header that can never be sent.
        """
        url = self._checked_url(request.url)
        for name, value in request.headers.items():
            if not _HEADER_FORBIDDEN.isdisjoint(name + value):
                raise RequestRejected(f"the header {name!r} of the request to {url.host} holds a line break")
        progress = SimpleNamespace(is_connected=False)
        try:
            return await self._exchange(url, request, progress)
        # UnicodeError: a host such as a..b, which no resolver can be asked for.
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            raise _failure(url, error, is_connected=progress.is_connected) from error

    async def close(self) -> None:
        """Close all connections. The client may be used again: it opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, url: URL, request: HttpRequest, progress: SimpleNamespace) -> HttpReply:
        timeout = aiohttp.ClientTimeout(
            total=request.timeout_seconds, sock_connect=min(CONNECT_SECONDS_MAX, request.timeout_seconds)
        )
        async with self._open_session().request(
            request.method,
            url,
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity", **request.headers},
            data=request.body or None,
            timeout=timeout,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as reply:
            body = await _read_at_most(reply, request.reply_bytes_max)
            headers: dict[str, str] = {}
            for name, value in reply.headers.items():
                key = name.lower()
                headers[key] = f"{headers[key]}, {value}" if key in headers else value
            return HttpReply(
                reply.status, headers, _unpacked(body, headers.get("content-encoding", ""), request.reply_bytes_max)
            )

    def _checked_url(self, text: str) -> URL:
        """The URL as it will be sent, byte for byte: what the connector has escaped is not escaped again."""
        if any(ord(char) <= 0x20 or ord(char) == 0x7F for char in text):
            raise RequestRejected("the URL of the request holds a blank or control character")
        try:
            url = URL(text, encoded=text.isascii())
            host = url.host
        except ValueError as error:
            raise RequestRejected("the URL of the request cannot be read") from error
        if url.scheme not in {"http", "https"} or not host:
            raise RequestRejected("the URL of the request must begin with https:// and name a host")
        if is_link_local(host):
            raise TryLater(f"{host} is a link-local address: nothing is sent there")
        if url.scheme == "http" and not is_loopback(host) and host.lower() not in self._plain_http_hosts:
            raise TryLater(
                f"{host} would be spoken to without encryption: nothing was sent",
                hint="use https://, or name the host where plain HTTP is allowed",
            )
        return url

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(_note_connection)
            trace.on_connection_reuseconn.append(_note_connection)
            context = ssl.create_default_context(cafile=self._ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            connector = aiohttp.TCPConnector(
                ssl=context,
                limit=self._connections_max,
                keepalive_timeout=KEEPALIVE_SECONDS,
                resolver=_GuardedResolver(self._resolver or ThreadedResolver()),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[trace],
            )
        return self._session


class _GuardedResolver(AbstractResolver):
    """Drops link-local addresses from what a name resolves to.

    aiohttp connects to exactly the addresses that it gets here, so a name cannot change its mind between check and use.
    """

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if not is_link_local(result["host"])]
        if not allowed:
            raise OSError(errno.EHOSTUNREACH, f"{host} leads to link-local addresses only: nothing is sent there")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


async def _note_connection(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.is_connected = True


async def _read_at_most(reply: aiohttp.ClientResponse, limit: int) -> bytes:
    """The first ``limit`` bytes of the body; a longer one costs its connection, so that the rest is never read."""
    chunks = bytearray()
    async for chunk in reply.content.iter_any():
        chunks += chunk
        if len(chunks) > limit:
            reply.close()
            break
    return bytes(chunks[:limit])


def _unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without gzip or deflate (which was not asked for, but some gateways do not listen), cut at the same limit.

    What cannot be unpacked stays as it is: the connector will say that it cannot read it.
    """
    if encoding.strip().lower() not in {"gzip", "deflate"}:
        return body
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, limit)
    except zlib.error:
        return body


def _failure(url: URL, error: Exception, *, is_connected: bool) -> DeliveryError:
    if isinstance(error, TimeoutError):
        what = "no answer in time" if is_connected else "no connection in time"
    else:
        what = type(error).__name__
        if not is_connected:
            what = f"{what}: {error}"  # names host, port and reason; an answer could hold anything
    where = f"{url.host}:{url.port}"
    if is_connected:
        return OutcomeUnknown(f"the connection to {where} was lost before the answer ({what})")
    return TryLater(f"{where} cannot be reached ({what})")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_link_local(host: str) -> bool:
    """Whether this is the text of an address that only the local link knows (169.254/16, fe80::/10)."""
    address = _address(host)
    return address is not None and address.is_link_local


def is_loopback(host: str) -> bool:
    """Whether this names the machine itself, without asking any resolver."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)
