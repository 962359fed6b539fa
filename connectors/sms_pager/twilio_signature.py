"""The signature of Twilio's webhooks, ``X-Twilio-Signature`` (https://www.twilio.com/docs/usage/security).

Base64 of HMAC-SHA1, keyed with the account's auth token, over the public URL and the sorted form parameters. SHA-1 is the
vendor's choice; as an HMAC it still holds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
FIELDS_MAX: Final = 200


def sign(token: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """The signature for a form. A name with several values contributes each different value once, in order."""
    distinct = sorted(set(fields))
    signed = url + "".join(name + value for name, value in distinct)
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode("ascii")


def is_signed(signature: str, tokens: Iterable[str], url: str, fields: Iterable[tuple[str, str]], body: bytes) -> bool:
    """Whether one of the live tokens made this signature, in constant time for each.

    The port may or may not have been part of the URL that was signed, so both forms are tried. Where the URL has a
    ``bodySHA256`` parameter, the body is JSON: its digest is compared and no field is part of the signature.
    """
    digests = parse_qs(urlsplit(url).query, max_num_fields=FIELDS_MAX).get("bodySHA256", [])
    if digests:
        if not hmac.compare_digest(digests[0].lower().encode(), hashlib.sha256(body).hexdigest().encode()):
            return False
        fields = ()
    signed = list(fields)
    given = signature.encode("utf-8", "replace")
    matches = [
        hmac.compare_digest(given, sign(token, form, signed).encode())
        for token in tokens
        for form in _with_and_without_port(url)
    ]
    return any(matches)


def _with_and_without_port(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    host = parts.netloc
    bare = host.rpartition(":")[0] if parts.port is not None else host
    ported = host if parts.port is not None else f"{host}:{_DEFAULT_PORTS.get(parts.scheme, 443)}"
    return tuple(urlunsplit(parts._replace(netloc=netloc)) for netloc in (bare, ported))
