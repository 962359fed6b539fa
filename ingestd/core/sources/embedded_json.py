"""JSON inside JSON, and forms: what some senders wrap their alerts in."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, cast
from urllib.parse import parse_qsl

from ingestd.core.alert import Unreadable
from ingestd.core.safe_text import storable
from ingestd.core.sources.json_path import JsonPath, value_at
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, quoted, unreadable
from ingestd.core.sources.strict_json import load_document

_FORM: Final = re.compile(rb"[A-Za-z0-9_.~%+*\[\]-]{1,200}=[!$-~]*")
"""A form has no white space, no quotes and a name before its first ``=``: no JSON looks like this."""
_FIELDS_COUNT_MAX: Final = 1000
_FORM_BYTES_MAX: Final = 256 * 1024
"""To take a form apart costs 80 times its size in memory."""


def unpack(document: object, path: JsonPath, limits: ReadLimits) -> None:
    """Put the document that a text holds in the place of the text. A text that holds none, or one beyond the limits, stays as it is."""
    *before, last = path.steps or ("",)
    holder = value_at(document, JsonPath("", tuple(before), is_absolute=False))
    text = value_at(holder, JsonPath("", (last,), is_absolute=False))
    if not isinstance(text, str):
        return
    # Never deeper in all than a document may be: readers written with recursion rely on it.
    found = load_document(text.encode(), replace(limits, depth_max=limits.depth_max - len(path.steps)))
    if isinstance(found, Unreadable):
        return
    if isinstance(holder, dict | list):
        cast("dict[object, object]", holder)[last] = (
            found  # whichever it is, this step has just led from it to the text
        )


def is_form(body: bytes) -> bool:
    """Whether the body is ``name=value&...``, as browsers and some senders write it."""
    return _FORM.fullmatch(body.strip()) is not None


def load_form(body: bytes) -> dict[str, object] | Unreadable:
    """The fields as an object of texts, or why they cannot be read. Never raises. A name that comes twice is refused, as in JSON."""
    text = body.strip().decode("ascii", "replace")
    if len(text) > _FORM_BYTES_MAX or text.count("&") >= _FIELDS_COUNT_MAX:
        return unreadable(
            QuarantineReason.TOO_MANY_VALUES,
            f"a form may have {_FORM_BYTES_MAX // 1024} KiB and {_FIELDS_COUNT_MAX} fields; send less, or JSON",
        )
    pairs = parse_qsl(text, keep_blank_values=True)
    fields: dict[str, object] = {}
    for name, value in pairs:
        if storable(name) in fields:
            return unreadable(
                QuarantineReason.DUPLICATE_KEY, f"the form has the field {quoted(name)} twice; send it once"
            )
        fields[storable(name)] = storable(value)
    return fields
