"""Why a body, or one alert in it, cannot be read."""

from __future__ import annotations

from enum import StrEnum

from ingestd.core.alert import Unreadable
from ingestd.core.safe_text import one_line

_DETAIL_CHARS_MAX = 400
_QUOTE_CHARS_MAX = 60


class QuarantineReason(StrEnum):
    """The words for what was wrong; the same in the log, the metrics, the command line and the documentation."""

    NOT_JSON = "not_json"
    DUPLICATE_KEY = "duplicate_key"
    NOT_A_NUMBER = "not_a_number"
    NUMBER_TOO_LONG = "number_too_long"
    TOO_DEEP = "too_deep"
    TOO_MANY_VALUES = "too_many_values"
    NOT_AN_OBJECT = "not_an_object"
    NOT_THIS_KIND = "not_this_kind"
    NO_ALERTS_FIELD = "no_alerts_field"
    BAD_ALERT = "bad_alert"
    TOO_MANY_ALERTS = "too_many_alerts"


def unreadable(reason: QuarantineReason, detail: str) -> Unreadable:
    """The refusal with its detail as one line, safe to show. Quote what the sender wrote with ``quoted`` only."""
    return Unreadable(reason, one_line(detail, _DETAIL_CHARS_MAX))


def quoted(value: object) -> str:
    """A short, safe quotation of what the sender wrote: at most 60 characters; of numbers, lists and objects only the type."""
    match value:
        case str():
            return f'"{one_line(value[: 2 * _QUOTE_CHARS_MAX], _QUOTE_CHARS_MAX)}"'
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "an object"
    return "a value"
