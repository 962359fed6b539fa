"""Any service that takes a text message over HTTP: there is no standard, so everything is said in the settings.

Many gateways answer 200 to everything, so success may also be read from the answer's text or from a place in its JSON.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlencode

from connectors.sms_pager.settings import GatewaySettings
from connectors.sms_pager.vendor import failure_by_status, retry_after, words
from ingestd.core.names import EffectKey
from ingestd.errors import OutcomeUnknown, ReplyUnreadable, RequestRejected, TryLater
from ingestd.ports import HttpReply, HttpRequest, PageReceipt, PageText, ReceiptNews, ReplyNews

_ANSWER_MAX: Final = 4096
_PLACEHOLDER: Final = re.compile(r"\{(?:to|text|from|reference)\}")
_PREFIXES: Final = {"plus": "+", "double_zero": "00", "digits": ""}


class Gateway:
    """One gateway as its settings describe it. It has no receipts and cannot be asked what it sent."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self.account = f"gateway {settings.url.partition('?')[0]}, not asked: what would send nothing is not known"

    def send_request(self, to: str, body: str, key: EffectKey) -> HttpRequest:
        """The request with ``{to}``, ``{text}``, ``{from}`` and ``{reference}`` filled in and encoded as their place needs."""
        settings = self._settings
        number = _PREFIXES[settings.number_format] + to.lstrip("+")
        values = {"{to}": number, "{text}": body, "{from}": settings.from_, "{reference}": key}
        headers = {"Accept": "*/*", **settings.headers}
        query = {name: _filled(value, values) for name, value in settings.query.items()}
        self._log_in(headers, query)
        url = settings.url
        if query:
            url += ("&" if "?" in url else "?") + self._encoded(query)
        content = b""
        if settings.form:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            content = self._encoded({name: _filled(value, values) for name, value in settings.form.items()}).encode(
                "ascii"
            )
        elif settings.json_:
            headers.setdefault("Content-Type", "application/json")
            content = json.dumps(_filled(settings.json_, values)).encode("ascii")
        return HttpRequest(settings.method, url, headers, content, settings.timeout_seconds)

    def read_send(self, reply: HttpReply) -> PageReceipt:
        """The gateway's id of the message (empty if it gives none). Final: no receipt follows."""
        settings = self._settings
        if reply.status in settings.retry_statuses:
            raise TryLater(f"the gateway answers {reply.status}", after_seconds=retry_after(reply))
        if reply.status not in settings.success_statuses:
            if reply.status < 300:
                raise OutcomeUnknown(f"the gateway answers {reply.status}, which is not among success_statuses")
            raise failure_by_status("the gateway", reply, "")
        answer = reply.body[:_ANSWER_MAX].decode("utf-8", "replace").strip()
        if settings.success_pattern and not fnmatchcase(answer, settings.success_pattern):
            raise RequestRejected(f"the gateway's answer does not fit success_pattern: {self._quoted(answer)}")
        if settings.status_path:
            self._judge(_at(_json(reply.body), settings.status_path))
        found = _at(_json(reply.body), settings.id_path) if settings.id_path else ""
        return PageReceipt(id=words(found), text=f"the gateway answers {reply.status}")

    def find_request(self, text: PageText) -> HttpRequest | None:  # noqa: ARG002 (there is nobody to ask)
        """Always None: a gateway keeps no list that we know of."""
        return None

    def read_find(self, reply: HttpReply, text: PageText, key: EffectKey) -> PageReceipt | None:  # noqa: ARG002 (as above)
        """Always None."""
        return None

    def follow_request(self, receipt_id: str) -> HttpRequest | None:  # noqa: ARG002 (there is nobody to ask)
        """Always None: a gateway is not asked anything."""
        return None

    def read_follow(self, reply: HttpReply) -> ReceiptNews | None:  # noqa: ARG002 (as above)
        """Always None."""
        return None

    def check_request(self) -> HttpRequest | None:
        """Always None: which request would send nothing is not known."""
        return None

    def read_check(self, reply: HttpReply) -> None:
        """Nothing to read."""

    def read_receipt(self, url: str, headers: Mapping[str, str], body: bytes) -> ReceiptNews | None:  # noqa: ARG002 (it has none)
        """Always None: without a signature nobody's receipt could be believed."""
        return None

    def read_reply(self, url: str, headers: Mapping[str, str], body: bytes) -> ReplyNews | None:  # noqa: ARG002 (it is not read)
        """Always None: nobody's reply could be believed either."""
        return None

    def _log_in(self, headers: dict[str, str], query: dict[str, str]) -> None:
        auth = self._settings.auth
        if auth.secret is None:
            return
        secret = auth.secret.get_secret_value()
        if auth.type == "basic":
            headers["Authorization"] = f"Basic {base64.b64encode(f'{auth.username}:{secret}'.encode()).decode('ascii')}"
        elif auth.type == "bearer":
            headers["Authorization"] = f"Bearer {secret}"
        elif auth.type == "header":
            headers[auth.name] = secret
        elif auth.type == "query":
            query[auth.name] = secret

    def _judge(self, status: object) -> None:
        if status is None:
            raise ReplyUnreadable(f"the gateway's answer has nothing at {self._settings.status_path}")
        word = str(status)
        if word in self._settings.success_values:
            return
        told = f"the gateway says {self._settings.status_path} = {self._quoted(word)}"
        raise TryLater(told) if word in self._settings.retry_values else RequestRejected(told)

    def _encoded(self, values: Mapping[str, str]) -> str:
        return urlencode(values, encoding=self._settings.charset, errors="replace")

    def _quoted(self, answer: str) -> str:
        """The start of the gateway's own words. Some repeat the request: its secret is taken out."""
        secret = self._settings.auth.secret
        masked = answer.replace(secret.get_secret_value(), "***") if secret and secret.get_secret_value() else answer
        return repr(words(masked))


def _filled(template: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 (JSON, as deep as the admin wrote it)
    if isinstance(template, str):
        # All in one pass: what a page says is not searched for placeholders again.
        return _PLACEHOLDER.sub(lambda found: values[found.group()], template)
    if isinstance(template, Mapping):
        return {name: _filled(value, values) for name, value in template.items()}
    if isinstance(template, list | tuple):
        return [_filled(value, values) for value in template]
    return template


def _at(answer: object, path: str) -> object:
    """What stands at ``messages.0.status``; None if there is nothing, or if it is a list or an object."""
    for step in path.split("."):
        if isinstance(answer, dict):
            answer = answer.get(step)
        elif isinstance(answer, list) and step.isascii() and step.isdigit() and int(step[:6]) < len(answer):
            answer = answer[int(step[:6])]
        else:
            return None
    return None if isinstance(answer, dict | list) else answer


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
