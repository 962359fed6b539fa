"""What the configuration says of a source of JSON: which part of a document is what. docs/howto/json.md has it in examples."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator

from ingestd.config.quantities import Text, as_written, fault
from ingestd.config.section import Section
from ingestd.core.sources.json_path import JsonPath, PathError, parse_path
from ingestd.core.sources.mapping import (
    JsonMapping,
    MappedStatus,
    StatusWords,
    TextSource,
    TimeSource,
    constant,
    one_path,
    only_path,
    status_words,
    text_source,
    words,
)
from ingestd.core.sources.timestamps import TimeForm

Made = TypeVar("Made")
_TEXT_HINT = (
    "write a path (data.host), words with paths ('{data.host} is down'), a list of these, or {text: always the same}"
)


def _made(make: Callable[..., Made], *written: str | TextSource) -> Made:
    try:
        return make(*written)
    except PathError as error:
        raise fault("json-path", str(error), error.hint) from None


def _text(value: Any) -> TextSource:  # noqa: ANN401 (a value from YAML)
    if isinstance(value, TextSource):
        return value
    if isinstance(value, str):
        return _made(text_source, value)
    if isinstance(value, list) and value and not any(isinstance(one, list) for one in value):
        return _made(text_source, *(_text(one) for one in value))
    if isinstance(value, dict) and list(value) == ["text"] and as_written(value["text"]):
        return constant(str(as_written(value["text"])))
    raise fault("type", "this does not say where a text comes from", _TEXT_HINT)


def _path(value: Any) -> JsonPath:  # noqa: ANN401 (a value from YAML)
    if isinstance(value, JsonPath):
        return value
    if not isinstance(value, str):
        raise fault("type", "this is not a path", "write  data.items[0].name")
    return _made(parse_path, value)


def _single_path(value: Any) -> JsonPath:  # noqa: ANN401 (a value from YAML)
    path = _path(value)
    return _made(one_path, path.text)


def _word(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    """``true`` and ``0`` are words as they are written in JSON."""
    return ("true" if value else "false") if isinstance(value, bool) else as_written(value)


def _listed(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    return [value] if isinstance(value, str) else value


def _check_spread(texts: dict[str, TextSource]) -> dict[str, TextSource]:
    for name, source in texts.items():
        if name.endswith("*") and only_path(source) is None:
            raise fault(
                "json-path", f'"{name}" takes the names of an object, and this is no path to one', "write a single path"
            )
    return texts


class _OnlyText(Section):
    """The form of a text that is always the same, for the schema."""

    text: str


TextFrom: TypeAlias = Annotated[
    TextSource, PlainValidator(_text, json_schema_input_type=str | list[str | _OnlyText] | _OnlyText)
]
AnyPath: TypeAlias = Annotated[JsonPath, PlainValidator(_path, json_schema_input_type=str)]
SinglePath: TypeAlias = Annotated[JsonPath, PlainValidator(_single_path, json_schema_input_type=str)]
Words: TypeAlias = Annotated[
    tuple[Annotated[str, BeforeValidator(_word), Field(min_length=1, max_length=100)], ...], Field(max_length=100)
]
TextName: TypeAlias = Annotated[Text, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\*?|\*)$")]
Texts: TypeAlias = Annotated[dict[TextName, TextFrom], Field(max_length=64), AfterValidator(_check_spread)]


class LinkName(StrEnum):
    """The links that pages and tickets show."""

    GENERATOR = "generator"
    DASHBOARD = "dashboard"
    PANEL = "panel"
    IMAGE = "image"
    RUNBOOK = "runbook"
    SILENCE = "silence"


class StatusSection(Section):
    """Which words say that something is wrong, that it is over, or nothing. A word that is not listed is the default."""

    from_: TextFrom = Field(alias="from")
    problem: Words = ()
    recovery: Words = ()
    ignore: Words = ()
    default: MappedStatus = MappedStatus.FIRING

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        _made(self.as_words)
        if not (self.problem or self.recovery or self.ignore):
            raise fault("missing-key", "the status has no words", "write  problem: [..]  and  recovery: [..]")
        return self

    def as_words(self) -> StatusWords:
        """As the reader knows them."""
        return status_words(
            self.from_, problem=self.problem, recovery=self.recovery, ignore=self.ignore, default=self.default
        )


class TimeSection(Section):
    """An instant, and how it is written. ``auto`` tells a text of RFC 3339, seconds and milliseconds apart."""

    path: SinglePath
    as_: TimeForm = Field(default=TimeForm.AUTO, alias="as")

    @model_validator(mode="before")
    @classmethod
    def _may_be_a_path(cls, value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
        return {"path": value} if isinstance(value, str) else value

    @property
    def source(self) -> TimeSource:
        """As the reader knows it."""
        return TimeSource(self.path, self.as_)


class IgnoreSection(Section):
    """What is no alert: one of these words stands at the path."""

    from_: SinglePath = Field(alias="from")
    words: Annotated[Words, Field(min_length=1)]


class JsonSourceSection(Section):
    """Where the alerts are in a document, and what of them is what."""

    identity: tuple[TextFrom, ...] = Field(min_length=1, max_length=16)
    """What makes it the same alert: equal in a problem and its recovery, different for everything else."""
    parse: Annotated[tuple[SinglePath, ...], BeforeValidator(_listed), Field(max_length=4)] = ()
    """Texts that hold JSON themselves."""
    alerts: AnyPath | None = None
    """The list of alerts; without it the document is one alert, or a list of them."""
    ignore: tuple[IgnoreSection, ...] = Field(default=(), max_length=16)
    status: StatusSection | None = None
    alertname: TextFrom | None = None
    labels: Texts = Field(default={})
    annotations: Texts = Field(default={})
    links: dict[LinkName, TextFrom] = Field(default={})
    starts_at: TimeSection | None = None
    ends_at: TimeSection | None = None
    value: TextFrom | None = None

    def as_mapping(self) -> JsonMapping:
        """As the reader knows it."""
        return JsonMapping(
            "json",
            identity=self.identity,
            alerts=self.alerts,
            parse=self.parse,
            ignore=tuple((one.from_, words(one.words)) for one in self.ignore),
            labels=self.labels,
            annotations=self.annotations,
            links={name.value: source for name, source in self.links.items()},
            alertname=self.alertname,
            status=self.status.as_words() if self.status else None,
            starts_at=self.starts_at.source if self.starts_at else None,
            ends_at=self.ends_at.source if self.ends_at else None,
            value=self.value,
        )
