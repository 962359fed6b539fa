"""What was told of shifts and gaps: who was on call at the last look, and which gaps people have heard of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from ingestd.core.names import PersonName
from ingestd.store import dialect
from ingestd.store.schema import settings

_NAME: Final = "roster_look"


@dataclass(frozen=True, slots=True)
class Look:
    """The last look that found something new. ``told`` are marks of gaps; it holds those that are still to come, and no others."""

    looked_at: datetime
    on_call: Mapping[str, PersonName | None] = field(default_factory=dict)
    told: frozenset[str] = frozenset()


def load(connection: Connection) -> Look | None:
    """The last look; None if there was none."""
    value = connection.execute(select(settings.c.value).where(settings.c.name == _NAME)).scalar()
    if value is None:
        return None
    plain = json.loads(value)
    on_call = {name: PersonName(one) if one is not None else None for name, one in plain["on_call"].items()}
    return Look(datetime.fromisoformat(plain["looked_at"]), on_call, frozenset(plain["told"]))


def save(connection: Connection, look: Look) -> None:
    """Remember it instead of the one before."""
    plain = {"looked_at": look.looked_at.isoformat(), "on_call": dict(look.on_call), "told": sorted(look.told)}
    row = {"name": _NAME, "value": json.dumps(plain)}
    dialect.upsert(connection, settings, ["name"], [row])
