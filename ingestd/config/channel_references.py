"""Which connectors can reach whom: a phone number that no connector of its channel is for is found when the file is read.

Works on the tree, as ``references`` does, so that it finds its problems also in a file that has others.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import PydanticCustomError

from ingestd.config.quantities import check_phone
from ingestd.config.yaml_tree import Document, Mapping, Node, Scalar, Sequence
from ingestd.core.names import Channel


def check_countries(document: Document, root: Mapping) -> None:
    """Add a problem for every phone number in a country that no connector of the channel serves, and for every route that is told twice."""
    channels = root.get("channels")
    routes = channels.get(Channel.SMS) if isinstance(channels, Mapping) else None
    _check_repeats(document, channels)
    served = _countries(routes)
    if served is None:
        return
    for owner, phone in _phones(root):
        try:
            number = check_phone(str(phone.value))
        except PydanticCustomError:
            continue  # the model says what is wrong with it
        if not number.startswith(served):
            text = f"no connector of the channel {Channel.SMS} is for the country of {owner}'s number"
            hint = "add the country to one of them, or a connector without countries at the end"
            document.report(phone.span, "no-vendor", text, hint=hint)


def _countries(routes: Node | None) -> tuple[str, ...] | None:
    """The countries that are served; None if one of the connectors is for every country, or if nothing can be said."""
    if not isinstance(routes, Sequence) or not routes.items:
        return None
    found: list[str] = []
    for route in routes.items:
        countries = route.get("countries") if isinstance(route, Mapping) else None
        if not isinstance(countries, Sequence) or not countries.items:
            return None
        found += [str(one.value) for one in countries.items if isinstance(one, Scalar)]
    return tuple(found)


def _check_repeats(document: Document, channels: Node | None) -> None:
    for entry in channels.entries.values() if isinstance(channels, Mapping) else ():
        seen: set[str] = set()
        for route in entry.node.items if isinstance(entry.node, Sequence) else ():
            to = route.get("to") if isinstance(route, Mapping) else route
            if not isinstance(to, Scalar) or not isinstance(to.value, str):
                continue
            if to.value in seen:
                text = f'connector "{to.value[:60]}" stands here twice: it is tried once'
                document.lint(to.span, "duplicate-route", text, hint="put all of its countries in one place")
            seen.add(to.value)


def _phones(root: Mapping) -> Iterator[tuple[str, Scalar]]:
    people, policies = root.get("people"), root.get("policies")
    for name, entry in people.entries.items() if isinstance(people, Mapping) else ():
        phone = entry.node.get("phone") if isinstance(entry.node, Mapping) else None
        if isinstance(phone, Scalar):
            yield name, phone
    for name, entry in policies.entries.items() if isinstance(policies, Mapping) else ():
        resort = entry.node.get("last_resort") if isinstance(entry.node, Mapping) else None
        phone = resort.get("phone") if isinstance(resort, Mapping) else None
        if isinstance(phone, Scalar):
            yield f"the last resort of {name}", phone
