"""The pages for people: one incident, readable on a phone, without scripts.

Mail scanners open every link of a page before its reader does, some of them in a whole browser. So ``GET``, ``HEAD`` and
``OPTIONS`` change nothing, no script presses the button, and only the button's ``POST`` acknowledges.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Connection

from ingestd.core.incident import Incident
from ingestd.core.names import IncidentId
from ingestd.core.policy import Policy
from ingestd.core.safe_text import one_line
from ingestd.store import roster, storms
from ingestd.web import answering, case, front_page, sheet
from ingestd.web.access import Caller, refuse_cross_site
from ingestd.web.api_incidents import incident_id_of, no_such_incident
from ingestd.web.case import Case
from ingestd.web.desk import Desk
from ingestd.web.next_page import display_name
from ingestd.web.pressing import TEXT_CHARS_MAX, Result, press_of, result_of
from ingestd.web.replies import Refusal, read_body

PAGE_BYTES_MAX = 48_000
"""So that it opens on a bad connection within seconds."""
TOKEN_CHARS_MAX = 200
OTHERS_SHOWN_MAX = 30
"""Of the incidents that the same message told."""


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("ingestd.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _style() -> str:
    environment = _environment()
    assert environment.loader is not None, "the environment was made with a loader"
    return environment.loader.get_source(environment, "style.css")[0]


@cache
def page_headers() -> dict[str, str]:
    """What every page is sent with: nothing is loaded, framed, kept, indexed or told to the next site."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex",
    }


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(style=_style(), **values)


def _page(html: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    every = {**page_headers(), **(headers or {})}
    return web.Response(text=html, status=status, content_type="text/html", headers=every)


def refusal_page(refusal: Refusal) -> web.Response:
    """An error as a page. Its heading says what matters most to somebody who has pressed the button."""
    if refusal.status == 404:
        heading = "This link is not valid"
    elif refusal.status == 401:
        heading = "Log in to see this"
    elif refusal.status < 500:
        heading = "Nothing was changed"
    else:
        heading = "That did not work: try again"
    html = _render("refusal.html", heading=heading, text=_sentence(str(refusal)), hint=_sentence(refusal.hint))
    return _page(html, status=refusal.status, headers=refusal.headers)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text and not text.endswith(".") else text


@dataclass(frozen=True, slots=True)
class _Known:
    """An incident as a page shows it, with the policy as it holds now."""

    case: Case
    policy: Policy
    reader: str = ""
    """Whose link it is; empty without one."""
    others: tuple[Incident, ...] = ()
    """What the same message told besides, and nobody has answered yet; the worst first."""


def _by_token(connection: Connection, token: str, policy: Policy, now: datetime) -> _Known | None:
    found = case.load_by_token(connection, token, now)
    if found is None:
        return None
    link, of_link = found
    others = tuple(storms.told_together(connection, link.delivery_key))
    return _Known(of_link, roster.effective(connection, policy, now), link.person, others)


def _by_id(connection: Connection, incident_id: IncidentId, policy: Policy, now: datetime) -> _Known | None:
    found = case.load(connection, incident_id)
    return _Known(found, roster.effective(connection, policy, now)) if found else None


async def show_link(desk: Desk, request: web.Request) -> web.Response:
    """``GET|HEAD /p/{token}``: the incident, and the buttons. Changes nothing."""
    known = await desk.database.read(_by_token, _token(request), desk.policy(), desk.clock.now())
    if known is None:
        raise _no_such_link(desk)
    return _incident_page(desk, known)


async def press_link(desk: Desk, request: web.Request) -> web.Response:
    """``POST /p/{token}``: does what the button says, once, and shows how it stands. Without a word it acknowledges."""
    refuse_cross_site(desk, request, has_secret_url=True)
    token = _token(request)
    press = press_of(await read_body(request))
    pressed = await answering.press_by_link(desk, token, press)
    known = await desk.database.read(_by_token, token, desk.policy(), desk.clock.now()) if pressed else None
    if pressed is None or known is None:
        raise _no_such_link(desk)
    return _incident_page(desk, known, result=result_of(press.action, pressed.told, known.case, known.reader))


async def show_incident(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET|HEAD /incidents/{id}``: the same page to read only."""
    incident_id = incident_id_of(request)
    known = await desk.database.read(_by_id, incident_id, desk.policy(), desk.clock.now())
    if known is None:
        raise no_such_incident(incident_id)
    # Not on the page behind a link: nothing but the incident concerns somebody who was woken.
    return _incident_page(desk, known, notice=desk.notice())


async def show_list(desk: Desk, _caller: Caller, _request: web.Request) -> web.Response:
    """``GET|HEAD /``: what is open, the worst first, and who is on call."""
    front = await desk.database.read(front_page.read, desk.policy(), desk.clock.now())
    return _page(_render("list.html", front=front, notice=desk.notice()))


def _incident_page(desk: Desk, known: _Known, *, result: Result | None = None, notice: str = "") -> web.Response:
    now = desk.clock.now()
    html = ""
    for detail in sheet.DETAILS:
        html = _render(
            "incident.html",
            sheet=sheet.sheet_of(known.case, known.policy, now, reader=known.reader, detail=detail),
            reader_name=display_name(known.reader, known.policy) if known.reader else "",
            others=[
                {"id": one.id, "severity": one.severity.value, "title": one_line(one.title, sheet.TITLE_CHARS_MAX)}
                for one in known.others[:OTHERS_SHOWN_MAX]
            ],
            others_count=len(known.others),
            result=result,
            text_chars_max=TEXT_CHARS_MAX,
            notice=notice,
        )
        if len(html.encode()) <= PAGE_BYTES_MAX:
            break
    return _page(html)


def _token(request: web.Request) -> str:
    return request.match_info["token"][:TOKEN_CHARS_MAX]


def _no_such_link(desk: Desk) -> Refusal:
    desk.metrics.api_refused.labels("link_unknown").inc()
    return Refusal(
        404,
        "it was never valid, or it has expired",
        hint="open a newer page, or acknowledge with: ingestd incident ack",
    )
