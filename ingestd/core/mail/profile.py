"""How the mail of one kind of machine is read: what tells it, what is taken out of it, and which words are good news.

Plain values, compiled once from the configuration; ``profile_reading`` applies them. Expressions are RE2: linear in what a stranger writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from typing import Any, Final

from ingestd.core.matchers import Matcher

SUBJECT: Final = "alert.subject"
SENDER: Final = "alert.sender"
BODY: Final = "alert.body"
AUTHOR: Final = "mail.author"
SECTION: Final = "section"
HEADER_PREFIX: Final = "header."
TEXTS: Final = (SUBJECT, SENDER, BODY, AUTHOR)
"""What a profile can look at besides ``header.NAME``; within ``split`` also at ``section``."""

GIVEN_FIELDS: Final = ("subject", "steady_subject", "sender")
"""Fields that every mail has, without an expression that finds them."""


class Meaning(StrEnum):
    """What a mail says of its problem."""

    PROBLEM = "problem"
    RECOVERY = "recovery"
    IGNORE = "ignore"


class PairsTarget(StrEnum):
    """What pairs of a name and a value become."""

    LABELS = "labels"
    ANNOTATIONS = "annotations"


@dataclass(frozen=True, slots=True)
class Finding:
    """An expression that is searched in a text; its named groups become fields that are not there yet."""

    source: str
    """One of ``TEXTS``, ``header.NAME``, ``section``, or a field."""
    pattern: Any
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every ``name`` and ``value`` that the expression finds, between two places of the text."""

    pattern: Any
    target: PairsTarget
    after: Any = None
    before: Any = None


@dataclass(frozen=True, slots=True)
class Split:
    """How one mail falls into several alerts. A section goes from where ``at`` is found to the next one, or the next ``heading``."""

    at: Any
    heading: Any = None
    """What is found here holds for all sections below it."""
    extract: tuple[Finding, ...] = ()
    pairs: tuple[Pairs, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """Text with fields in it: ``{host}: {state}``. ``parts`` are a literal and the field after it (empty at the end)."""

    parts: tuple[tuple[str, str], ...]

    def render(self, fields: Mapping[str, str]) -> str:
        """The text; empty unless every field is there."""
        if any(name and not fields.get(name) for _, name in self.parts):
            return ""
        return "".join(literal + (fields[name] if name else "") for literal, name in self.parts)


Choice = tuple[Template, ...]
"""Templates of which the first that can be filled is used."""


@dataclass(frozen=True, slots=True)
class StatusWords:
    """Which field says how it stands, and in which words. Words are in lower case."""

    field: str = ""
    words: Mapping[str, Meaning] = dataclasses.field(default_factory=dict)
    otherwise: Meaning = Meaning.PROBLEM
    """Of a mail in which the field is not found."""


@dataclass(frozen=True, slots=True)
class SeverityWords:
    """Which field says how bad it is, and in which words. Words are in lower case."""

    field: str = ""
    words: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By the sender's word: what the label ``severity`` says."""


@dataclass(frozen=True, slots=True)
class StartsAt:
    """Where a mail says since when. ``pattern`` is strptime's, or empty for ISO 8601; ``zone`` is that of a time without one, or None."""

    field: str
    pattern: str
    zone: tzinfo | None


@dataclass(frozen=True, slots=True)
class MailProfile:
    """One kind of machine mail."""

    name: str
    about: str = ""
    match: tuple[Matcher, ...] = ()
    """All must hold. The fields of these matchers are ``TEXTS`` and ``header.NAME``."""
    extract: tuple[Finding, ...] = ()
    """In order; later ones fill only what is missing."""
    pairs: tuple[Pairs, ...] = ()
    split: Split | None = None
    status: StatusWords = field(default_factory=StatusWords)
    severity: SeverityWords = field(default_factory=SeverityWords)
    identity: tuple[tuple[str, ...], ...] = ()
    """The first of these whose fields are all there makes the key."""
    is_identity_of_labels: bool = False
    """The key is made of all labels that ``pairs`` found, before any of these fields."""
    alertname: Choice = ()
    labels: Mapping[str, Choice] = field(default_factory=dict)
    annotations: Mapping[str, Choice] = field(default_factory=dict)
    starts_at: StartsAt | None = None
