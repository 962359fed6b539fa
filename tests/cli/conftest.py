"""A daemon that speaks the API over a real socket, with state that answers change, and the command line pointed at it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from ingestd.cli.program import Program
from ingestd.cli.tree import ingestd

NOW = datetime(2026, 3, 2, 2, 14, tzinfo=UTC)
"""14 minutes past three at night in Berlin, which is where these tests are."""

HOSTILE = "\x1b[31mred\x1b[0m\r\n\x1b]0;owned\x07 gate\u202eway \x9b2J down\u2028\tnow"
HOSTILE_AS_SHOWN = "[31mred[0m ]0;owned gateway 2J down now"


class FixedClock:
    def now(self) -> datetime:
        return NOW


@dataclass
class Call:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    authorization: str | None


@dataclass
class FakeDaemon:
    """The API as docs say it is. ``tokens`` maps a token to what it may do; without tokens everybody may do everything."""

    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    envelopes: dict[str, dict[str, Any]] = field(default_factory=dict)
    mails: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)
    tickets: list[dict[str, Any]] = field(default_factory=list)
    people: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    drill: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    not_ready: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._record])
        app.router.add_get("/-/ready", self._ready)
        app.router.add_get("/api/v1/status", self._show_status)
        app.router.add_get("/api/v1/incidents", self._list_incidents)
        app.router.add_get("/api/v1/incidents/{id}", self._show_incident)
        app.router.add_post(
            "/api/v1/incidents/{id}/{verb:ack|unack|resolve|note|escalate|handover|assign}", self._answer
        )
        app.router.add_get("/api/v1/explain", self._explain)
        app.router.add_get("/api/v1/envelopes", self._list_envelopes)
        app.router.add_get("/api/v1/envelopes/{id}", self._show_envelope)
        app.router.add_get("/api/v1/envelopes/{id}/body", self._body)
        app.router.add_post("/api/v1/envelopes/{id}/retry", self._retry_envelope)
        app.router.add_post("/api/v1/envelopes/{id}/release", self._retry_envelope)
        app.router.add_get("/api/v1/tickets", self._list_tickets)
        app.router.add_get("/api/v1/outbox", self._list_outbox)
        app.router.add_post("/api/v1/outbox/{verb:retry|drop}", self._steer)
        app.router.add_post("/api/v1/pages/test", self._test_page)
        app.router.add_get("/api/v1/drills", self._show_drill)
        app.router.add_post("/api/v1/drills", self._begin_drill)
        return app

    @web.middleware
    async def _record(self, request: web.Request, handler: Any) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw) if raw else None
        authorization = request.headers.get("Authorization")
        self.calls.append(Call(request.method, request.path, dict(request.query), body, authorization))
        if self.tokens and not request.path.startswith("/-/"):
            role = self.tokens.get((authorization or "").removeprefix("Bearer "))
            if role is None:
                return _refuse(401, "a token is needed" if authorization is None else "the token is not known")
            if role == "viewer" and request.method != "GET":
                return _refuse(403, 'this needs the role responder; the token "tv" has the role viewer')
        return await handler(request)

    async def _show_status(self, _request: web.Request) -> web.Response:
        return _json(self.status)

    async def _list_tickets(self, _request: web.Request) -> web.Response:
        return _json({"tickets": self.tickets})

    async def _ready(self, _request: web.Request) -> web.Response:
        if self.not_ready:
            return web.Response(status=503, text="".join(f"not ready: {line}\n" for line in self.not_ready))
        return web.Response(text="ingestd is ready\n", headers={"Date": NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")})

    async def _list_incidents(self, request: web.Request) -> web.Response:
        state, limit = request.query.get("state", "open"), int(request.query.get("limit", "50"))
        wanted = {"open": {"triggered", "acknowledged"}}.get(state, {state})
        found = [one for one in self.incidents.values() if state == "all" or one["state"] in wanted]
        return _json({"incidents": found[:limit]})

    async def _show_incident(self, request: web.Request) -> web.Response:
        incident = self.incidents.get(request.match_info["id"])
        if incident is None:
            return _refuse(
                404, f"there is no incident {request.match_info['id']}", "see: ingestd incident list --state all"
            )
        case = self.cases.get(incident["id"], {})
        empty = {"alerts": [], "timeline": [], "deliveries": [], "deadlines": [], "tickets": []}
        return _json({**empty, **case, "incident": incident})

    async def _explain(self, request: web.Request) -> web.Response:
        name = request.query.get("about", "").removeprefix("INC-")
        incident, envelope = self.incidents.get(f"INC-{name}"), self.envelopes.get(name)
        if incident is not None:
            case = self.cases.get(incident["id"], {})
            empty = {"alerts": [], "timeline": [], "deliveries": [], "deadlines": [], "tickets": []}
            return _json({**empty, "rules": {}, **case, "kind": "incident", "incident": incident})
        if envelope is not None:
            return _json({"kind": "envelope", "envelope": envelope})
        return _refuse(404, f"there is no incident, envelope, alert or ticket {request.query.get('about')}")

    async def _answer(self, request: web.Request) -> web.Response:
        incident = self.incidents.get(request.match_info["id"])
        if incident is None:
            return _refuse(404, f"there is no incident {request.match_info['id']}")
        body, verb = await request.json(), request.match_info["verb"]
        by, name = body.get("by", "asha"), incident["id"]
        if verb == "note":
            return _told(incident, f"the note is on the timeline of {name}", is_first=True)
        if verb in {"escalate", "handover", "assign"}:
            return _told(incident, f"{by}: {verb} of {name}", is_first=True)
        if verb == "ack" and incident["state"] != "triggered":
            return _told(
                incident, f"{incident['acknowledged_by']} was first: acknowledged {name}; nothing changed", False
            )
        incident["state"] = {"ack": "acknowledged", "unack": "triggered", "resolve": "resolved"}[verb]
        incident["acknowledged_by"] = by
        return _told(incident, f"{by} {incident['state']} {name}", is_first=True)

    async def _list_envelopes(self, request: web.Request) -> web.Response:
        state, source = request.query.get("state", "all"), request.query.get("source")
        found = [
            {key: value for key, value in one.items() if key != "findings"}
            for one in self.envelopes.values()
            if state in {"all", one["state"]} and source in {None, one["source"]}
        ]
        return _json({"envelopes": found[: int(request.query.get("limit", "50"))]})

    async def _show_envelope(self, request: web.Request) -> web.Response:
        envelope = self.envelopes.get(request.match_info["id"])
        mail = self.mails.get(request.match_info["id"])
        return (
            _json({"envelope": envelope, **({"mail": mail} if mail else {})})
            if envelope
            else _refuse(404, f"there is no envelope {request.match_info['id']}")
        )

    async def _body(self, request: web.Request) -> web.Response:
        return web.Response(body=self.bodies[request.match_info["id"]])

    async def _retry_envelope(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if name not in self.envelopes:
            return _refuse(404, f"there is no envelope {name}")
        if self.envelopes[name]["state"] != "quarantined":
            return _refuse(409, f"{name} is not quarantined: it is {self.envelopes[name]['state']}")
        self.envelopes[name] |= {"state": "new", "disposition": None, "reason": None, "detail": None}
        return _json({"envelope": name, "state": "new", "text": f"{name} is read once more"})

    async def _list_outbox(self, request: web.Request) -> web.Response:
        text = request.query.get("state", "")
        wanted = {"": {"waiting", "leased", "uncertain", "parked"}}.get(text, set(text.split(",")))
        return _json(
            {"deliveries": [row for row in self.deliveries.values() if text == "all" or row["state"] in wanted]}
        )

    async def _steer(self, request: web.Request) -> web.Response:
        body, verb = await request.json(), request.match_info["verb"]
        row = self.deliveries.get(body["key"])
        if row is None:
            return _refuse(404, f"there is no delivery {body['key']}", "see: ingestd outbox list")
        if row["state"] in {"leased", "done", "dropped"}:
            return _refuse(409, f"{body['key']} cannot be steered: it is {row['state']}")
        row["state"] = {"retry": "waiting", "drop": "dropped"}[verb]
        row["detail"] = body.get("reason", "")
        return _json({"key": body["key"], "text": f"{body['key']} is {row['state']}"})

    async def _show_drill(self, _request: web.Request) -> web.Response:
        return _json({"drill": self.drill})

    async def _begin_drill(self, _request: web.Request) -> web.Response:
        return _json({"id": self.drill["id"], "policy": self.drill["policy"]})

    async def _test_page(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["person"] not in self.people:
            return _refuse(404, "there is no such person in the configuration", f"there are: {', '.join(self.people)}")
        by = body.get("by")
        return _json({"results": [one for one in self.people[body["person"]] if by in {None, one["channel"]}]})


def _json(value: object) -> web.Response:
    return web.json_response(value)


def _refuse(status: int, text: str, hint: str = "") -> web.Response:
    return web.json_response({"error": text, "hint": hint}, status=status)


def _told(incident: dict[str, Any], text: str, is_first: bool) -> web.Response:
    return _json({"incident": incident["id"], "state": incident["state"], "is_first": is_first, "text": text})


class Serving:
    """Runs aiohttp applications on loopback, in a loop of a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._runners: list[web.AppRunner] = []
        self._thread.start()

    def start(self, app: web.Application) -> str:
        """Serve the application; its URL."""
        return asyncio.run_coroutine_threadsafe(self._start(app), self._loop).result(10)

    async def _start(self, app: web.Application) -> str:
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def stop(self) -> None:
        for runner in self._runners:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def serving() -> Iterator[Serving]:
    server = Serving()
    yield server
    server.stop()


@pytest.fixture
def daemon(serving: Serving) -> FakeDaemon:
    fake = FakeDaemon()
    fake.url = serving.start(fake.app())
    return fake


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[None]:
    """A machine in Berlin on which nobody has set anything up."""
    for name in ("INGESTD_URL", "INGESTD_TOKEN", "INGESTD_TOKEN_FILE", "INGESTD_CONFIG_FILE", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "settings"))
    monkeypatch.setenv("USER", "night-shift")
    monkeypatch.setenv("LOGNAME", "night-shift")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Shell:
    """Types commands. ``out`` and ``err`` of the result are the two streams."""

    def __init__(self, url: str = "") -> None:
        self.env = {"INGESTD_URL": url} if url else {}

    def __call__(self, *args: str, stdin: str | bytes = "", env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(
            ingestd,
            list(args),
            input=stdin,
            env={**self.env, **(env or {})},
            obj=Program(FixedClock()),
            catch_exceptions=False,
        )


@pytest.fixture
def shell(daemon: FakeDaemon) -> Shell:
    """A shell on a machine where the daemon is at hand."""
    return Shell(daemon.url)


@pytest.fixture
def bare_shell() -> Shell:
    """A shell on a machine where nobody has said where the daemon is."""
    return Shell()


@pytest.fixture
def hostile() -> tuple[str, str]:
    """A text that tries to speak to the terminal, and what may be seen of it."""
    return HOSTILE, HOSTILE_AS_SHOWN


@pytest.fixture
def gateway(daemon: FakeDaemon) -> dict[str, Any]:
    """An incident in the middle of the night: two alerts of three fire, one page is out, the ticket is uncertain."""
    incident = {
        "id": "INC-1042",
        "state": "triggered",
        "severity": "critical",
        "title": "card-gateway: auth errors 34 %",
        "team": "payments",
        "rule": "card-gateway-down",
        "opened_at": "2026-03-02T02:09:12.000Z",
        "firing_count": 2,
        "alert_count": 3,
        "acknowledged_by": "",
        "acknowledged_at": None,
        "resolved_at": None,
        "ticket": None,
        "summary": "card authorisations fail",
        "impact": "high",
        "urgency": "high",
        "runbook": "https://runbooks.example.com/card-gateway",
        "url": "",
        "escalation": {
            "policy_name": "payments-oncall",
            "level": 1,
            "steps": [{"people": ["asha"], "wait_seconds": 300}, {"people": ["ben", "chloe"], "wait_seconds": 600}],
            "loop_count": 1,
            "loops_done": 0,
        },
    }
    daemon.incidents["INC-1042"] = incident
    daemon.cases["INC-1042"] = {
        "alerts": [_alert("CardGatewayDown", "firing"), _alert("CardGatewayErrorsHigh", "cleared")],
        "timeline": [
            _line(
                1,
                "02:09:12",
                "opened",
                "card-gateway-down",
                "opened with severity critical by rule “card-gateway-down”",
            ),
            _line(2, "02:09:12", "page", "opened", "paging asha (L1, policy “payments-oncall”)"),
            _line(3, "02:09:14", "page", "handed_over", "paged asha by sms"),
            _line(
                4, "02:09:20", "ticket", "uncertain", "jira: not certain whether “ticket-open” happened; looking it up"
            ),
        ],
        "deliveries": [
            _delivery("INC-1042/sms/page/1", "page", "done", person="asha", channel="sms", receipt_status="delivered"),
            _delivery(
                "INC-1042/jira/ticket-open/1", "ticket-open", "uncertain", attempt_count=2, detail="the reply was lost"
            ),
        ],
        "deadlines": [{"kind": "escalate", "due_at": "2026-03-02T02:18:30.000Z"}],
    }
    return incident


def _alert(name: str, state: str) -> dict[str, Any]:
    return {
        "name": name,
        "state": state,
        "summary": "34 % of card authorisations fail",
        "labels": {"alertname": name, "service": "card-gateway", "env": "prod"},
        "links": {"dashboard": "https://grafana.example.com/d/cards"},
        "value": "0.34",
        "joined_at": "2026-03-02T02:09:12.000Z",
        "cleared_at": "2026-03-02T02:12:00.000Z" if state == "cleared" else None,
    }


def _line(seq: int, at: str, kind: str, reason: str, text: str) -> dict[str, Any]:
    return {"seq": seq, "at": f"2026-03-02T{at}.000Z", "kind": kind, "reason": reason, "text": text, "actor": ""}


def _delivery(key: str, kind: str, state: str, **more: Any) -> dict[str, Any]:
    incident_id, connector, _, _ = key.split("/")
    row = {
        "key": key,
        "incident_id": incident_id,
        "connector": connector,
        "kind": kind,
        "state": state,
        "person": None,
        "channel": None,
        "attempt_count": 1,
        "due_at": "2026-03-02T02:14:20.000Z",
        "detail": "",
        "created_at": "2026-03-02T02:09:12.000Z",
        "settled_at": "2026-03-02T02:09:14.000Z" if state in {"done", "dropped", "parked"} else None,
    }
    return row | more


@pytest.fixture
def delivery() -> Any:
    """Makes a delivery as the API shows it: ``delivery(key, kind, state, **fields)``."""
    return _delivery
