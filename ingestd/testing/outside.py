"""The outside world at the height of the ports: a ticket system and a pager as small models, for scenarios and the simulator.

They keep what a service promises: an index that lags, effects whose reply is lost, receipts. Connectors have
fakes of their own that speak each service's protocol; these stand where the protocol does not matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from ingestd.core.names import Channel, EffectKey
from ingestd.errors import CredentialsRejected, OutcomeUnknown, RequestRejected, TryLater
from ingestd.ports import (
    IncidentView,
    PageReceipt,
    PageText,
    ReceiptNews,
    RemoteTicket,
    ReplyNews,
    TicketDraft,
    TicketFile,
    TicketNote,
    TicketRef,
)


class Fault(Enum):
    """How the next request goes wrong."""

    LOSE_REPLY = auto()
    """It takes effect; the caller never hears of it."""
    LOSE_REQUEST = auto()
    """Nothing happens, and the caller cannot know. Of pages."""
    REFUSE = auto()
    """Nothing happens; it may be tried later."""
    REJECT = auto()
    """Nothing happens; it never will."""
    UNAUTHORIZED = auto()
    """Nothing happens; the account is refused."""


@dataclass(slots=True)
class KeptTicket:
    """A ticket in the outside system."""

    id: str
    key: EffectKey
    incident: str
    opened_at: datetime
    priority: str
    is_done: bool = False
    is_deleted: bool = False
    comments: list[tuple[EffectKey, tuple[str, ...]]] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    files: list[tuple[EffectKey, TicketFile]] = field(default_factory=list)


class OutsideTickets:
    """A ticket system whose search sees a ticket only ``index_lag`` after it was opened."""

    def __init__(
        self, name: str, now: Callable[[], datetime], on_call: Callable[[str], None] = lambda _what: None
    ) -> None:
        self.name = name
        self.lookup_window_seconds = 600.0
        self.index_lag = timedelta()
        self.delay_seconds = 0.0
        """How long each request takes."""
        self.is_down = False
        """Whether every request is turned away."""
        self.is_barred = False
        """Whether the account is refused."""
        self.faults: list[Fault] = []
        self.kept: list[KeptTicket] = []
        self._now = now
        self._on_call = on_call

    async def _before(self, what: str) -> Fault | None:
        self._on_call(f"before {self.name} {what}")
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.REFUSE or self.is_down:
            raise TryLater("the service is busy")
        if fault is Fault.REJECT:
            raise RequestRejected("the service does not accept this")
        if fault is Fault.UNAUTHORIZED or self.is_barred:
            raise CredentialsRejected("401 unauthorized")
        return fault

    def _after(self, what: str, fault: Fault | None) -> None:
        self._on_call(f"after {self.name} {what}")
        if fault is Fault.LOSE_REPLY:
            raise OutcomeUnknown("the reply was lost")

    def _ticket(self, ref: TicketRef) -> KeptTicket:
        found = next((ticket for ticket in self.kept if ticket.id == ref.id and not ticket.is_deleted), None)
        if found is None:
            raise RequestRejected(f"no ticket {ref.id}", is_gone=True)
        return found

    async def check(self) -> str:
        """See ``TicketSystem``."""
        await self._before("check")
        return "a model of a ticket system"

    async def find_ticket(self, key: EffectKey, incident: IncidentView, options: Mapping[str, Any]) -> TicketRef | None:
        """See ``TicketSystem``."""
        await self._before("find")
        seen = self._now() - self.index_lag
        for ticket in self.kept:
            if ticket.key == key and ticket.opened_at <= seen and not ticket.is_deleted:
                return TicketRef(ticket.id, ticket.id, f"https://tickets.example/{ticket.id}")
        return None

    async def open_ticket(self, draft: TicketDraft, key: EffectKey) -> TicketRef:
        """See ``TicketSystem``."""
        fault = await self._before("open")
        ticket = KeptTicket(
            id=f"T-{len(self.kept) + 1}",
            key=key,
            incident=draft.incident.id,
            opened_at=self._now(),
            priority=draft.incident.severity.value,
        )
        self.kept.append(ticket)
        self._after("open", fault)
        return TicketRef(ticket.id, ticket.id, f"https://tickets.example/{ticket.id}")

    async def find_comment(self, ref: TicketRef, key: EffectKey) -> bool:
        """See ``TicketSystem``."""
        await self._before("find-comment")
        return any(known == key for known, _ in self._ticket(ref).comments)

    async def comment(self, ref: TicketRef, note: TicketNote, key: EffectKey) -> None:
        """See ``TicketSystem``."""
        fault = await self._before("comment")
        self._ticket(ref).comments.append((key, tuple(line.text for line in note.lines)))
        self._after("comment", fault)

    async def find_attachment(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> bool:
        """See ``Attaching``."""
        await self._before("find-attachment")
        return any(known == key for known, _ in self._ticket(ref).files)

    async def attach(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> None:
        """See ``Attaching``."""
        fault = await self._before("attach")
        self._ticket(ref).files.append((key, file))
        self._after("attach", fault)

    async def set_priority(self, ref: TicketRef, incident: IncidentView, options: Mapping[str, Any]) -> None:
        """See ``TicketSystem``."""
        fault = await self._before("priority")
        self._ticket(ref).priority = incident.severity.value
        self._after("priority", fault)

    async def resolve(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:
        """See ``TicketSystem``."""
        fault = await self._before("resolve")
        ticket = self._ticket(ref)
        if not ticket.is_done:
            ticket.is_done = True
            ticket.history.append("resolved")
        self._after("resolve", fault)

    async def reopen(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:
        """See ``TicketSystem``."""
        fault = await self._before("reopen")
        ticket = self._ticket(ref)
        if ticket.is_done:
            ticket.is_done = False
            ticket.history.append("reopened")
        self._after("reopen", fault)

    async def read(self, ref: TicketRef) -> RemoteTicket | None:
        """See ``TicketSystem``."""
        found = next((ticket for ticket in self.kept if ticket.id == ref.id and not ticket.is_deleted), None)
        return RemoteTicket(ref, found.is_done, "done" if found.is_done else "open") if found else None


@dataclass(frozen=True, slots=True)
class SentPage:
    """A message that reached somebody's phone or mailbox."""

    at: datetime
    key: EffectKey
    person: str
    channel: Channel
    purpose: str
    incident: str
    text: PageText


RANKS: Final = {"pending": 4, "delivered": 5, "failed": 5}
"""The order of a service's words on one page."""


class OutsidePager:
    """A pager that keeps what it was given, in order."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        now: Callable[[], datetime],
        on_call: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self.name = name
        self.channel = channel
        self.delay_seconds = 0.0
        """How long each page takes."""
        self.is_down = False
        """Whether every request is turned away."""
        self.is_barred = False
        """Whether the account is refused."""
        self.can_find = True
        """Whether an earlier attempt can be looked up."""
        self.can_reply = False
        """Whether what people answer comes back."""
        self.has_receipts = False
        """Whether the service promises to say later what became of a page."""
        self.opted_out: set[str] = set()
        """Addresses whose owners answered STOP."""
        self.unfit: dict[str, bool] = {}
        """Addresses that get no page, with whether that is certain and for good."""
        self.knows: dict[str, str] = {}
        """What the service says when it is asked about a page, by the receipt's id: ``delivered``, ``failed``, or ``dead`` if the
        number is none; of others it says that they are on their way."""
        self.faults: list[Fault] = []
        self.sent: list[SentPage] = []
        self._now = now
        self._on_call = on_call

    async def check(self) -> str:
        """See ``Pager``."""
        self._turn_away(None)
        return "a model of a pager"

    def _turn_away(self, fault: Fault | None) -> None:
        if fault is Fault.REFUSE or self.is_down:
            raise TryLater("the service is busy")
        if fault is Fault.REJECT:
            raise RequestRejected("the number is not valid")
        if fault is Fault.UNAUTHORIZED or self.is_barred:
            raise CredentialsRejected("401 unauthorized")

    async def page(self, text: PageText, key: EffectKey) -> PageReceipt:
        """See ``Pager``."""
        self._on_call(f"before {self.name} page")
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        fault = self.faults.pop(0) if self.faults else None
        self._turn_away(fault)
        self._mind_the_address(text.contact.address)
        if fault is Fault.LOSE_REQUEST:
            raise OutcomeUnknown("the request was lost")
        self.sent.append(
            SentPage(self._now(), key, text.contact.person, self.channel, text.purpose, text.incident.id, text)
        )
        self._on_call(f"after {self.name} page")
        if fault is Fault.LOSE_REPLY:
            raise OutcomeUnknown("the reply was lost")
        return PageReceipt(f"R-{len(self.sent)}", "accepted", is_final=not self.has_receipts)

    def _mind_the_address(self, address: str) -> None:
        if address in self.opted_out:
            raise RequestRejected("the person has opted out by answering STOP", is_contact_dead=True)
        if address in self.unfit:
            is_dead = self.unfit[address]
            raise RequestRejected("the handset is unknown", is_for_contact=True, is_contact_dead=is_dead)

    async def follow(self, receipt_id: str) -> ReceiptNews | None:
        """See ``Following``."""
        self._on_call(f"before {self.name} follow")
        self._turn_away(None)
        status = self.knows.get(receipt_id, "")
        if not status:
            is_ours = receipt_id in {f"R-{number}" for number in range(1, len(self.sent) + 1)}
            return ReceiptNews(receipt_id, "pending", RANKS["pending"]) if is_ours else None
        word = "failed" if status == "dead" else status
        return ReceiptNews(receipt_id, word, RANKS[word], f"the service says {status}", status == "dead")

    async def find_page(self, text: PageText, key: EffectKey) -> PageReceipt | None:
        """See ``Pager``."""
        self._on_call(f"before {self.name} find")
        for number, sent in enumerate(self.sent, start=1):
            if self.can_find and sent.key == key:
                return PageReceipt(f"R-{number}", "found")
        return None

    def takes_replies(self, address: str) -> bool:
        """See ``Replying``."""
        del address
        return self.can_reply

    def read_reply(self, url: str, headers: Mapping[str, str], body: bytes) -> ReplyNews | None:
        """See ``Replying``. A body is ``id sender text``."""
        del url, headers
        reply_id, sender, text = body.decode().split(" ", 2)
        return ReplyNews(reply_id, sender, text)

    def read_receipt(self, url: str, headers: Mapping[str, str], body: bytes) -> ReceiptNews | None:
        """See ``Pager``."""
        del url, headers
        receipt_id, _, status = body.decode().partition(" ")
        return ReceiptNews(receipt_id, status, RANKS.get(status, 1))
