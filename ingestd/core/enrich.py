"""What is added to an alert before the rules see it: renamed and extracted labels, and what the service catalogue knows.

Pure, and it never raises. Identity is untouched: an alert keeps the key that its sender gave it, whatever is added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ingestd.core.alert import Alert
from ingestd.core.matchers import Field, Matcher
from ingestd.core.names import Level

SERVICE_LABEL = "service"
"""The label whose value is looked up in the service catalogue."""

_NAME_LABEL = "alertname"
"""Where most senders put the rule that speaks: if a step changes it, ``alert.rule`` is what it says then."""

EXTRACTED_LENGTH_MAX = 1024
"""Characters of one extracted label; what is longer is cut."""

EXTRACT_FROM_LENGTH_MAX = 65_536
"""Characters that an extraction looks through."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """Named groups of an RE2 expression that is searched in a field; each that takes part in a match becomes a label."""

    source: Field
    pattern: Any
    names: tuple[str, ...]

    def read(self, alert: Alert) -> dict[str, str]:
        """The labels that are found; empty if the expression is not."""
        text = self.source.read(alert)[:EXTRACT_FROM_LENGTH_MAX]
        try:
            found = self.pattern.search(text)
        except UnicodeEncodeError:  # a lone surrogate: RE2 works on UTF-8
            found = self.pattern.search(text.encode("utf-8", "replace").decode("utf-8"))
        if found is None:
            return {}
        groups = ((name, found.group(name)) for name in self.names)
        return {name: value[:EXTRACTED_LENGTH_MAX] for name, value in groups if value}


@dataclass(frozen=True, slots=True)
class EnrichStep:
    """One step of the enrich stage. It applies where all matchers hold: renames first, then extraction, then fixed labels.

    ``rename`` maps an old name to a new one: the label moves unless the new name is taken. ``add`` gives labels that the alert does not have.
    """

    name: str
    match: tuple[Matcher, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    extract: tuple[Extraction, ...] = ()
    add: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """What the service catalogue says: used where neither the rule nor its file says anything, and labels that the alert does not have."""

    name: str
    team: str | None = None
    impact: Level | None = None
    runbook: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def enrich(alert: Alert, steps: Sequence[EnrichStep], services: Mapping[str, Service]) -> Alert:
    """The alert as the rules see it. All steps apply, in order; then the catalogue, by the label ``service``."""
    if not steps and not services:
        return alert
    before = alert
    for step in steps:
        alert = _apply(step, alert)
    if before.rule_name == before.labels.get(_NAME_LABEL):
        alert = replace(alert, rule_name=alert.labels.get(_NAME_LABEL) or alert.rule_name)
    service = services.get(alert.labels.get(SERVICE_LABEL, ""))
    return alert if service is None else with_labels(alert, service.labels)


def _apply(step: EnrichStep, alert: Alert) -> Alert:
    if not all(matcher.matches(alert) for matcher in step.match):
        return alert
    labels = dict(alert.labels)
    for old, new in step.rename:
        if old in labels and not labels.get(new):
            labels[new] = labels.pop(old)
    if labels != alert.labels:
        alert = replace(alert, labels=labels)
    for extraction in step.extract:
        alert = with_labels(alert, extraction.read(alert))
    return with_labels(alert, dict(step.add))


def with_labels(alert: Alert, added: Mapping[str, str]) -> Alert:
    """The alert with the labels that it does not have yet."""
    fresh = {name: value for name, value in added.items() if not alert.labels.get(name)}
    return replace(alert, labels={**alert.labels, **fresh}) if fresh else alert
