"""What is written in another shape than it has: a value or a list for a mapping. Its author is told how the same is written here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel, BeforeValidator

from ingestd.config.quantities import as_written, fault, is_duration
from ingestd.config.yaml_tree import WrittenFloat, WrittenInt

_NEEDS_QUOTES: Final = re.compile(r"""[,\[\]{}#:&*!|>'"%@`-]""")
_HINT_CHARS_MAX: Final = 200


def mapping_like(example: Callable[[Any], str]) -> BeforeValidator:
    """Refuses what is no mapping; ``example`` says how to write what was written."""

    def check(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
        if value is None or isinstance(value, dict | BaseModel):
            return value
        raise fault("type", f"this must be a mapping, not {_kind(value)}", f"write  {example(value)}"[:_HINT_CHARS_MAX])

    return BeforeValidator(check)


def list_of(example: str) -> BeforeValidator:
    """Refuses a mapping where a list of mappings stands; ``example`` is how the first of them begins."""

    def check(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
        if isinstance(value, dict):
            raise fault("type", "this must be a list, not a mapping", f"put it in a list:  - {example}")
        return value

    return BeforeValidator(check)


def without_dash(example: str) -> BeforeValidator:
    """Refuses a list where a mapping by names stands."""

    def check(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
        if isinstance(value, list):
            raise fault("type", "this must be a mapping, not a list", f"leave out the dash:  {example}")
        return value

    return BeforeValidator(check)


def by_or_within(value: Any) -> str:  # noqa: ANN401 (a value from YAML)
    """How ``dedup`` and ``correlate`` are written: ``{by: [service]}``, or ``{within: 1h}`` for a duration."""
    if is_duration(value):
        return f"{{within: {value}}}"
    return f"{{by: {_listed(value)}}}"


def count_within(value: Any) -> str:  # noqa: ANN401 (a value from YAML)
    """How so many in a time are written: ``{count: 5, within: 10m}``."""
    count = value.text if isinstance(value, WrittenInt) else "5"
    return f"{{count: {count}, within: {value if is_duration(value) else '10m'}}}"


def matchers_as_pairs(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    """One mapping where a list of them may stand. Refuses matchers that stand there themselves."""
    if isinstance(value, dict):
        return [value]
    if isinstance(value, str) or (isinstance(value, list) and any(isinstance(item, str) for item in value)):
        hint = f"write  {{match: {_listed(value)}}}"[:_HINT_CHARS_MAX]
        raise fault("type", f"this must be a mapping, not {_kind(value)}", hint)
    return value


def _kind(value: Any) -> str:  # noqa: ANN401 (a value from YAML)
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, WrittenInt | WrittenFloat):
        return "a number"
    return "a list" if isinstance(value, list) else "text"


def _listed(value: Any) -> str:  # noqa: ANN401 (a value from YAML)
    """The value as a list in one line, as far as it holds texts."""
    items = value if isinstance(value, list) else [value]
    texts = [as_written(item) for item in items]
    return f"[{', '.join(_quoted(text) for text in texts if isinstance(text, str)) or '...'}]"


def _quoted(text: str) -> str:
    if not _NEEDS_QUOTES.search(text.replace("=~", "").replace("!~", "").replace("!=", "")) and text == text.strip():
        return text
    return "'" + text.replace("'", "''") + "'"
