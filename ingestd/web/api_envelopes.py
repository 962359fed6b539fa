"""``/api/v1/envelopes``: what arrived, what became of it, and reading it once more."""

from __future__ import annotations

import structlog
from aiohttp import web

from ingestd.core.mail.source import MailSource
from ingestd.core.names import EnvelopeId
from ingestd.core.safe_text import one_line
from ingestd.core.sources import SourceKind
from ingestd.store import inbox
from ingestd.telemetry import log_events
from ingestd.web import plain
from ingestd.web.access import Caller
from ingestd.web.desk import Desk
from ingestd.web.replies import SAFE_HEADERS, Refusal, as_json, choice_of, limit_of
from ingestd.web.shown_mail import mail_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_STATES = {"all": None, **{state: state for state in (inbox.NEW, inbox.DONE, inbox.QUARANTINED)}}


async def list_envelopes(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/envelopes``: the newest first."""
    state = choice_of(request, "state", _STATES, default="all")
    source = request.query.get("source") or None

    found = await desk.database.read(
        lambda connection: inbox.reports(connection, state=state, source=source, limit=limit_of(request))
    )
    return as_json({"envelopes": [plain.envelope_line(report) for report in found]})


async def show_envelope(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/envelopes/{id}``: its one disposition, what was decided about each alert, and a mail as people read it."""
    report = await _report(desk, request)
    answer = {"envelope": plain.envelope_whole(report)}
    if report.kind != SourceKind.EMAIL:
        return as_json(answer)
    body = await desk.database.read(inbox.body, report.id)
    return as_json({**answer, "mail": mail_of(bytes(body or b""), desk.ways_of(report.source).mail or MailSource())})


async def show_body(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/envelopes/{id}/body``: the bytes as received, which a browser may only save."""
    report = await _report(desk, request)
    body = await desk.database.read(inbox.body, report.id)
    headers = {**SAFE_HEADERS, "Content-Disposition": f'attachment; filename="{report.id}.bin"'}
    return web.Response(body=body or b"", content_type="application/octet-stream", headers=headers)


async def retry_envelope(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/envelopes/{id}/retry``: a quarantined envelope is read once more."""
    report = await _report(desk, request)
    if not await desk.database.run(inbox.retry, report.id):
        raise Refusal(
            409, f"{report.id} is not quarantined: it is {report.state}", hint=f"see: ingestd explain {report.id}"
        )
    desk.nudge()
    return as_json({"envelope": report.id, "state": inbox.NEW, "text": f"{report.id} is read once more"})


async def release_envelope(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/envelopes/{id}/release``: a mail that was put aside is taken for true, since somebody has read it."""
    report = await _report(desk, request)
    if report.kind != SourceKind.EMAIL:
        raise Refusal(
            409, f"{report.id} is no mail", hint=f"read it once more with: ingestd envelope retry {report.id}"
        )
    if not await desk.database.run(inbox.release, report.id):
        raise Refusal(
            409, f"{report.id} is not quarantined: it is {report.state}", hint=f"see: ingestd explain {report.id}"
        )
    log.info(log_events.ENVELOPE_RELEASED, envelope=report.id, source=report.source, by=caller.name)
    desk.nudge()
    return as_json({"envelope": report.id, "state": inbox.NEW, "text": f"{report.id} is let through"})


async def _report(desk: Desk, request: web.Request) -> inbox.EnvelopeReport:
    envelope_id = EnvelopeId(one_line(request.match_info["id"], 60))
    report = await desk.database.read(inbox.report, envelope_id)
    if report is None:
        hint = "envelopes are forgotten after a while; see: ingestd envelope list"
        raise Refusal(404, f"there is no envelope {envelope_id}", hint=hint)
    return report
