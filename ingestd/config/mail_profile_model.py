"""What a profile of machine mail may say: pydantic models of its keys. What they mean: ``docs/rules/email.md``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ingestd.config.problems import did_you_mean
from ingestd.config.quantities import Text, Zone, as_written, fault
from ingestd.config.section import Explained
from ingestd.config.stage_model import FieldName, LabelName, MatcherText, as_list, matcher_list
from ingestd.core.mail.profile import (
    Choice,
    Finding,
    MailProfile,
    Meaning,
    Pairs,
    PairsTarget,
    SeverityWords,
    Split,
    StartsAt,
    StatusWords,
)
from ingestd.core.mail.profile_words import parse_mail_matcher, parse_template
from ingestd.core.matchers import MatcherError, capture_names, compile_capture

SEVERITIES: Final = ("critical", "high", "warning", "info")
"""What the label ``severity`` can be made to say."""

LABELS_WORD: Final = "labels"
"""Stands in ``identity`` for all labels that ``pairs`` found."""


def _matcher(text: str) -> str:
    try:
        parse_mail_matcher(text)
    except MatcherError as exc:
        hint = _hint(exc) or (did_you_mean(exc.word, exc.known) if exc.word else "")
        raise fault("matcher", str(exc), hint) from None
    return text


def _hint(exc: MatcherError) -> str:
    """What to write instead, in words of profiles: what rules have besides matchers they have not."""
    return exc.hint.replace('use "unless:" instead', "say what must not be in a matcher of its own, with !~")


def _capture(value: str) -> str:
    try:
        compile_capture(value)
    except MatcherError as exc:
        raise fault("matcher", str(exc), _hint(exc)) from None
    return value


def _place(value: str) -> str:
    """An expression whose groups are welcome and not needed."""
    try:
        compile_capture(f"(?:{value})(?P<nothing>)")
    except MatcherError as exc:
        raise fault("matcher", str(exc), _hint(exc)) from None
    return value


def _pair(value: str) -> str:
    names = capture_names(compile_capture(_capture(value)))
    if not {"name", "value"} <= set(names):
        raise fault(
            "matcher", "this finds pairs: it needs the groups name and value", r"write  (?P<name>\w+)=(?P<value>.*)"
        )
    return value


def _template(value: str) -> str:
    try:
        parse_template(value)
    except ValueError as exc:
        raise fault("value", str(exc), "write  '{host}: {state}'") from None
    return value


def _choices(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    return value if isinstance(value, list) else [value]


def _alternatives(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    """``labels``, a list of fields, or a list of such lists."""
    if isinstance(value, str):
        return [[value]]
    if isinstance(value, list) and not any(isinstance(item, list) for item in value):
        return [value]
    return value


Regex = Annotated[Text, Field(min_length=1), AfterValidator(_capture)]
PlaceRegex = Annotated[Text, Field(min_length=1), AfterValidator(_place)]
PairRegex = Annotated[Text, Field(min_length=1), AfterValidator(_pair)]
TemplateText = Annotated[str, BeforeValidator(as_written), Field(min_length=1), AfterValidator(_template)]
TemplateChoice = Annotated[
    tuple[TemplateText, ...],
    Field(min_length=1, max_length=5),
    BeforeValidator(_choices, json_schema_input_type=str | list[str]),
]


def _check_words(words: Mapping[str, tuple[str, ...]]) -> None:
    """Raises if a word stands under two meanings: which of them counts nobody could tell."""
    said: dict[str, str] = {}
    for meaning, own in words.items():
        for word in map(_folded, own):
            if said.setdefault(word, meaning) != meaning:
                text = f'"{word[:60]}" is a word of {said[word]} and of {meaning}'
                raise fault("value", text, "leave it in one of them")


def _folded(word: str) -> str:
    return " ".join(word.lower().split())


Words = Annotated[tuple[Annotated[Text, Field(min_length=1, max_length=200)], ...], Field(max_length=100)]


class FindModel(Explained):
    """Fields out of a text: every named group of the expression that is found becomes a field, unless there is one of that name."""

    source: Annotated[FieldName, Field(alias="from")]
    """Where to look: alert.subject, alert.body, alert.sender, header.NAME, a field; within split also section."""
    regex: Regex
    """RE2 with named groups, found anywhere in the text: 'on (?P<host>\\S+)'."""


FindList = Annotated[
    tuple[FindModel, ...],
    Field(max_length=20),
    BeforeValidator(as_list, json_schema_input_type=FindModel | list[FindModel]),
]


class PairsModel(Explained):
    """Lines that name a label or annotation themselves."""

    regex: PairRegex
    """RE2 with the groups name and value, found as often as it stands there."""
    to: PairsTarget = PairsTarget.LABELS
    """What they become: labels or annotations. Without it: labels."""
    after: PlaceRegex | None = None
    """Only behind where this is found; nothing, if it is not."""
    before: PlaceRegex | None = None
    """Only up to where this is found."""


PairsList = Annotated[
    tuple[PairsModel, ...],
    Field(max_length=5),
    BeforeValidator(as_list, json_schema_input_type=PairsModel | list[PairsModel]),
]


class SplitModel(Explained):
    """One mail with several alerts: each section of the body is one."""

    at: PlaceRegex
    """Where a section begins. It ends where the next one begins, or a heading. Named groups become its fields."""
    heading: PlaceRegex | None = None
    """What stands above several sections; its named groups are fields of all of them."""
    extract: FindList = ()
    """As outside, with  from: section."""
    pairs: PairsList = ()
    """As outside, within the section."""


class StatusModel(Explained):
    """Whether a mail tells of a problem or of its end."""

    source: Annotated[FieldName, Field(alias="from")]
    """The field that says it."""
    problem: Words = ()
    """Words of a problem; capitals do not matter."""
    recovery: Words = ()
    """Words of its end."""
    ignore: Words = ()
    """Words of mail of which nothing comes."""
    otherwise: Meaning = Meaning.PROBLEM
    """What a mail without the field is: problem, recovery or ignore. Without it: problem."""

    @model_validator(mode="after")
    def _each_word_means_one_thing(self) -> Self:
        _check_words({meaning.value: getattr(self, meaning.value) for meaning in Meaning})
        return self


class SeverityModel(Explained):
    """How bad it is: the label severity, in words that rules know, made of the sender's own."""

    source: Annotated[FieldName, Field(alias="from")]
    """The field that says it."""
    critical: Words = ()
    """Words that mean critical; capitals do not matter."""
    high: Words = ()
    """Words that mean high."""
    warning: Words = ()
    """Words that mean warning."""
    info: Words = ()
    """Words that mean info."""

    @model_validator(mode="before")
    @classmethod
    def _is_read_from_a_field(cls, value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
        if isinstance(value, str):
            hint = f"for one that is always the same write  labels: {{severity: {value[:20]}}}"
            raise fault("type", "this must be a mapping, not text", hint)
        return value

    @model_validator(mode="after")
    def _each_word_means_one_thing(self) -> Self:
        _check_words({meaning: getattr(self, meaning) for meaning in SEVERITIES})
        return self


class StartsAtModel(Explained):
    """Since when it is so. Without it: when the mail was sent."""

    source: Annotated[FieldName, Field(alias="from")]
    """The field with the time."""
    format: Annotated[Text, Field(max_length=100)] | Literal["iso"] = "iso"
    """How it is written, as in strptime: '%Y-%m-%d %H:%M:%S'; or iso."""
    zone: Zone | None = None
    """The zone of that clock; needed where the time does not say it itself (%z)."""

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.format == "iso":
            return self
        try:
            datetime.strptime("", self.format)  # noqa: DTZ007 (only whether the format is one)
        except ValueError as exc:
            if "does not match" not in str(exc):
                raise fault("value", "this is no way to write a time", "write  '%Y-%m-%d %H:%M:%S'") from None
        if self.zone is None and "%z" not in self.format:
            raise fault("missing-key", "the clock of this time needs its zone", "write  zone: Europe/Berlin")
        return self


class MailProfileSection(Explained):
    """How the mail of one kind of machine is read."""

    ELSEWHERE: ClassVar[Mapping[str, str]] = {
        "name": "the name is the key above:  mail_profiles: {NAME: {...}}",
        "summary": "write  annotations: {summary: ...}",
        "description": "write  annotations: {description: ...}",
        "regex": "write  extract: [{from: alert.subject, regex: ...}]",
        "key": "write  identity",
        "dedup": "write  identity",
    }

    about: Text = ""
    """One sentence for people."""
    match: Annotated[
        tuple[Annotated[MatcherText, AfterValidator(_matcher)], ...],
        Field(min_length=1, max_length=20),
        BeforeValidator(matcher_list),
    ]
    """Matchers that must all hold, on alert.subject, alert.sender, alert.body, header.NAME and mail.author."""
    extract: FindList = ()
    """What is taken out of the mail, in order; later ones fill only what is missing."""
    pairs: PairsList = ()
    """Lines that name a label or annotation themselves."""
    split: SplitModel | None = None
    """How one mail falls into several alerts."""
    status: StatusModel | None = None
    """Whether it tells of a problem or its end. Without it: always a problem."""
    severity: SeverityModel | None = None
    """How bad it is, as the label severity. Without it, or with a word that is not listed: no such label."""
    identity: Annotated[
        tuple[tuple[FieldName, ...], ...],
        Field(min_length=1, max_length=8),
        BeforeValidator(_alternatives, json_schema_input_type=str | list[str] | list[list[str]]),
    ]
    """The fields that say what it is about; a problem and its end have the same. Several lists: the first whose fields are all there."""
    alertname: TemplateChoice | None = None
    """The label alertname: '{service}'; of a list the first that can be filled. Without it: the profile's name."""
    labels: Annotated[dict[LabelName, TemplateChoice], Field(max_length=30)] = Field(default_factory=dict)
    """Labels: {host: '{host}', site: berlin}. One whose fields are not there is left out."""
    annotations: Annotated[dict[LabelName, TemplateChoice], Field(max_length=30)] = Field(default_factory=dict)
    """Annotations. Without them: the subject as summary, the text as description."""
    starts_at: StartsAtModel | None = None
    """Since when it is so."""

    def as_profile(self, name: str) -> MailProfile:
        """As the reader of mail knows it."""
        status = self.status
        return MailProfile(
            name=name,
            about=self.about,
            match=tuple(map(parse_mail_matcher, self.match)),
            extract=tuple(map(_finding, self.extract)),
            pairs=tuple(map(_pairs, self.pairs)),
            split=_split(self.split) if self.split else None,
            status=_status(status) if status else StatusWords(),
            severity=_severity(self.severity) if self.severity else SeverityWords(),
            identity=tuple(names for names in self.identity if LABELS_WORD not in names),
            is_identity_of_labels=any(LABELS_WORD in names for names in self.identity),
            alertname=_choice(self.alertname or ()),
            labels={label: _choice(texts) for label, texts in self.labels.items()},
            annotations={label: _choice(texts) for label, texts in self.annotations.items()},
            starts_at=_starts_at(self.starts_at) if self.starts_at else None,
        )


def _finding(model: FindModel) -> Finding:
    pattern = compile_capture(model.regex)
    return Finding(model.source, pattern, capture_names(pattern))


def _pairs(model: PairsModel) -> Pairs:
    after, before = (_compiled(one) for one in (model.after, model.before))
    return Pairs(compile_capture(model.regex), model.to, after, before)


def _split(model: SplitModel) -> Split:
    return Split(
        at=_compiled(model.at),
        heading=_compiled(model.heading),
        extract=tuple(map(_finding, model.extract)),
        pairs=tuple(map(_pairs, model.pairs)),
    )


def _compiled(regex: str | None) -> Any:  # noqa: ANN401 (google-re2 has no types)
    """An expression that says where something is: one that names no group gets an empty one, so that it compiles as all others."""
    if regex is None:
        return None
    try:
        return compile_capture(regex)
    except MatcherError:
        return compile_capture(f"(?:{regex})(?P<nothing>)")


def _status(model: StatusModel) -> StatusWords:
    words = {_folded(word): meaning for meaning in Meaning for word in getattr(model, meaning.value)}
    return StatusWords(model.source, words, model.otherwise)


def _severity(model: SeverityModel) -> SeverityWords:
    words = {_folded(word): meaning for meaning in SEVERITIES for word in getattr(model, meaning)}
    return SeverityWords(model.source, words)


def _choice(texts: tuple[str, ...]) -> Choice:
    return tuple(map(parse_template, texts))


def _starts_at(model: StartsAtModel) -> StartsAt:
    return StartsAt(model.source, "" if model.format == "iso" else model.format, model.zone)
