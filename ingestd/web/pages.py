"""The pages for people: one incident, readable on a phone, without scripts.

Mail scanners open every link of a page before its reader does, some of them in a whole browser. So ``GET``, ``HEAD`` and
``OPTIONS`` change nothing, no script presses the button, and only the button's ``POST`` acknowledges.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from ingestd.core.names import IncidentState
from ingestd.web import answering, case, sheet
from ingestd.web.access import Caller, refuse_cross_site
from ingestd.web.api_incidents import incident_id_of, no_such_incident
from ingestd.web.case import Case
from ingestd.web.desk import Desk
from ingestd.web.replies import Refusal

PAGE_BYTES_MAX = 48_000
"""So that it opens on a bad connection within seconds."""
TOKEN_CHARS_MAX = 200


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


async def show_link(desk: Desk, request: web.Request) -> web.Response:
    """``GET|HEAD /p/{token}``: the incident, and the button. Changes nothing."""
    now = desk.clock.now()
    found = await desk.database.read(case.load_by_token, _token(request), now)
    if found is None:
        raise _no_such_link(desk)
    link, known = found
    return _incident_page(desk, known, reader=link.person)


async def press_link(desk: Desk, request: web.Request) -> web.Response:
    """``POST /p/{token}``: acknowledges, once, and shows who has it."""
    refuse_cross_site(desk, request, has_secret_url=True)
    token = _token(request)
    pressed = await answering.acknowledge_by_link(desk, token)
    if pressed is None:
        raise _no_such_link(desk)
    link, is_first = pressed
    known = await desk.database.read(case.load, link.incident_id)
    if known is None:
        raise _no_such_link(desk)
    return _incident_page(desk, known, reader=link.person, is_pressed=True, is_first=is_first)


async def show_incident(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET|HEAD /incidents/{id}``: the same page to read only."""
    incident_id = incident_id_of(request)
    known = await desk.database.read(case.load, incident_id)
    if known is None:
        raise no_such_incident(incident_id)
    # Not on the page behind a link: nothing but the incident concerns somebody who was woken.
    return _incident_page(desk, known, notice=desk.notice())


def _incident_page(
    desk: Desk,
    known: Case,
    *,
    reader: str = "",
    is_pressed: bool = False,
    is_first: bool = False,
    notice: str = "",
) -> web.Response:
    people = desk.policy().people
    now = desk.clock.now()
    html = ""
    for detail in sheet.DETAILS:
        html = _render(
            "incident.html",
            sheet=sheet.sheet_of(known, people, now, reader=reader, detail=detail),
            reader_name=sheet.name_of(reader, people) if reader else "",
            result=_result(known, reader, is_first=is_first) if is_pressed else "",
            is_first=is_first,
            notice=notice,
        )
        if len(html.encode()) <= PAGE_BYTES_MAX:
            break
    return _page(html)


def _result(known: Case, reader: str, *, is_first: bool) -> str:
    """What pressing the button did, as a heading; the sentence below it says who has the incident since when."""
    incident = known.incident
    if is_first:
        return "Acknowledged: you have it"
    if incident.state is IncidentState.ACKNOWLEDGED:
        return "You had it already" if incident.acknowledged_by == reader else "Somebody was first"
    return "Nothing to acknowledge: it is over"


def _token(request: web.Request) -> str:
    return request.match_info["token"][:TOKEN_CHARS_MAX]


def _no_such_link(desk: Desk) -> Refusal:
    desk.metrics.api_refused.labels("link_unknown").inc()
    return Refusal(
        404,
        "it was never valid, or it has expired",
        hint="open a newer page, or acknowledge with: ingestd incident ack",
    )
