"""Validates a part of a YAML tree with a pydantic model and words every error for the person who wrote the file."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ingestd.config.problems import did_you_mean, nearest
from ingestd.config.quantities import NAME_PATTERN
from ingestd.config.yaml_tree import (
    Document,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Span,
    WrittenFloat,
    WrittenInt,
    to_python,
)

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[int | str, ...]

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "path_type": "a path",
    "secret_type": "text",
}
_NAME_HINT = "letters, digits, _ . and -; a letter or digit first; at most 64"
_IS_SEVERITY = "critical"
_OTHER_SCALES = {
    f"{letters}{number}": word
    for letters in ("p", "sev", "s")
    for number, word in enumerate(("critical", "high", "medium", "low", "low"), start=1)
} | {"warning": "medium", "info": "low"}
"""Severities of other systems, and which of ours each is."""
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


_FORMS = frozenset({"(stage)", "(channel)"})
"""Tags of a union's forms: a channel of a person may be given by its name or as a mapping (``people_model``)."""


def validate(document: Document, node: Node | None, model: type[Model], *, place: Place = ()) -> Model | None:
    """The model that a node describes, or None after every error has been added to the document's problems.

    ``place`` is where the node stands, for errors that have no node of their own.
    """
    try:
        return model.model_validate(to_python(node))
    except ValidationError as exc:
        report_all(document, node, model, exc.errors(include_url=False))
    except (ValueError, TypeError, RecursionError) as exc:  # a connector's own validator that failed in its own way
        at = node.span if node is not None else None
        document.report(at, "value", f"{'.'.join(map(str, place)) or 'this'} cannot be read: {type(exc).__name__}")
    return None


def report_all(document: Document, node: Node | None, model: type[BaseModel], errors: Iterable[ErrorDetails]) -> None:
    """Add one problem for each error that pydantic found below ``node``."""
    found = [ErrorDetails(**{**error, "loc": _as_written(error)}) for error in errors]
    broken_inside = {error["loc"][:depth] for error in found for depth in range(len(error["loc"]))}
    meant = {(*loc[:-1], key_meant(model, loc)) for loc in (e["loc"] for e in found if e["type"] == "extra_forbidden")}
    seen: set[tuple[Span | None, str]] = set()
    known_bad = {(problem.line, problem.column) for problem in document.problems if problem.line}
    for error in found:
        if error["type"] == "too_short" and error["loc"] in broken_inside:
            continue  # pydantic counts only the items without errors
        if error["type"] == "missing" and error["loc"] in meant:
            continue  # it is there under another name, and that is told
        span, code, text, hint = _describe(error, node, model)
        if span is not None and code != "missing-key" and (span.line, span.column) in known_bad:
            continue  # a secret that could not be read need not also be too short
        if (span, text) not in seen:
            seen.add((span, text))
            document.report(span, code, text, hint=hint)


def _as_written(error: ErrorDetails) -> Place:
    """The place of an error without what only tells two forms of a value apart, and no file has there."""
    place = error["loc"]
    kept = place[-1:] if error["type"] == "extra_forbidden" else ()  # a key that somebody wrote, whatever it looks like
    return (*(part for part in place[: len(place) - len(kept)] if part not in _FORMS), *kept)


def locate(node: Node | None, place: Place, *, at_key: bool = False) -> Span | None:
    """The span of what stands at a place, as deep as the tree goes; with ``at_key`` the span of its key."""
    found, key_span = _walk(node, place)
    if at_key and key_span is not None:
        return key_span
    return found.span if found is not None else None


def _walk(node: Node | None, place: Place) -> tuple[Node | None, Span | None]:
    key_span: Span | None = None
    for part in place:
        if isinstance(node, Mapping) and str(part) in node.entries:
            entry = node.entries[str(part)]
            node, key_span = entry.node, entry.key_span
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node, key_span = node.items[part], None
        elif not _is_left_out(node, part):
            break
    return node, key_span


def _is_left_out(node: Node | None, part: object) -> bool:
    """Whether this part of a place is not written: one mapping for a list of them, or a list for the first key of a mapping."""
    return (part == 0 and isinstance(node, Mapping)) or (isinstance(part, str) and isinstance(node, Sequence))


def _describe(error: ErrorDetails, root: Node | None, model: type[BaseModel]) -> tuple[Span | None, str, str, str]:
    place: Place = error["loc"]
    kind = error["type"]
    context: dict[str, Any] = error.get("ctx", {})
    name = str(place[-1]) if place else ""
    if kind == "extra_forbidden":
        hint = elsewhere(model, place) or did_you_mean(name, keys_at(model, place[:-1]))
        return locate(root, place, at_key=True), "unknown-key", f'unknown key "{_short(name)}"', hint
    if kind == "missing":
        node, key_span = _walk(root, place[:-1])
        inside = f' in "{_short(str(place[-2]))}"' if len(place) > 1 and isinstance(place[-2], str) else ""
        span = key_span or (node.span if node is not None else None)
        return span, "missing-key", f'the key "{name}" is missing{inside}', ""
    if name == "[key]":
        span = locate(root, place[:-1], at_key=True)
        key = str(place[-2])
        if kind == "enum":
            return span, "unknown-key", f'unknown key "{_short(key)}"', _meant(key, choices(context))
        return span, "name", f'"{_short(key)}" is not a name', _NAME_HINT
    node, _ = _walk(root, place)
    span = node.span if node is not None else None
    code, text, hint = _word(kind, error, context, node)
    return span, code, text, hint


def _word(kind: str, error: ErrorDetails, context: dict[str, Any], node: Node | None) -> tuple[str, str, str]:
    """Code, text and hint of an error in a value. Never quotes a value, except a wrong choice."""
    if "text" in context and "hint" in context:
        return kind, str(context["text"]), str(context["hint"])
    if kind in _WANTED:
        return _wrong_type(_WANTED[kind], node)
    if kind in {"enum", "literal_error"}:
        words = choices(context)
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str):
            hint = _meant(value, words)
            return "value", f'"{_short(value)}" is not one of {", ".join(words)}', hint if "mean" in hint else ""
        return "value", f"this must be {'one of ' if len(words) > 1 else ''}{', '.join(words)}", ""
    if kind in _BOUNDS:
        bound, key = _BOUNDS[kind]
        return "value", f"this must be {bound} {context.get(key)}", ""
    if kind in {"too_short", "too_long", "string_too_short", "string_too_long"}:
        is_short = kind.endswith("too_short")
        count = context.get("min_length" if is_short else "max_length")
        unit = "character" if isinstance(node, Scalar) else "item"
        return (
            "value",
            f"this must have at {'least' if is_short else 'most'} {count} {unit}{'s' if count != 1 else ''}",
            "",
        )
    if kind == "string_pattern_mismatch":
        if context.get("pattern") == NAME_PATTERN:
            return "name", "this is not a name", _NAME_HINT
        return "value", "this does not have the right form", f"it must match {context.get('pattern')}"
    if kind == "value_error" and "error" in context:
        return "value", str(context["error"]), ""
    return "value", error["msg"][:1].lower() + error["msg"][1:], ""


def _meant(word: str, known: list[str]) -> str:
    """A hint with the word that is meant; a severity may be one of another scale."""
    same = _OTHER_SCALES.get(word.lower().replace("-", ""), "")
    return did_you_mean(same if same in known and _IS_SEVERITY in known else word, known)


def _wrong_type(wanted: str, node: Node | None) -> tuple[str, str, str]:
    match node:
        case Mapping():
            got, hint = "a mapping", ""
        case Sequence():
            got, hint = "a list", ""
        case Scalar(value=None):
            got, hint = "empty", ""
        case Scalar(value=bool()):
            got, hint = "true or false", "put it in quotes" if wanted == "text" else ""
        case Scalar(value=WrittenInt() | WrittenFloat()):
            got, hint = "a number", "put it in quotes" if wanted == "text" else ""
        case _:
            got, hint = "text", ""
    if wanted == "a list" and isinstance(node, Scalar) and node.value is not None:
        hint = "put it in [ ]"
    if got == "empty":
        return "empty", f"this has no value; it must be {wanted}", ""
    return "type", f"this must be {wanted}, not {got}", hint


def choices(context: dict[str, Any]) -> list[str]:
    """The words of an enum or literal, from pydantic's ``'a', 'b' or 'c'``."""
    expected = str(context.get("expected", ""))
    return [word.strip("'\" ") for word in expected.replace(" or ", ", ").split(", ") if word]


def elsewhere(model: type[BaseModel], place: Place) -> str:
    """What is said of a key that is a word of other systems, or stands elsewhere; empty if it is neither."""
    known: typing.Mapping[str, str] = getattr(_model_at(model, place[:-1]), "ELSEWHERE", {})
    return known.get(str(place[-1]), "")


def key_meant(model: type[BaseModel], place: Place) -> str:
    """The key for which an unknown one stands; empty if it may be any or none."""
    said, known = elsewhere(model, place), keys_at(model, place[:-1])
    if said:
        return next((key for key in known if said == f"write  {key}"), "")
    return nearest(str(place[-1]), known)


def keys_at(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that a mapping at a place may have, as they are written; empty if it is no mapping of fixed keys."""
    found = _model_at(model, place)
    if found is None:
        return []
    return [field.alias or name for name, field in found.model_fields.items() if not field.exclude]


def _model_at(model: type[BaseModel], place: Place) -> type[BaseModel] | None:
    """The model that describes the mapping at a place, following fields, lists, maps and optional values."""
    current: Any = model
    for part in place:
        current = _strip(current)
        if isinstance(current, type) and issubclass(current, BaseModel):
            fields = {field.alias or name: field for name, field in current.model_fields.items()}
            if part not in fields:
                return None
            current = fields[str(part)].annotation
        else:
            arguments = [argument for argument in typing.get_args(current) if argument is not Ellipsis]
            if not arguments:
                return None
            current = arguments[-1]
    current = _strip(current)
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _strip(annotation: Any) -> Any:  # noqa: ANN401 (whatever stands in an annotation)
    """An annotation without ``Annotated`` and ``| None``."""
    while True:
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif origin in {typing.Union, types.UnionType}:
            rest = [argument for argument in typing.get_args(annotation) if argument is not types.NoneType]
            annotation = next((a for a in rest if isinstance(_strip(a), type)), rest[0])
        else:
            return annotation


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
