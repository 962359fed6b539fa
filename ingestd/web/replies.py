"""How the API speaks: JSON with times in RFC 3339 UTC, and errors as one sentence with a hint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from ingestd.errors import IngestdError

BODY_BYTES_MAX = 65_536
"""Of what people send; webhooks have limits of their own."""
BODY_SECONDS_MAX = 10.0
NOTE_CHARS_MAX = 4000

SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
}


class Refusal(IngestdError):
    """A request that is answered with an error: ``status``, one sentence, and what to do about it."""

    def __init__(self, status: int, text: str, *, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text, hint=hint)
        self.status = status
        self.headers = dict(headers or {})


def instant(at: datetime) -> str:
    """``2026-03-02T02:00:00.000Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer that no cache keeps and no browser takes for anything else."""
    body = json.dumps(value, default=_plain).encode()
    return web.Response(
        body=body, status=status, content_type="application/json", headers={**SAFE_HEADERS, **(headers or {})}
    )


def error(status: int, text: str, *, hint: str = "", headers: Mapping[str, str] | None = None) -> web.Response:
    """``{"error": ..., "hint": ...}``."""
    return as_json({"error": text, "hint": hint}, status=status, headers=headers)


def as_text(text: str, *, status: int = 200) -> web.Response:
    """Lines for people and probes."""
    return web.Response(text=text, status=status, headers=SAFE_HEADERS)


def _plain(value: object) -> Any:  # noqa: ANN401 (whatever json can write)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


async def read_body(request: web.Request) -> bytes:
    """The whole body. Refused when it is coded, too large or too slow.

    While it is waited for, the connection counts as one that waits for its peer, if its listener makes a difference: strangers who
    send slowly must not take all places.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal(415, "the body must not be compressed", hint="send it without Content-Encoding")
    found = bytearray()
    waiting_for_peer = getattr(request.protocol, "waiting_for_peer", nullcontext)
    try:
        with waiting_for_peer():
            await _read_into(found, request)
    except TimeoutError:
        raise Refusal(408, "the body did not arrive in time", headers={"Connection": "close"}) from None
    except (ConnectionError, web.RequestPayloadError):
        raise Refusal(400, "the body ended before it was whole", headers={"Connection": "close"}) from None
    return bytes(found)


async def _read_into(found: bytearray, request: web.Request) -> None:
    async with asyncio.timeout(BODY_SECONDS_MAX):
        async for chunk in request.content.iter_chunked(16_384):
            found += chunk
            if len(found) > BODY_BYTES_MAX:
                raise Refusal(413, f"the body is larger than {BODY_BYTES_MAX} bytes", headers={"Connection": "close"})


async def read_object(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty object."""
    raw = await read_body(request)
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not JSON", hint='send an object, such as {"by": "asha"}') from None
    if not isinstance(value, dict):
        raise Refusal(400, "the body is not a JSON object", hint='send an object, such as {"by": "asha"}')
    return value


def text_field(body: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    """The text of a field. Without ``default`` it must be there and not blank."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value.strip():
        raise Refusal(400, f'"{name}" must be a text that is not empty')
    return value


def limit_of(request: web.Request, *, default: int = 50, most: int = 500) -> int:
    """``?limit=``: a number from 1 to ``most``."""
    text = request.query.get("limit", "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise Refusal(400, f'"limit" must be a number from 1 to {most}')
    return int(text)


def choice_of(request: web.Request, name: str, choices: Mapping[str, Any], *, default: str) -> Any:  # noqa: ANN401 (the chosen value)
    """What ``?name=`` stands for, of the choices."""
    word = request.query.get(name) or default
    if word not in choices:
        raise Refusal(400, f'"{name}" must be one of: {", ".join(choices)}')
    return choices[word]
