"""What the thread of one mailbox is told, and what it says of itself. Values: a reload hands over new ones."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from ingestd.core.mail.letter import LetterLimits
from ingestd.core.mail.recipients import Recipients
from ingestd.core.mail.source import MailSource
from ingestd.errors import IngestdError

TlsMode = Literal["implicit", "starttls", "none"]
StartWith = Literal["unseen", "new", "all"]

IDLE_SECONDS_MAX: Final = 25 * 60.0
"""A server may log a client off after half an hour (RFC 2177): IDLE is ended and begun anew before."""


@dataclass(frozen=True, slots=True)
class OAuthPlan:
    """Where the access token for XOAUTH2 comes from: a file that somebody else keeps fresh, or the token service itself."""

    token_path: Path | None = None
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class MailboxPlan:
    """One folder of one account, and what is done with the mail in it."""

    account: str
    """As the configuration names it."""
    host: str
    port: int
    tls: TlsMode
    username: str
    source: str
    """Of mail whose recipient no source lists."""
    password: str = field(default="", repr=False)
    oauth: OAuthPlan | None = None
    ca_file: Path | None = None
    folder: str = "INBOX"
    move_to: str = ""
    """Where what was taken is moved; empty: it stays and is marked as seen."""
    start_with: StartWith = "unseen"
    poll_seconds: float = 60.0
    has_idle: bool = True

    @property
    def place(self) -> str:
        """The folder of this user on this host: what the reading position belongs to."""
        return f"{self.username}@{self.host}/{self.folder}"

    @property
    def where(self) -> str:
        """For people."""
        return f"{self.host}:{self.port}"


class MailRoutes:
    """Which source takes the mail to whom, and how much of one message is taken."""

    def __init__(self, sources: Mapping[str, MailSource]) -> None:
        self._bytes_max = {name: source.limits.message_bytes_max for name, source in sources.items()}
        self._recipients = Recipients(sources)

    @property
    def bytes_max(self) -> int:
        """The most that any source takes of one message."""
        return max(self._bytes_max.values(), default=LetterLimits().message_bytes_max)

    def bytes_max_of(self, source: str) -> int:
        """How much this source takes of one message."""
        return self._bytes_max.get(source, LetterLimits().message_bytes_max)

    def source_of(self, recipients: Iterable[str], default: str) -> str:
        """The source that lists the first of the recipients that any source lists, else the one that is given."""
        found = (self._recipients.source_of(address) for address in recipients)
        return next((source for source in found if source is not None), default)


class Trouble(enum.Enum):
    """Why a mailbox cannot be read. The word is the metric's label."""

    CONNECTION = "connection"
    TLS = "tls"
    CREDENTIALS = "credentials"
    TOKEN = "token"  # noqa: S105 (a word, no secret)
    FOLDER = "folder"
    SERVER = "server"
    STORE = "store"
    INTERNAL = "internal"


class MailboxTrouble(IngestdError):
    """A mailbox cannot be read now. The text may repeat what the server said: it is masked before it is shown."""

    def __init__(self, reason: Trouble, text: str, *, hint: str = "") -> None:
        super().__init__(text, hint=hint)
        self.reason = reason
