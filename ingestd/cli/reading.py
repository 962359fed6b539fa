"""Reads a configuration as the daemon would, down to building its connectors, without starting or contacting anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ingestd.ambient import SystemClock
from ingestd.cli.failures import Failure
from ingestd.config.load import Loaded, load
from ingestd.config.problems import ConfigProblems, Problem, has_errors, in_order
from ingestd.errors import IngestdError
from ingestd.net import chat_sender
from ingestd.net.http_client import AiohttpClient
from ingestd.net.mail_sender import sender
from ingestd.ports import ConnectorTools, Pager, TicketSystem
from ingestd.registry import Registry, settings_models

UNIT_CREDENTIALS: Final = Path("/run/credentials/ingestd.service")
"""Where systemd shows the unit's credentials while it runs; readable by root."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a configuration says, as far as it can be used. ``problems`` holds errors and warnings in reading order."""

    problems: tuple[Problem, ...]
    loaded: Loaded | None = None
    connectors: Mapping[str, TicketSystem | Pager] = field(default_factory=dict)
    """By name; empty if there are errors. They send through ``http``."""
    http: AiohttpClient | None = None
    for_trial: Loaded | None = None
    """What the rules can be tried out with; there also if nothing but secrets and files of another machine is missing."""


def read(path: Path) -> Reading:
    """The configuration at a path. Raises ``Failure`` only if this installation itself is broken."""
    try:
        loaded = load(
            path, environment=_environment(), needs_secrets=False, connectors=settings_models(), now=SystemClock().now()
        )
    except ConfigProblems as exc:
        return Reading(exc.problems)
    if has_errors(loaded.lint):
        return Reading(loaded.lint, for_trial=loaded)
    http = AiohttpClient()
    tools = ConnectorTools(http, sender, loaded.config.server.external_url, chat_sender.sender)
    try:
        connectors = Registry(loaded).build(tools)
    except ConfigProblems as exc:
        return Reading(in_order((*loaded.lint, *exc.problems)), loaded, for_trial=loaded)
    except IngestdError as exc:
        raise Failure(str(exc), hint=exc.hint) from exc
    return Reading(loaded.lint, loaded, connectors, http, loaded)


def _environment() -> dict[str, str]:
    """Ours, with the credentials of the running service where systemd shows them to us."""
    shown = {"CREDENTIALS_DIRECTORY": str(UNIT_CREDENTIALS)} if os.access(UNIT_CREDENTIALS, os.X_OK) else {}
    return {**shown, **os.environ}
