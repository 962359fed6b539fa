"""Replays the recorded history with its own fixed rules, and writes what was decided so that a person can read a difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from ingestd.config.load import load
from ingestd.config.policy import build_policy
from ingestd.core import sources
from ingestd.core.alert import Alert, Unreadable
from ingestd.core.effects import Finding
from ingestd.core.sources import ReadLimits, SourceKind
from ingestd.trial.rehearsal import Rehearsal

FOLDER = Path(__file__).parent
DECISIONS = FOLDER / "decisions.txt"
AFTERWARDS = timedelta(days=2)
"""How long is waited after the last envelope: all that is due has come by then."""

HEAD = """\
# What was decided about the recorded history (envelopes.jsonl) under the rules beside it: envelopes with a finding for each alert,
# between them what the incidents' timelines say and what went out. A difference is approved with: make approve-history
"""


def decisions() -> str:
    """Everything that is decided, as ``decisions.txt`` holds it."""
    policy = build_policy(load(FOLDER / "config.yaml", needs_secrets=False))
    return HEAD + "".join(f"{line}\n" for line in _Replay(policy).lines())


class _Replay:
    def __init__(self, policy) -> None:
        with (FOLDER / "envelopes.jsonl").open(encoding="utf-8") as lines:
            self._recorded = [json.loads(line) for line in lines]
        self._rehearsal = Rehearsal(policy, datetime.fromisoformat(self._recorded[0]["at"]))
        self._told = self._sent = 0

    def lines(self) -> Iterator[str]:
        for envelope in self._recorded:
            self._rehearsal.pass_until(datetime.fromisoformat(envelope["at"]))
            yield from self._news()
            yield f"{self._rehearsal.now:%m-%d %H:%M:%S} {envelope['source']}"
            body = json.dumps(envelope["body"]).encode()
            parsed = sources.read(SourceKind(envelope["kind"]), envelope["source"], body, ReadLimits())
            if isinstance(parsed, Unreadable):
                yield f"  unreadable: {parsed.reason}"
                continue
            decision = self._rehearsal.receive(parsed.alerts, parsed.truncated_count)
            for alert, finding in zip(parsed.alerts, decision.findings, strict=True):
                yield f"  {_said(alert)}: {_found(finding)}"
            yield from self._news()
        self._rehearsal.pass_until(self._rehearsal.now + AFTERWARDS)
        yield from self._news()
        yield "in the end"
        for incident in self._rehearsal.incidents.values():
            counts = f"{incident.alert_count} alerts, {incident.firing_count} firing, reopened {incident.reopen_count}x"
            yield f"  {incident.id} {incident.state} {incident.severity} {incident.rule}: {counts}"
        for watch in sorted(self._rehearsal.watches.values(), key=lambda one: one.key):
            yield f"  looked at again: {_said(watch.alert)} ({watch.held or 'nothing holds it'})"

    def _news(self) -> Iterator[str]:
        """What the timelines say and what went out since, in order of time; within an instant the timelines first."""
        entries = self._rehearsal.timeline[self._told :]
        performed = self._rehearsal.performed[self._sent :]
        self._told, self._sent = len(self._rehearsal.timeline), len(self._rehearsal.performed)
        told = [(one.at, 0, f"{one.incident_id} {one.kind}/{one.reason}") for one in entries]
        for one in performed:
            who = f" {one.delivery.person} (L{one.delivery.level})" if one.delivery.person else ""
            told.append((one.at, 1, f"{one.delivery.incident_id} -> {one.delivery.kind}{who}"))
        for at, _, text in sorted(told, key=lambda line: line[:2]):
            yield f"    {at:%m-%d %H:%M:%S} {text}"


def _said(alert: Alert) -> str:
    where = next((alert.labels[name] for name in ("host", "instance", "service") if name in alert.labels), "-")
    return f"{alert.rule_name or '(no name)'} {where} {alert.status}"


def _found(finding: Finding) -> str:
    words = [f"{finding.verdict}/{finding.reason}"]
    words += [finding.rule] if finding.rule else []
    words += [f"{finding.join} {finding.incident_id}"] if finding.join else []
    words += [finding.restraint.text] if finding.restraint else []
    return ", ".join(words)
