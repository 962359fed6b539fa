"""Reads JSON from strangers: bounded in time, memory and depth, and never in two ways.

What Python's reader would let pass, or fail on in its own words (measured on CPython 3.11): ``NaN`` and ``Infinity`` are accepted, of two equal
keys the last one wins (a resolve can be smuggled past another reader), 100,000 brackets raise ``RecursionError``, 5,000 digits raise ``ValueError``,
the escape of a lone surrogate breaks whoever encodes it later, 2 MiB of ``{},`` become 60 MiB of objects.
"""

from __future__ import annotations

import json
import math
import re
from itertools import chain
from typing import Final, NoReturn

from ingestd.core.alert import Unreadable
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, quoted, unreadable

_NUMBER_CHARS_MAX: Final = 40
"""A 128-bit integer has 39 digits, a float of Go or JavaScript at most 25 characters."""

_VALUE_BYTES: Final = b",:[{"
_CONTAINER_BYTES: Final = b"[{"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_REPLACEMENT: Final = "\ufffd".encode()
_UNSTORABLE_HINTS: Final = (b"\\u0000", b"\\ud", b"\\uD", b"\0")
"""Without one of these in the body no string in it can hold a NUL or a surrogate."""
_LONE_SURROGATE: Final = re.compile(
    rb"\\u[dD](?:[89abAB]HH(?!\\u[dD][c-fC-F]HH)|(?<!\\u[dD][89abAB]HH\\u[dD])[c-fC-F]HH)".replace(b"H", b"[0-9a-fA-F]")
)
_DEPTH_SAFE: Final = 200
"""Whatever the configuration allows: readers written with recursion must never meet Python's limit of 1,000 calls."""


def load_object(body: bytes, limits: ReadLimits) -> dict[str, object] | Unreadable:
    """The JSON object in the body, or why there is none. Never raises, whatever the bytes. The guarantees are those of ``load_document``."""
    value = load_document(body, limits)
    if isinstance(value, list):
        return unreadable(
            QuarantineReason.NOT_AN_OBJECT,
            f"the body is {quoted(value)}, not a JSON object with a list `alerts`; point the sender's webhook (not its API client) here",
        )
    return value


def load_document(body: bytes, limits: ReadLimits) -> dict[str, object] | list[object] | Unreadable:
    """The JSON object or list in the body, or why there is none. Never raises, whatever the bytes.

    Guarantees: keys are unique in each object; every string is storable; numbers are finite and short; nesting is within ``limits.depth_max``.
    Bytes that are not UTF-8 become U+FFFD, a byte order mark is skipped, and raw control characters inside strings are tolerated: none of
    them makes the meaning doubtful, and an alert should not be lost over it.
    """
    if not body.strip():
        return unreadable(QuarantineReason.NOT_JSON, "the body is empty; the webhook's own JSON was expected")
    values_count = _count_of(_VALUE_BYTES, body)
    if values_count > limits.json_values_count_max:
        return _too_many_values(f"about {values_count} JSON values", limits.json_values_count_max)
    containers_count = _count_of(_CONTAINER_BYTES, body)
    if containers_count > limits.json_containers_count_max:
        return _too_many_values(f"about {containers_count} JSON lists and objects", limits.json_containers_count_max)
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if any(hint in body for hint in _UNSTORABLE_HINTS):
        body = _without_unstorable(body)
    text = body.decode("utf-8", "replace")
    try:
        value = _DECODER.decode(text)
        _check_nesting_and_numbers(value, limits)
    except _Refused as refused:
        return refused.why
    except json.JSONDecodeError as problem:
        return _not_json(text, problem)
    except RecursionError:
        return _too_deep(limits)
    if not isinstance(value, dict | list):
        return unreadable(
            QuarantineReason.NOT_AN_OBJECT,
            f"the body is {quoted(value)}, not a JSON object; send the webhook's own JSON body",
        )
    return value


class _Refused(Exception):
    """Carries the reason out of the JSON reader's callbacks."""

    def __init__(self, why: Unreadable) -> None:
        super().__init__(why.reason)
        self.why = why


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Refused(_duplicate(name))
            seen.add(name)
    return result


def _duplicate(name: str) -> Unreadable:
    return unreadable(
        QuarantineReason.DUPLICATE_KEY,
        f"one object has the key {quoted(name)} twice, so it can be read in two ways; mend the template that makes the body",
    )


def _no_constant(word: str) -> NoReturn:
    raise _Refused(
        unreadable(
            QuarantineReason.NOT_A_NUMBER,
            f"the body has the number {word}, which JSON does not know; send null or a string",
        )
    )


def _integer(digits: str) -> int:
    if len(digits) > _NUMBER_CHARS_MAX:
        raise _Refused(_number_too_long(digits))
    return int(digits)


def _number_too_long(digits: str) -> Unreadable:
    return unreadable(
        QuarantineReason.NUMBER_TOO_LONG,
        f"a number has {len(digits)} characters, more than {_NUMBER_CHARS_MAX}; send it as a string",
    )


def _count_of(members: bytes, body: bytes) -> int:
    """How many bytes of the body are one of the members; at the speed of memory, whatever the body."""
    return len(body) - len(body.translate(None, members))


def _too_many_values(found: str, count_max: int) -> Unreadable:
    return unreadable(
        QuarantineReason.TOO_MANY_VALUES,
        f"the body has {found}, more than {count_max}; let the sender put fewer alerts into one request "
        "(Alertmanager: `max_alerts`, Grafana: Max Alerts)",
    )


def _too_deep(limits: ReadLimits) -> Unreadable:
    return unreadable(
        QuarantineReason.TOO_DEEP,
        f"lists and objects are nested more than {limits.depth_max} deep; the webhooks of Alertmanager and Grafana need 4",
    )


def _not_json(text: str, problem: json.JSONDecodeError) -> Unreadable:
    guess = ""
    if problem.pos == len(text) or problem.msg.startswith("Unterminated"):
        guess = "; it looks as if it was cut off"
    elif text.lstrip().startswith("<"):
        guess = "; it looks like HTML or XML"
    return unreadable(
        QuarantineReason.NOT_JSON,
        f"line {problem.lineno} column {problem.colno}: {problem.msg.rstrip(': ')}{guess}; send the webhook's own JSON body",
    )


def _check_nesting_and_numbers(document: object, limits: ReadLimits) -> None:
    """Looks at every value, level by level, so that no depth can exhaust the stack."""
    level = [document]
    for _ in range(min(limits.depth_max, _DEPTH_SAFE) + 1):
        types = set(map(type, level))
        if float in types and not all(map(math.isfinite, [value for value in level if isinstance(value, float)])):
            raise _Refused(
                unreadable(
                    QuarantineReason.NOT_A_NUMBER, "a number is beyond what a float can hold; send it as a string"
                )
            )
        if dict not in types and list not in types:
            return
        objects = [value for value in level if isinstance(value, dict)]
        lists = [value for value in level if isinstance(value, list)]
        level = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(lists)]
    raise _Refused(_too_deep(limits))


def _without_unstorable(body: bytes) -> bytes:
    """The body with U+FFFD for every NUL and lone surrogate, before it is parsed, so that the reader sees equal keys as equal.

    An escaped backslash is spelt in another way first: after that, every backslash begins an escape.
    """
    body = body.replace(b"\\\\", b"\\u005c").replace(b"\\u0000", b"\\ufffd").replace(b"\0", _REPLACEMENT)
    return _LONE_SURROGATE.sub(rb"\\ufffd", body) if b"\\ud" in body or b"\\uD" in body else body


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer, strict=False
)
