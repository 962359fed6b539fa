"""From values to rows and back: a column bears the name of the field that it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Column, Row, Select, Table, select

T = TypeVar("T")

KEYS_PER_QUERY = 400
"""SQLite of Debian 12 takes 32,766 parameters; far fewer keep the statement cache small."""


_names: dict[type[Any], tuple[str, ...]] = {}


def _field_names(kind: type[Any]) -> tuple[str, ...]:
    if kind not in _names:
        _names[kind] = tuple(field.name for field in fields(kind))
    return _names[kind]


def row_of(value: Any) -> dict[str, Any]:  # noqa: ANN401 (any dataclass of the core)
    """The value as a row."""
    return {name: getattr(value, name) for name in _field_names(type(value))}


def value_of(kind: type[T], row: Row[Any]) -> T:
    """The row as a value of ``kind``; the row has exactly the columns of ``columns_of``, in that order."""
    # By place, since a mapping of a row costs as much again as asking for it.
    assert row._fields == _field_names(kind), "the columns are those of another value"
    make: Callable[..., T] = kind
    return make(*row)


def columns_of(table: Table, kind: type[Any]) -> list[Column[Any]]:
    """The columns that hold the fields of ``kind``."""
    return [table.c[name] for name in _field_names(kind)]


_selects: dict[tuple[Table, type[Any]], Select[Any]] = {}


def select_of(table: Table, kind: type[Any]) -> Select[Any]:
    """A query for values of ``kind``, to be narrowed. Made once: putting thirty columns together costs more than asking for a row."""
    made = _selects.get((table, kind))
    if made is None:
        made = _selects[table, kind] = select(*columns_of(table, kind))
    return made


def chunks(keys: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """The distinct keys in pieces that fit one query, in order."""
    distinct = list(dict.fromkeys(keys))
    for start in range(0, len(distinct), KEYS_PER_QUERY):
        yield distinct[start : start + KEYS_PER_QUERY]
