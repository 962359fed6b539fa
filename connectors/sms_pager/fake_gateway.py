"""A stand-in for the simple kind of gateway: fields in a query, a form or JSON, and 200 with the outcome in the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from connectors.sms_pager.fake_server import Fault, SentSms, SmsServer, as_json
from connectors.sms_pager.vendor import header
from ingestd.ports import HttpReply, HttpRequest

_STATUSES = {
    Fault.BUSY_503: 503,
    Fault.RATE_LIMIT_429: 429,
    Fault.INTERNAL_500: 500,
    Fault.UNAUTHORIZED: 401,
    Fault.ACCOUNT_SUSPENDED: 403,
}


class GatewayFake(SmsServer):
    """Reads ``to``, ``text`` and ``ref`` from wherever they stand; answers JSON, or plain text if ``speaks_json`` is off."""

    def __init__(
        self, clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC), *, speaks_json: bool = True
    ) -> None:
        super().__init__(clock)
        self.speaks_json = speaks_json
        self.charset = "utf-8"

    def _is_write(self, request: HttpRequest) -> bool:  # noqa: ARG002 (a GET sends too)
        return True

    def _refuse(self, fault: Fault, request: HttpRequest) -> HttpReply:  # noqa: ARG002 (one way of speaking)
        if fault in _STATUSES:
            return HttpReply(_STATUSES[fault], {"content-type": "text/plain"}, fault.value.encode())
        return self._answer("error", fault.value)

    def _serve(self, request: HttpRequest) -> HttpReply:
        values = self._values(request)
        if not values.get("to") or not values.get("text"):
            return self._answer("error", "to and text are required")
        number = str(len(self.messages) + 1)
        to = "+" + values["to"].lstrip("+").removeprefix("00")
        self.messages.append(
            SentSms(number, to, values.get("from", ""), values["text"], self.clock(), reference=values.get("ref", ""))
        )
        return self._answer("ok", number)

    def _values(self, request: HttpRequest) -> dict[str, str]:
        if header(request.headers, "content-type") == "application/json":
            content = json.loads(request.body)
            return {
                "to": content["message"]["to"][0],
                **{name: str(value) for name, value in content["message"].items() if name != "to"},
            }
        both = (urlsplit(request.url).query, request.body.decode("ascii"))
        return {name: values[0] for text in both for name, values in parse_qs(text, encoding=self.charset).items()}

    def _answer(self, status: str, detail: str) -> HttpReply:
        if self.speaks_json:
            return as_json(200, {"result": [{"status": status, "id": detail}]})
        return HttpReply(200, {"content-type": "text/plain"}, f"{status.upper()}: {detail}\n".encode())
