"""Which path leads where, and who may go there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from ingestd.errors import StoreBusy
from ingestd.store import dialect
from ingestd.telemetry import log_events
from ingestd.web import (
    access_log,
    api_alerts,
    api_contacts,
    api_daemon,
    api_drills,
    api_envelopes,
    api_explain,
    api_feeds,
    api_incidents,
    api_oncall,
    api_outbox,
    api_overrides,
    api_silences,
    feeds,
    pages,
    receiving,
    replies,
    replying,
)
from ingestd.web.access import Caller, identify, refuse_cross_site
from ingestd.web.desk import Desk, Role
from ingestd.web.replies import Refusal

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Open = Callable[[Desk, web.Request], Awaitable[web.Response]]
Guarded = Callable[[Desk, Caller, web.Request], Awaitable[web.Response]]
Speaks = Callable[[Refusal], web.Response]

_API = "/api/v1"
_WEBHOOKS = f"{_API}/webhooks/"
_ALERTS = "/api/v2/alerts"

_GUARDED: tuple[tuple[str, str, Role, Guarded], ...] = (
    ("GET", "/incidents", Role.VIEWER, api_incidents.list_incidents),
    ("GET", "/incidents/{id}", Role.VIEWER, api_incidents.show_incident),
    ("POST", "/incidents/{id}/ack", Role.RESPONDER, api_incidents.acknowledge),
    ("POST", "/incidents/{id}/resolve", Role.RESPONDER, api_incidents.resolve),
    ("POST", "/incidents/{id}/unack", Role.RESPONDER, api_incidents.unacknowledge),
    ("POST", "/incidents/{id}/escalate", Role.RESPONDER, api_incidents.escalate),
    ("POST", "/incidents/{id}/handover", Role.RESPONDER, api_incidents.hand_over),
    ("POST", "/incidents/{id}/assign", Role.RESPONDER, api_incidents.assign),
    ("POST", "/incidents/{id}/note", Role.RESPONDER, api_incidents.note),
    ("GET", "/envelopes", Role.VIEWER, api_envelopes.list_envelopes),
    ("GET", "/envelopes/{id}", Role.VIEWER, api_envelopes.show_envelope),
    ("GET", "/envelopes/{id}/body", Role.VIEWER, api_envelopes.show_body),
    ("POST", "/envelopes/{id}/retry", Role.RESPONDER, api_envelopes.retry_envelope),
    ("POST", "/envelopes/{id}/release", Role.ADMIN, api_envelopes.release_envelope),
    ("GET", "/alerts", Role.VIEWER, api_alerts.list_alerts),
    ("GET", "/contacts", Role.VIEWER, api_contacts.list_contacts),
    ("POST", "/contacts/{person}/{channel}/revive", Role.ADMIN, api_contacts.revive_contact),
    ("GET", "/silences", Role.VIEWER, api_silences.list_silences),
    ("POST", "/silences", Role.RESPONDER, api_silences.add_silence),
    ("GET", "/silences/{id}", Role.VIEWER, api_silences.show_silence),
    ("DELETE", "/silences/{id}", Role.RESPONDER, api_silences.expire_silence),
    ("GET", "/oncall", Role.VIEWER, api_oncall.list_oncall),
    ("GET", "/oncall/shifts", Role.VIEWER, api_oncall.list_shifts),
    ("GET", "/oncall/gaps", Role.VIEWER, api_oncall.list_gaps),
    ("GET", "/oncall/overrides", Role.VIEWER, api_overrides.list_overrides),
    ("POST", "/oncall/overrides", Role.RESPONDER, api_overrides.add_override),
    ("DELETE", "/oncall/overrides/{id}", Role.RESPONDER, api_overrides.end_override),
    ("GET", "/oncall/feeds", Role.VIEWER, api_feeds.list_feeds),
    ("POST", "/oncall/feeds", Role.RESPONDER, api_feeds.add_feed),
    ("DELETE", "/oncall/feeds/{id}", Role.RESPONDER, api_feeds.revoke_feed),
    ("POST", "/oncall/swaps", Role.RESPONDER, api_overrides.swap_shifts),
    ("GET", "/explain", Role.VIEWER, api_explain.explain),
    ("GET", "/tickets", Role.VIEWER, api_outbox.list_tickets),
    ("GET", "/outbox", Role.VIEWER, api_outbox.list_outbox),
    ("POST", "/outbox/retry", Role.RESPONDER, api_outbox.retry_delivery),
    ("POST", "/outbox/drop", Role.ADMIN, api_outbox.drop_delivery),
    ("POST", "/pages/test", Role.RESPONDER, api_daemon.page_for_test),
    ("GET", "/drills", Role.VIEWER, api_drills.show_drill),
    ("POST", "/drills", Role.RESPONDER, api_drills.begin_drill),
    ("GET", "/status", Role.VIEWER, api_daemon.show_status),
)


def add_routes(app: web.Application, desk: Desk) -> None:
    """Add every route of the web to the application. Webhook routes are intake's and are left alone."""
    app.middlewares.append(_front)
    router = app.router
    for method, path, needed, handler in _GUARDED:
        router.add_route(method, _API + path, _guarded(desk, needed, handler))
    router.add_post(f"{_API}/receipts/{{connector}}", _open(desk, receiving.take_receipt))
    router.add_post(f"{_API}/replies/{{connector}}", _open(desk, replying.take_reply))
    router.add_post("/-/reload", _guarded(desk, Role.ADMIN, api_daemon.reload))
    for path in ("/-/healthy", "/healthz"):
        router.add_get(path, _open(desk, api_daemon.healthy))
    for path in ("/-/ready", "/readyz"):
        router.add_get(path, _open(desk, api_daemon.ready))
    router.add_get("/metrics", _open(desk, api_daemon.metrics))
    router.add_get("/calendars/{token}.ics", _open(desk, feeds.show_feed))
    router.add_get("/p/{token}", _open(desk, pages.show_link, is_page=True))
    router.add_post("/p/{token}", _open(desk, pages.press_link, is_page=True))
    router.add_get("/", _guarded(desk, Role.VIEWER, pages.show_list, is_page=True))
    router.add_get("/incidents/{id}", _guarded(desk, Role.VIEWER, pages.show_incident, is_page=True))


def _guarded(desk: Desk, needed: Role, handler: Guarded, *, is_page: bool = False) -> Handler:
    async def check(desk: Desk, request: web.Request) -> web.Response:
        caller = identify(desk, request, needed, is_browser=is_page)
        if request.method not in {"GET", "HEAD"}:
            refuse_cross_site(desk, request)
        return await handler(desk, caller, request)

    return _open(desk, check, is_page=is_page)


def _open(desk: Desk, handler: Open, *, is_page: bool = False) -> Handler:
    """The handler with every failure answered: in one sentence, with what to do, and nothing of our insides."""
    speak: Speaks = pages.refusal_page if is_page else _refusal_json

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(desk, request)
        except Refusal as refusal:
            return speak(refusal)
        except Exception as error:  # noqa: BLE001 (whoever asked gets an answer, the log gets the cause)
            return speak(_failure(request, error))

    return answer


def _failure(request: web.Request, error: Exception) -> Refusal:
    resource = request.match_info.route.resource
    route = resource.canonical if resource else ""
    log.error(log_events.REQUEST_FAILED, method=request.method, route=route, exc_info=error)
    if isinstance(error, StoreBusy) or dialect.is_trouble(error):
        return Refusal(503, "the database does not answer", hint="try again in a few seconds")
    return Refusal(500, "something went wrong in ingestd", hint="try again; the cause is in the log")


def _refusal_json(refusal: Refusal) -> web.Response:
    return replies.error(refusal.status, str(refusal), hint=refusal.hint, headers=refusal.headers)


@web.middleware
async def _front(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Logs every answer but those to webhooks, which intake accounts for, and says under ``/api/`` what the router refuses as JSON."""
    if request.path.startswith(_WEBHOOKS) or request.path == _ALERTS:
        return await handler(request)
    began = asyncio.get_running_loop().time()
    try:
        answer = await handler(request)
    except web.HTTPException as refused:
        access_log.note(request, refused.status, asyncio.get_running_loop().time() - began)
        if not request.path.startswith(_API):
            raise
        allowed = {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else {}
        hint = f"this path takes: {allowed['Allow']}" if allowed else ""
        return replies.error(refused.status, refused.reason.lower(), hint=hint, headers=allowed)
    access_log.note(request, answer.status, asyncio.get_running_loop().time() - began)
    return answer
