"""Messages into chat systems: apprise behind ``ingestd.chat.ChatSender``. It is an extra and is imported with the first message.

apprise waits in its own thread, speaks HTTP itself and answers yes or no. What happened to a message that it calls failed is read off the
log lines that it keeps of the attempt: the status of the answer if there was one, else the words of the exception. Nothing of these lines
is shown to anybody, since some hold the whole address; so the words of an error are ours.

===============================================  ==================
what is known                                    what it means
===============================================  ==================
200 or 202 as the service promises it            accepted
429, 503                                         ``TryLater``: nothing was posted
other 5xx, 408                                   ``OutcomeUnknown``
other status, 200 without Slack's ``ok``         ``RequestRejected``: this destination does not work
no connection, no such host, TLS failed          ``TryLater``: nothing was sent
no answer in time, connection lost, no evidence  ``OutcomeUnknown``
===============================================  ==================

A destination that refuses is no reason to stop the connector, as ``CredentialsRejected`` would: its others are still good.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Final

from ingestd.chat import ChatMessage, ChatTone
from ingestd.errors import DeliveryError, OutcomeUnknown, RequestRejected, TryLater

if TYPE_CHECKING:
    from apprise import NotifyBase
    from apprise.result import AppriseResult

CONNECT_SECONDS: Final = 5.0
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
_CODE: Final = re.compile(r"b['\"]([a-z_]{3,40})['\"]\s*$")
"""A word such as ``no_service``, as Slack answers; anything longer may be a page of a proxy and is not repeated."""
_NOT_SENT: Final = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|Connection refused|Failed to establish a new connection"
    r"|CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|WRONG_VERSION_NUMBER|Name or service not known|getaddrinfo"
)
_NOTIFY_TYPES: Final = {
    ChatTone.BAD: "failure",
    ChatTone.WARNING: "warning",
    ChatTone.GOOD: "success",
    ChatTone.PLAIN: "info",
}


def sender(url: str, timeout_seconds: float) -> AppriseSender:
    """The sender to one destination. No I/O."""
    return AppriseSender(url, timeout_seconds)


class AppriseSender:
    """One destination. Keeps nothing between messages but its address."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds

    @property
    def service(self) -> str:
        """What apprise calls the service."""
        plugin = _plugin(self._url, None, self._timeout_seconds)
        return str(plugin.service_name)

    async def send(self, message: ChatMessage) -> str:
        """Hand over one message. A thread that does not end in time is left behind, and the outcome counts as unknown."""
        plugin = _plugin(self._url, message, self._timeout_seconds)
        service = str(plugin.service_name)
        try:
            async with asyncio.timeout(self._timeout_seconds + CONNECT_SECONDS):
                result = await asyncio.to_thread(_notify, plugin, message)
        except TimeoutError:
            raise OutcomeUnknown(f"{service} did not answer within {self._timeout_seconds:.0f} s") from None
        if not result:
            raise _failure(service, [entry.message for entry in result.logs()])
        return service


def _plugin(url: str, message: ChatMessage | None, timeout_seconds: float) -> NotifyBase:
    """A plugin of apprise for one message. Raises ``RequestRejected`` if there is none for the address, or no apprise."""
    try:
        from ingestd.net import apprise_cards  # noqa: PLC0415 (apprise need not be installed)
    except ImportError:
        hint = "pip install 'ingestd[apprise]'"
        raise RequestRejected("apprise is not installed", hint=hint) from None
    _keep_to_itself(logging.getLogger("apprise"))
    plugin = apprise_cards.plugin_for(url, message)
    if plugin is None:
        raise RequestRejected(
            "apprise does not understand the address of this destination", hint="correct it in the configuration"
        )
    plugin.redirects = False
    plugin.request_rate_per_sec = 0  # the dispatcher waits, not we
    plugin.socket_connect_timeout = min(CONNECT_SECONDS, timeout_seconds)
    plugin.socket_read_timeout = timeout_seconds
    return plugin


def _keep_to_itself(logger: logging.Logger) -> None:
    """Some lines hold the whole address: none goes on to our log. All are written, since a result keeps what is written of its attempt."""
    logger.propagate = False
    logger.setLevel(logging.DEBUG)


def _notify(plugin: NotifyBase, message: ChatMessage) -> AppriseResult:
    from apprise import Apprise, NotifyFormat, NotifyType  # noqa: PLC0415 (see _plugin)

    carrier = Apprise(asset=plugin.asset)
    carrier.add(plugin)
    return carrier.notify(
        body=message.body or message.title,
        title=message.title if message.body else "",
        notify_type=NotifyType(_NOTIFY_TYPES[message.tone]),
        body_format=NotifyFormat.TEXT,
        log_level=logging.DEBUG,
    )


def _failure(service: str, lines: list[str]) -> DeliveryError:
    """What the lines of a failed attempt prove. No line is repeated."""
    statuses = [int(match[1]) for line in lines if (match := _STATUS.search(line))]
    if not statuses:
        if any(_NOT_SENT.search(line) for line in lines):
            return TryLater(f"{service} cannot be reached")
        return OutcomeUnknown(f"apprise could not hand the message to {service}, and does not say whether it arrived")
    status = statuses[-1]
    code = next((match[1] for line in lines if "Response" in line and (match := _CODE.search(line))), "")
    said = f"{service} answered {status}{f' {code}' if code else ''}"
    if status in {429, 503}:
        return TryLater(said)
    if status >= 500 or status == 408:
        return OutcomeUnknown(said)
    if status == 200:
        return RequestRejected(f"{said}, but not as it does when it has taken a message", hint="try it by hand")
    return RequestRejected(said, hint="make a new webhook for this destination if it was removed there")
