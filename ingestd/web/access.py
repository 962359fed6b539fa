"""Who calls, whether they may, and whether a browser was tricked into calling.

A token comes as ``Authorization: Bearer`` or as the password of Basic, so that a browser can open pages. Every token is
compared, in constant time, whether or not one matched before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from aiohttp import web

from ingestd.web.desk import Desk, Role
from ingestd.web.replies import Refusal

LOCAL_NAME = "local"
"""Who a caller on this machine without a token is said to be."""
_PASSED_ON = (
    "CF-Connecting-IP",
    "Forwarded",
    "True-Client-IP",
    "Via",
    "X-Client-IP",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "X-Real-IP",
)
_PLAIN_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_BEARER = {"WWW-Authenticate": 'Bearer realm="ingestd"'}
_BASIC = {"WWW-Authenticate": 'Basic realm="ingestd: any name, and an API token as password", charset="UTF-8"'}

_SEND = "send Authorization: Bearer TOKEN"
_LOG_IN = (
    "load this page again and give any name, with an API token as the password; the link in your own page needs none"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may use the API."""

    name: str
    role: Role


def identify(desk: Desk, request: web.Request, needed: Role, *, is_browser: bool = False) -> Caller:
    """The caller, if they may do what needs ``needed``. Raises ``Refusal``: 401 without a good token, 403 without the role."""
    challenge = _BASIC if is_browser else _BEARER
    secret = _presented(request)
    if secret is None:
        if desk.access().loopback_without_token and is_local(request):
            return Caller(LOCAL_NAME, Role.ADMIN)
        desk.metrics.api_refused.labels("no_token").inc()
        raise Refusal(401, "a token is needed", hint=_LOG_IN if is_browser else _SEND, headers=challenge)
    caller = _holder(desk, secret)
    if caller is None:
        desk.metrics.api_refused.labels("bad_token").inc()
        hint = _LOG_IN if is_browser else "see api.tokens in the configuration"
        raise Refusal(401, "the token is not known", hint=hint, headers=challenge)
    if not caller.role.may(needed):
        desk.metrics.api_refused.labels("role").inc()
        raise Refusal(403, f'this needs the role {needed}; the token "{caller.name}" has the role {caller.role}')
    return caller


def refuse_cross_site(desk: Desk, request: web.Request, *, has_secret_url: bool = False) -> None:
    """Refuse a change that a page of another site makes a browser ask for. Headers that are missing are no reason.

    A page with ``Referrer-Policy: no-referrer`` sends ``Origin: null`` with its own form too (Fetch standard, "append a request
    Origin header"); that is taken for ours when the browser says so, or when the URL itself is the secret.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    is_ours = site in {None, "same-origin", "none"}
    if origin == "null":
        is_ours = is_ours and (site is not None or has_secret_url)
    elif origin is not None:
        is_ours = (
            is_ours
            and _host(origin)[0] != ""
            and _host(origin) in {_host(desk.external_url), _host(f"//{request.host}")}
        )
    if not is_ours:
        desk.metrics.api_refused.labels("cross_site").inc()
        raise Refusal(403, "the request comes from a page of another site", hint="open ingestd itself and try there")


def is_local(request: web.Request) -> bool:
    """Whether the caller is on this machine and speaks to us directly.

    A proxy on this machine makes everybody look local, so what bears a proxy's headers is not; nor is what asks for another
    host's name, which is how a web page reaches a local port through DNS.
    """
    if any(name in request.headers for name in _PASSED_ON):
        return False
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if isinstance(peer, str | bytes):
        return True  # a unix socket, whose file says who may
    if not isinstance(peer, tuple):
        return False
    asked = request.host
    is_asked_here = _PLAIN_HOST.fullmatch(asked) is not None and _is_loopback(_host(f"//{asked}")[0])
    return is_asked_here and _is_loopback(str(peer[0]))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _host(url: str) -> tuple[str, int | None]:
    """Host and port of an origin; a default port is left out, since a proxy may have changed the scheme."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", None
    return parts.hostname or "", None if port in {80, 443} else port


def _presented(request: web.Request) -> str | None:
    """The secret of the Authorization header; None without the header, empty if it cannot be read.

    Of two headers a proxy may have looked at the other one, so neither counts.
    """
    headers = request.headers.getall("Authorization", [])
    if len(headers) != 1:
        return "" if headers else None
    scheme, _, rest = headers[0].partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


def _holder(desk: Desk, secret: str) -> Caller | None:
    presented = _digest(secret)
    found = None
    for token in desk.access().tokens:
        if hmac.compare_digest(presented, _digest(token.secret)):
            found = Caller(token.name, token.role)
    return found


def _digest(secret: str) -> bytes:
    # Equal lengths, so that a comparison tells nothing of the length either.
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
