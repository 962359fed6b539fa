"""What our own mail server found out about who wrote a mail: RFC 8601, read so that nobody else can have written it.

Only the topmost Authentication-Results counts, and only if our server's name stands in it: servers put theirs on top, and what stands below
may be the sender's. ARC's headers are not read. What is proved is about the domain of the one address in From, never about the name before
its ``@``.

One domain stands for another only if it is the same or above it (``example.com`` for ``alerts.example.com``): whoever owns the one owns the
other. Siblings and domains below do not, and a domain such as ``co.uk`` stands for none but itself. DMARC's own, wider rule is the
server's: it has the list of public suffixes, and says ``dmarc=pass``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ingestd.core.mail.letter import Letter

MICROSOFT_365: Final = "microsoft365"
"""As ``authserv_id``: Exchange Online writes its results without a name, and renames those that came with the mail."""

_VALUE_CHARS_MAX: Final = 8000
"""Longer results prove nothing: their end may be missing."""
_PIECE: Final = re.compile(r'("(?:[^"\\]|\\.)*")|([()])|(;)|([^"();\\]+)|(.)', re.DOTALL)
_AROUND_SIGN: Final = re.compile(r"\s*([=/])\s*")
_WORD: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+')
_METHOD: Final = re.compile(r"([a-z0-9][a-z0-9-]{0,30})(?:/\d{1,3})?=([a-z]{1,20})", re.IGNORECASE)
_PROPERTY: Final = re.compile(r"([a-z]{1,20})\.([a-z0-9-]{1,30})=(.*)", re.IGNORECASE | re.DOTALL)
_DOMAIN: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Under these names many countries register the domains of others.
_REGISTRIES: Final = frozenset("ac co com ed edu go gob gouv gov gv mil ne net nhs or org plc sch".split())  # noqa: SIM905 (a list of words)


class Evidence(StrEnum):
    """Which check showed that a mail is of the domain in From."""

    DMARC = "dmarc"
    DKIM = "dkim"
    SPF = "spf"


@dataclass(frozen=True, slots=True)
class _Result:
    method: str
    result: str
    properties: dict[str, str]


def evidence(letter: Letter, authserv_id: str) -> Evidence | None:
    """What shows that the mail is of the domain of ``letter.sender``; None if nothing does. Never raises.

    ``authserv_id`` is the name of our server, in any case; empty: nobody is believed.
    """
    domain = letter.sender.rpartition("@")[2]
    values = letter.headers.get("authentication-results", ())
    if not authserv_id.strip() or not domain or not values:
        return None
    results = _results(values[0], authserv_id.strip().lower())
    verdicts = {one.result for one in results if one.method == "dmarc"}
    if verdicts - {"pass", "none", "temperror", "permerror", "bestguesspass"}:
        return None
    for method, names in (
        (Evidence.DMARC, ("header.from",)),
        (Evidence.DKIM, ("header.d", "header.i")),
        (Evidence.SPF, ("smtp.mailfrom",)),
    ):
        if any(
            one.method == method and one.result == "pass" and _stands_for(_domain(one, names), domain)
            for one in results
        ):
            return method
    return None


def _stands_for(proved: str, domain: str) -> bool:
    if proved == domain:
        return bool(_DOMAIN.fullmatch(domain))
    labels = proved.split(".")
    is_registry = len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _REGISTRIES
    return bool(_DOMAIN.fullmatch(proved)) and not is_registry and domain.endswith(f".{proved}")


def _domain(result: _Result, names: tuple[str, ...]) -> str:
    for name in names:
        if name in result.properties:
            return result.properties[name].rpartition("@")[2].lower().rstrip(".")
    return ""


def _results(value: str, authserv_id: str) -> list[_Result]:
    """What the header says, if our server wrote it; nothing if it is not of the form that it should be."""
    sections = _sections(value)
    if not sections:
        return []
    words = sections[0]
    if authserv_id == MICROSOFT_365:
        # Another server's begin with its name.
        if _result(words) is None:
            return []
        return [found for section in sections if (found := _result(section)) is not None]
    if (
        not words
        or _unquoted(words[0]).lower() != authserv_id
        or len(words) > 2
        or (len(words) == 2 and words[1] != "1")
    ):
        return []
    return [found for section in sections[1:] if (found := _result(section)) is not None]


def _result(words: list[str]) -> _Result | None:
    method = _METHOD.fullmatch(words[0]) if words else None
    if method is None:
        return None
    properties: dict[str, str] = {}
    for word in words[1:]:
        found = _PROPERTY.fullmatch(word)
        if found is None:
            continue
        name = f"{found[1]}.{found[2]}".lower()
        # Two that differ are one too many: nothing says which of them our server meant.
        properties[name] = (
            _unquoted(found[3]) if properties.get(name, _unquoted(found[3])) == _unquoted(found[3]) else ""
        )
    return _Result(method[1].lower(), method[2].lower(), properties)


def _sections(value: str) -> list[list[str]]:
    """The words between the semicolons, comments left out, quoted strings kept whole; nothing if one of them does not end."""
    if len(value) > _VALUE_CHARS_MAX:
        return []
    kept: list[list[str]] = [[]]
    depth = 0
    for quoted, paren, semicolon, text, stray in _PIECE.findall(value):
        if paren:
            depth += 1 if paren == "(" else -1
            kept[-1].append(" ")
            if depth < 0:
                return []
        elif depth:
            continue
        elif stray:
            return []
        elif semicolon:
            kept.append([])
        else:
            kept[-1].append(quoted or _AROUND_SIGN.sub(r"\1", text))
    return [_words("".join(pieces)) for pieces in kept] if depth == 0 else []


def _words(section: str) -> list[str]:
    return _WORD.findall(section)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if len(text) > 1 and text[0] == text[-1] == '"' else text
