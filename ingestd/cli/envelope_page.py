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
MAIL_LINES_MAX: Final = 40


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
    if answer.get("mail"):
        yield from _mail(answer["mail"])
    findings = envelope.get("findings") or []
    if findings:
        yield heading("Alerts")
        yield rows(row for finding in findings[:FINDINGS_MAX] for row in _finding(finding))
        if len(findings) > FINDINGS_MAX:
            yield safe(f"  and {len(findings) - FINDINGS_MAX} more; -o json has them", "dim")
    yield from _what_to_type(envelope)


def _facts(envelope: Json, moments: Moments) -> Iterator[tuple[str, Text]]:
    yield "why", safe(words.worded({**words.QUARANTINE_REASONS, **words.MAIL_REASONS}, envelope.get("reason")))
    yield "detail", safe(envelope.get("detail"))
    kind = f" (kind {envelope['kind']})" if envelope.get("kind") else ""
    yield "source", safe(f"{envelope.get('source')}{kind}")
    yield "from", safe(envelope.get("remote"))
    yield "received", safe(moments.both(envelope.get("received_at")))
    yield "decided", safe(moments.both(envelope.get("processed_at")))
    yield "alerts", safe(envelope.get("alert_count"))


def _mail(mail: Json) -> Iterator[RenderableType]:
    yield heading("Mail")
    to = ", ".join(map(str, mail.get("envelope_to") or ()))
    files = ", ".join(f"{one.get('name')} ({one.get('size_bytes')} bytes)" for one in mail.get("attachments") or ())
    yield labelled(
        (
            ("from", safe(mail.get("from"))),
            ("subject", safe(mail.get("subject"))),
            ("date", safe(mail.get("date"))),
            ("envelope", safe(f"from {mail.get('envelope_from') or '<>'} to {to or 'nobody'}")),
            ("by", safe(" ".join(str(mail.get(key) or "") for key in ("door", "handed_in_by")))),
            ("proof", safe(mail.get("proof") or "nothing shows who wrote it")),
            ("files", safe(files)),
        )
    )
    yield Text()
    for line in str(mail.get("text") or "").splitlines()[:MAIL_LINES_MAX]:
        yield Text.assemble("  ", safe(line))


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
    if envelope.get("state") == "quarantined" and envelope.get("kind") == "email":
        lines.append((f"ingestd envelope release {envelope.get('id')}", "let it through as it is: you have read it"))
    if lines:
        yield Text()
        yield rows((safe(line, "bold"), safe(what, "dim")) for line, what in lines)
