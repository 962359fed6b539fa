"""How to write what RE2 refuses: for people who know the expressions of Perl, Python or a shell."""

from __future__ import annotations

from typing import Final

OTHERWISE: Final = "the syntax is RE2's, and the whole value must match"

_LOOKING: Final = 'RE2 has no look-ahead or back-references; use "unless:" instead'
_REPEATING: Final = "RE2 has no back-references; write out what may come twice: (?:aa|bb)"
_NAMING: Final = "a named group is (?P<name>...); RE2 has no back-references to it"
_ATOMIC: Final = "RE2 never goes back, so this is not needed: write (?: instead of (?>, and * + ? without a second +"
_ANCHORED: Final = "the whole value must match anyway: leave it out"
_BY_OPERATOR: Final = (
    (("(?=", "(?!"), _LOOKING),
    (("(?<=", "(?<!"), 'RE2 has no look-behind; use "unless:" instead'),
    (("(?>",), _ATOMIC),
    (("(?#",), "RE2 has no comments: leave it out"),
    (("(?(",), "RE2 has no conditions: write each case as a selector of match_any"),
    (("(?P",), _NAMING),
    (("(?",), "flags are i, m, s and U: (?i) at the beginning; a group without a name is (?:...)"),
)
_BY_ESCAPE: Final = {
    "Z": _ANCHORED,
    "G": _ANCHORED,
    "K": "RE2 cannot leave out what came before: name what is wanted, (?P<name>...)",
    "k": _REPEATING,
    "g": _REPEATING,
    "h": "write [ \\t] for a space or tab",
    "R": "write \\r?\\n for the end of a line",
    "X": "write . for any character",
    "u": "write \\x{20AC} for a character by its number, or the character itself",
    "U": "write \\x{20AC} for a character by its number, or the character itself",
    "N": "write \\x{20AC} for a character by its number, or the character itself",
    "x": "write \\x{20AC} for a character by its number, or the character itself",
    "e": "write \\x1b for the escape character",
}
_BY_REASON: Final = {
    "missing )": "close the parenthesis, or write \\( for the sign itself",
    "unexpected )": "open the parenthesis, or write \\) for the sign itself",
    "missing ]": "close the bracket, or write \\[ for the sign itself",
    "trailing \\": "write \\\\ for a backslash itself",
    "no argument for repetition operator": 'this is not a glob: write ".*" for anything',
    "bad repetition operator": _ATOMIC,
    "invalid named capture group": _NAMING,
}


def hint_of(reason: str) -> str:
    """What to write instead, by RE2's own words for what it refuses: ``invalid perl operator: (?=``."""
    what, _, part = reason.partition(": ")
    if what in _BY_REASON:
        return _BY_REASON[what]
    if what == "invalid perl operator":
        return next((hint for starts, hint in _BY_OPERATOR if part.startswith(starts)), OTHERWISE)
    if what == "invalid escape sequence":
        sign = part[1:2]
        return _REPEATING if sign.isdigit() else _BY_ESCAPE.get(sign, f"write {sign} alone for the sign itself")
    if what == "invalid character class range":
        return _class_hint(part)
    if what == "invalid repetition size":
        low, comma, high = part.strip("{}").partition(",")
        is_turned = bool(comma) and low.isdigit() and high.isdigit() and int(high) < int(low)
        return "the smaller number comes first" if is_turned else "RE2 repeats at most 1000 times; write * or +"
    return OTHERWISE


def _class_hint(part: str) -> str:
    if part.startswith("["):
        return "the classes are [:alnum:] [:alpha:] [:digit:] [:lower:] [:punct:] [:space:] [:upper:] [:xdigit:]"
    if part.startswith("\\"):
        return "write \\pL for letters, \\pN for digits, or a script: \\p{Greek}"
    return "the first of a range comes before the last: [a-z]; write \\- for the sign itself"
