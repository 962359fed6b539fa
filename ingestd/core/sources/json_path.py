"""Paths: where in a JSON document a value stands.

``data.items[0].name``, ``['any key']``, ``[*]`` for every item of a list. ``$`` in front means the document, without it a path begins at
the alert that is read. There is no filter and no search at any depth: to follow a path costs no more than its steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

PATH_CHARS_MAX: Final = 500
STEPS_COUNT_MAX: Final = 20

_NAME: Final = re.compile(r"[^\s.\[\]'\"{}()*?$,|\\]+")
_KEY: Final = re.compile(r"\['([^'\]]*)'\]|\[\"([^\"\]]*)\"\]")
_INDEX: Final = re.compile(r"\[([0-9]{1,6})\]")
_EVERY: Final = "[*]"
_HINT: Final = "write  data.items[0].name  or  ['a key with spaces']"


class PathError(ValueError):
    """A path, or a text with paths, cannot be read. ``hint`` says what to write and may be empty."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


class Every:
    """The step ``[*]``: every item of a list."""


EVERY: Final = Every()
Step = str | int | Every


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path that was read. ``is_absolute``: it begins at the document, not at the alert."""

    text: str
    steps: tuple[Step, ...]
    is_absolute: bool

    @property
    def has_every(self) -> bool:
        """Whether it leads to several values."""
        return EVERY in self.steps


def parse_path(text: str) -> JsonPath:
    """The path that is written. Raises ``PathError`` if it is none."""
    if not text:
        raise PathError("this path is empty", f"{_HINT}; $ is the whole document")
    if len(text) > PATH_CHARS_MAX:
        raise PathError(f"a path of {len(text)} characters (at most {PATH_CHARS_MAX})")
    steps: list[Step] = []
    place = 1 if text[0] == "$" else 0
    may_be_name = place == 0
    while place < len(text):
        if text[place] == "[":
            step, place = _bracket(text, place)
            steps.append(step)
        elif text[place] == "." and place > 0 and not may_be_name:
            may_be_name = True
            place += 1
            continue
        elif may_be_name and (name := _NAME.match(text, place)):
            steps.append(name[0])
            place = name.end()
        else:
            raise _unreadable(text, place)
        may_be_name = False
    if may_be_name:
        raise _unreadable(text, place)
    if len(steps) > STEPS_COUNT_MAX:
        raise PathError(f"a path of {len(steps)} steps (at most {STEPS_COUNT_MAX})")
    return JsonPath(text, tuple(steps), is_absolute=text[0] == "$")


def value_at(start: object, path: JsonPath) -> object:
    """What stands there; None if nothing does, or null.

    A name that an object does not have is tried together with the next ones: ``host.name`` finds ``{"host": {"name": ..}}`` and
    ``{"host.name": ..}``, since Elasticsearch writes either.
    """
    value, place = start, 0
    steps = path.steps
    while place < len(steps):
        step = steps[place]
        if isinstance(value, dict) and step in value:  # the usual step
            value = value[step]
            place += 1
        else:
            value, place = _stepped(value, steps, place)
        if value is None:
            return None
    return value


def values_at(start: object, path: JsonPath) -> list[object]:
    """What stands there, for each item where the path has ``[*]``; empty if nothing does."""
    values = [start]
    begin = 0
    steps = path.steps
    while EVERY in steps[begin:]:
        end = steps.index(EVERY, begin)
        part = JsonPath("", steps[begin:end], is_absolute=False)
        lists = (value_at(value, part) for value in values)
        values = [item for found in lists if isinstance(found, list) for item in found]
        begin = end + 1
    rest = JsonPath("", steps[begin:], is_absolute=False)
    return [found for value in values if (found := value_at(value, rest)) is not None]


def has_empty_list(start: object, path: JsonPath) -> bool:
    """Whether a ``[*]`` of the path stands at a list without items: then the path may be right although it leads to nothing."""
    return any(
        [] in values_at(start, JsonPath("", path.steps[:place], is_absolute=False))
        for place, step in enumerate(path.steps)
        if step is EVERY
    )


def _stepped(value: object, steps: tuple[Step, ...], place: int) -> tuple[object, int]:
    """The value one step further, and the number of the step after that."""
    step = steps[place]
    if isinstance(value, list) and isinstance(step, int):
        return (value[step] if step < len(value) else None), place + 1
    if not isinstance(value, dict) or not isinstance(step, str):
        return None, place
    name = step
    while name not in value:
        place += 1
        following = steps[place] if place < len(steps) else None
        if not isinstance(following, str):
            return None, place
        name = f"{name}.{following}"
    return value[name], place + 1


def _bracket(text: str, place: int) -> tuple[Step, int]:
    if text.startswith(_EVERY, place):
        return EVERY, place + len(_EVERY)
    if index := _INDEX.match(text, place):
        return int(index[1]), index.end()
    if key := _KEY.match(text, place):
        return key[1] if key[1] is not None else key[2], key.end()
    raise _unreadable(text, place)


def _unreadable(text: str, place: int) -> PathError:
    rest = text[place:]
    what = f'"{text[:80]}" is no path: it cannot be read from character {place + 1} on'
    if rest.startswith(".") and place > 0:
        return PathError(what, "there is no search at any depth (..): write every step")
    if rest.startswith(("[?", "[(")):
        return PathError(
            what, "there are no filters: take every item with [*], and leave some out by status: {ignore: [..]}"
        )
    if rest.startswith("*"):
        return PathError(what, "write [*] for every item of a list")
    if rest.startswith("[-"):
        return PathError(what, "an item is counted from the front: [0]")
    if rest[:1].isspace():
        return PathError(what, "a key with a space stands in brackets and quotes: ['a key']")
    return PathError(what, _HINT)
