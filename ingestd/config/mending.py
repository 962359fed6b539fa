"""Validates an entry of a rule file, and what is left of it when something in it is wrong: one fault must not hide the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Mapping as MappingOf
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ingestd.config.problems import nearest
from ingestd.config.validation import Place, choices, key_meant, validate
from ingestd.config.yaml_tree import Document, Entry, Mapping, Node, Scalar, Sequence, Span, to_python

Model = TypeVar("Model", bound=BaseModel)

ROUNDS_MAX: Final = 8
"""How often what is left is looked at again: taking something out may show that more of it is wrong."""

_NONE_WORDS: Final = frozenset({"ticket", "page", "held", "maintenance", "parent"})
_STAND_IN: Final = "_ = _"
"""Stands for a wrong item of a list, so that the others keep their numbers. It is a matcher, and it is a name of a label too."""


def validate_rest(
    document: Document,
    node: Node,
    model: type[Model],
    stand_ins: MappingOf[str, Any] | None = None,
    *,
    left_out: Collection[str] = (),
) -> tuple[Model | None, bool]:
    """What a node describes, and whether that is all of it. Every error has been added to the document's problems.

    If something is wrong, it is taken out of the tree, a misspelt key is taken for the one that was meant, and the model holds the
    rest: enough to look for further faults, and nothing to decide with. ``stand_ins`` are values for top-level keys that would be
    missing then; ``left_out`` are those that are validated elsewhere. None if nothing can be made of it.
    """
    empty = list(_empty(node, left_out))
    told = {(problem.line, problem.column) for problem in document.problems}
    for place in empty:
        span = _at(node, place).span
        if (span.line, span.column) not in told:  # an alias has no value either
            hint = "write none if that is meant" if place[-1] in _NONE_WORDS else "leave it out if nothing is meant"
            document.report(span, "empty", "this key has no value", hint=hint)
    whole = validate(document, node, model)
    if whole is not None and not empty:
        return whole, True
    for place in reversed(empty):
        _remove(node, place, stand_ins or {})
    for _ in range(ROUNDS_MAX):
        try:
            return model.model_validate(to_python(node)), False
        except ValidationError as exc:
            errors = exc.errors(include_url=False)
        if not _take_out_all(node, model, errors, stand_ins or {}):
            return None, False
    return None, False


def written_name(node: Node, key: str) -> str:
    """What stands under a key before anything is mended; empty if it is no text."""
    found = node.get(key) if isinstance(node, Mapping) else None
    return found.value if isinstance(found, Scalar) and isinstance(found.value, str) else ""


def _empty(node: Node, left_out: Collection[str] = ()) -> Iterator[Place]:
    """The places of keys without a value. What a ticket is opened with is its connector's own affair."""
    if isinstance(node, Mapping):
        for key, entry in node.entries.items():
            if isinstance(entry.node, Scalar) and entry.node.value is None:
                yield (key,)
            elif key not in left_out and key != "ticket":
                yield from ((key, *place) for place in _empty(entry.node))
    elif isinstance(node, Sequence):
        for number, item in enumerate(node.items):
            yield from ((number, *place) for place in _empty(item))


def _take_out_all(
    node: Node, model: type[BaseModel], errors: list[ErrorDetails], stand_ins: MappingOf[str, Any]
) -> bool:
    """Take out of the tree what each of the errors is about; whether that could be done."""
    placed = [(_existing(node, error["loc"]), error) for error in errors]
    gone: set[Place] = set()
    for place, error in reversed(placed):  # from the end, so that what stands before keeps its place
        if _existing(node, place) != place or any(place[:depth] in gone for depth in range(1, len(place) + 1)):
            continue  # several things are wrong with it, or with what holds it
        if not _take_out(node, model, place, error, stand_ins):
            return False
        gone.add(place)
    return True


def _take_out(
    node: Node, model: type[BaseModel], place: Place, error: ErrorDetails, stand_ins: MappingOf[str, Any]
) -> bool:
    if error["type"] == "missing" or not place:
        if _existing(node, error["loc"])[-1:] == error["loc"][-1:]:
            return True  # another key was taken for it
        if len(error["loc"]) > 1 and place:
            return _remove(node, place, stand_ins)
        return _fill_in(node, [str(key) for key in error["loc"]], stand_ins)
    if error["type"] == "extra_forbidden":
        return _rename_or_remove(node, place, key_meant(model, error["loc"]))
    if error["loc"][-1] == "[key]" and error["type"] == "enum":
        return _rename_or_remove(node, place, nearest(str(place[-1]), choices(error.get("ctx", {}))))
    if error["type"] in {"enum", "literal_error"} and _choose(_at(node, place), choices(error.get("ctx", {}))):
        return True
    return _remove(node, place, stand_ins)


def _choose(node: Node, known: list[str]) -> bool:
    """Put one of the words that may stand there in the place of one that may not; else the key would seem to be missing."""
    if not isinstance(node, Scalar) or node.value in known or not known:
        return False
    node.value = nearest(str(node.value), known) or known[0]
    return True


def _existing(node: Node | None, place: Place) -> Place:
    """As much of a place as there is in the tree; a mapping where a list of them may stand counts as its first item."""
    found: list[int | str] = []
    for part in place:
        if isinstance(node, Mapping) and str(part) in node.entries:
            node = node.get(str(part))
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        elif not (part == 0 and isinstance(node, Mapping)):
            break
        else:
            continue
        found.append(part)
    return tuple(found)


def _at(node: Node, place: Place) -> Node:
    for part in place:
        if isinstance(node, Mapping):
            node = node.entries[str(part)].node
        elif isinstance(node, Sequence) and isinstance(part, int):
            node = node.items[part]
    return node


def _remove(node: Node, place: Place, stand_ins: MappingOf[str, Any]) -> bool:
    holder, last = _at(node, place[:-1]), place[-1]
    if isinstance(holder, Mapping):
        entry = holder.entries.pop(str(last))
        if len(place) == 1 and str(last) in stand_ins:
            holder.entries[str(last)] = Entry(entry.key_span, _node(stand_ins[str(last)], entry.node.span))
        return True
    if not isinstance(holder, Sequence) or not isinstance(last, int):
        return False
    item = holder.items[last]
    if isinstance(item, Scalar) and item.value == _STAND_IN:
        return _remove(node, place[:-1], stand_ins)  # no list of texts
    holder.items[last] = Scalar(item.span, _STAND_IN, is_plain=True)
    return True


def _rename_or_remove(node: Node, place: Place, meant: str) -> bool:
    """Take a key for the one that is meant, or out."""
    holder = _at(node, place[:-1])
    if not isinstance(holder, Mapping):
        return False
    entry = holder.entries.pop(str(place[-1]))
    if meant and meant not in holder.entries:
        holder.entries[meant] = entry
    return True


def _fill_in(node: Node, keys: list[str], stand_ins: MappingOf[str, Any]) -> bool:
    if not isinstance(node, Mapping):
        return False
    if keys and keys[0] in node.entries:
        return True  # another key was taken for it
    lacking = [key for key in keys or stand_ins if key in stand_ins and key not in node.entries]
    for key in lacking:
        node.entries[key] = Entry(node.span, _node(stand_ins[key], node.span))
    return bool(lacking)


def _node(value: Any, span: Span) -> Node:  # noqa: ANN401 (a value as YAML would give it)
    if isinstance(value, dict):
        return Mapping(span, {str(key): Entry(span, _node(inner, span)) for key, inner in value.items()})
    if isinstance(value, list):
        return Sequence(span, [_node(inner, span) for inner in value])
    return Scalar(span, value, is_plain=True)
