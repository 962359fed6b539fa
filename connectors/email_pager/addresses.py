"""Mail addresses that can stand in a header and in an SMTP command without saying more than themselves."""

from __future__ import annotations

import re
from typing import Final

_SENDER: Final = re.compile(r"\s*(?:(?P<name>[^<>]*?)\s*<(?P<inner>[^<>]*)>|(?P<bare>\S+))\s*")
# RFC 5322 dot-atom: what every server takes. Quoted local parts are legal and never used by people.
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
)
_LENGTH_MAX: Final = 254


def plain_address(text: str) -> str:
    """The address in ASCII, an international domain encoded. Raises ``ValueError`` for anything that is not one plain address."""
    local, _, domain = text.strip().rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError(f"the domain of {_shown(text)} cannot be encoded") from None
    address = f"{local}@{domain}"
    if len(address) > _LENGTH_MAX or not _ADDRESS.fullmatch(address):
        raise ValueError(f"{_shown(text)} is not a plain mail address such as asha@example.com")
    return address


def split_sender(text: str) -> tuple[str, str]:
    """Name and address of ``Name <address>`` or of an address alone. Raises ``ValueError`` as ``plain_address`` does."""
    found = _SENDER.fullmatch(text)
    if found is None:
        raise ValueError(f"{_shown(text)} is neither an address nor of the form: Name <address>")
    name = (found["name"] or "").strip().strip('"').strip()
    return name, plain_address(found["inner"] or found["bare"] or "")


def domain_of(address: str) -> str:
    """What stands after the last @."""
    return address.rpartition("@")[2]


def _shown(text: str) -> str:
    return ascii(text[:100])
