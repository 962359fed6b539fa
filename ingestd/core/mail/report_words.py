"""The words of reports: which ones tell how bad it is, how they are found in a text, and what people are answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ingestd.core.names import Level

_BETWEEN: Final = re.compile(r"[\W_]+")
_UNSPACED: Final = 0x2E80
"""From here on stand scripts that are written without spaces between words."""

PLACEHOLDERS: Final = ("number", "subject", "name", "service")
"""What a text may use, in braces: ``{number}``. Nothing else of an incident is for those who reported it."""
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]{1,40})\}")


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


IMPACT_WORDS: Final[Mapping[Level, tuple[str, ...]]] = {
    Level.HIGH: _phrases(
        "down, outage, offline, nobody can, no one can, none of us can, all users, everyone, everybody, all of us, whole team,"
        " whole office, entire office, whole company, all customers, data loss, hacked"
    ),
    Level.MEDIUM: _phrases("some users, several users, several people, some of us, our team, my team, colleagues"),
    Level.LOW: _phrases("minor, question, how do i, how can i, cosmetic, typo, feature request, suggestion, only me"),
}
"""Whoever says so tells how much is affected."""
URGENCY_WORDS: Final[Mapping[Level, tuple[str, ...]]] = {
    Level.HIGH: _phrases(
        "urgent, urgently, emergency, asap, immediately, right now, cannot work, can't work, can not work, unable to work,"
        " since this morning, deadline today, nobody can, no one can, losing money, losing orders"
    ),
    Level.MEDIUM: _phrases("today, soon, slow, workaround"),
    Level.LOW: _phrases(
        "minor, question, no hurry, no rush, not urgent, whenever, when you have time, next week, feature request"
    ),
}
"""Whoever says so tells how soon somebody must act. “Not urgent” holds the word “urgent”: see ``first_place``."""
THANKS: Final = (
    "thanks",
    "thank you",
    "thx",
    "works again",
    "works now",
    "working again",
    "solved",
    "great",
    "perfect",
)


@dataclass(frozen=True, slots=True)
class AnswerTexts:
    """What whoever reported something is told. Plain text; ``{number}``, ``{subject}``, ``{name}`` and ``{service}`` are filled in."""

    received: str = (
        "Thank you. We have your report, it is {number}.\n"
        "\n"
        "It is with the people who look after this, and you will hear from us again when it is over.\n"
        "To add something, answer this mail and leave its subject as it is."
    )
    resolved: str = (
        "{number}, which you reported, is over.\n"
        "\n"
        "Is it not over for you? Answer this mail and say what you see, and it is looked at anew."
    )
    reopened: str = (
        "{number}, which you reported, has come back. We are working on it again.\n"
        "\n"
        "You will hear from us when it is over."
    )


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled in; one that is not known stays as it is. What is filled in is not read again."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def unknown_placeholders(text: str) -> tuple[str, ...]:
    """The placeholders of a text that stand for nothing."""
    return tuple(name for name in dict.fromkeys(_PLACEHOLDER.findall(text)) if name not in PLACEHOLDERS)


def spoken(text: str) -> str:
    """The words of a text in lower case, each between single blanks, without any other sign: ``can't`` is ``can t``."""
    return f" {_BETWEEN.sub(' ', text.casefold()).strip()} "


def first_place(words: str, phrases: Iterable[str]) -> int | None:
    """Where in ``spoken`` words the first of these phrases, spoken as well, stands; None if none does.

    Whole words only, but for scripts that have no blanks between words. A phrase behind “not” does not count: “not urgent” is not urgent.
    """
    places = (place for phrase in phrases if (place := _place(words, phrase)) is not None)
    return min(places, default=None)


def _place(words: str, phrase: str) -> int | None:
    plain = phrase.strip()
    if not plain:
        return None
    sought = plain if any(ord(char) >= _UNSPACED for char in plain) else f" {plain} "
    at = words.find(sought)
    while at >= 0 and words.endswith((" not", " no"), 0, at) and sought[0] == " ":
        at = words.find(sought, at + 1)
    return at if at >= 0 else None
