"""Replies of people to their pages: text messages as their service POSTs them, mails as a mail server hands them in.

The signature of the service is the authentication of a text message; whoever hands in a mail needs an API token. Who wrote it is
another matter: the number that was paged, or the token of the mail together with its sender.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from aiohttp import web
from sqlalchemy import Connection

from ingestd.core import mail_reply
from ingestd.core.names import Channel
from ingestd.core.policy import Policy
from ingestd.core.safe_text import one_line
from ingestd.errors import CredentialsRejected, DeliveryError
from ingestd.ports import Pager, Replying, ReplyNews
from ingestd.store.reply_taking import Heard, ReplyResult, Taken, take_mail, take_message
from ingestd.telemetry import log_events
from ingestd.web.access import identify, refuse_cross_site
from ingestd.web.desk import Desk, Role
from ingestd.web.replies import SAFE_HEADERS, Refusal, as_json, read_body

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAIL_TYPE: Final = "message/rfc822"
_ID_CHARS_MAX: Final = 200

Take = Callable[[Connection, Heard, Policy, datetime], Taken]


async def take_reply(desk: Desk, request: web.Request) -> web.Response:
    """``POST /api/v1/replies/{connector}``: 200 once it is decided and stored, whatever came of it; 403 for a bad signature."""
    name = request.match_info["connector"]
    pager = desk.pagers.get(name)
    if pager is None or not isinstance(pager, Replying):
        raise Refusal(404, "no pager of this name takes replies", hint="the path ends in the connector's name")
    if pager.channel is Channel.EMAIL:
        return await _take_mail(desk, request, name)
    return await _take_message(desk, request, name, pager, pager)


async def _take_message(desk: Desk, request: web.Request, name: str, pager: Pager, replying: Replying) -> web.Response:
    body = await read_body(request)
    # What was signed is the URL that the service was told, not the one that a proxy made of it.
    url = desk.external_url.rstrip("/") + request.raw_path
    try:
        news = replying.read_reply(url, request.headers, body)
    except CredentialsRejected as error:
        _note_refusal(desk, request, name, "refused", error)
        hint = "is server.external_url what the service calls?"
        raise Refusal(403, "the signature is missing or wrong", hint=hint) from None
    except DeliveryError as error:
        _note_refusal(desk, request, name, "unreadable", error)
        raise Refusal(400, "the reply cannot be read") from None
    if news is not None:
        await _take(desk, take_message, _heard(name, pager.channel, news))
    else:
        desk.metrics.replies.labels(name, "not_ours").inc()
    # An empty answer in Twilio's markup: what is to be said goes out as a message of its own, which is retried.
    return web.Response(text="<Response/>", content_type="text/xml", headers=SAFE_HEADERS)


def _heard(name: str, channel: Channel, news: ReplyNews) -> Heard:
    return Heard(name, channel, one_line(news.id, _ID_CHARS_MAX), news.sender, news.text, news.opt_out)


def _note_refusal(desk: Desk, request: web.Request, name: str, result: str, error: Exception) -> None:
    desk.metrics.replies.labels(name, result).inc()
    log.warning(log_events.REPLY_REFUSED, connector=name, remote=request.remote, error=str(error))


async def _take_mail(desk: Desk, request: web.Request, name: str) -> web.Response:
    identify(desk, request, Role.RESPONDER)
    refuse_cross_site(desk, request)
    if request.content_type != MAIL_TYPE:
        raise Refusal(415, f"a reply by mail is sent as {MAIL_TYPE}", hint="hand it in with: ingestd reply")
    mail = mail_reply.read(await read_body(request))
    heard = Heard(
        name, Channel.EMAIL, mail.id, mail.sender, mail.text, tokens=mail.tokens, is_automatic=mail.is_automatic
    )
    taken = await _take(desk, take_mail, heard)
    return as_json({"result": taken.result, "incidents": list(taken.incidents), "is_answered": taken.is_answered})


async def _take(desk: Desk, take: Take, heard: Heard) -> Taken:
    taken = await desk.database.run(take, heard, desk.policy(), desk.clock.now())
    for decision in taken.decisions:
        desk.after_decision(decision)
    desk.metrics.replies.labels(heard.connector, taken.result.value).inc()
    if taken.result is ReplyResult.ACTED and taken.act is not None:
        desk.metrics.answers.labels(taken.act.value, heard.channel.value).inc()
    log.info(
        log_events.REPLY_RECEIVED,
        connector=heard.connector,
        result=taken.result.value,
        action=taken.act.value if taken.act else "",
        by=taken.person or "",
        incidents=list(taken.incidents),
        is_answered=taken.is_answered,
    )
    return taken
