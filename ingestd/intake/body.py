"""Reads the body of a webhook within its bounds of size and time, as it was sent."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

from aiohttp import StreamReader, hdrs, web

from ingestd.intake.connection import Connection
from ingestd.intake.refusal import Refusal, Refused


async def read_body(request: web.Request, bytes_max: int, seconds_max: float) -> bytes:
    """The whole body as it was sent. Raises ``Refused`` if it is encoded, too large, too slow or broken off."""
    headers = request.headers
    if headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Refused(Refusal.ENCODING)
    if headers.get(hdrs.TRANSFER_ENCODING, "chunked").lower() != "chunked":
        raise Refused(Refusal.ENCODING)
    if (request.content_length or 0) > bytes_max:
        raise Refused(Refusal.TOO_LARGE)
    content = request.content
    try:
        if content.is_eof():  # the usual case: all of it came with the headers
            body = content.read_nowait()
        else:
            connection = request.protocol
            with connection.waiting_for_peer() if isinstance(connection, Connection) else nullcontext():
                async with asyncio.timeout(seconds_max):
                    body = await _read_all(content, bytes_max)
    except TimeoutError:
        raise Refused(Refusal.BODY_TIMEOUT) from None
    except (ConnectionError, web.RequestPayloadError):
        raise Refused(Refusal.BODY_BROKEN) from None
    if len(body) > bytes_max:
        raise Refused(Refusal.TOO_LARGE)
    return body


async def _read_all(content: StreamReader, bytes_max: int) -> bytes:
    """The body, but not much more than ``bytes_max`` of it."""
    parts: list[bytes] = []
    size = 0
    while size <= bytes_max and (part := await content.readany()):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
