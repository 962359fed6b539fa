"""What the mail server that keeps a mailbox has noted of a message's transport: in the lines that it put on top of what it was handed.

Only what stands above the first ``Received`` is that server's own: below it a sender may have written anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_TOP_BYTES_MAX: Final = 64 * 1024
_LINES_MAX: Final = 500
_ADDRESS: Final = re.compile(r"[^\s<>,;:\"()]{1,64}@[^\s<>,;:\"()]{1,250}")
_RECIPIENTS_MAX: Final = 20
# What was written on the envelope comes before what an alias made of it.
_OF_THE_ENVELOPE: Final = ("x-original-to", "envelope-to")
_OF_THE_DELIVERY: Final = ("delivered-to", "x-delivered-to")


def recipients_of(raw: bytes) -> tuple[str, ...]:
    """To whom it was sent, as our side of the transport noted it, in lower case and each once; nothing if it noted nothing."""
    top: dict[str, list[str]] = {}
    for name, value in _fields(raw):
        if name == "received":
            break
        top.setdefault(name, []).append(value)
    values = [value for name in (*_OF_THE_ENVELOPE, *_OF_THE_DELIVERY) for value in top.get(name, ())]
    found = [address.lower() for value in values for address in _ADDRESS.findall(value)]
    return tuple(dict.fromkeys(found))[:_RECIPIENTS_MAX]


def return_path_of(raw: bytes) -> str:
    """The envelope's sender as it was noted at delivery; empty for the null sender and where nothing was noted. The topmost one counts.

    Some servers write it below their own ``Received``, so it is looked for in all headers: it proves nothing either way.
    """
    for name, value in _fields(raw):
        if name == "return-path":
            found = _ADDRESS.search(value)
            return found[0] if found else ""
    return ""


def _fields(raw: bytes) -> Iterator[tuple[str, str]]:
    """The header fields from the top, unfolded: names in lower case. Ends at the first line that is none."""
    name, value = "", ""
    for number, line in enumerate(raw[:_TOP_BYTES_MAX].split(b"\n")):
        text = line.rstrip(b"\r").decode("utf-8", "replace")
        if text[:1] in {" ", "\t"} and name:
            value += text
            continue
        if name:
            yield name, value.strip()
        name, colon, value = text.partition(":")
        name = name.strip().lower()
        if not colon or not name or number >= _LINES_MAX:
            return
    if name:
        yield name, value.strip()
