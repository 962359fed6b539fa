"""The JSON Schemas of rule files and of files with their tests, made from the models: editors complete and check with them.

A schema is a little wider than the models: what only the daemon can tell (a name that is not defined, a regex that RE2 refuses)
is ``ingestd check``'s to say.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import BaseModel, Field

from ingestd.config.rule_model import RuleFileModel, RuleModel
from ingestd.config.rule_test_model import RuleTestFileModel, RuleTestModel
from ingestd.config.stage_model import EnrichModel, MaintenanceModel

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NONE: Final = {"const": "none"}
_OPTIONAL_BY_WORD: Final = {"ticket", "page", "held"}
"""Keys for which nothing is written out as ``none``; an empty value is a mistake."""


class _WholeRuleFile(RuleFileModel):
    enrich: list[EnrichModel] = Field(default_factory=list)
    """Steps before the rules: labels renamed, extracted, added. All apply, in order."""
    maintenance: list[MaintenanceModel] = Field(default_factory=list)
    """Times at which some alerts bring about less."""
    rules: list[RuleModel] = Field(default_factory=list)
    """From top to bottom; the first rule that matches decides."""
    tests: list[RuleTestModel] = Field(default_factory=list)
    """What must come of alerts: ingestd test rules."""


class _WholeTestFile(RuleTestFileModel):
    tests: list[RuleTestModel] = Field(default_factory=list)
    """What must come of alerts: ingestd test rules."""


def schemas() -> dict[str, dict[str, Any]]:
    """Both schemas, each under the name of its file."""
    return {
        "rules-v1.json": _schema(_WholeRuleFile, "Rules of ingestd, version 1"),
        "rule-tests-v1.json": _schema(_WholeTestFile, "Tests of rules of ingestd, version 1"),
    }


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    made = model.model_json_schema(by_alias=True, mode="validation")
    made.pop("description", None)
    return {"$schema": _DIALECT, "title": title, **_plain({k: v for k, v in made.items() if k != "title"})}


def _plain(node: Any, key: str = "") -> Any:  # noqa: ANN401 (any part of a schema)
    """The part as YAML has it: without Python's titles, defaults and null, and with ``none`` where it may be written."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    if key == "properties":
        return {name: _named(name, one) for name, one in node.items()}
    if key == "$defs":
        return {name: _definition(one) for name, one in node.items()}
    kept = {name: _plain(one, name) for name, one in node.items() if name not in {"title", "default"}}
    if "description" in kept:
        kept["description"] = _words(kept["description"])
    return kept


def _definition(node: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = _plain(node)
    if "enum" in made:
        made.pop("description", None)  # of the Python class, which says nothing to an author
    return made


def _named(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """A property: a value that may be left out is not null when it is there."""
    made: dict[str, Any] = _plain(node)
    choices = made.get("anyOf")
    if choices is not None:
        rest = [one for one in choices if one != {"type": "null"}]
        if name in _OPTIONAL_BY_WORD and len(rest) < len(choices):
            rest.append(dict(_NONE))
        made.pop("anyOf")
        made = {**rest[0], **made} if len(rest) == 1 else {"anyOf": rest, **made}
    return made


def _words(description: str) -> str:
    """A docstring as one line of plain text, without what is said to readers of the source."""
    line = " ".join(description.split())
    return re.sub(r"``(.*?)``", r"\1", line)
