"""The marks that let a lost reply be looked up: a label and a property on the issue, a last line in each comment.

The label is what a search can find; Jira searches entity properties only where an app indexes them. The property is not
copied when somebody clones the issue, so it tells the original from its clones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ingestd.core.names import EffectKey

COMMON_LABEL = "ingestd"
"""On every issue that ingestd made, for people's own filters."""

PROPERTY = "ingestd"
"""The entity property that holds the effect key."""


def label_of(key: EffectKey, installation: str) -> str:
    """The label of the issue that this effect makes: short, and different for each installation name."""
    seed = f"{installation}\n{key}" if installation else key
    return f"ingestd-{hashlib.sha256(seed.encode(errors='replace')).hexdigest()[:20]}"


def property_of(key: EffectKey, installation: str) -> dict[str, Any]:
    """The entity property of the issue that this effect makes."""
    value = {"effect": key} | ({"installation": installation} if installation else {})
    return {"key": PROPERTY, "value": value}


def holds(properties: Mapping[str, Any], key: EffectKey, installation: str) -> bool | None:
    """Whether the issue's properties name this effect; None if they name none (never stored, or a clone)."""
    value = properties.get(PROPERTY)
    return None if value is None else bool(value == property_of(key, installation)["value"])


def description_line(label: str) -> str:
    """The last line of the description of the issue that carries this label; counts where labels are on no screen."""
    return f"Kept up to date by ingestd. Marker: {label}"


def ends_with(text: str, line: str) -> bool:
    """Whether a text ends with this line. Anywhere else it may be an alert that quotes, or forges, a marker."""
    lines = text.rstrip().splitlines()
    return bool(lines) and lines[-1].strip() == line


def file_name_of(name: str, key: EffectKey, installation: str) -> str:
    """The name that a file has in Jira: its own with a mark before its ending, by which it is found again."""
    mark = label_of(key, installation).removeprefix("ingestd-")[:8]
    stem, dot, ending = name.rpartition(".")
    return f"{stem}-{mark}.{ending}" if dot and stem else f"{name}-{mark}"


def comment_line(key: EffectKey) -> str:
    """The last line of the comment that this effect makes."""
    return f"[ingestd {key}]"
