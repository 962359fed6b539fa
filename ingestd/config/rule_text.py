"""Writes rules as an admin would: the YAML text of a rule file that loads to the same. For tools that make rules of something else.

``parse(render(model), file)`` gives the model again, and the ruleset that is compiled of the text is that of the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel

from ingestd.config.problems import ConfigProblems, has_errors
from ingestd.config.rule_model import RuleFileModel, RuleModel
from ingestd.config.rule_test_model import RuleTestModel
from ingestd.config.stage_model import EnrichModel, MaintenanceModel
from ingestd.config.validation import validate
from ingestd.config.window_model import WEEKDAYS
from ingestd.config.yaml_tree import Mapping as YamlMapping
from ingestd.config.yaml_tree import Sequence, WrittenFloat, WrittenInt, is_text, parse_document

LINE_LENGTH_MAX: Final = 110
"""Characters up to which a list or mapping stands in one line."""

_ENTRIES: Final[Mapping[str, type[BaseModel]]] = {
    "enrich": EnrichModel,
    "rules": RuleModel,
    "maintenance": MaintenanceModel,
    "tests": RuleTestModel,
}
_NONE_WORDS: Final = frozenset({"ticket", "page", "held", "maintenance", "parent"})
"""Keys for which nothing is written out as ``none``."""

_FIRST: Final = ("rule", "name", "about", "owner", "mode", "expires", "match", "match_any", "unless", "extract")
"""What a reader looks for first, in a rule and elsewhere; the rest follows as in the model."""
_LAST: Final = ("enrich", "defaults", "rules", "maintenance", "tests")
"""Of a file: what it is mostly about."""
_PLACES: Final = {key: place for place, key in enumerate(_FIRST)}
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_STRANGE: Final = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
"""Characters that are safe in a file only as an escape, line ends among them."""


def render(model: RuleFileModel) -> str:
    """The text of a rule file. Its ``enrich``, ``rules``, ``maintenance`` and ``tests`` hold the models of their entries, or values as YAML gives them.

    Only what was given is written: what a rule leaves to the defaults stays left to them.
    """
    plain = _plain_model(model)
    plain = {key: plain[key] for key in (*(key for key in plain if key not in _LAST), *_LAST) if key in plain}
    parts = [_dump(_Section({key: value})) for key, value in plain.items()]
    return "".join(_apart(key, part) for key, part in zip(plain, parts, strict=True)).lstrip("\n")


def parse(text: str, file: str) -> RuleFileModel:
    """The models of a rule file's text, those of its entries among them. Raises ``ConfigProblems`` with everything that is wrong in form.

    Matchers, templates and names are read as they are: what is wrong with them the load says.
    """
    document = parse_document(text, file)
    root = document.root
    head = validate(document, root, RuleFileModel) if root is not None else RuleFileModel()
    entries: dict[str, list[BaseModel]] = {}
    for key, kind in _ENTRIES.items():
        found = root.get(key) if isinstance(root, YamlMapping) else None
        if isinstance(found, Sequence):
            models = [validate(document, node, kind) for node in found.items]
            entries[key] = [one for one in models if one is not None]
    if head is None or has_errors(document.problems):
        raise ConfigProblems(document.problems)
    return head.model_copy(update=entries)


def duration(seconds: int) -> str:
    """``1h30m`` for 5400; ``0s`` for none."""
    parts = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _plain(value: Any, key: str = "") -> Any:  # noqa: ANN401 (any value of a model)
    """The value as YAML has it; ``key`` is the name of the field that holds it."""
    if isinstance(value, BaseModel):
        return _plain_model(value)
    if key in _PAIRS and isinstance(value, tuple):
        return [_PAIRS[key](*pair) for pair in value]
    if isinstance(value, Mapping):
        return {str(_plain(name)): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, ZoneInfo):
        return value.key
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="auto" if value.second or value.microsecond else "minutes")
    if key.endswith("_seconds") and isinstance(value, int):
        return duration(value)
    return value


def _plain_model(model: BaseModel) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name not in model.model_fields_set:
            continue
        if value is not None:
            made[field.alias or name] = _plain(value, name)
        elif name in _NONE_WORDS:
            made[field.alias or name] = "none"
    made |= _plain(model.model_extra or {})
    return dict(sorted(made.items(), key=lambda pair: _PLACES.get(pair[0], len(_FIRST))))


def _ends(first: object, last: object) -> str:
    return str(first) if first == last else f"{first}:{last}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


_PAIRS: Final[Mapping[str, Callable[[int, int], str]]] = {
    "weekdays": lambda first, last: _ends(WEEKDAYS[first], WEEKDAYS[last]),
    "days_of_month": _ends,
    "months": _ends,
    "years": _ends,
    "times": lambda start, end: f"{_clock(start)}-{_clock(end)}",
}


class _Section(dict[str, Any]):
    """A key of the file with what stands below it, on lines of their own."""


class _Dumper(yaml.SafeDumper):
    """YAML in the style of the shipped rules: lists are indented, what is short stands in one line, nothing is folded."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 (PyYAML's signature)
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    style = '"' if _STRANGE.search(text) else None if is_text(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _number(dumper: _Dumper, number: WrittenInt | WrittenFloat) -> yaml.Node:
    kind = "int" if isinstance(number, int) else "float"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", number.text)


def _list(dumper: _Dumper, items: list[Any]) -> yaml.Node:
    node = dumper.represent_sequence("tag:yaml.org,2002:seq", items)
    node.flow_style = _is_short(items)
    return node


def _mapping(dumper: _Dumper, entries: dict[str, Any]) -> yaml.Node:
    node = dumper.represent_mapping("tag:yaml.org,2002:map", entries.items())
    node.flow_style = not isinstance(entries, _Section) and _is_short(entries)
    return node


def _is_short(value: dict[str, Any] | list[Any]) -> bool:
    """Whether it may stand in one line: short, at most one deep, and not an entry with a name of its own."""
    inner = list(value.values()) if isinstance(value, dict) else value
    if isinstance(value, dict) and ("name" in value or {"rule", "match"} <= value.keys()):
        return False
    if not value or len(repr(value)) > LINE_LENGTH_MAX:
        return not value
    return not any(isinstance(one, dict) or (isinstance(one, list) and isinstance(value, list)) for one in inner)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(WrittenInt, _number)
_Dumper.add_representer(WrittenFloat, _number)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(_Section, _mapping)


def _dump(value: dict[str, Any]) -> str:
    node: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000, indent=2)
    return node


def _apart(key: str, part: str) -> str:
    """A section that holds more than a word has an empty line before it, and before each of its entries but the first."""
    if key in _ENTRIES:
        part = re.sub(r"\n(?=  - (?:rule|name):)", "\n\n", part).replace(":\n\n", ":\n", 1)
    return part if key in {"version", "owner"} else f"\n{part}"
