"""A silence that somebody asks for: everything that is wrong with it, told at once, before it is made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestd.core.matchers import Matcher, MatcherError, MatchOp, parse_matcher

MATCHERS_MAX = 50
MATCHERS_CHARS_MAX = 8000
"""Of all matchers of one silence together: every alert that is news is compared with all of them."""
COMMENT_CHARS_MAX = 1000
AUTHOR_CHARS_MAX = 80
LENGTH_MAX = timedelta(days=90)
"""From its start to its end. What is to be quiet for longer belongs into the rules, where it is reviewed."""
AHEAD_MAX = timedelta(days=365)

_EVERY_ALERT_HAS = frozenset({"alertname", "alert.rule", "alert.source", "alert.summary"})
_NOBODY_SENDS = "\u2603 what nobody sends \u2603"
_PLAIN_NAME = re.compile(r"(?!(?:alert|annotations|labels)\.)[A-Za-z0-9_][A-Za-z0-9_.:/-]*")


@dataclass(frozen=True, slots=True)
class WantedSilence:
    """What is asked for. Instants are aware; ``starts_at`` None is now, and what has begun before now begins now."""

    matchers: tuple[str, ...]
    comment: str
    author: str
    starts_at: datetime | None
    ends_at: datetime

    def begins_at(self, now: datetime) -> datetime:
        """When it begins: it changes nothing of what was."""
        return now if self.starts_at is None else max(now, self.starts_at)


@dataclass(frozen=True, slots=True)
class SilenceFault:
    """One thing that is wrong. ``field`` is ``matchers``, ``comment``, ``author``, ``starts_at`` or ``ends_at``.

    Of a matcher ``written`` is the text and ``offset`` and ``length`` point into it. ``word`` is a name that does not exist, ``known``
    those that do.
    """

    field: str
    text: str
    hint: str = ""
    written: str = ""
    offset: int = 0
    length: int = 0
    word: str = ""
    known: tuple[str, ...] = ()


def faults_of(wanted: WantedSilence, now: datetime) -> list[SilenceFault]:
    """Everything that is wrong with it; nothing if it can be made."""
    return [*faults_of_matchers(wanted.matchers), *_of_words(wanted), *_of_times(wanted, now)]


def faults_of_matchers(texts: Sequence[str]) -> list[SilenceFault]:
    """What is wrong with the matchers. As far as it can be told, some alert must be left that they do not match."""
    if len(texts) > MATCHERS_MAX:
        return [SilenceFault("matchers", f"{len(texts)} matchers are too many (at most {MATCHERS_MAX})", _SPLIT)]
    size = sum(map(len, texts))
    if size > MATCHERS_CHARS_MAX:
        text = f"the matchers have {size} characters together (at most {MATCHERS_CHARS_MAX})"
        return [SilenceFault("matchers", text, _SPLIT)]
    faults: list[SilenceFault] = []
    parsed: list[Matcher] = []
    for text in texts:
        try:
            parsed.append(_parsed(text))
        except MatcherError as exc:
            faults.append(
                SilenceFault("matchers", str(exc), exc.hint, text, exc.offset, exc.length, exc.word, exc.known)
            )
    if not faults and not any(map(_narrows, parsed)):
        faults.append(SilenceFault("matchers", "this would silence every alert", _NARROW))
    return faults


_SPLIT = "make several silences, or match a label that all of them have"
_NARROW = "name what is to be silent: at least one matcher that an alert without that label does not satisfy"


def _parsed(text: str) -> Matcher:
    for at, sign in enumerate(text):
        if sign < " " or "\ud800" <= sign <= "\udfff":
            raise MatcherError(
                "a character that no matcher may have", offset=at, hint="write \\n for the end of a line"
            )
    return parse_matcher(text)


def _narrows(matcher: Matcher) -> bool:
    """Whether alerts that fire are left that it does not match."""
    if matcher.accepts("") or (matcher.field.name == "alert.status" and not matcher.field.is_label):
        return False
    return not (matcher.field.name in _EVERY_ALERT_HAS and matcher.accepts(_NOBODY_SENDS))


def _of_words(wanted: WantedSilence) -> Iterator[SilenceFault]:
    limits = (("comment", wanted.comment, COMMENT_CHARS_MAX), ("author", wanted.author, AUTHOR_CHARS_MAX))
    hints = {"comment": "say why, for whoever asks why nobody was paged", "author": "say who wants it"}
    for field, text, most in limits:
        if not text.strip():
            yield SilenceFault(
                field, f"a silence needs {'an author' if field == 'author' else 'a comment'}", hints[field]
            )
        elif len(text) > most:
            yield SilenceFault(field, f"the {field} has {len(text)} characters (at most {most})")


def _of_times(wanted: WantedSilence, now: datetime) -> Iterator[SilenceFault]:
    begins_at = wanted.begins_at(now)
    if begins_at - now > AHEAD_MAX:
        yield SilenceFault("starts_at", f"it would begin in more than {AHEAD_MAX.days} days")
    if wanted.ends_at <= now:
        yield SilenceFault("ends_at", "it would have ended already", "give an end that is still to come")
    elif wanted.ends_at <= begins_at:
        yield SilenceFault("ends_at", "it would end before it begins")
    elif wanted.ends_at - begins_at > LENGTH_MAX:
        hint = "make it shorter; what is to be quiet for good belongs into the rules"
        yield SilenceFault("ends_at", f"a silence lasts at most {LENGTH_MAX.days} days", hint)


def write_matcher(name: str, op: MatchOp, value: str, *, is_label: bool = True) -> str:
    """A matcher as text, so that ``parse_matcher`` gives the same again whatever name and value hold."""
    shown = name if not is_label or _PLAIN_NAME.fullmatch(name) else _quoted(name)
    return f"{shown}{op}{_quoted(value)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
