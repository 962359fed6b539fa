"""An envelope on one page: what it was, its one disposition, and for each alert the verdict, the reason and the incident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from ingestd.cli import words
from ingestd.cli.layout import heading, joined, labelled, rows, word
from ingestd.cli.moments import Moments
from ingestd.cli.terminal import safe

Json = Mapping[str, Any]

FINDINGS_MAX: Final = 200


def envelope_page(answer: Json, moments: Moments) -> Iterator[RenderableType]:
    """The page of an envelope, from what the API says of it."""
    envelope = answer["envelope"]
    disposition = envelope.get("disposition")
    state = str(envelope.get("state"))
    if disposition:
        said = joined((word(disposition), safe(words.DISPOSITIONS.get(str(disposition), ""))), ": ")
    else:
        said = joined((word(state), safe(words.ENVELOPE_STATES.get(state, ""))), ": ")
    yield joined((safe(envelope.get("id"), "bold"), said))
    yield labelled(_facts(envelope, moments))
    findings = envelope.get("findings") or []
    if findings:
        yield heading("Alerts")
        yield rows(row for finding in findings[:FINDINGS_MAX] for row in _finding(finding))
        if len(findings) > FINDINGS_MAX:
            yield safe(f"  and {len(findings) - FINDINGS_MAX} more; -o json has them", "dim")
    yield from _what_to_type(envelope)


def _facts(envelope: Json, moments: Moments) -> Iterator[tuple[str, Text]]:
    yield "why", safe(words.worded(words.QUARANTINE_REASONS, envelope.get("reason")))
    yield "detail", safe(envelope.get("detail"))
    kind = f" (kind {envelope['kind']})" if envelope.get("kind") else ""
    yield "source", safe(f"{envelope.get('source')}{kind}")
    yield "from", safe(envelope.get("remote"))
    yield "received", safe(moments.both(envelope.get("received_at")))
    yield "decided", safe(moments.both(envelope.get("processed_at")))
    yield "alerts", safe(envelope.get("alert_count"))


def _finding(finding: Json) -> Iterator[tuple[Text, Text]]:
    verdict = str(finding.get("verdict"))
    yield safe(words.VERDICTS.get(verdict, verdict), "bold"), safe(finding.get("alert"))
    yield Text(), safe(words.worded(words.VERDICT_REASONS, finding.get("reason")))
    if finding.get("held_by"):
        yield Text(), safe(f"kept back, or quiet: {finding['held_by']}", "yellow")
    rule = f"by rule {finding['rule']}" if finding.get("rule") else ""
    join = words.worded(words.JOINS, finding.get("join"))
    incident = joined((safe(finding.get("incident"), "bold"), safe(join), safe(rule)))
    if incident.plain:
        yield Text(), incident


def _what_to_type(envelope: Json) -> Iterator[RenderableType]:
    found = dict.fromkeys(
        finding.get("incident") for finding in envelope.get("findings") or [] if finding.get("incident")
    )
    lines = [(f"ingestd explain {incident}", "the incident's history") for incident in list(found)[:3]]
    if envelope.get("state") == "quarantined":
        lines += [
            (f"ingestd envelope body {envelope.get('id')}", "what was sent"),
            (f"ingestd envelope retry {envelope.get('id')}", "read it once more, after a fix"),
        ]
    if lines:
        yield Text()
        yield rows((safe(line, "bold"), safe(what, "dim")) for line, what in lines)
