"""The door to chat systems: what a message is, and who carries it. Part of what a connector is given (``ports.ConnectorTools``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class ChatTone(StrEnum):
    """How a message looks at a glance, beside what it says."""

    BAD = "bad"
    WARNING = "warning"
    GOOD = "good"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message in every form that a service may take. ``slack`` and ``teams`` are whole request bodies of their webhooks."""

    title: str
    body: str
    tone: ChatTone
    slack: Mapping[str, Any]
    teams: Mapping[str, Any]


class ChatSender(Protocol):
    """Hands messages to one destination. Its address is a secret and stands in no error."""

    @property
    def service(self) -> str:
        """What people call the service: ``Slack``."""
        ...

    async def send(self, message: ChatMessage) -> str:
        """What accepted it. Raises a ``DeliveryError`` otherwise."""
        ...


def no_chat(url: str, timeout_seconds: float) -> ChatSender:
    """Stands where nothing carries chat messages, as in tests of other connectors."""
    raise NotImplementedError(f"no chat here: {len(url)} characters of address, {timeout_seconds:.0f} s")
