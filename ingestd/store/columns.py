"""Column types that keep Python values exact on both databases: instants, words, and small structures as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

from ingestd.core.alert import Alert
from ingestd.core.conduct import Conduct, Flap, ResolveOn
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.reporter import AttachmentRef, ReportedTicket, Reporter
from ingestd.core.response import PageWhen

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ALERT_INSTANTS = ("starts_at", "ends_at", "expires_at")


def microseconds_of(instant: datetime) -> int:
    """How an instant is stored: whole microseconds since 1970 in UTC. Refuses a naive value."""
    assert instant.tzinfo is not None, "an instant without a zone means nothing"
    return (instant - _EPOCH) // _MICROSECOND


def instant_from(microseconds: int) -> datetime:
    """The instant that was stored so."""
    return _EPOCH + timedelta(microseconds=microseconds)


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant, stored as whole microseconds since 1970 in UTC. Refuses naive values."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """To microseconds."""
        return None if value is None else microseconds_of(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """From microseconds."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Word(TypeDecorator[StrEnum]):
    """A member of an enumeration, stored as its value."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """To the plain word."""
        return None if value is None else str(self.words(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """From the plain word."""
        return None if value is None else self.words(value)


class Json(TypeDecorator[Any]):
    """A structure that is read and written whole, never queried."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """To compact JSON."""
        return None if value is None else compact(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002 (any JSON; SQLAlchemy's signature)
        """From JSON."""
        return None if value is None else json.loads(value)


class Texts(TypeDecorator[tuple[str, ...]]):
    """Some texts in order."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """To JSON."""
        return None if value is None else compact(list(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:  # noqa: ARG002 (SQLAlchemy's signature)
        """From JSON."""
        return tuple(json.loads(value)) if value else ()


class Instants(TypeDecorator[tuple[datetime, ...]]):
    """Some instants in order; none of them is stored as NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[datetime, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """To JSON, in microseconds."""
        return compact([microseconds_of(at) for at in value]) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[datetime, ...]:  # noqa: ARG002 (SQLAlchemy's signature)
        """From JSON."""
        return tuple(_EPOCH + timedelta(microseconds=at) for at in json.loads(value)) if value else ()


def _plain_reporter(reporter: Reporter) -> dict[str, Any]:
    at = reporter.reported_at
    return {**asdict(reporter), "reported_at": None if at is None else microseconds_of(at)}


def _reporter_from(plain: dict[str, Any]) -> Reporter:
    at = plain.get("reported_at")
    return Reporter(**{**plain, "reported_at": None if at is None else instant_from(at)})


class Reporters(TypeDecorator[tuple[Reporter, ...]]):
    """Who reported an incident, in order; nobody is stored as NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[Reporter, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """To JSON."""
        return compact([_plain_reporter(one) for one in value]) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[Reporter, ...]:  # noqa: ARG002 (SQLAlchemy's signature)
        """From JSON."""
        return tuple(_reporter_from(one) for one in json.loads(value)) if value else ()


class AlertJson(TypeDecorator[Alert]):
    """An alert as it was received, whole."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Alert | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """To JSON."""
        if value is None:
            return None
        plain: dict[str, Any] = {field.name: getattr(value, field.name) for field in fields(Alert)}
        for name in _ALERT_INSTANTS:
            plain[name] = None if plain[name] is None else microseconds_of(plain[name])
        for name in ("labels", "annotations", "links"):
            plain[name] = dict(plain[name])
        plain["reporter"] = _plain_reporter(value.reporter) if value.reporter else None
        plain["ticket"] = asdict(value.ticket) if value.ticket else None
        plain["attachments"] = [asdict(one) for one in value.attachments]
        return compact({name: part for name, part in plain.items() if part not in ("", None, [])})

    def process_result_value(self, value: str | None, dialect: Dialect) -> Alert | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """From JSON."""
        if value is None:
            return None
        plain = json.loads(value)
        for name in _ALERT_INSTANTS:
            if name in plain:
                plain[name] = _EPOCH + timedelta(microseconds=plain[name])
        if "reporter" in plain:
            plain["reporter"] = _reporter_from(plain["reporter"])
        if "ticket" in plain:
            plain["ticket"] = ReportedTicket(**plain["ticket"])
        plain["attachments"] = tuple(AttachmentRef(**one) for one in plain.get("attachments", ()))
        plain["key"] = AlertKey(plain["key"])
        plain["status"] = AlertStatus(plain["status"])
        return Alert(**plain)


class ConductJson(TypeDecorator[Conduct]):
    """How an incident is handled, as the rules said when it opened; NULL for one that is older than this."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Conduct | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """To JSON."""
        if value is None:
            return None
        flap = value.flap
        plain = {
            "resolve_on": value.resolve_on.value,
            "flap": [flap.count, flap.within_seconds] if flap else None,
            "page_when": value.page_when.value,
            "rules_version": value.rules_version,
            "service": value.service,
            "skill": value.skill,
            "is_test": value.is_test,
        }
        return compact(plain)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Conduct:  # noqa: ARG002 (SQLAlchemy's signature)
        """From JSON."""
        if value is None:
            return Conduct()
        plain = json.loads(value)
        return Conduct(
            resolve_on=ResolveOn(plain["resolve_on"]),
            flap=Flap(*plain["flap"]) if plain["flap"] else None,
            page_when=PageWhen(plain["page_when"]),
            rules_version=plain["rules_version"],
            service=plain.get("service", ""),
            skill=plain.get("skill", ""),
            is_test=plain.get("is_test", False),
        )


def compact(value: object) -> str:
    """JSON in as few characters as it takes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
