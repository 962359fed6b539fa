"""Who is knocking: credentials are compared in constant time, with every live secret, and no header can make it raise.

Headers are judged before the body is read, so that a stranger cannot make us read one; a signature over the body is judged after it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from ingestd.intake.settings import Auth, Basic, Bearer, GrafanaHmac, Network, Open, Secret, SecretHeader
from ingestd.store.signatures import Signature

_TIMESTAMP_DIGITS_MAX = 12


class Headers(Protocol):
    """The headers of a request, by names in any case."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]:
        """All values of the header, or the default."""
        ...


class Checker(ABC):
    """How one source tells its senders from strangers. ``checker_for`` makes it."""

    challenge: str
    """The value of ``WWW-Authenticate``, which every 401 must carry (RFC 9110, 15.5.2)."""
    is_signed = False
    """Whether ``proves`` must be asked once the body has been read."""

    @abstractmethod
    def admits(self, headers: Headers, now: datetime) -> bool:
        """Whether the headers are those of a sender. With ``is_signed`` that alone proves nothing yet."""

    def proves(self, headers: Headers, body: bytes) -> bool:  # noqa: ARG002 (most ways sign nothing)
        """Whether a sender wrote this body."""
        return True

    def signature(self, headers: Headers) -> Signature | None:  # noqa: ARG002 (most ways sign nothing)
        """What makes the request good for one time only; None if it may come again. Ask only after ``proves``."""
        return None


def checker_for(source: str, auth: Auth) -> Checker:
    """The checker of the source with this name."""
    match auth:
        case Open():
            return _Anybody()
        case Bearer(secrets):
            return _BearerChecker(secrets)
        case Basic(username, passwords):
            return _BasicChecker(username, passwords)
        case SecretHeader(name, secrets):
            return _SecretHeaderChecker(name, secrets)
        case GrafanaHmac():
            return _HmacChecker(source, auth)


def is_within(remote: str, networks: Sequence[Network]) -> bool:
    """Whether the address belongs to one of the networks. An IPv4 address in IPv6 clothes counts as the IPv4 address that it is."""
    try:
        address = ip_address(remote.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def _only(headers: Headers, name: str) -> str:
    """The value of a header that stands there once, else nothing: of two, a proxy may have checked the other one."""
    values = headers.getall(name, ())
    return values[0] if len(values) == 1 else ""


def _with_scheme(headers: Headers, scheme: str) -> bytes:
    """The credentials of ``Authorization`` if it has this scheme, in any case (RFC 9110, 11.1)."""
    found, _, credentials = _only(headers, "Authorization").partition(" ")
    return _bytes(credentials.strip(" ")) if found.lower() == scheme else b""


def _bytes(text: str) -> bytes:
    """What the sender wrote: aiohttp reads headers as UTF-8, with surrogates for all other bytes."""
    return text.encode("utf-8", "surrogateescape")


class Digests:
    """The live secrets as SHA-256, so that the time of a comparison does not tell a length either."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._digests = tuple(hashlib.sha256(secret).digest() for secret in secrets)

    def holds(self, given: bytes) -> bool:
        """Whether this is one of them; nothing given is none."""
        digest = hashlib.sha256(given).digest()
        is_known = False
        for known in self._digests:  # always all of them: which one it was must not show either
            is_known |= hmac.compare_digest(digest, known)
        return is_known and given != b""


class _Anybody(Checker):
    challenge = ""

    def admits(self, headers: Headers, now: datetime) -> bool:  # noqa: ARG002 (the Checker's signature)
        return True


class _BearerChecker(Checker):
    challenge = 'Bearer realm="ingestd"'

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._digests = Digests([secret.raw for secret in secrets])

    def admits(self, headers: Headers, now: datetime) -> bool:  # noqa: ARG002 (the Checker's signature)
        return self._digests.holds(_with_scheme(headers, "bearer"))


class _BasicChecker(Checker):
    challenge = 'Basic realm="ingestd", charset="UTF-8"'

    def __init__(self, username: str, passwords: Sequence[Secret]) -> None:
        self._digests = Digests([username.encode() + b":" + password.raw for password in passwords])

    def admits(self, headers: Headers, now: datetime) -> bool:  # noqa: ARG002 (the Checker's signature)
        try:
            given = base64.b64decode(_with_scheme(headers, "basic"), validate=True)
        except binascii.Error:
            return False
        return self._digests.holds(given)


class _SecretHeaderChecker(Checker):
    challenge = 'SecretHeader realm="ingestd"'

    def __init__(self, name: str, secrets: Sequence[Secret]) -> None:
        self._name = name
        self._digests = Digests([secret.raw for secret in secrets])

    def admits(self, headers: Headers, now: datetime) -> bool:  # noqa: ARG002 (the Checker's signature)
        return self._digests.holds(_bytes(_only(headers, self._name)))


class _HmacChecker(Checker):
    challenge = 'HMAC-SHA256 realm="ingestd"'
    is_signed = True

    def __init__(self, source: str, auth: GrafanaHmac) -> None:
        self._source = source
        self._auth = auth

    def admits(self, headers: Headers, now: datetime) -> bool:
        if not _only(headers, self._auth.header):
            return False
        if self._auth.timestamp_header is None:
            return True
        timestamp = self._timestamp(headers)
        return timestamp is not None and abs(now.timestamp() - timestamp) <= self._auth.replay_seconds

    def proves(self, headers: Headers, body: bytes) -> bool:
        given = _bytes(_only(headers, self._auth.header))
        prefix = b"" if self._auth.timestamp_header is None else self._timestamp_text(headers) + b":"
        is_proved = False
        for secret in self._auth.secrets:
            mac = hmac.new(secret.raw, prefix, hashlib.sha256)
            mac.update(body)
            is_proved |= hmac.compare_digest(mac.hexdigest().encode(), given)
        return is_proved

    def signature(self, headers: Headers) -> Signature | None:
        timestamp = self._timestamp(headers)
        if timestamp is None:
            return None
        expires_at = datetime.fromtimestamp(timestamp, UTC) + timedelta(seconds=self._auth.replay_seconds)
        return Signature(f"{self._source}/{_only(headers, self._auth.header)}", expires_at)

    def _timestamp_text(self, headers: Headers) -> bytes:
        name = self._auth.timestamp_header
        return b"" if name is None else _bytes(_only(headers, name))

    def _timestamp(self, headers: Headers) -> int | None:
        """The signed time in seconds since 1970; None if it is absent or not plain digits."""
        text = self._timestamp_text(headers)
        return int(text) if text.isdigit() and len(text) <= _TIMESTAMP_DIGITS_MAX else None
