"""How JSON of any shape is read as alerts: which part of it is what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JsonMapping:
    """Which parts of a document are the alerts, their labels, status, identity and time."""

    name: str
