"""How JSON of any shape is read as alerts: which part of a document is what.

A text comes from a path (``data.host``), from words with paths in braces (``{data.host}: {data.check}``), or from the first of several of
these that gives something. What is written is compiled when the configuration is loaded; ``mapped`` reads documents by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from ingestd.core.alert import Alert
from ingestd.core.sources.json_path import JsonPath, PathError, parse_path
from ingestd.core.sources.timestamps import TimeForm

TEXT_CHARS_MAX: Final = 2000
CHOICES_COUNT_MAX: Final = 8
NOTE: Final = "mapping_problem"
"""The annotation that says what of the mapping did not fit."""

_ADDED: Final = frozenset({"alertname", NOTE})
_PATHS_COUNT_MAX: Final = 20
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]")

Parts: TypeAlias = tuple[str | JsonPath, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """Words and paths in turn. ``path``: the one that is all of it. ``is_shared``: the same for all alerts of a document."""

    parts: Parts
    path: JsonPath | None
    is_shared: bool


def template(parts: Parts) -> Template:
    """The template with what is to be known of it before it is filled in thousands of times."""
    first = parts[0]
    return Template(
        parts,
        first if len(parts) == 1 and isinstance(first, JsonPath) else None,
        is_shared=all(isinstance(part, str) or part.is_absolute for part in parts),
    )


@dataclass(frozen=True, slots=True)
class TextSource:
    """Where a text comes from: the first of these that gives one. ``may_be_missing``: that none does is no fault of the document."""

    choices: tuple[Template, ...]
    may_be_missing: bool = False

    @property
    def written(self) -> str:
        """The first choice, in short: for messages to whoever wrote the mapping."""
        first = self.choices[0]
        if first.path is not None:
            return first.path.text
        return "".join(part if isinstance(part, str) else f"{{{part.text}}}" for part in first.parts)


class MappedStatus(StrEnum):
    """What a word says of an alert; the configuration's words."""

    FIRING = "firing"
    RESOLVED = "resolved"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class StatusWords:
    """Which words are bad news, good news, or none. Compared in lower case; a number is the word of its digits."""

    source: TextSource
    problem: frozenset[str] = frozenset()
    recovery: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    default: MappedStatus = MappedStatus.FIRING

    def meaning_of(self, word: str) -> MappedStatus | None:
        """What the word says; None if it is not listed."""
        for words, meaning in (
            (self.problem, MappedStatus.FIRING),
            (self.recovery, MappedStatus.RESOLVED),
            (self.ignore, MappedStatus.IGNORE),
        ):
            if word in words:
                return meaning
        return None


@dataclass(frozen=True, slots=True)
class TimeSource:
    """Where an instant comes from, and how it is written there."""

    path: JsonPath
    form: TimeForm = TimeForm.AUTO


@dataclass(frozen=True, slots=True)
class JsonMapping:
    """Which parts of a document are the alerts, their labels, status, identity and time.

    ``identity`` is what makes two messages the same alert: a problem and its recovery must have equal texts there.
    A name of ``labels`` or ``annotations`` that ends in ``*`` takes every name of the object at its path, with what stands before the ``*`` in front.
    """

    name: str
    identity: tuple[TextSource, ...]
    alerts: JsonPath | None = None
    """The list of alerts; without it the document is one, or is itself the list."""
    parse: tuple[JsonPath, ...] = ()
    """Texts that hold JSON, in the order in which they are unpacked."""
    ignore: tuple[tuple[JsonPath, frozenset[str]], ...] = ()
    """Alerts with one of these words there are none."""
    labels: Mapping[str, TextSource] = field(default_factory=dict)
    annotations: Mapping[str, TextSource] = field(default_factory=dict)
    links: Mapping[str, TextSource] = field(default_factory=dict)
    alertname: TextSource | None = None
    status: StatusWords | None = None
    """Without it every alert fires."""
    starts_at: TimeSource | None = None
    ends_at: TimeSource | None = None
    value: TextSource | None = None


def text_source(*written: str | TextSource) -> TextSource:
    """Where a text comes from, as it is written. A ``?`` after a path: it may be missing. Raises ``PathError``."""
    if not 1 <= len(written) <= CHOICES_COUNT_MAX:
        raise PathError(f"{len(written)} texts to choose from (1 to {CHOICES_COUNT_MAX})")
    found = [one if isinstance(one, TextSource) else _read(one) for one in written]
    choices = tuple(choice for one in found for choice in one.choices)
    return TextSource(choices, may_be_missing=any(one.may_be_missing for one in found))


def _read(written: str) -> TextSource:
    may_be_missing = written.endswith("?") and "{" not in written
    return TextSource(
        (_template(written.removesuffix("?") if may_be_missing else written),), may_be_missing=may_be_missing
    )


def constant(text: str) -> TextSource:
    """A text that is always the same."""
    return TextSource((template((text,)),))


def only_path(source: TextSource) -> JsonPath | None:
    """The path, if the text is what stands at one path and nothing else."""
    return source.choices[0].path if len(source.choices) == 1 else None


def one_path(written: str) -> JsonPath:
    """A path to a single value. Raises ``PathError``."""
    path = parse_path(written)
    if path.has_every:
        raise PathError(
            f'"{written[:80]}" leads to several values', "[*] may only stand in  alerts; write [0] for the first item"
        )
    return path


def words(listed: Iterable[str]) -> frozenset[str]:
    """Words as they are compared."""
    return frozenset(word.strip().lower() for word in listed)


def status_words(
    source: TextSource,
    *,
    problem: Sequence[str] = (),
    recovery: Sequence[str] = (),
    ignore: Sequence[str] = (),
    default: MappedStatus = MappedStatus.FIRING,
) -> StatusWords:
    """The words, each for one meaning. Raises ``PathError`` for a word that is to mean two things."""
    lists = {"problem": words(problem), "recovery": words(recovery), "ignore": words(ignore)}
    names = list(lists)
    for number, name in enumerate(names):
        for other in names[number + 1 :]:
            if both := lists[name] & lists[other]:
                raise PathError(
                    f'the word "{min(both)[:60]}" stands under {name} and under {other}',
                    "upper and lower case are the same",
                )
    return StatusWords(source, **lists, default=default)


def _template(written: str) -> Template:
    if len(written) > TEXT_CHARS_MAX:
        raise PathError(f"a text of {len(written)} characters (at most {TEXT_CHARS_MAX})")
    if "{" not in written and "}" not in written:
        return template((one_path(written),))
    parts: list[str | JsonPath] = []
    for piece in _PIECE.finditer(written):
        text = piece[0]
        if piece[1] is not None:
            parts.append(one_path(piece[1].strip()))
        elif text in {"{", "}"}:
            raise PathError(
                f"the {text} at character {piece.start() + 1} has no other half",
                "a brace that is meant is written twice: {{ or }}",
            )
        else:
            parts.append(text[0] if text in {"{{", "}}"} else text)
    if sum(isinstance(part, JsonPath) for part in parts) > _PATHS_COUNT_MAX:
        raise PathError(f"a text with more than {_PATHS_COUNT_MAX} paths")
    return template(tuple(parts))


def unfilled(mapping: JsonMapping, alert: Alert) -> dict[str, str]:
    """What the mapping asks for and the alert does not have, each with where it was looked for: a path that leads nowhere, or is not always there."""
    asked = _absent("labels.", mapping.labels, alert.labels)
    asked |= _absent("annotations.", mapping.annotations, alert.annotations)
    asked |= _absent("links.", mapping.links, alert.links)
    if mapping.alertname and "alertname" not in alert.labels:
        asked["alertname"] = mapping.alertname
    if mapping.value and not alert.value:
        asked["value"] = mapping.value
    texts = {name: source.written for name, source in asked.items()}
    if mapping.starts_at and alert.starts_at is None:
        texts["starts_at"] = mapping.starts_at.path.text
    return texts


def _absent(kind: str, asked: Mapping[str, TextSource], found: Mapping[str, str]) -> dict[str, TextSource]:
    """What is not found of what was asked for. ``tag_*`` is found if any name is that nobody asked for by itself."""
    others = [name for name in found if name not in asked and name not in _ADDED]
    return {
        kind + name: source
        for name, source in asked.items()
        if not (any(one.startswith(name[:-1]) for one in others) if name.endswith("*") else name in found)
    }
