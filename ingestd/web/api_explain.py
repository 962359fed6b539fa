"""``GET /api/v1/explain``: why something is as it is, why nobody was paged for it, and by which rules. Reads only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from ingestd.core.matchers import Matcher, MatcherError, parse_matcher
from ingestd.core.names import AlertKey, EnvelopeId, IncidentId
from ingestd.core.safe_text import one_line
from ingestd.store import explanations, inbox, roster
from ingestd.web import explained
from ingestd.web.access import Caller
from ingestd.web.desk import Desk
from ingestd.web.explained import Asked
from ingestd.web.oncall_lines import name_next
from ingestd.web.replies import Refusal, as_json, choice_of

WORD_CHARS_MAX: Final = 700
MATCHERS_COUNT_MAX: Final = 20
OTHERS_COUNT_MAX: Final = 5
"""So many further alerts that satisfy the matchers are named."""

_ENVELOPE = re.compile(r"env_[0-9a-z]{1,60}", re.IGNORECASE)
_INCIDENT = re.compile(r"(?:INC-)?([0-9]{1,18})", re.IGNORECASE)
_KINDS: Final[Mapping[str, str]] = {kind: kind for kind in ("any", "incident", "envelope", "alert", "ticket")}

Answer = dict[str, Any]


async def explain(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``?about=`` an incident, an envelope, a ticket or the key of an alert (``kind=`` says which); or ``?match=`` matchers; or ``?since=`` an instant.

    ``all=true`` also gives the rules that were nowhere near. 404 says what was looked for.
    """
    asked = Asked(
        now=desk.clock.now(),
        ruleset=desk.policy().ruleset,
        external_url=desk.external_url,
        stopped=_stopped(desk),
        has_all=choice_of(request, "all", {"true": True, "false": False}, default="false"),
        ways_of=desk.ways_of,
    )
    since = request.query.get("since")
    if since is not None:
        return as_json(await desk.database.read(explained.arrivals, _instant(since), asked))
    matchers = [_matcher(text) for text in request.query.getall("match", [])]
    if len(matchers) > MATCHERS_COUNT_MAX:
        raise Refusal(400, f'at most {MATCHERS_COUNT_MAX} times "match"')
    if matchers:
        return as_json(await desk.database.read(_by_matchers, matchers, asked))
    word = one_line(request.query.get("about", ""), WORD_CHARS_MAX)
    if not word:
        raise Refusal(400, '"about", "match" or "since" must say what is to be explained')
    kind = choice_of(request, "kind", _KINDS, default="any")
    answer = await desk.database.read(_by_word, word, kind, asked)
    name_next(answer, await desk.database.read(roster.effective, desk.policy(), asked.now), asked.now)
    return as_json(answer)


def _stopped(desk: Desk) -> frozenset[str]:
    """The connectors whose service rejects our credentials."""
    connectors = desk.status().get("connectors") or {}
    return frozenset(name for name, one in connectors.items() if one.get("is_stopped"))


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refusal(400, '"since" must be an instant with its zone', hint="2026-03-02T02:00:00Z")
    return at


def _matcher(text: str) -> Matcher:
    try:
        return parse_matcher(one_line(text, WORD_CHARS_MAX))
    except MatcherError as error:
        raise Refusal(400, f"{one_line(text, 100)!r}: {error}", hint=error.hint or "write NAME=VALUE") from None


def _by_word(connection: Connection, word: str, kind: str, asked: Asked) -> Answer:
    for name, look in _LOOKS.items():
        answer = look(connection, word, asked) if kind in {"any", name} else None
        if answer is not None:
            return answer
    looked_for = "incident, envelope, alert or ticket" if kind == "any" else kind
    raise Refusal(404, f"there is no {looked_for} {word}", hint=_HINTS[kind])


_HINTS: Final[Mapping[str, str]] = {
    "any": "write INC-1042, env_..., the label of a ticket, the key of an alert, or labels: alertname=DiskFull host=db1",
    "incident": "see: ingestd incident list --state all",
    "envelope": "envelopes are forgotten after a while; see: ingestd envelope list",
    "alert": "ingestd explain ENVELOPE shows the keys of its alerts; or name labels: alertname=DiskFull host=db1",
    "ticket": "see: ingestd ticket list",
}


def _incident(connection: Connection, word: str, asked: Asked) -> Answer | None:
    found = _INCIDENT.fullmatch(word)
    return explained.incident(connection, IncidentId(f"INC-{int(found[1])}"), asked) if found else None


def _envelope(connection: Connection, word: str, asked: Asked) -> Answer | None:
    if not _ENVELOPE.fullmatch(word):
        return None
    report = inbox.report(connection, EnvelopeId(word.lower()))
    return explained.envelope(connection, report, asked) if report else None


def _alert(connection: Connection, word: str, asked: Asked) -> Answer | None:
    facts = explanations.alert_facts(connection, AlertKey(word), asked.ways_of)
    return explained.alert(connection, facts, asked) if facts else None


def _ticket(connection: Connection, word: str, asked: Asked) -> Answer | None:
    incident_id = explanations.incident_of_ticket(connection, word)
    return explained.incident(connection, incident_id, asked) if incident_id else None


_LOOKS: Final[Mapping[str, Callable[[Connection, str, Asked], Answer | None]]] = {
    "incident": _incident,
    "envelope": _envelope,
    "alert": _alert,
    "ticket": _ticket,
}
"""In this order a word is looked for that does not say what it is."""


def _by_matchers(connection: Connection, matchers: list[Matcher], asked: Asked) -> Answer:
    keys = explanations.matching_keys(connection, matchers, OTHERS_COUNT_MAX + 1, asked.ways_of)
    facts = explanations.alert_facts(connection, keys[0], asked.ways_of) if keys else None
    if facts is None:
        said = " ".join(one.text for one in matchers)
        hint = "looked for among alerts that are held, those of incidents, and the newest messages; ingestd envelope list shows what came in"
        raise Refusal(404, f"there is no alert with {said}", hint=hint)
    return {**explained.alert(connection, facts, asked), "others": keys[1:]}
