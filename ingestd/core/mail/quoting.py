"""What somebody wrote themselves, told from what their mail program quoted, announced or signed with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ingestd.core.safe_text import plain_block

_LINE_CHARS_MAX: Final = 400
_ATTRIBUTION_BEGIN: Final = re.compile(
    r"(on|am|le|il|el|op|den|em)\b.{0,300}|.{0,200}<[^<>\s]{1,300}>.{0,40}", re.IGNORECASE
)
_ATTRIBUTION_END: Final = re.compile(
    r".{0,300}\b(wrote|schrieb|[ée]crit|ha scritto|escribi[óo]|schreef|skrev|escreveu)\b.{0,200}:\s*", re.IGNORECASE
)
_ORIGINAL: Final = re.compile(
    r"-{2,}\s*(original message|urspr|message d'origine|forwarded|weitergeleitet).{0,60}|_{10,}|"
    r"\*?(from|von|de|da|van|fr[åa]n)\*?:\s.{0,300}",
    re.IGNORECASE,
)


def own_text(text: str, chars_max: int) -> str:
    """The text without quoted lines, the line that announces them, the original below, and the signature; at most ``chars_max`` characters."""
    own: list[str] = []
    lines = plain_block(text, chars_max * 4).split("\n")
    position = 0
    while position < len(lines):
        line = lines[position].strip()
        skipped = _attribution_lines(lines, position)
        if skipped:
            position += skipped
            continue
        if _ORIGINAL.fullmatch(line[:_LINE_CHARS_MAX]) or lines[position] in {"-- ", "--"}:
            break
        if not line.startswith((">", "|")):
            own.append(line)
        position += 1
    return plain_block("\n".join(own).strip(), chars_max)


def _attribution_lines(lines: Sequence[str], position: int) -> int:
    """How many lines from here on announce a quote (``On Monday … wrote:``, broken wherever the program liked); 0 if they do not."""
    if not _ATTRIBUTION_BEGIN.fullmatch(lines[position].strip()[:_LINE_CHARS_MAX]):
        return 0
    joined = ""
    for count in range(1, 4):
        if position + count > len(lines):
            return 0
        joined = f"{joined} {lines[position + count - 1].strip()}".strip()
        if _ATTRIBUTION_END.fullmatch(joined[:600]):
            return count
    return 0
