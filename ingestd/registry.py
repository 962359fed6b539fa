"""Finds connectors by entry point and builds those that the configuration uses.

Only kinds in use are loaded, so a broken plug-in that nobody uses cannot stop the daemon. Ours come through the same door as everybody
else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points, packages_distributions
from typing import Any

from pydantic import BaseModel

from ingestd.config.load import ConnectorModels, Loaded, settings_of
from ingestd.config.problems import ConfigProblems, Problem, did_you_mean
from ingestd.core.names import Channel
from ingestd.errors import IngestdError
from ingestd.ports import ConnectorFactory, ConnectorTools, Pager, TicketSystem

GROUP = "ingestd.connectors"


class ForeignConnectors(IngestdError):
    """Another distribution has installed a package called ``connectors``: which of the two is imported is chance."""


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _require_own_package() -> None:
    owners = set(packages_distributions().get("connectors", ["ingestd"]))
    if owners != {"ingestd"}:
        others = ", ".join(sorted(owners - {"ingestd"}))
        raise ForeignConnectors(
            f"the package “connectors” also belongs to {others}",
            hint="install ingestd in a virtual environment of its own",
        )


def settings_models() -> ConnectorModels:
    """By kind, for every connector that is installed; a plug-in is loaded when its kind is asked for."""

    def of(point: EntryPoint) -> type[BaseModel]:
        factory: ConnectorFactory = point.load()
        return factory.settings_type

    return {kind: partial(of, point) for kind, point in _installed().items()}


class Registry:
    """The connectors of one configuration: their settings, checked. ``build`` makes them."""

    def __init__(self, loaded: Loaded) -> None:
        """Raises ``ConfigProblems`` with everything that is wrong with the connectors of the configuration."""
        _require_own_package()
        installed = _installed()
        kinds = {section.kind for section in loaded.config.connectors.values()}
        self._factories: dict[str, ConnectorFactory] = {
            kind: installed[kind].load() for kind in sorted(kinds & set(installed))
        }
        types: dict[str, type[BaseModel]] = {kind: made.settings_type for kind, made in self._factories.items()}
        self._loaded = loaded
        self._settings: Mapping[str, Any] = settings_of(loaded, types, installed)

    @property
    def settings(self) -> list[BaseModel]:
        """The settings of every connector. They hold secrets: never log or show them."""
        return list(self._settings.values())

    def build(self, tools: ConnectorTools) -> dict[str, TicketSystem | Pager]:
        """Every connector by its name. No I/O. Raises ``ConfigProblems`` if one does not do what it is used for."""
        sections = self._loaded.config.connectors
        made = {
            name: self._factories[section.kind].build(name, self._settings[name], tools)
            for name, section in sections.items()
        }
        problems = [
            *self._misused_pagers(made),
            *self._misused_ticket_systems(made),
            *self._misused_by_reports(made),
            *self._unknown_ticket_options(made),
            *self._unknown_addresses(made),
        ]
        if problems:
            raise ConfigProblems(problems)
        return made

    def _misused_pagers(self, made: Mapping[str, TicketSystem | Pager]) -> list[Problem]:
        found = []
        routes = [
            (channel, index, one.to)
            for channel, some in self._loaded.config.channels.items()
            for index, one in enumerate(some)
        ]
        for channel, index, name in routes:
            connector = made.get(name)
            if isinstance(connector, Pager) and connector.channel is channel:
                continue
            can = f"it reaches people by {connector.channel}" if isinstance(connector, Pager) else "it is not a pager"
            text = f'connector "{name}" cannot serve the channel {channel}: {can}'
            found.append(self._loaded.problem_at(("channels", channel.value, index), "channel", text))
        return found

    def _misused_ticket_systems(self, made: Mapping[str, TicketSystem | Pager]) -> list[Problem]:
        found = []
        used = {rule.ticket.connector: rule.name for rule in self._loaded.ruleset.rules if rule.ticket is not None}
        for name, rule in used.items():
            if not isinstance(made.get(name), TicketSystem):
                text = f'connector "{name}" opens no tickets, but rule "{rule}" wants one there'
                found.append(self._loaded.problem_at(("connectors", name), "ticket", text))
        return found

    def _misused_by_reports(self, made: Mapping[str, TicketSystem | Pager]) -> list[Problem]:
        """Reports are answered by mail, and the ticket that reported something is in a ticket system."""
        found = []
        for name, source in self._loaded.config.sources.items():
            sections = {
                "email": source.email and source.email.reports,
                "tickets": source.tickets and source.tickets.reports,
            }
            for key, reports in sections.items():
                pager = made.get(reports.answer) if reports and reports.answer else None
                if pager is None or (isinstance(pager, Pager) and pager.channel is Channel.EMAIL):
                    continue
                text = f'connector "{pager.name}" cannot answer reports: it sends no mail'
                found.append(self._loaded.problem_at(("sources", name, key, "reports", "answer"), "channel", text))
            tickets = made.get(source.tickets.connector) if source.tickets else None
            if tickets is not None and not isinstance(tickets, TicketSystem):
                text = f'connector "{tickets.name}" has no tickets'
                found.append(self._loaded.problem_at(("sources", name, "tickets", "connector"), "ticket", text))
        return found

    def _unknown_addresses(self, made: Mapping[str, TicketSystem | Pager]) -> list[Problem]:
        """A name that no connector of the chat channel knows reaches nobody. One that does not say which it knows takes any."""
        config = self._loaded.config
        connectors = [made.get(route.to) for route in config.channels.get(Channel.CHAT, ())]
        sets = [getattr(connector, "addresses", None) for connector in connectors]
        if not sets or None in sets:
            return []
        known = frozenset().union(*(one for one in sets if one is not None))
        used = {("people", name, "chat"): person.chat for name, person in config.people.items()}
        used |= {("teams", name, "room"): team.room for name, team in config.teams.items()}
        return [
            self._loaded.problem_at(
                place,
                "unknown-address",
                f'no connector of the channel chat knows "{name}"',
                hint=did_you_mean(name, known),
            )
            for place, name in used.items()
            if name is not None and name not in known
        ]

    def _unknown_ticket_options(self, made: Mapping[str, TicketSystem | Pager]) -> list[Problem]:
        """A ticket in the wrong project helps nobody. A connector that does not say which options it knows takes any."""
        found: dict[tuple[str, str], Problem] = {}
        for rule in self._loaded.ruleset.rules:
            plan = rule.ticket
            known = getattr(made.get(plan.connector), "ticket_options", None) if plan else None
            if plan is None or known is None:
                continue
            for option in sorted(set(plan.options) - known):
                where = f"{rule.file}:{rule.line}" if rule.file else "teams"
                text = (
                    f'tickets in "{plan.connector}" have no option "{option}", which rule "{rule.name}" gives ({where})'
                )
                problem = self._loaded.problem_at(
                    ("connectors", plan.connector), "unknown-key", text, hint=did_you_mean(option, known)
                )
                found.setdefault((plan.connector, option), problem)
        return list(found.values())


def check(loaded: Loaded) -> list[Problem]:
    """Everything that is wrong with the connectors of a configuration, without building them."""
    try:
        Registry(loaded)
    except ConfigProblems as error:
        return list(error.problems)
    return []
