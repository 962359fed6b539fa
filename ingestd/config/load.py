"""Loads the configuration and the rules as one thing: all of it is right, or every problem is reported at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from ingestd.config.mail_profiles import check_mail_profiles
from ingestd.config.mail_references import lint_mail
from ingestd.config.model import Config, TeamSection
from ingestd.config.problems import ConfigProblems, Problem, did_you_mean, has_errors, in_order
from ingestd.config.references import check_references, lint_openness, names
from ingestd.config.rule_files import load_rules
from ingestd.config.schedule_references import check_overrides
from ingestd.config.secrets import SecretPlaces, fill_in
from ingestd.config.validation import locate, validate
from ingestd.config.yaml_tree import Document, Scalar, read_document
from ingestd.config.yaml_tree import Mapping as YamlMapping
from ingestd.core.rule_draft import Known
from ingestd.core.ruleset import DEFAULT_TEAM, Ruleset, TeamRoute, TicketPlan

Settings = TypeVar("Settings", bound=BaseModel)
Place = tuple[int | str, ...]
ConnectorModels = Mapping[str, Callable[[], type[BaseModel]]]
"""By kind: what gives the settings model of a connector. It is only called for kinds in use."""

RULES_DEFAULT = "rules"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used. Every path in it is absolute: relative ones began at the file's own folder.

    ``lint`` holds the warnings, in reading order.
    """

    config: Config
    ruleset: Ruleset
    lint: tuple[Problem, ...]
    folder: Path
    document: Document = field(repr=False)
    """The configuration file as read, for problems that only others can find."""
    rules_shown_as: str = ""
    """How the path of the rules is written in problems."""

    def problem_at(self, place: Place, code: str, text: str, *, hint: str = "") -> Problem:
        """An error at a place of the configuration file: ``("channels", "sms")``."""
        return self.document.problem(locate(self.document.root, place), code, text, hint=hint)


_UNREAD = frozenset({"environment", "secret", "missing-file"})
"""Codes of what another machine may have and this one has not."""


def load(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    needs_secrets: bool = True,
    connectors: ConnectorModels | None = None,
    rules: Path | None = None,
    now: datetime | None = None,
) -> Loaded:
    """The configuration at ``path`` with its rules. Raises ``ConfigProblems`` with every problem of all files, and nothing else.

    ``connectors`` gives the settings model of each kind that is installed: with it the connectors' own keys are checked too, so that a
    wrong rule does not hide a wrong account.

    Without ``needs_secrets`` it is enough that the configuration is right but for secrets, variables and files that are not on this
    machine: then stand-ins are in their place, nothing can be sent with it, and ``lint`` holds these errors too.

    ``rules`` is a folder or file of rules to take instead of the configuration's own. With ``now``, what is over is a warning too.
    """
    folder = path.absolute().parent
    document, _ = read_document(path)
    root = document.root
    if not document.problems and (root is None or (isinstance(root, Scalar) and root.value is None)):
        document.report(None, "empty", "this file is empty", hint="start from config.example.yaml")
    fill_in(document, root, SecretPlaces(folder, os.environ if environment is None else environment))
    config = validate(document, root, Config) if root is not None and not _is_empty(root) else None
    check_references(document, folder)
    if config is not None:
        lint_openness(document)
        lint_mail(document)
        check_overrides(document, config)
        check_mail_profiles(document)
    if connectors is not None:
        _check_connectors(document, connectors)
    place = (rules.absolute(), str(rules)) if rules is not None else _rules_path(document, path, folder)
    zone = config.timezone if config is not None else UTC
    known = _known(document, config)
    ruleset, problems = load_rules(place[0], known, shown_as=place[1], zone=zone, now=now) if place else (None, ())
    found = in_order((*document.problems, *problems))
    document.problems.clear()
    stopping = found if needs_secrets else [p for p in found if p.code not in _UNREAD or p.file != document.file]
    if config is None or ruleset is None or place is None or has_errors(stopping):
        raise ConfigProblems(found)
    config = _with_folder(config, folder)
    config = config.model_copy(update={"rules": config.rules.model_copy(update={"path": place[0]})})
    return Loaded(config, ruleset, found, folder, document, place[1])


def _check_connectors(document: Document, models: ConnectorModels) -> None:
    """Report what is wrong with any connector's own keys, whatever else is wrong with the file."""
    section = document.root.get("connectors") if isinstance(document.root, YamlMapping) else None
    for name, entry in section.entries.items() if isinstance(section, YamlMapping) else ():
        kind = entry.node.get("kind") if isinstance(entry.node, YamlMapping) else None
        if not isinstance(entry.node, YamlMapping) or not isinstance(kind, Scalar) or not isinstance(kind.value, str):
            continue
        if kind.value not in models:
            _report_unknown_kind(document, name, kind.value, models)
            continue
        own = {key: value for key, value in entry.node.entries.items() if key != "kind"}
        validate(document, YamlMapping(entry.key_span, own), models[kind.value](), place=("connectors", name))


def _report_unknown_kind(document: Document, name: str, kind: str, kinds: Iterable[str]) -> None:
    place = locate(document.root, ("connectors", name, "kind"))
    hint = did_you_mean(kind, kinds)
    document.report(place, "unknown-kind", f'no connector of kind "{kind}" is installed', hint=hint)


def settings_of(loaded: Loaded, types: Mapping[str, type[BaseModel]], kinds: Iterable[str]) -> dict[str, BaseModel]:
    """The settings of every connector by its name, each as the model of its kind.

    ``types`` holds the models of the kinds in use, ``kinds`` all kinds that are installed. Raises ``ConfigProblems`` with
    everything that is wrong with any of them.
    """
    document = loaded.document
    settings: dict[str, BaseModel] = {}
    for name, section in loaded.config.connectors.items():
        settings_type = types.get(section.kind)
        if settings_type is None:
            _report_unknown_kind(document, name, section.kind, kinds)
            continue
        found = validate_settings(loaded, name, settings_type)
        if found is not None:
            settings[name] = found
    problems = tuple(document.problems)
    document.problems.clear()
    if problems:
        raise ConfigProblems(problems)
    return settings


def validate_settings(loaded: Loaded, name: str, settings_type: type[Settings]) -> Settings | None:
    """The settings of one connector; None after its problems were added to ``loaded.document``."""
    document = loaded.document
    section = document.root.get("connectors") if isinstance(document.root, YamlMapping) else None
    entry = section.entries.get(name) if isinstance(section, YamlMapping) else None
    if entry is None or not isinstance(entry.node, YamlMapping):
        raise KeyError(name)
    own = {key: value for key, value in entry.node.entries.items() if key != "kind"}
    node = YamlMapping(entry.key_span, own)  # a key that is missing is reported at the connector's name
    settings = validate(document, node, settings_type, place=("connectors", name))
    return None if settings is None else with_paths_in(settings, loaded.folder)


def with_paths_in(model: Settings, folder: Path) -> Settings:
    """The model with every relative ``Path`` in it, at any depth, taken as relative to ``folder``."""
    update: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path) and not value.is_absolute():
            update[name] = folder / value
        elif isinstance(value, BaseModel):
            inner = with_paths_in(value, folder)
            if inner is not value:
                update[name] = inner
        elif isinstance(value, dict):
            inners = {
                key: with_paths_in(one, folder) if isinstance(one, BaseModel) else one for key, one in value.items()
            }
            if any(inners[key] is not one for key, one in value.items()):
                update[name] = inners
    return model.model_copy(update=update) if update else model


def _with_folder(config: Config, folder: Path) -> Config:
    config = with_paths_in(config, folder)
    if not config.database.is_sqlite:
        return config
    url = f"sqlite:{folder / config.database.path}"
    return config.model_copy(update={"database": config.database.model_copy(update={"url": url})})


def _is_empty(root: object) -> bool:
    return isinstance(root, Scalar) and root.value is None


def _rules_path(document: Document, path: Path, folder: Path) -> tuple[Path, str] | None:
    """Where the rules are, and how to write that: also for a configuration with problems elsewhere. None if they are not there."""
    section = document.root.get("rules") if isinstance(document.root, YamlMapping) else None
    node = section.get("path") if isinstance(section, YamlMapping) else None
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or "\0" in node.value:
        return folder / RULES_DEFAULT, str(path.parent / RULES_DEFAULT)
    if not os.path.exists(folder / node.value):  # noqa: PTH110 (Path.exists raises for names that are too long)
        document.report(node.span, "missing-file", f'there is no "{node.value}"', hint=f"looked in {folder}")
        return None
    return folder / node.value, str(path.parent / node.value)


def _known(document: Document, config: Config | None) -> Known:
    """The names that rules may use; from the tree alone if the configuration has problems."""
    teams: dict[str, TeamSection] = dict.fromkeys(names(document.root, "teams"), TeamSection())
    if config is not None:
        teams.update(config.teams)
    teams.setdefault(DEFAULT_TEAM, TeamSection())
    return Known(
        teams={name: _route(team) for name, team in teams.items()},
        policies=names(document.root, "policies"),
        connectors=names(document.root, "connectors"),
        people=names(document.root, "people"),
        skills=frozenset(skill for person in config.people.values() for skill in person.skills) if config else None,
    )


def _route(team: TeamSection) -> TeamRoute:
    ticket = TicketPlan(team.ticket.to, team.ticket.options) if team.ticket else None
    said = team.model_fields_set
    return TeamRoute(team.policy, ticket, has_policy="policy" in said, has_ticket="ticket" in said)
