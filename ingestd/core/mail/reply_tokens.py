"""The tokens that bind an answer by mail to the page that it answers.

A page asks for answers to ``ack+TOKEN@example.com`` and refers to ``<reply.TOKEN@example.com>``: mail programs keep at least one of the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

TOKEN_LENGTH: Final = 15
REFERENCE_PREFIX: Final = "reply."
"""``<reply.TOKEN@host>`` stands among the references of a page, and so of what answers it."""
_TOKENS_MAX: Final = 10
_VALUE_CHARS_MAX: Final = 2000
_LETTERS: Final = f"[a-z2-7]{{{TOKEN_LENGTH}}}"
_IN_RECIPIENT: Final = re.compile(rf"(?<![a-z0-9])({_LETTERS})@", re.IGNORECASE)
_IN_REFERENCE: Final = re.compile(rf"<{re.escape(REFERENCE_PREFIX)}({_LETTERS})@", re.IGNORECASE)
# What the mail server itself says of the envelope comes before what the sender wrote.
_RECIPIENT_HEADERS: Final = ("x-original-to", "delivered-to", "envelope-to", "to", "cc")


def tokens_of(
    headers: Mapping[str, Sequence[str]], references: Iterable[str], recipients: Iterable[str] = ()
) -> tuple[str, ...]:
    """What may be tokens, likely ones first, in lower case. ``references``: Message-IDs, the newest first; ``recipients``: of the envelope."""
    found = [token for one in recipients for token in _IN_RECIPIENT.findall(one[:_VALUE_CHARS_MAX])]
    for name in _RECIPIENT_HEADERS:
        for value in headers.get(name, ())[:5]:
            found += _IN_RECIPIENT.findall(value[:_VALUE_CHARS_MAX])
    found += tokens_in(references)
    return tuple(dict.fromkeys(token.lower() for token in found))[:_TOKENS_MAX]


def tokens_in(references: Iterable[str]) -> tuple[str, ...]:
    """The tokens among Message-IDs, in their order."""
    found = (token for one in references for token in _IN_REFERENCE.findall(one[:_VALUE_CHARS_MAX]))
    return tuple(dict.fromkeys(token.lower() for token in found))[:_TOKENS_MAX]
