"""Access tokens for XOAUTH2: read from a file that an outside tool keeps fresh, or fetched with the client's own credentials (RFC 6749, 4.4).

Microsoft 365 wants the latter for a daemon: a token for the scope https://outlook.office365.com/.default, which is good for about an hour.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from ingestd.ambient import Clock
from ingestd.errors import DeliveryError
from ingestd.intake.mailbox_plan import MailboxTrouble, OAuthPlan, Trouble
from ingestd.ports import HttpReply, HttpRequest

TOKEN_BYTES_MAX: Final = 64 * 1024
_SPARE: Final = timedelta(minutes=5)
"""A token that ends so soon is not used for another login."""
_LASTS_AT_LEAST: Final = timedelta(minutes=6)
_UNSAID_SECONDS: Final = 3600
_WORDS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    expires_at: datetime


class TokenSource:
    """Gives the token for a login. One that was refused is not given again: ``forget`` it."""

    def __init__(self, plan: OAuthPlan, send: Callable[[HttpRequest], HttpReply], clock: Clock) -> None:
        """``send`` makes a request as ``HttpClient`` does, and waits for it."""
        self._plan = plan
        self._send = send
        self._clock = clock
        self._token: _Token | None = None
        self._given = ""
        self._is_fresh = False
        self._refused = ""

    def token(self) -> str:
        """One that is good for now. Raises ``MailboxTrouble``."""
        if self._plan.token_path is not None:
            self._given, self._is_fresh = _read(self._plan.token_path), True
            return self._given
        now = self._clock.now()
        self._is_fresh = self._token is None or self._token.expires_at - now < _SPARE
        if self._token is None or self._is_fresh:
            self._token = self._fetch(now)
        self._given = self._token.text
        return self._given

    def forget(self) -> bool:
        """The last one was refused; whether another one may be had at once, because the last one had been used before."""
        self._token = None
        self._refused = self._given
        return not self._is_fresh

    def has_another(self) -> bool:
        """Whether the file has another token by now than the one that was refused."""
        if self._plan.token_path is None or not self._refused:
            return False
        try:
            return _read(self._plan.token_path) != self._refused
        except MailboxTrouble:
            return False

    def _fetch(self, now: datetime) -> _Token:
        plan = self._plan
        form = {"grant_type": "client_credentials", "client_id": plan.client_id, "client_secret": plan.client_secret}
        if plan.scope:
            form["scope"] = plan.scope
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            reply = self._send(HttpRequest("POST", plan.token_url, headers, urlencode(form).encode()))
        except DeliveryError as error:
            raise MailboxTrouble(Trouble.TOKEN, f"the token service cannot be asked: {error}") from None
        return _token_of(reply, now)


def _token_of(reply: HttpReply, now: datetime) -> _Token:
    try:
        said = json.loads(reply.body)
    except ValueError:
        said = None
    token = said.get("access_token") if isinstance(said, dict) else None
    if reply.status != 200 or not isinstance(token, str) or not _is_plain(token):
        reason = _reason_of(said)
        is_ours = reply.status in {400, 401, 403}
        text = f"the token service answers {reply.status}{f': {reason}' if reason else ''}"
        hint = "check client_id, client_secret, scope and token_url" if is_ours else ""
        raise MailboxTrouble(Trouble.CREDENTIALS if is_ours else Trouble.TOKEN, text, hint=hint)
    seconds = said.get("expires_in")
    lasts = float(seconds) if isinstance(seconds, int | float | str) and str(seconds).isdigit() else _UNSAID_SECONDS
    return _Token(token, now + max(timedelta(seconds=min(lasts, 86_400)), _LASTS_AT_LEAST))


def _reason_of(said: object) -> str:
    if not isinstance(said, dict):
        return ""
    words = " ".join(str(said.get(key, "")) for key in ("error", "error_description"))
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())[:_WORDS_MAX]


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(TOKEN_BYTES_MAX + 1)
    except OSError as error:
        text = f"the token file cannot be read: {error.strerror or type(error).__name__}"
        raise MailboxTrouble(Trouble.TOKEN, text, hint=f"looked at {path}") from None
    token = raw.decode("utf-8", "replace").strip()
    if len(raw) > TOKEN_BYTES_MAX or not _is_plain(token):
        text = "the token file holds no token"
        raise MailboxTrouble(Trouble.TOKEN, text, hint=f"{path} must hold the access token alone, on one line")
    return token


def _is_plain(token: str) -> bool:
    """Whether it can stand in a login: on one line, and nothing that would end it."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token
