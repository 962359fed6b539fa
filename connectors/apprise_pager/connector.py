"""Pages to people and posts to rooms by chat. apprise carries them; what they say is made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo

from connectors.apprise_pager.cards import TEAMS_BYTES_MAX, plain_body, size_of, slack_message, teams_message
from connectors.apprise_pager.content import Content, content_of
from connectors.apprise_pager.settings import ApprisePagerSettings, Destination
from ingestd.chat import ChatMessage, ChatSender
from ingestd.core.names import Channel, EffectKey
from ingestd.errors import RequestRejected
from ingestd.ports import PageReceipt, PageText, ReceiptNews

_SHORTER: Final = (1.0, 0.5, 0.2)
"""How much of each text is kept, until a Teams card is small enough."""


class ApprisePager:
    """One message per page or post, to the destination whose name is the contact's address."""

    channel = Channel.CHAT

    def __init__(
        self, name: str, settings: ApprisePagerSettings, sender_of: Callable[[str, float], ChatSender]
    ) -> None:
        self.name = name
        self._destinations = settings.destinations
        self._timeout_seconds = settings.timeout_seconds
        self._zone = ZoneInfo(settings.timezone) if settings.timezone else None
        self._sender_of = sender_of

    @property
    def addresses(self) -> frozenset[str]:
        """All that ``chat:`` of a person and ``room:`` of a team may name."""
        return frozenset(self._destinations)

    async def check(self) -> str:
        """Which destinations there are, and what each of them is. None can be asked without a message being sent."""
        services = [f"{name} ({self._sender(one).service})" for name, one in sorted(self._destinations.items())]
        return f"not tried, since that would send a message: {', '.join(services)}"

    async def page(self, text: PageText, key: EffectKey) -> PageReceipt:
        """Hand over one message. A repeat looks like the first one: these services give no message a name."""
        sender = self._sender(self._destination(text.contact.address))
        service = await sender.send(self._message(text))
        return PageReceipt(id=key, text=f"accepted by {service}")

    def words(self, text: PageText, key: EffectKey) -> str:  # noqa: ARG002 (the port's signature)
        """The message as text."""
        content = self._content(text, 1.0)
        return f"{content.title}\n{plain_body(content)}".strip()

    async def find_page(self, text: PageText, key: EffectKey) -> PageReceipt | None:  # noqa: ARG002 (the port's signature)
        """Always None: an incoming webhook cannot be asked. The message is sent again."""
        return None

    def read_receipt(self, url: str, headers: Mapping[str, str], body: bytes) -> ReceiptNews | None:  # noqa: ARG002 (the port's signature)
        """Always None: there are no receipts."""
        return None

    def _destination(self, address: str) -> Destination:
        found = self._destinations.get(address)
        if found is None:
            near = get_close_matches(address, self._destinations, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(self._destinations)[:10])}"
            raise RequestRejected(f"connector “{self.name}” has no destination {address[:60]!a}", hint=hint)
        return found

    def _sender(self, destination: Destination) -> ChatSender:
        return self._sender_of(destination.url.get_secret_value(), self._timeout_seconds)

    def _content(self, text: PageText, room_for: float) -> Content:
        found = self._destinations.get(text.contact.address)
        return content_of(
            text, text.contact.zone_beside(self._zone), is_room=found is not None and found.room, room_for=room_for
        )

    def _message(self, text: PageText) -> ChatMessage:
        for room_for in _SHORTER:
            content = self._content(text, room_for)
            teams = teams_message(content)
            if size_of(teams) < TEAMS_BYTES_MAX:
                break
        return ChatMessage(content.title, plain_body(content), content.tone, slack_message(content), teams)
