"""Reads what stands beside the rules in rule files: matrix, responses, office hours, catalogue, enrich steps, maintenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final

from ingestd.config.mending import validate_rest, written_name
from ingestd.config.problems import Problem, did_you_mean
from ingestd.config.rule_model import RuleFileModel
from ingestd.config.stage_model import EnrichModel, MaintenanceModel, ServiceModel
from ingestd.config.validation import locate
from ingestd.config.window_model import window_of
from ingestd.config.yaml_tree import Document, Node, Sequence
from ingestd.config.yaml_tree import Mapping as YamlMapping
from ingestd.core.enrich import Service
from ingestd.core.names import Level, Severity
from ingestd.core.response import DEFAULT_RESPONSES, Response
from ingestd.core.rule_draft import EnrichDraft, ExtractDraft, Known, MaintenanceDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX
from ingestd.core.windows import OneOff, TimeWindow

_ONCE = ("severity", "response", "office_hours")
"""Keys that stand in one file only."""


_ANY_WINDOW: Final = {"match": [], "when": [{"weekdays": ["monday"]}]}


@dataclass(slots=True)
class StageReading:
    """What has been read so far. ``homes`` tells of each enrich step and each window in which file, and as which entry, it stands."""

    matrix: Mapping[tuple[Level, Level], Severity] | None = None
    responses: Mapping[Severity, Response] | None = None
    office_hours: tuple[TimeWindow | OneOff, ...] = ()
    services: dict[str, Service] = field(default_factory=dict)
    enrich: list[EnrichDraft] = field(default_factory=list)
    maintenance: list[MaintenanceDraft] = field(default_factory=list)
    homes: dict[str, list[tuple[Document, int]]] = field(default_factory=lambda: {"enrich": [], "maintenance": []})
    _once: dict[str, str] = field(default_factory=dict)
    _documents: dict[str, Document] = field(default_factory=dict)
    _service_homes: dict[str, Document] = field(default_factory=dict)
    _windows: dict[str, str] = field(default_factory=dict)

    def read(self, document: Document, root: Node, head: RuleFileModel, zone: tzinfo) -> None:
        """Take over what one file says; what is wrong with it is added to the document's problems."""
        for key in _ONCE:
            if getattr(head, key) is not None and self._is_first(document, root, key):
                self._read_once(document, root, head, key, zone)
        for name, service in head.services.items():
            self._read_service(document, name, service)
        # Each entry by itself: one that is wrong must not hide what is wrong with the others.
        for number, node in _entries(root, "enrich"):
            written, stand_in = written_name(node, "name"), f"step-{number + 1}"
            step, _ = validate_rest(document, node, EnrichModel, {"name": stand_in, "add": {"_": "_"}})
            if step is not None:
                self.enrich.append(
                    _enrich_draft(step, step.name if step.name != stand_in or written == stand_in else "")
                )
                self.homes["enrich"].append((document, number))
        for number, node in _entries(root, "maintenance"):
            written, stand_in = written_name(node, "name"), f"window-{number + 1}"
            window, _ = validate_rest(document, node, MaintenanceModel, {**_ANY_WINDOW, "name": stand_in})
            if window is not None:
                name = window.name if window.name != stand_in or written == stand_in else ""
                self._read_window(document, number, window, name, zone)

    def check_teams(self, known: Known, problems: list[Problem]) -> None:
        """Add a problem for every team of the catalogue that there is not."""
        for name, service in self.services.items():
            if service.team is None or service.team in known.teams:
                continue
            document = self._service_homes[name]
            span = locate(document.root, ("services", name, "team"))
            text = f'team "{service.team}" is not defined'
            hint = did_you_mean(service.team, known.teams)
            problems.append(document.problem(span, "unknown-team", text, hint=hint))

    def finish(self, version: str) -> Stages:
        """Everything that was read, for the compiler."""
        return Stages(
            matrix=self.matrix or DEFAULT_MATRIX,
            version=version,
            responses={**DEFAULT_RESPONSES, **(self.responses or {})},
            office_hours=self.office_hours,
            enrich=tuple(self.enrich),
            services=self.services,
            maintenance=tuple(self.maintenance),
        )

    def _is_first(self, document: Document, root: Node, key: str) -> bool:
        span = locate(root, (key,), at_key=True)
        if key in self._once:
            text = {"severity": "there is another severity matrix"}.get(key, f"there is another {key}")
            document.report(span, "duplicate-key", text, hint=f"in {self._once[key]}; keep one")
            return False
        self._once[key] = f"{document.file}:{span.line if span else 0}"
        self._documents[key] = document
        return True

    @property
    def response_home(self) -> Document | None:
        """The file that says what severities set in motion."""
        return self._documents.get("response")

    def _read_once(self, document: Document, root: Node, head: RuleFileModel, key: str, zone: tzinfo) -> None:
        if key == "severity" and head.severity is not None:
            self.matrix = _matrix(document, root, head.severity)
        if key == "response" and head.response is not None:
            self.responses = {
                severity: Response(one.page, one.ack_within_seconds, one.update_every_seconds, one.report)
                for severity, one in head.response.items()
            }
        if key == "office_hours" and head.office_hours is not None:
            self.office_hours = tuple(window_of(one, zone) for one in head.office_hours.when)

    def _read_service(self, document: Document, name: str, service: ServiceModel) -> None:
        if name in self.services:
            span = locate(document.root, ("services", name), at_key=True)
            other = self._service_homes[name].file
            document.report(span, "duplicate-key", f'service "{name}" is given twice', hint=f"first given in {other}")
            return
        self.services[name] = Service(name, service.team, service.impact, service.runbook, dict(service.labels))
        self._service_homes[name] = document

    def _read_window(self, document: Document, number: int, window: MaintenanceModel, name: str, zone: tzinfo) -> None:
        span = locate(document.root, ("maintenance", number, "name"))
        line = span.line if span else 0
        if name in self._windows:
            text = f'there is another maintenance window "{name}"'
            document.report(span, "duplicate-rule", text, hint=f"in {self._windows[name]}")
        if name:
            self._windows.setdefault(name, f"{document.file}:{line}")
        times = tuple(window_of(one, zone) for one in window.when)
        self.maintenance.append(
            MaintenanceDraft(
                name=name,
                match=window.match,
                match_any=window.match_any,
                unless=window.unless,
                times=times,
                during=window.during,
                file=document.file,
                line=line,
            )
        )
        self.homes["maintenance"].append((document, number))


def _entries(root: Node, section: str) -> list[tuple[int, Node]]:
    found = root.get(section) if isinstance(root, YamlMapping) else None
    return list(enumerate(found.items)) if isinstance(found, Sequence) else []


def _enrich_draft(step: EnrichModel, name: str) -> EnrichDraft:
    return EnrichDraft(
        name=name,
        match=step.match,
        rename=tuple(step.rename.items()),
        extract=tuple(ExtractDraft(one.source, one.regex) for one in step.extract),
        add=tuple(step.add.items()),
    )


def _matrix(
    document: Document, root: Node, rows: dict[Level, dict[Level, Severity]]
) -> Mapping[tuple[Level, Level], Severity]:
    cells = {(impact, urgency): severity for impact, row in rows.items() for urgency, severity in row.items()}
    for impact in Level:
        if impact not in rows:
            text = f"the row for impact {impact} is missing"
            hint = f"add  {impact}: {{high: ..., medium: ..., low: ...}}"
            document.report(locate(root, ("severity",), at_key=True), "missing-key", text, hint=hint)
            continue
        for urgency in Level:
            if (impact, urgency) not in cells:
                at = locate(root, ("severity", impact.value), at_key=True)
                text = f"the severity for impact {impact} and urgency {urgency} is missing"
                document.report(at, "missing-key", text)
    return {**DEFAULT_MATRIX, **cells}
