"""The reference of rule files as a page: a table for every object of the two JSON Schemas, in the order in which an author meets them.

Key, type and meaning are the schemas' own; a default is what a meaning says after “Without it:”. So editor, page and daemon cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ingestd.config.rule_schema import schemas

_HEAD: Final = """\
# Every key of a rule file

This page is made from the JSON Schemas in `schema/` by `make schema`; a test holds them together. [Rules](README.md) explains how things belong together,
the [tutorial](tutorial.md) leads through them, [cases](cases.md) shows them at work.

## The stages

What becomes of an alert that is news: seen for the first time, or firing again. A repeat asks nothing of this, unless it comes with other labels.

| | Stage | Key | |
|---|---|---|---|
| 1 | enrich | [`enrich`](#a-step-of-enrich) | all steps apply, in order; labels are added, none is lost, and the alert stays the same alert |
| 2 | catalogue | [`services`](#a-service-of-services) | by the label `service`: labels it does not have; what neither the rule nor the `defaults` of its file say |
| 3 | rule | [`rules`](#a-rule-of-rules) | **the first that matches decides, alone**; the last is the built-in `unmatched` |
| 4 | extract | [`extract`](#extract) of the rule | labels for this rule's keys and texts |
| 5 | the same thing? | [`dedup`](#dedup) | whether it belongs to an incident that is open, or was lately |
| 6 | restraints | see below | whether it has to wait |
| 7 | incident | [`correlate`](#correlate) | a new one, or which one it joins |
| 8 | response | [`response`](#a-severity-of-response) | whether its severity pages, and when; then ticket and page go out |

## What keeps an alert back

In this order; the first that keeps it back whole is named in `explain`, and as `held` in tests. None of them ever keeps back that something is over.

| | `held` | Is | What is left | Until |
|---|---|---|---|---|
| 1 | `monitor` | the rule's `mode: monitor` | nothing but the record | for good |
| 2 | `silenced` | a [silence](silences.md) that somebody made | nothing opens | its end |
| 3 | `maintenance` | a [window](#a-window-of-maintenance) | as its `do` says: nothing, a record, or a ticket | its end |
| 4 | `inhibited` | the rule's `inhibit_by`, while such an alert is part of an incident and fires | nothing opens | that is over; looked at every hour besides |
| 5 | `threshold` | the rule's `threshold`; not asked while an incident about the same thing is open | nothing opens | it has fired so often |
| 6 | `hold` | the rule's `hold` | nothing opens | the time is over |
| 7 | `parent` | an open incident whose rule has `collects` | an incident below that one, without ticket and page | that is over; looked at every hour besides |

When the time comes, the alert is decided about anew, with the rules that are then in force. If it still fires, it is treated as if it had just come.
"""

_TITLES: Final = {
    "ResponseModel": "A severity of `response`",
    "OfficeHoursModel": "`office_hours`",
    "WhenModel": "`when`",
    "ServiceModel": "A service of `services`",
    "EnrichModel": "A step of `enrich`",
    "ExtractModel": "`extract`",
    "RuleModel": "A rule of `rules`",
    "DedupModel": "`dedup`",
    "CorrelateModel": "`correlate`",
    "CollectsModel": "`collects`",
    "ManyReportsModel": "`many_reports`",
    "CountModel": "`flap` and `threshold`",
    "PairModel": "`inhibit_by`",
    "TicketSection": "`ticket`",
    "MaintenanceModel": "A window of `maintenance`",
    "RuleTestModel": "A test of `tests`",
    "StepModel": "A step of `steps`",
    "SilenceModel": "`silence`",
    "ExpectModel": "`expect`",
}
_LEFT_OUT: Final = {"DefaultsModel"}
"""Said in words: the same keys as a rule has."""

_DURATION: Final = "^([0-9]+d)?"
_WITHOUT: Final = re.compile(r"(?:;|\.) without it:? ([^.;]+)[.;]?", re.IGNORECASE)
_MATCHER_KEYS: Final = {"match", "match_any", "unless"}
_INSTANT_KEYS: Final = {"at": "time", "from": "time", "to": "time", "expires": "date", "tz": "zone"}


def reference() -> str:
    """The page as Markdown; the same for the same models."""
    rules, tests = schemas().values()
    found = {**rules["$defs"], **tests["$defs"]}
    unknown = {name for name, one in found.items() if "properties" in one} - _TITLES.keys() - _LEFT_OUT
    if unknown:
        raise LookupError(f"no title for {', '.join(sorted(unknown))}: add it where an author meets it")
    parts = [_HEAD, *_table("A rule file", "Its keys at the top. Each may be left out.", rules, found)]
    for name, title in _TITLES.items():
        if name == "RuleTestModel":
            about = "A file beside the rules whose name ends in `_test.yaml`; it holds [tests](testing.md) alone."
            parts += _table("A file of tests", about, tests, found)
        parts += _table(title, _about(name, found[name]), found[name], found)
    return "\n".join(parts)


def _about(name: str, node: dict[str, Any]) -> str:
    text = _escaped(node.get("description", ""))
    if name == "RuleModel":
        text += " `defaults` of a file has the same keys, except those marked with °."
    return text


def _table(title: str, about: str, node: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    yield f"## {title}\n\n{about}\n" if about else f"## {title}\n"
    yield "| Key | Type | Default | Meaning |\n|---|---|---|---|"
    needed = node.get("required", ())
    shared = found["DefaultsModel"]["properties"] if title == _TITLES["RuleModel"] else None
    keys = sorted(node["properties"], key=lambda key: (key not in needed, key in (shared or ())))
    for key in keys:
        one = node["properties"][key]
        without = _WITHOUT.search(one.get("description", ""))
        meaning = _escaped(_WITHOUT.sub(".", one.get("description", "")))
        default = "required" if key in needed else _escaped(without[1]) if without else ""
        mark = "°" if shared is not None and key not in shared else ""
        yield f"| `{key}`{mark} | {_kind(key, one, found)} | {default} | {meaning} |"
    if node.get("additionalProperties") is True:
        yield "| any other | | | handed to the connector as it is |"
    yield ""


def _kind(key: str, node: dict[str, Any], found: dict[str, Any]) -> str:
    """What may stand there, in words."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name in _LEFT_OUT:
            return "keys of a [rule](#a-rule-of-rules)"
        return _link(name) if name in _TITLES else _kind(key, found[name], found)
    if "enum" in node:
        return ", ".join(f"`{word}`" for word in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_kind(key, one, found) for one in node["anyOf"]))
    if node.get("type") == "array":
        inner = _kind(key, node["items"], found)
        return "list of " + ("matchers" if key in _MATCHER_KEYS else "text" if "text" in inner.split() else inner)
    if node.get("type") == "object":
        return _mapping(node, found)
    return _word(key, node)


def _mapping(node: dict[str, Any], found: dict[str, Any]) -> str:
    inside = node.get("additionalProperties")
    if not isinstance(inside, dict):
        return "mapping"
    names = node.get("propertyNames", {})
    of = f"by {_kind('', names, found)}: " if "$ref" in names else "name: "
    return f"mapping, {of}{_kind('', inside, found)}"


def _word(key: str, node: dict[str, Any]) -> str:
    kind = node.get("type")
    if key in _INSTANT_KEYS and not node.keys() & {"pattern", "minLength"}:
        return _INSTANT_KEYS[key]
    pattern = node.get("pattern", "")
    if pattern.startswith(_DURATION):
        return "duration"
    if pattern:
        return "name"
    if isinstance(kind, list):
        return "text or number"
    return {"integer": "number", "string": "text", "boolean": "`true`, `false`"}.get(str(kind), "anything")


def _link(name: str) -> str:
    title = _TITLES[name]
    anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
    return f"[{title.replace('`', '').removeprefix('A ')}](#{anchor})"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is in a cell."""
    return re.sub(r"(?<!\\)([|*_<\[\]])", r"\\\1", text)
