"""A header value with parameters, as of Content-Type: RFC 2045, and the long or foreign ones of RFC 2231."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from ingestd.core.mail.charsets import decoded

_COUNT_MAX: Final = 200
_PARAMETER: Final = re.compile(r';\s*([^\s=;"]{1,80})\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^;]*))', re.DOTALL)
_SECTION: Final = re.compile(r"([^*]+)\*(?:(\d{1,4})(\*?))?")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_COMMENT: Final = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Described:
    """A value and its parameters; names in lower case, the first of a name counts."""

    value: str
    """In lower case."""
    parameters: dict[str, str] = field(default_factory=dict)

    def parameter(self, name: str) -> str:
        """The value of a parameter; empty if there is none."""
        return self.parameters.get(name, "")


def described(value: str) -> Described:
    """The parts of a header value; never raises."""
    main, semicolon, rest = value.partition(";")
    found: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bool, str]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(semicolon + rest)):
        if count >= _COUNT_MAX:
            break
        name, quoted, bare = match[1].lower(), match[2], match[3]
        text = _ESCAPED.sub(r"\1", quoted) if quoted is not None else bare.strip()
        section = _SECTION.fullmatch(name)
        if section is None:
            found.setdefault(name, text)
        else:
            is_extended = section[2] is None or bool(section[3])
            sections.setdefault(section[1], {}).setdefault(int(section[2] or 0), (is_extended, text))
    # What RFC 2231 says comes before the plain form that stands beside it for old programs.
    found |= {name: _joined(pieces) for name, pieces in sections.items()}
    return Described(_COMMENT.sub("", main).strip().lower(), found)


def _joined(pieces: dict[int, tuple[bool, str]]) -> str:
    charset, content = "", b""
    for place, number in enumerate(sorted(pieces)):
        if place != number:
            break
        is_extended, text = pieces[number]
        if is_extended and number == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        plain = text.encode("utf-8", "surrogateescape")
        content += unquote_to_bytes(plain) if is_extended else plain
    return decoded(content, charset)
