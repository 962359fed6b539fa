"""What must be read before some alerts can be decided about. Whoever keeps the facts reads these, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingestd.core import correlate
from ingestd.core.alert import Alert
from ingestd.core.ruleset import Classification, Collects, Inhibition


@dataclass(slots=True)
class Needs:
    """Keys and questions, gathered from the alerts that are news."""

    dedup_keys: set[str] = field(default_factory=set)
    """Live incidents with one of these."""
    correlate_keys: set[str] = field(default_factory=set)
    """Live incidents with one of these."""
    collects_keys: set[str] = field(default_factory=set)
    """Open incidents that collect under one of these names."""
    threshold_keys: set[str] = field(default_factory=set)
    """Watches whose dedup key is one of these."""
    inhibitions: list[tuple[Inhibition, Alert]] = field(default_factory=list)
    """Alerts that fire and that the inhibition means, for this alert."""
    collectors: list[tuple[Collects, Alert]] = field(default_factory=list)
    """Incidents, with their firing members, that an incident of this alert may explain."""

    def add(self, alert: Alert, label: Classification) -> None:
        """What deciding about this alert needs, if the rules say this of it."""
        dedup_key = correlate.dedup_key_of(alert.key, label)
        self.dedup_keys.add(dedup_key)
        if label.correlate_key:
            self.correlate_keys.add(label.correlate_key)
        self.collects_keys.update(label.collected_by)
        if label.threshold is not None:
            self.threshold_keys.add(dedup_key)
        self.inhibitions += [(inhibition, alert) for inhibition in label.inhibit_by]
        if label.collects is not None:
            self.collectors.append((label.collects, alert))


def needs_of(news: Iterable[tuple[Alert, Classification | None]]) -> Needs:
    """What deciding about all of these needs; those that the rules were not asked about need nothing."""
    needs = Needs()
    for alert, label in news:
        if label is not None:
            needs.add(alert, label)
    return needs
