"""apprise's own plugins of Slack and Teams, sending the cards that we made. Importing this needs apprise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyBase
from apprise.plugins import url_to_dict
from apprise.plugins.slack import NotifySlack
from apprise.plugins.workflows import NotifyWorkflows

from ingestd.chat import ChatMessage

_ADDRESSING = frozenset({"channel", "thread_ts", "username"})
"""What of Slack's own payload says where a message goes, not what it says."""


class SlackCards(NotifySlack):
    """Slack as apprise reaches it, with our blocks."""

    card: Mapping[str, Any]

    def _send(self, url: str, payload: Mapping[str, Any], *args: Any, **options: Any) -> Any:  # noqa: ANN401 (apprise's signature)
        kept = {name: value for name, value in payload.items() if name in _ADDRESSING}
        return super()._send(url, {**self.card, **kept}, *args, **options)


class TeamsCards(NotifyWorkflows):
    """A Workflow of Teams as apprise reaches it, with our card."""

    card: Mapping[str, Any]

    def gen_payload(self, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401 (apprise's signature)
        """The whole request body."""
        return dict(self.card)


def plugin_for(url: str, message: ChatMessage | None) -> NotifyBase | None:
    """A plugin for the address, made to send this message; None if apprise does not understand it. No I/O."""
    asset = AppriseAsset(app_id="ingestd", app_desc="ingestd", app_url="")
    plugin = Apprise.instantiate(url, asset=asset)
    if not isinstance(plugin, NotifyBase):
        return None
    if isinstance(plugin, NotifySlack) and message is not None and not plugin.template:
        slack = SlackCards(**_parts(url, asset))
        slack.card = message.slack
        return slack
    if isinstance(plugin, NotifyWorkflows) and message is not None and not plugin.template:
        teams = TeamsCards(**_parts(url, asset))
        teams.card = message.teams
        return teams
    return plugin


def _parts(url: str, asset: AppriseAsset) -> dict[str, Any]:
    return {**(url_to_dict(url) or {}), "asset": asset}
