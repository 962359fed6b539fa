"""What a person means by a short reply: ``42a``, ``a``, ``ack INC-1042``, ``42n restarted it``, ``help``.

Tolerant of what thumbs and keyboards do: case, blanks, quotes, full stops, wide digits. Strict in what it takes for an action: the line
must say one thing and nothing else, since phones and robots send our own words back to us. So the words of our answers
(``Acknowledged INC-1042``) are no actions, and what carriers take for themselves (STOP, END, YES, ...) never is one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ingestd.core.safe_text import plain_block

TEXT_CHARS_MAX: Final = 4000
"""Of a reply; what stands behind is not looked at."""
_LINE_CHARS_MAX: Final = 200
"""A line that is longer is no command (a note may be)."""
_PIECE_CHARS: Final = 256


class ReplyAct(StrEnum):
    """What a reply asks for."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    ESCALATE = "escalate"
    RESOLVE = "resolve"
    NOTE = "note"
    HELP = "help"
    OPT_OUT = "opt-out"
    """The carrier's word for: write to me no more."""
    OPT_IN = "opt-in"
    NOT_UNDERSTOOD = "not-understood"


class Naming(StrEnum):
    """How a reply names what it is about."""

    LAST = "last"
    """It names nothing: the last page to that address is meant."""
    CODE = "code"
    """``42a``: the code of a page; if there is none, the number of an incident."""
    NUMBER = "number"
    """``ack #1042``: the number of an incident; if there is none, the code of a page."""
    INCIDENT = "incident"
    """``INC-1042``: an incident and nothing else."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it was understood. ``is_all``: every page of the same service to that person; ``text`` is a note, or why it is escalated."""

    act: ReplyAct
    naming: Naming = Naming.LAST
    number: int = 0
    is_all: bool = False
    text: str = ""


NOT_UNDERSTOOD: Final = Reply(ReplyAct.NOT_UNDERSTOOD)

# https://help.twilio.com/articles/223134027: what carriers and services take for themselves; there it must be the whole message.
OPT_OUT_WORDS: Final = frozenset(["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"])
OPT_IN_WORDS: Final = frozenset(["start", "yes", "unstop"])
_QUESTIONS: Final = frozenset(["?", "??", "???"])
_HELP_WORDS: Final = frozenset(["help", "info", "h"])

# No past tense: "Acknowledged INC-1042" and "RESOLVED INC-1042" are what we say.
_VERBS: Final = {
    "a": ReplyAct.ACKNOWLEDGE,
    "ack": ReplyAct.ACKNOWLEDGE,
    "acknowledge": ReplyAct.ACKNOWLEDGE,
    "e": ReplyAct.ESCALATE,
    "esc": ReplyAct.ESCALATE,
    "escalate": ReplyAct.ESCALATE,
    "c": ReplyAct.RESOLVE,
    "close": ReplyAct.RESOLVE,
    "resolve": ReplyAct.RESOLVE,
    "u": ReplyAct.UNACKNOWLEDGE,
    "unack": ReplyAct.UNACKNOWLEDGE,
    "unacknowledge": ReplyAct.UNACKNOWLEDGE,
    "n": ReplyAct.NOTE,
    "note": ReplyAct.NOTE,
}
_VERB: Final = "|".join(sorted(_VERBS, key=len, reverse=True))
_GAP: Final = r"[\s.,:;_-]{0,5}"
_NAME: Final = rf"(?:(?P<inc>inc){_GAP})?(?P<hash>\#)?\s?(?P<number>\d{{1,9}})"

_ALONE: Final = re.compile(rf"(?:(?P<all>aa)|(?P<verb>{_VERB}){_GAP}(?P<also_all>all)?)")
_NUMBER_FIRST: Final = re.compile(rf"{_NAME}{_GAP}(?:(?P<all>aa)|(?P<verb>{_VERB}))(?:{_GAP}(?P<again>all|{_VERB}))?")
_VERB_FIRST: Final = re.compile(rf"(?:(?P<all>aa)|(?P<verb>{_VERB})){_GAP}{_NAME}")
_NOTE_BY_NUMBER: Final = re.compile(
    rf"{_NAME}{_GAP}(?:n|note)[\s.,:;-]{{1,5}}(?P<text>\S.*)", re.DOTALL | re.IGNORECASE
)
# "n 42 disks are broken" is a note of 42 disks: only what cannot be a part of the note names the page.
_NOTE_BY_NAME: Final = re.compile(
    rf"(?:n|note)(?:{_GAP}(?P<inc>inc){_GAP}\#?|{_GAP}(?P<hash>\#)|(?<=n))(?P<number>\d{{1,9}})[\s.,:;-]{{1,5}}(?P<text>\S.*)",
    re.DOTALL | re.IGNORECASE,
)
_NOTE_OF_LAST: Final = re.compile(r"(?:n|note)[\s.,:;-]{1,5}(?P<text>\S.*)", re.DOTALL | re.IGNORECASE)
_ESCALATE_WHY: Final = re.compile(
    rf"{_NAME}{_GAP}(?:e|esc|escalate)(?:[\s.,:;-]{{1,5}}(?:escalate))?[\s.,:;-]{{1,5}}(?P<text>\S.*)",
    re.DOTALL | re.IGNORECASE,
)
_ANOTHER_COMMAND: Final = re.compile(rf"\d\s?(?:aa|{_VERB})\b", re.IGNORECASE)


def read(text: str) -> Reply:
    """What the text means; never raises. Only its first line can be a command; of a note the rest belongs to it."""
    block = plain_block(text[:TEXT_CHARS_MAX], TEXT_CHARS_MAX).strip()
    first, rest = _first_line(block)
    is_short = len(first.strip()) <= _LINE_CHARS_MAX
    line = _folded(first.strip()) if is_short else ""
    if line in _QUESTIONS:
        return Reply(ReplyAct.HELP)
    bare = _trimmed(line)
    whole = _trimmed(_folded(block)) if len(block) <= _LINE_CHARS_MAX else ""
    if whole in OPT_OUT_WORDS:
        return Reply(ReplyAct.OPT_OUT)
    if whole in OPT_IN_WORDS:
        return Reply(ReplyAct.OPT_IN)
    if bare in _HELP_WORDS:
        return Reply(ReplyAct.HELP)
    if (is_short and not bare) or first.lstrip().startswith((">", "|")):
        return NOT_UNDERSTOOD
    command = _command(bare) if bare and len(bare) <= _LINE_CHARS_MAX else None
    return command or _with_text(_unquoted(first), rest) or NOT_UNDERSTOOD


def _first_line(block: str) -> tuple[str, str]:
    """The first line that says anything, and what stands below it."""
    first, rest = "", block
    while rest and not (any(char.isalnum() for char in first) or first.strip() in _QUESTIONS or first.startswith(">")):
        first, _, rest = rest.partition("\n")
    return first, rest


def _composed(text: str) -> str:
    """Wide, small and other forms of letters and digits as the plain ones.

    Piece by piece: to sort thousands of marks on one letter takes time that grows with their square, in which nothing else runs.
    """
    if text.isascii():
        return text
    pieces = (text[begin : begin + _PIECE_CHARS] for begin in range(0, len(text), _PIECE_CHARS))
    return "".join(unicodedata.normalize("NFKC", piece) for piece in pieces)


def _folded(text: str) -> str:
    return _composed(text).lower()


_QUOTES: Final = "\"'`´‘’‚“”„«»‹›"  # noqa: RUF001 (quotation marks that keyboards put in)


def _trimmed(line: str) -> str:
    """Without quotes, full stops, smileys and the like around it. A leading ``#`` goes too: ``#42a`` is ``42a``."""
    begin, end = 0, len(line)
    while begin < end and not line[begin].isalnum():
        begin += 1
    while end > begin and not line[end - 1].isalnum():
        end -= 1
    return "".join(char for char in line[begin:end] if char not in _QUOTES)


def _unquoted(line: str) -> str:
    return line.strip(_QUOTES + " #.,;:!-")


def _command(line: str) -> Reply | None:
    """A line that is one command and nothing else."""
    found = _ALONE.fullmatch(line)
    if found is not None:
        is_all = bool(found["all"] or found["also_all"])
        act = ReplyAct.ACKNOWLEDGE if found["all"] else _VERBS[found["verb"]]
        return _made(act, Naming.LAST, 0, is_all=is_all)
    found = _NUMBER_FIRST.fullmatch(line)
    again = ""
    if found is not None:
        again = found["again"] or ""
    else:
        found = _VERB_FIRST.fullmatch(line)
    if found is None:
        return None
    act = ReplyAct.ACKNOWLEDGE if found["all"] else _VERBS[found["verb"]]
    if again and again != "all" and _VERBS[again] is not act:
        return None
    is_verb_first = found.re is _VERB_FIRST
    naming = Naming.INCIDENT if found["inc"] else Naming.NUMBER if found["hash"] and is_verb_first else Naming.CODE
    return _made(act, naming, int(found["number"]), is_all=bool(found["all"]) or again == "all")


def _made(act: ReplyAct, naming: Naming, number: int, *, is_all: bool) -> Reply | None:
    """None where the words do not fit together: a note that says nothing, all of what cannot be done to all."""
    if act is ReplyAct.NOTE or (is_all and act is not ReplyAct.ACKNOWLEDGE):
        return None
    return Reply(act, naming, number, is_all)


def _with_text(first: str, rest: str) -> Reply | None:
    """A command with words of the person's own: a note, or why it is escalated.

    The patterns are looked for in plain letters and digits; the words are taken from the line as it was written.
    """
    composed = _composed(first)
    for pattern in (_NOTE_BY_NUMBER, _NOTE_BY_NAME, _NOTE_OF_LAST):
        found = pattern.fullmatch(composed)
        if found is not None:
            text = "\n".join(filter(None, (_own_words(first, found["text"]), rest.strip())))
            return Reply(ReplyAct.NOTE, *_named(found), text=text)
    found = _ESCALATE_WHY.fullmatch(composed)
    if found is None or _ANOTHER_COMMAND.search(found["text"]):
        return None
    return Reply(ReplyAct.ESCALATE, *_named(found), text=_own_words(first, found["text"]))


def _named(found: re.Match[str]) -> tuple[Naming, int]:
    groups = found.groupdict()
    if groups.get("number") is None:
        return Naming.LAST, 0
    is_verb_first = found.re is _NOTE_BY_NAME
    naming = Naming.NUMBER if groups.get("hash") and is_verb_first else Naming.CODE
    return Naming.INCIDENT if groups.get("inc") else naming, int(groups["number"])


def _own_words(line: str, composed: str) -> str:
    """The words as they were written, if they stand at the end of the line; else in their plain form."""
    begin, length = len(line), 0
    while begin > 0 and length < len(composed):
        begin -= 1
        length += len(_composed(line[begin]))
    return (line[begin:] if _composed(line[begin:]) == composed else composed).strip()
