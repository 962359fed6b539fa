"""Reads machine mail by a profile: which profile knows it, and the alerts that it tells of.

Pure, never raises, bounded in what it looks for. Fails towards people: what a profile cannot make sense of fires under its subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.mail.mail_alert import AlertDraft, drafted
from ingestd.core.mail.profile import SECTION, Finding, MailProfile, Meaning, Pairs, PairsTarget, Split
from ingestd.core.mail.sheet import Sheet
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, unreadable
from ingestd.core.sources.texts import TextLimiter

SECTIONS_MAX: Final = 500
"""Alerts in one mail: more would not fit into the text that is kept of it."""
PAIRS_MAX: Final = 200
FIELD_CHARS_MAX: Final = 20_000
"""Characters of one field: more than a label or annotation may have by default, so that what is cut there is counted there."""

_WORD_SHOWN_CHARS: Final = 60


@dataclass(frozen=True, slots=True)
class Tried:
    """A profile that was asked. ``failed_on`` is the first matcher that did not hold, as it was written; empty for the one that knew it."""

    profile: str
    failed_on: str = ""


@dataclass(frozen=True, slots=True)
class MachineReading:
    """What a profile made of a mail. ``ignored_count`` of what it told was neither a problem nor its end."""

    envelope: ParsedEnvelope
    ignored_count: int = 0


@dataclass(slots=True)
class _Passage:
    """One alert's part of the text, and what was found for it. Fields of the whole mail come after its own."""

    text: str
    fields: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    is_section: bool = False
    cut_count: int = 0
    """Pairs that were too many."""


def ask(profiles: Iterable[MailProfile], sheet: Sheet) -> tuple[MailProfile | None, tuple[Tried, ...]]:
    """The first profile that knows the mail, and every one that was asked on the way."""
    tried: list[Tried] = []
    for profile in profiles:
        failed = next((one.text for one in profile.match if not one.accepts(sheet.text(one.field.name))), "")
        tried.append(Tried(profile.name, failed))
        if not failed:
            return profile, tuple(tried)
    return None, tuple(tried)


def read_by(profile: MailProfile, sheet: Sheet, source: str, limits: ReadLimits) -> MachineReading:
    """The alerts that the mail tells of, in its order. At least one, unless all that it tells is to be ignored."""
    texts = TextLimiter(limits)
    passages, left_out_count = _passages(profile, sheet, min(SECTIONS_MAX, limits.alerts_count_max))
    alerts: list[Alert] = []
    ignored_count = 0
    for passage in passages:
        meaning, problem = meaning_of(profile, passage.fields)
        if meaning is Meaning.IGNORE:
            ignored_count += 1
            continue
        alerts.append(drafted(_draft(profile, passage, meaning, problem), sheet, source, texts))
    refused = (_left_out(left_out_count),) if left_out_count else ()
    cut_count = texts.cut_count + sheet.letter.cut_count + sum(passage.cut_count for passage in passages)
    envelope = ParsedEnvelope(tuple(alerts), left_out_count, cut_count, refused)
    return MachineReading(envelope, ignored_count)


def meaning_of(profile: MailProfile, fields: Mapping[str, str]) -> tuple[Meaning, str]:
    """What the status field says, and what is wrong with it: a word that nobody listed counts as a problem."""
    status = profile.status
    if not status.field:
        return Meaning.PROBLEM, ""
    word = " ".join(fields.get(status.field, "").split())
    if not word:
        return status.otherwise, ""
    known = status.words.get(word.lower())
    if known is not None:
        return known, ""
    return (
        Meaning.PROBLEM,
        f'the status "{word[:_WORD_SHOWN_CHARS]}" is none of the words of the profile {profile.name}',
    )


def _draft(profile: MailProfile, passage: _Passage, meaning: Meaning, problem: str) -> AlertDraft:
    identity = _identity(profile, passage)
    if not identity:
        missing = f"the profile {profile.name} found nothing that tells what this is about"
        problem = f"{problem}; {missing}" if problem else missing
        meaning = Meaning.PROBLEM
    return AlertDraft(
        profile, meaning, identity, passage.text, passage.fields, passage.labels, passage.annotations, problem
    )


def _identity(profile: MailProfile, passage: _Passage) -> dict[str, str]:
    """What makes the key, white space evened out; empty if nothing that the profile names is there."""
    if profile.is_identity_of_labels and passage.labels:
        return passage.labels
    wanted = next((names for names in profile.identity if all(passage.fields.get(name) for name in names)), ())
    found = {name: " ".join(passage.fields[name].split()) for name in wanted}
    return found if any(found.values()) else {}


def _passages(profile: MailProfile, sheet: Sheet, count_max: int) -> tuple[list[_Passage], int]:
    """The parts of a mail that are an alert each, and how many of them were too many."""
    whole = _Passage(sheet.body, dict(sheet.given()))
    _search(profile.extract, sheet.text, whole.fields)
    _pair(profile.pairs, sheet.body, whole)
    split = profile.split
    if split is None:
        return [whole], 0
    found = list(_sections(split, sheet.body, count_max + 1))
    for passage in found:
        _search(split.extract, partial(_section_text, passage.text, sheet), passage.fields)
        _pair(split.pairs, passage.text, passage)
        passage.fields = {**whole.fields, **passage.fields}
        passage.labels = {**whole.labels, **passage.labels}
        passage.annotations = {**whole.annotations, **passage.annotations}
    return (found[:count_max] or [whole]), len(found[count_max:])


def _sections(split: Split, body: str, count_max: int) -> Iterator[_Passage]:
    """The sections in order, with the groups of their beginning and of the heading above."""
    marks = [(found.start(), 1, found) for found in islice(split.at.finditer(body), count_max)]
    if split.heading is not None:
        marks += [(found.start(), 0, found) for found in islice(split.heading.finditer(body), count_max)]
    marks.sort(key=lambda mark: mark[:2])
    above: dict[str, str] = {}
    for number, (start, is_section, found) in enumerate(marks):
        groups = _groups(found)
        if not is_section:
            above = groups
            continue
        end = marks[number + 1][0] if number + 1 < len(marks) else len(body)
        yield _Passage(body[start:end].strip(), {**above, **groups}, is_section=True)


def _section_text(section: str, sheet: Sheet, name: str) -> str:
    return section if name == SECTION else sheet.text(name)


def _search(findings: Sequence[Finding], text_of: Callable[[str], str], fields: dict[str, str]) -> None:
    for finding in findings:
        if all(name in fields for name in finding.names):
            continue
        text = fields[finding.source] if finding.source in fields else text_of(finding.source)
        found = finding.pattern.search(text) if text else None
        for name, value in _groups(found).items() if found is not None else ():
            fields.setdefault(name, value)


def _pair(all_pairs: Sequence[Pairs], text: str, passage: _Passage) -> None:
    for pairs in all_pairs:
        target = passage.labels if pairs.target is PairsTarget.LABELS else passage.annotations
        part = _between(text, pairs.after, pairs.before)
        for number, found in enumerate(islice(pairs.pattern.finditer(part), PAIRS_MAX + 1)):
            if number == PAIRS_MAX:
                passage.cut_count += 1
                break
            name, value = found.group("name"), found.group("value")
            if name and value and value.strip():
                target.setdefault(name.strip(), value.strip()[:FIELD_CHARS_MAX])


def _between(text: str, after: Any, before: Any) -> str:  # noqa: ANN401 (google-re2 has no types)
    """The text after the one place and before the other; empty where ``after`` is not found."""
    if after is not None:
        begins = after.search(text)
        if begins is None:
            return ""
        text = text[begins.end() :]
    ends = before.search(text) if before is not None else None
    return text[: ends.start()] if ends is not None else text


def _groups(found: Any) -> dict[str, str]:  # noqa: ANN401 (google-re2 has no types)
    named = ((name, found.group(name)) for name in found.re.groupindex)
    return {name: value.strip()[:FIELD_CHARS_MAX] for name, value in named if value and value.strip()}


def _left_out(count: int) -> Unreadable:
    return unreadable(
        QuarantineReason.TOO_MANY_ALERTS,
        f"{count} or more sections of this mail were not read: at most {SECTIONS_MAX} alerts are taken from one mail; let the sender group less",
    )
