"""Reads JSON of any shape by its mapping.

An alert is not lost over a field that is not there: what cannot be identified fires all the same, under an identity made of its labels, and an
annotation says what was missing. Only good news that does not say of what it is the end is refused. Time and memory are bounded by the
body: what stands once in it and is asked for by every alert is looked up once, and all texts together have a bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Final

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.fingerprint import alert_key, label_fingerprint
from ingestd.core.names import AlertStatus
from ingestd.core.safe_text import cut, one_line
from ingestd.core.sources.embedded_json import unpack
from ingestd.core.sources.json_path import JsonPath, has_empty_list, value_at, values_at
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.mapping import (
    NOTE,
    JsonMapping,
    MappedStatus,
    StatusWords,
    Template,
    TextSource,
    TimeSource,
    only_path,
)
from ingestd.core.sources.quarantine import QuarantineReason, quoted, unreadable
from ingestd.core.sources.texts import TextLimiter, as_text, read_link
from ingestd.core.sources.timestamps import read_instant

_WORD_CHARS_MAX: Final = 100
_LINK_CHARS_MAX: Final = 4200
_IDENTITY_CHARS_MAX: Final = 512
"""A longer text identifies by its hash, so that one text that all alerts name is not hashed thousands of times."""
_ROOM_CHARS_MIN: Final = 65_536
_ROOM_PER_BYTE: Final = 3
_SHORT_CHARS: Final = 64
"""How long a text may still be when there is no room left."""
_SPREAD_COUNT_MAX: Final = 40
"""So many names of one object become labels."""
_HASHES_COUNT_MAX: Final = 200


def read_mapped(
    document: dict[str, object] | list[object], source: str, limits: ReadLimits, mapping: JsonMapping, size: int
) -> ParsedEnvelope | Unreadable:
    """Every alert that can be read, in the sender's order, with ``refused`` saying what could not; ``Unreadable`` if none could.

    ``size`` of the body in bytes bounds how much text is made of it. The document is changed where JSON in it is unpacked.
    """
    for path in mapping.parse:
        unpack(document, path, limits)
    listed = _listed(document, mapping)
    if isinstance(listed, Unreadable):
        return listed
    reader = _Reader(document, source, limits, mapping, size)
    alerts: list[Alert] = []
    refused: list[Unreadable] = []
    for index, raw in enumerate(listed[: limits.alerts_count_max]):
        place = "the document" if raw is document else f"alert {index + 1} of {len(listed)}"
        found = reader.read(raw, place)
        if isinstance(found, Alert):
            alerts.append(found)
        elif found is not None:
            refused.append(found)
    beyond_count = max(0, len(listed) - limits.alerts_count_max)
    if beyond_count:
        refused.append(_too_many(len(listed), limits))
    if refused and not alerts:
        first = refused[0]
        return first if len(refused) == 1 else replace(first, detail=f"{first.detail} (and {len(refused) - 1} more)")
    return ParsedEnvelope(
        alerts=tuple(alerts), truncated_count=beyond_count, cut_count=reader.texts.cut_count, refused=tuple(refused)
    )


class _Reader:
    """Reads the alerts of one body, which share its source, limits and what stands once in the document."""

    def __init__(self, document: object, source: str, limits: ReadLimits, mapping: JsonMapping, size: int) -> None:
        self.document = document
        self.source = source
        self.limits = limits
        self.mapping = mapping
        self.texts = TextLimiter(limits)
        self.room = max(_ROOM_CHARS_MIN, _ROOM_PER_BYTE * size)
        self.found: dict[JsonPath, str] = {}
        self.hashes: dict[str, str] = {}
        self.shared: dict[tuple[Template, int], str] = {}
        self.shared_spreads: dict[tuple[JsonPath, str], dict[str, str]] = {}

    def read(self, raw: object, place: str) -> Alert | Unreadable | None:
        """The alert, why it cannot be read, or None for what is to be ignored."""
        mapping = self.mapping
        if not isinstance(raw, dict):
            return _bad(f"{place} is {quoted(raw)}, not an object", "look where the mapping's `alerts` leads")
        if any(one_line(self._found(raw, path), _WORD_CHARS_MAX).lower() in words for path, words in mapping.ignore):
            return None
        notes: list[str] = []
        status = self._status(raw, mapping.status, notes)
        if status is MappedStatus.IGNORE:
            return None
        full = self._map(raw, mapping.labels, self.limits.label_value_chars_max)
        if mapping.alertname and (name := self._text(raw, mapping.alertname, self.limits.label_value_chars_max)):
            full["alertname"] = name
        fingerprint = self._fingerprint(raw, full, notes)
        if not fingerprint and status is MappedStatus.RESOLVED:
            missing = ", ".join(f'"{one.written}"' for one in mapping.identity)
            return _bad(
                f"{place} is a recovery with nothing at {missing}, so that it does not say what is over",
                "look at the body, and at `identity` of the mapping",
            )
        labels = self.texts.labels(full)
        annotations = self._map(raw, mapping.annotations, self.limits.annotation_chars_max)
        if notes:
            annotations[NOTE] = "; ".join(notes)
        return Alert(
            source=self.source,
            key=alert_key(self.source, fingerprint or label_fingerprint(full or {"unidentified": self.source})),
            status=AlertStatus.RESOLVED if status is MappedStatus.RESOLVED else AlertStatus.FIRING,
            labels=labels,
            annotations=self.texts.annotations(annotations),
            starts_at=self._instant(raw, mapping.starts_at),
            ends_at=self._instant(raw, mapping.ends_at),
            links=self._links(raw),
            rule_name=labels.get("alertname", ""),
            value=self.texts.line(self._text(raw, mapping.value, self.limits.label_value_chars_max))
            if mapping.value
            else "",
        )

    def _status(self, raw: object, words: StatusWords | None, notes: list[str]) -> MappedStatus:
        if words is None:
            return MappedStatus.FIRING
        word = one_line(self._text(raw, words.source, _WORD_CHARS_MAX), _WORD_CHARS_MAX).lower()
        meaning = words.meaning_of(word) or words.meaning_of(word.removesuffix(".0"))
        if meaning is None and not word:
            notes.append(f'nothing at "{words.source.written}", which says the status: taken as {words.default}')
        elif meaning is None and words.problem:
            notes.append(f"the status {quoted(word)} is none of those listed: taken as {words.default}")
        return meaning or words.default

    def _fingerprint(self, raw: object, labels: dict[str, str], notes: list[str]) -> str:
        """What makes it the same alert; empty if the document has nothing of it. Named by number: a path may be spelt anew."""
        parts: dict[str, str] = {}
        missing: list[str] = []
        for number, source in enumerate(self.mapping.identity):
            if text := self._identifying(raw, source):
                parts[str(number)] = text
            elif not source.may_be_missing:
                missing.append(f'"{source.written}"')
        if missing:
            instead = "" if parts else f": identified by {'its labels' if labels else 'its source alone'}"
            notes.append(f"nothing at {', '.join(missing)} of the identity{instead}")
        return label_fingerprint(parts) if parts else ""

    def _identifying(self, raw: object, source: TextSource) -> str:
        for template in source.choices:
            texts = [part if isinstance(part, str) else self._hashed(self._found(raw, part)) for part in template.parts]
            if _says_something(template, texts):
                return "".join(texts)
        return ""

    def _hashed(self, text: str) -> str:
        if len(text) <= _IDENTITY_CHARS_MAX:
            return text
        if len(self.hashes) > _HASHES_COUNT_MAX:
            self.hashes.clear()
        if text not in self.hashes:
            self.hashes[text] = sha256(text.encode()).hexdigest()
        return self.hashes[text]

    def _map(self, raw: object, sources: Mapping[str, TextSource], chars_max: int) -> dict[str, str]:
        texts: dict[str, str] = {}
        for name, source in sources.items():
            if name.endswith("*"):
                texts |= self._spread(raw, name[:-1], source, chars_max)
            elif text := self._text(raw, source, chars_max):
                texts[name] = text
        return texts

    def _spread(self, raw: object, prefix: str, source: TextSource, chars_max: int) -> dict[str, str]:
        """Each name of the object with its value."""
        path = only_path(source)
        if path is None:
            return {}
        if not path.is_absolute:
            return self._named(value_at(raw, path), prefix, chars_max)
        if (path, prefix) not in self.shared_spreads:
            self.shared_spreads[path, prefix] = self._named(value_at(self.document, path), prefix, chars_max)
        return self.shared_spreads[path, prefix]

    def _named(self, found: object, prefix: str, chars_max: int) -> dict[str, str]:
        if not isinstance(found, dict):
            return {}
        self.texts.cut_count += max(0, len(found) - _SPREAD_COUNT_MAX)
        pairs = ((prefix + name, _text_of(inner)) for name, inner in islice(found.items(), _SPREAD_COUNT_MAX))
        return {name: self._cut(text, chars_max) for name, text in pairs if name and text.strip()}

    def _text(self, raw: object, source: TextSource, chars_max: int) -> str:
        """The text, within so many characters; empty if no choice gives one."""
        for template in source.choices:
            if template.is_shared:
                if (template, chars_max) not in self.shared:
                    self.shared[template, chars_max] = self._filled(raw, template, chars_max)
                text = self.shared[template, chars_max]
            else:
                text = self._filled(raw, template, chars_max if self.room > 0 else min(chars_max, _SHORT_CHARS))
                self.room -= len(text)
            if text:
                return text
        return ""

    def _filled(self, raw: object, template: Template, chars_max: int) -> str:
        if template.path is not None:
            text = self._found(raw, template.path)
            return self._cut(text, chars_max) if text and not text.isspace() else ""
        texts = [part if isinstance(part, str) else self._found(raw, part)[: chars_max + 1] for part in template.parts]
        return self._cut("".join(texts), chars_max) if _says_something(template, texts) else ""

    def _found(self, raw: object, path: JsonPath) -> str:
        if not path.is_absolute:
            return _text_of(value_at(raw, path))
        if path not in self.found:
            self.found[path] = _text_of(value_at(self.document, path))
        return self.found[path]

    def _cut(self, text: str, chars_max: int) -> str:
        if len(text) <= chars_max:
            return text
        self.texts.cut_count += 1
        return cut(text, chars_max)

    def _instant(self, raw: object, source: TimeSource | None) -> datetime | None:
        if source is None:
            return None
        start = self.document if source.path.is_absolute else raw
        return read_instant(value_at(start, source.path), source.form)

    def _links(self, raw: object) -> dict[str, str]:
        found = {name: self._text(raw, source, _LINK_CHARS_MAX) for name, source in self.mapping.links.items()}
        return {name: url for name, text in found.items() if (url := read_link(text.strip()))}


def _listed(document: dict[str, object] | list[object], mapping: JsonMapping) -> list[object] | Unreadable:
    """What of the document is an alert each."""
    if mapping.alerts is None:
        return document if isinstance(document, list) else [document]
    found = values_at(document, mapping.alerts)
    if not found and not has_empty_list(document, mapping.alerts):
        keys = quoted(", ".join(sorted(document)[:8])) if isinstance(document, dict) else "a list"
        return unreadable(
            QuarantineReason.NO_ALERTS_FIELD,
            f'there is nothing at "{mapping.alerts.text}", where the alerts are to be (the document begins with {keys}); '
            f"look at the body, and at `alerts` of the mapping {quoted(mapping.name)}",
        )
    return [item for one in found for item in (one if isinstance(one, list) else [one])]


def _says_something(template: Template, texts: list[str]) -> bool:
    """Whether one of its paths gave a text, or it has none and is a text itself."""
    found = [text for part, text in zip(template.parts, texts, strict=True) if isinstance(part, JsonPath)]
    return any(text.strip() for text in found or texts)


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else as_text(value)


def _bad(problem: str, hint: str) -> Unreadable:
    return unreadable(QuarantineReason.BAD_ALERT, f"{problem}; {hint}")


def _too_many(count: int, limits: ReadLimits) -> Unreadable:
    return unreadable(
        QuarantineReason.TOO_MANY_ALERTS,
        f"{count - limits.alerts_count_max} of {count} alerts were not read: more than the limit of {limits.alerts_count_max}; "
        "raise the limit, or let the sender put fewer into one request",
    )
