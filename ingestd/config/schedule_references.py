"""Names in schedules and their tests that must mean something, and overrides that cannot be meant as they stand.

Names are looked up in the tree, so that they are checked also in a file that has other problems.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestd.config.model import Config
from ingestd.config.problems import did_you_mean
from ingestd.config.schedules import override_of
from ingestd.config.validation import locate
from ingestd.config.yaml_tree import Document, Mapping, Node, Scalar, Sequence


def check_schedules(document: Document, root: Node | None, people: frozenset[str]) -> None:
    """Add a problem for every name in schedules and their tests that stands for nothing, and for layers that go round."""
    schedules = root.get("schedules") if isinstance(root, Mapping) else None
    entries = schedules.entries if isinstance(schedules, Mapping) else {}
    for entry in entries.values():
        for layer in _items(entry.node, "layers"):
            for person in _items(layer, "people"):
                _check_word(document, person, "person", people)
        for override in _items(entry.node, "overrides"):
            _check_word(document, _get(override, "who"), "person", people)
        _check_layers(document, entry.node)
    for person in _items(_get(root, "oncall"), "warn"):
        _check_word(document, person, "person", people)
    for test in _items(root, "oncall_tests"):
        expected = _get(test, "who")
        for name, entry in expected.entries.items() if isinstance(expected, Mapping) else ():
            if name not in entries:
                hint = did_you_mean(name, entries)
                document.report(entry.key_span, "unknown-schedule", f'schedule "{name[:60]}" is not defined', hint=hint)
            if not (isinstance(entry.node, Scalar) and entry.node.value == "none"):
                _check_word(document, entry.node, "person", people)


def check_overrides(document: Document, config: Config) -> None:
    """Add an error for every override that ends before it starts, and a warning for every two of one schedule that overlap."""
    for name, schedule in config.schedules.items():
        found = [override_of(one, schedule.tz or config.timezone) for one in schedule.overrides]
        for number, one in enumerate(found):
            span = locate(document.root, ("schedules", name, "overrides", number))
            if one.ends_at <= one.starts_at:
                text = "to must be after from: the clocks are put forward between them, or an offset says so"
                document.report(span, "window", text, hint="this override would never hold")
                continue
            for earlier in found[:number]:
                if earlier.starts_at < one.ends_at and one.starts_at < earlier.ends_at:
                    text = f"two overrides of {name} at once: {one.who} takes it from {earlier.who}"
                    hint = "the last one in the file holds; let one end where the other begins"
                    document.lint(span, "overlap", text, hint=hint)
                    break


def _check_layers(document: Document, schedule: Node) -> None:
    layers: dict[str, Node] = {}
    for layer in _items(schedule, "layers"):
        name = _get(layer, "name")
        if not isinstance(name, Scalar) or not isinstance(name.value, str):
            continue
        if name.value in layers:
            document.report(name.span, "duplicate-layer", f'there is already a layer "{name.value[:60]}"')
        layers.setdefault(name.value, layer)
    for own, layer in layers.items():
        above = _get(layer, "above")
        _check_word(document, above, "layer", frozenset(layers))
        if isinstance(above, Scalar) and _goes_round(layers, own):
            hint = "take one above out: the order of the file holds"
            document.report(above.span, "layer-order", f'"{own[:60]}" would be above itself', hint=hint)


def _goes_round(layers: dict[str, Node], name: str) -> bool:
    """Whether what a layer is above is, in the end, above it."""
    seen: set[str] = set()
    at: str | None = name
    while at is not None and at in layers and at not in seen:
        seen.add(at)
        above = _get(layers[at], "above")
        at = above.value if isinstance(above, Scalar) and isinstance(above.value, str) else None
    return at == name


def _get(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Mapping) else None


def _items(node: Node | None, key: str) -> Iterator[Node]:
    found = _get(node, key)
    yield from found.items if isinstance(found, Sequence) else ()


def _check_word(document: Document, node: Node | None, what: str, known: frozenset[str]) -> None:
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value not in known:
        text = f'{what} "{node.value[:60]}" is not defined'
        document.report(node.span, f"unknown-{what}", text, hint=did_you_mean(node.value, known))
