"""Asks Jira one thing at a time, as one account, and knows which Jira it is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from connectors.jira.settings import Deployment, JiraSettings
from connectors.jira.wire import Call, Wire, wire_for
from connectors.jira.wire_errors import answer
from connectors.jira.wire_replies import read_account, read_deployment
from ingestd.errors import CredentialsRejected, OutcomeUnknown, RequestRejected, TryLater
from ingestd.ports import HttpClient


class Connection:
    """One account on one Jira. What it remembers (the deployment) a restart asks again."""

    def __init__(self, settings: JiraSettings, http: HttpClient) -> None:
        self._settings = settings
        self._http = http
        self._known_wire: Wire | None = None

    async def wire(self) -> Wire:
        """Makes requests for this Jira; the first call may ask it what it is."""
        if self._known_wire is None:
            self._known_wire = wire_for(self._settings, await self._deployment())
        return self._known_wire

    async def ask(self, call: Call) -> Any:  # noqa: ANN401 (JSON is whatever Jira sent; the readers check it)
        """The JSON of a good answer; raises the ``DeliveryError`` that fits otherwise.

        Jira hides from strangers what it would otherwise find, so a rejection is reported as one only after the account
        was seen to work; else it is ``CredentialsRejected``.
        """
        try:
            return await self._send(call)
        except RequestRejected:
            await self.confirm_account()
            raise

    async def confirm_account(self) -> str:
        """The account's name. Raises ``CredentialsRejected`` if Jira does not know us, ``TryLater`` if it cannot be asked."""
        call = (await self.wire()).whoami()
        try:
            return read_account(call, await self._send(call))
        except RequestRejected as rejected:
            raise CredentialsRejected(str(rejected), hint=rejected.hint) from rejected

    async def _send(self, call: Call) -> Any:  # noqa: ANN401 (as above)
        try:
            reply = await self._http.send(call.request)
        except OutcomeUnknown as lost:
            if call.writes:
                raise
            # Nothing can have happened: a read must not send the dispatcher looking for an effect.
            raise TryLater(f"{call.what}: {lost}", hint=lost.hint) from lost
        return answer(call, reply)

    async def _deployment(self) -> Deployment:
        if self._settings.deployment is not Deployment.AUTO:
            return self._settings.deployment
        host = urlsplit(self._settings.url).hostname or ""
        if host.endswith(".atlassian.net") or host == "api.atlassian.com":
            return Deployment.CLOUD
        call = wire_for(self._settings, Deployment.AUTO).server()
        return read_deployment(call, await self._send(call))
