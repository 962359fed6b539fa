"""The doors between ingestd and the outside: what a connector implements, and what it is given to work with.

A connector makes **one attempt** per call. It never retries, sleeps, reads the clock or keeps state that a restart would miss.
It returns on success and raises exactly one kind of ``ingestd.errors.DeliveryError`` otherwise. The dispatcher owns
retries, durably. Everything that crosses these doors is a frozen value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Protocol, runtime_checkable

from ingestd.chat import ChatSender, no_chat
from ingestd.core.incident_view import AlertView as AlertView  # noqa: PLC0414 (this is how a name is given on)
from ingestd.core.incident_view import IncidentView as IncidentView  # noqa: PLC0414 (this is how a name is given on)
from ingestd.core.incident_view import TimelineLine as TimelineLine  # noqa: PLC0414 (this is how a name is given on)
from ingestd.core.names import Channel, EffectKey, PersonName

# ---------------------------------------------------------------------------------------------- the network


REPLY_BYTES_MAX: Final = 1 << 20
"""How much of a reply is read unless the request says otherwise."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. ``url`` is complete and holds no secret; secrets stand in ``headers`` and are never logged."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_seconds: float = 20.0
    reply_bytes_max: int = REPLY_BYTES_MAX
    """Where the body of the reply is cut."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One answer. ``headers`` have lower-case names; ``body`` is cut where the request says, at 1 MiB if it does not."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class HttpClient(Protocol):
    """Sends requests without following redirects, with TLS verified, without proxies from the environment."""

    async def send(self, request: HttpRequest) -> HttpReply:
        """The answer, whatever its status.

        Raises ``TryLater`` when certainly nothing was sent (name not found, connection refused, TLS failed) and
        ``OutcomeUnknown`` when the request may have arrived (timeout, connection lost).
        """
        ...


@dataclass(frozen=True, slots=True)
class Mail:
    """A finished message for one envelope recipient: ``raw`` is RFC 5322 with CRLF line ends."""

    sender: str
    recipient: str
    message_id: str
    raw: bytes


class MailSender(Protocol):
    """Hands one message to a mail server or maildir."""

    async def send(self, mail: Mail) -> str:
        """The server's words of acceptance. Raises a ``DeliveryError`` otherwise."""
        ...


# ---------------------------------------------------------------------------------------------- tickets


@dataclass(frozen=True, slots=True)
class TicketRef:
    """A ticket in the outside system. ``id`` is what its API takes, ``label`` what people say, ``url`` where they look."""

    id: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class TicketDraft:
    """A ticket to be opened for an incident. ``options`` is the rule's ``ticket:`` mapping (project, group, type, ...)."""

    incident: IncidentView
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TicketNote:
    """What has happened since the ticket was last told: one comment, whatever the number of lines."""

    incident: IncidentView
    lines: tuple[TimelineLine, ...]


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A file that came with an alert. ``name`` is safe as the name of a file, and still what a stranger chose; nobody has looked inside."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoteTicket:
    """A ticket as the outside system has it."""

    ref: TicketRef
    is_done: bool
    status: str
    assignee: str = ""


@runtime_checkable
class TicketSystem(Protocol):
    """A system that holds tickets. ``key`` marks what an effect made, so that a lost reply can be looked up."""

    name: str
    """The connector's name in the configuration."""
    lookup_window_seconds: float
    """How long after a request with unknown outcome its effect may stay invisible to ``find_*``; 0 if it is seen at once."""

    async def check(self) -> str:
        """One line about the account in use, for ``ingestd doctor``. Changes nothing."""
        ...

    async def find_ticket(self, key: EffectKey, incident: IncidentView, options: Mapping[str, Any]) -> TicketRef | None:
        """The ticket that carries the marker of this key, or None if there is none *yet visible*."""
        ...

    async def open_ticket(self, draft: TicketDraft, key: EffectKey) -> TicketRef:
        """Open a ticket marked with the key. Not idempotent: the caller looks up first after an unknown outcome."""
        ...

    async def find_comment(self, ref: TicketRef, key: EffectKey) -> bool:
        """Whether the comment marked with this key exists."""
        ...

    async def comment(self, ref: TicketRef, note: TicketNote, key: EffectKey) -> None:
        """Add one comment for staff, marked with the key. Not idempotent."""
        ...

    async def set_priority(self, ref: TicketRef, incident: IncidentView, options: Mapping[str, Any]) -> None:
        """Let the ticket's priority follow the severity. Idempotent; touches no other field."""
        ...

    async def resolve(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:
        """Bring the ticket to a done state with the note as comment. Idempotent: a ticket that is done stays as it is."""
        ...

    async def reopen(self, ref: TicketRef, note: TicketNote, key: EffectKey, options: Mapping[str, Any]) -> None:
        """Bring the ticket back to a not-done state with the note as comment. Idempotent."""
        ...

    async def read(self, ref: TicketRef) -> RemoteTicket | None:
        """The ticket as it is now, by a consistent read; None if it is gone (deleted, merged, spam)."""
        ...


@runtime_checkable
class Attaching(Protocol):
    """A ticket system that takes files. May be left out: then the ticket only names them."""

    async def find_attachment(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> bool:
        """Whether the file that was put there with this key is at the ticket."""
        ...

    async def attach(self, ref: TicketRef, file: TicketFile, key: EffectKey) -> None:
        """Put the file beside the ticket's text, for staff, marked with the key. Never executed, opened or shown. Not idempotent."""
        ...


# ---------------------------------------------------------------------------------------------- pages


@dataclass(frozen=True, slots=True)
class Contact:
    """A person as one channel reaches them. ``address`` is an email address, an E.164 phone number, or what a chat connector takes."""

    person: PersonName
    name: str
    channel: Channel
    address: str
    zone: tzinfo | None = None
    """Where the person is, or else the zone of the configuration; None if neither is known."""
    has_own_zone: bool = False

    def zone_beside(self, setting: tzinfo | None) -> tzinfo:
        """On which clock to tell times: the person's own; else that of the connector's settings; else the configuration's; else UTC."""
        if self.zone is not None and (self.has_own_zone or setting is None):
            return self.zone
        return setting or UTC


@dataclass(frozen=True, slots=True)
class PageText:
    """What to tell one person or room.

    ``purpose``: ``page`` asks for an answer, and so does ``summary``, which folds several incidents into one; ``resolved`` and ``test``
    do not. ``post`` tells a room how the incident stands. ``word`` is the text of ``words`` alone: the incident stands for nothing then.
    ``answer`` tells somebody outside who reported it, and is ``words`` alone: nothing else of the incident is for them.

    ``link`` is the acknowledge page of this person for this incident (empty when no answer is wanted).
    ``reason`` says why this person gets it, in words: ``ben did not answer in 5 min``; may be empty.
    ``earlier`` lists who was paged before, in words. ``next_step_at`` is when the next level is paged if nobody answers.
    ``delayed_minutes`` > 0 says that the page is late by that much.
    """

    purpose: str
    incident: IncidentView
    contact: Contact
    level: int = 1
    link: str = ""
    reason: str = ""
    earlier: tuple[str, ...] = ()
    next_step_at: datetime | None = None
    delayed_minutes: int = 0
    sent_at: datetime | None = None
    code: str = ""
    """What the person writes before ``a`` to acknowledge by reply (``42``); empty if replies cannot come back."""
    reply_token: str = ""
    """Binds a reply by mail to this page; empty if replies cannot come back."""
    words: str = ""
    """The whole text of a ``word``; its first line serves as subject. Of an ``answer``: the text below ``subject``."""
    subject: str = ""
    """Of an ``answer``: its subject, which names the incident."""
    in_reply_to: str = ""
    """Of an ``answer``: the Message-ID that it answers, with its angle brackets; empty if there is none."""
    reply_to: str = ""
    """Of an ``answer``: where what they write next shall go; empty for the connector's own."""
    also: tuple[IncidentView, ...] = ()
    """Of a ``summary``: further incidents, the worst first; at most 50."""
    also_count: int = 0
    """Of a ``summary``: how many further incidents there are, shown or not."""
    window_minutes: int = 0
    """Of a ``summary``: in how many minutes they came together."""


@dataclass(frozen=True, slots=True)
class PageReceipt:
    """What the service said. ``id`` finds later receipts; ``is_final`` means that nothing more can be heard, told or asked (``Following``)."""

    id: str
    text: str = ""
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class ReceiptNews:
    """What a delivery receipt says of a page: ``delivered``, ``failed`` or ``pending``; ``rank`` orders news of one page.

    ``is_contact_dead``: it failed for good because of the receiver's address, as in ``errors.RequestRejected``.
    """

    receipt_id: str
    status: str
    rank: int
    detail: str = ""
    is_contact_dead: bool = False


@runtime_checkable
class Pager(Protocol):
    """A system that reaches people."""

    name: str
    """The connector's name in the configuration."""
    channel: Channel

    async def check(self) -> str:
        """One line about the account in use, for ``ingestd doctor``. Sends nothing."""
        ...

    async def page(self, text: PageText, key: EffectKey) -> PageReceipt:
        """Hand one message to the service. A repeat with the same key may arrive twice but is recognisable as the same."""
        ...

    async def find_page(self, text: PageText, key: EffectKey) -> PageReceipt | None:
        """What became of an earlier attempt with unknown outcome; None if it cannot be found (then it is sent again)."""
        ...

    def read_receipt(self, url: str, headers: Mapping[str, str], body: bytes) -> ReceiptNews | None:
        """Read a receipt that the service POSTed to ``url`` (its public form). None if it is no receipt of ours.

        Raises ``CredentialsRejected`` if the signature is missing or wrong. Pure: no I/O.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReplyNews:
    """What somebody wrote back. ``id`` is the service's own, the same for every repeat; ``sender`` an address as in ``Contact``.

    ``opt_out`` is true where the service itself says that this number must not be written to any more, false where it says that it
    may again, None where it says neither.
    """

    id: str
    sender: str
    text: str
    opt_out: bool | None = None


@runtime_checkable
class Replying(Protocol):
    """A pager whose service brings back what people answer. May be left out."""

    def takes_replies(self, address: str) -> bool:
        """Whether somebody at this address can answer, as it is configured; else a page must not ask for it. Pure: no I/O."""
        ...

    def read_reply(self, url: str, headers: Mapping[str, str], body: bytes) -> ReplyNews | None:
        """Read what the service POSTed to ``url`` (its public form). None if it is no reply of a person.

        Raises ``CredentialsRejected`` if the signature is missing or wrong. Pure: no I/O.
        """
        ...


@runtime_checkable
class Following(Protocol):
    """A pager whose service can be asked what became of a page that it has accepted. May be left out."""

    async def follow(self, receipt_id: str) -> ReceiptNews | None:
        """What has become of it by now, by the id of its ``PageReceipt``; None if the service cannot say. Changes nothing.

        Raises a ``DeliveryError`` if the service does not answer.
        """
        ...


@runtime_checkable
class Wording(Protocol):
    """A pager that can say what a person would read, so that an admin sees it before anybody is woken. May be left out."""

    def words(self, text: PageText, key: EffectKey) -> str:
        """What ``page`` would send, as plain text. Pure: no I/O; never raises for a text that ``page`` would take."""
        ...


@dataclass(frozen=True, slots=True)
class ConnectorTools:
    """What a connector is given. ``external_url`` is where people and services reach ingestd; may be empty."""

    http: HttpClient
    mail: Callable[[Mapping[str, Any]], MailSender]
    """Makes a sender from the plain mapping of a ``smtp:`` or ``maildir:`` setting (see ``ingestd.net.mail_sender``)."""
    external_url: str = ""
    chat: Callable[[str, float], ChatSender] = (
        no_chat  # an address, and a time limit in seconds: see ``net.chat_sender``
    )


class ConnectorFactory(Protocol):
    """The object that an entry point of the group ``ingestd.connectors`` names."""

    kind: str
    """What the configuration says under ``kind:``."""
    settings_type: type[Any]
    """A pydantic model of the connector's own keys (without ``kind``)."""

    def build(self, name: str, settings: Any, tools: ConnectorTools) -> TicketSystem | Pager:  # noqa: ANN401 (each factory has its own settings type)
        """The connector called ``name`` in the configuration. No I/O: a broken account must not stop the daemon."""
        ...
