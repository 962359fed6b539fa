"""IMAP as one mailbox needs it: imap-tools and imaplib over a connection of our own, and none of what they do that loses mail.

- imap-tools expunges after each change of flags: that would remove for good what another client has marked as deleted. We expunge our own UIDs or
  nothing.
- What a server can do is asked again after the login: Dovecot tells of MOVE only then.
- To a failed XOAUTH2 the server sends a challenge with its reason, which is answered with an empty line (contracts: Microsoft, Google).
- Reading marks nothing as seen: BODY.PEEK.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from imap_tools import BaseMailBox
from imap_tools.errors import UnexpectedCommandStatusError
from imap_tools.utils import encode_folder

from ingestd.intake.mailbox_plan import MailboxTrouble, TlsMode, Trouble
from ingestd.intake.mailbox_wire import Wire

COMMAND_SECONDS_MAX: Final = 30.0
FETCH_SECONDS_MAX: Final = 300.0
_CHATTER_BYTES_MAX: Final = 8 * 1024**2
"""Of answers that hold no message. A server may tell of the flags of many messages in between."""
_UID: Final = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE: Final = re.compile(rb"\bRFC822\.SIZE (\d{1,19})\b")
_QUOTED: Final = re.compile(rb'BODY\[[A-Z]*\](?:<\d+>)? (?:"((?:[^"\\]|\\.)*)"|NIL)')
_LITERAL: Final = re.compile(rb"BODY\[[A-Z]*\](?:<\d+>)? \{\d+\}$")
_PASSING: Final = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]")
"""Response codes (RFC 5530) of a login that failed for another reason than its password."""


class Refused(MailboxTrouble):
    """The server says NO to one command. The connection goes on."""

    def __init__(self, text: str) -> None:
        super().__init__(Trouble.SERVER, text)


@dataclass(frozen=True, slots=True)
class Selected:
    """A folder, as the server describes it."""

    uid_validity: int
    uid_next: int
    """What the next message will bear; 0 if the server does not say."""
    is_read_only: bool


class _Client(imaplib.IMAP4):
    """imaplib over a ``Wire``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__(wire.host, wire.port)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:  # noqa: ARG002 (as imaplib calls it)
        self.host = host
        self.port = port

    def read(self, size: int) -> bytes:
        return self._wire.read(size)

    def readline(self) -> bytes:
        return self._wire.readline()

    def send(self, data: Any) -> None:  # noqa: ANN401 (imaplib hands in whatever holds bytes)
        self._wire.send(bytes(data))

    def shutdown(self) -> None:
        self._wire.close()

    def _log(self, line: str) -> None:
        """Nothing: imaplib would keep the last lines for a look at them, the login among them."""

    def encrypt(self, context: ssl.SSLContext) -> None:
        """STARTTLS."""
        if "STARTTLS" not in self.capabilities:
            hint = "use tls: implicit, as a rule on port 993"
            raise MailboxTrouble(Trouble.TLS, "the server offers no STARTTLS", hint=hint)
        status, said = self._simple_command("STARTTLS")
        if status != "OK":
            raise MailboxTrouble(Trouble.TLS, f"the server refuses STARTTLS: {_words(said)}")
        self._wire.secure(context)
        self._get_capabilities()

    def ask_capabilities(self) -> None:
        """What the server can do, now."""
        self._get_capabilities()

    def idle_until_news(self, seconds: float) -> bool:
        tag = self._command("IDLE")
        while self._get_response() is not None:
            if self.tagged_commands[tag]:
                raise Refused(f"IDLE: {_words(self.tagged_commands.pop(tag)[1])}")  # type: ignore[index] # typeshed has another shape
        until = time.monotonic() + seconds
        while not self.has_news and self._wire.has_input(until - time.monotonic()):
            self._wire.allow(COMMAND_SECONDS_MAX, _CHATTER_BYTES_MAX)
            self._get_response()
        self._wire.allow(COMMAND_SECONDS_MAX, _CHATTER_BYTES_MAX)
        self.send(b"DONE\r\n")
        self._command_complete("IDLE", tag)
        return self.has_news

    @property
    def has_news(self) -> bool:
        """Whether the server has told of mail since the folder was selected."""
        return "EXISTS" in self.untagged_responses


class _Box(BaseMailBox):
    """imap-tools' mailbox over a ``Wire``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return _Client(self._wire)


class MailboxClient:
    """One connection. Everything raises ``MailboxTrouble`` (``Refused`` if only this was refused), ``OSError``, ``imaplib.IMAP4.error`` or ``Stopped``."""

    def __init__(self, wire: Wire, tls: TlsMode, context: ssl.SSLContext | None) -> None:
        """Encrypted before a word is believed. Raises as everything does."""
        self._wire = wire
        if tls == "implicit":
            assert context is not None, "made for it"
            wire.secure(context)
        self._box = _Box(wire)
        self._client: Any = self._box.client
        if tls == "starttls":
            self._client.encrypt(context)

    # ------------------------------------------------------------------ login

    def log_in(self, username: str, password: str) -> None:
        """One try with one method: trying all of them with a wrong password is how accounts get locked."""
        self._allow()
        if "AUTH=PLAIN" in self._client.capabilities:
            secret = b"\0".join((b"", username.encode(), password.encode()))
            self._authenticate("PLAIN", secret)
            return
        if "LOGINDISABLED" in self._client.capabilities:
            text = "the server offers no login with a password"
            raise MailboxTrouble(Trouble.CREDENTIALS, text, hint="the provider may want oauth, or tls is missing")
        try:
            self._box.login(username, password, None)
        except UnexpectedCommandStatusError as error:
            raise _login_trouble(_words(error.command_result[1])) from None
        except UnicodeEncodeError:
            text = "the server takes no login with letters beyond ASCII"
            raise MailboxTrouble(Trouble.CREDENTIALS, text, hint="choose another password") from None
        self._client.ask_capabilities()

    def log_in_by_token(self, username: str, token: str) -> None:
        """By XOAUTH2."""
        self._allow()
        if "AUTH=XOAUTH2" not in self._client.capabilities:
            raise MailboxTrouble(
                Trouble.CREDENTIALS, "the server offers no XOAUTH2", hint="use a password, or ask the provider"
            )
        self._authenticate("XOAUTH2", f"user={username}\x01auth=Bearer {token}\x01\x01".encode())

    def _authenticate(self, mechanism: str, answer: bytes) -> None:
        answers = [answer]
        try:
            self._client.authenticate(mechanism, lambda _challenge: answers.pop(0) if answers else b"")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise _login_trouble(str(error)) from None
        self._client.ask_capabilities()

    # ------------------------------------------------------------------ looking

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of mail by itself."""
        return "IDLE" in self._client.capabilities

    def select(self, folder: str) -> Selected:
        """Open a folder, or look at it anew: what it has come to by now."""
        self._allow()
        client = self._client
        client.untagged_responses.pop("READ-ONLY", None)
        is_read_only = False
        try:
            status, said = client.select(encode_folder(folder))
        except imaplib.IMAP4.readonly:
            is_read_only, status, said = True, "OK", []
        if status != "OK":
            raise MailboxTrouble(
                Trouble.FOLDER, f"folder “{folder}” cannot be opened: {_words(said)}", hint="correct folder"
            )
        # Else imaplib refuses every further command once a server has said READ-ONLY, be it in answer to a change of flags.
        client.is_readonly = True
        client.untagged_responses.pop("EXISTS", None)  # what it says from now on is news
        validity = _number(client.response("UIDVALIDITY")[1])
        if not validity:
            raise MailboxTrouble(Trouble.SERVER, "the server numbers no messages (it gives no UIDVALIDITY)")
        return Selected(validity, _number(client.response("UIDNEXT")[1]), is_read_only)

    def count_unseen(self) -> int:
        """How many messages of the open folder nobody has seen."""
        return len(self.search("UNSEEN"))

    def search(self, criteria: str) -> list[int]:
        """The UIDs of the messages that meet the criteria, lowest first."""
        self._allow()
        status, said = self._client.uid("SEARCH", criteria)
        if status != "OK":
            raise Refused(f"search: {_words(said)}")
        words = b" ".join([line for line in said if isinstance(line, bytes)]).split()
        return sorted({int(word) for word in words if word.isdigit()})

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """The size of each message in bytes, as the server counts it; what is not there any more is missing."""
        self._allow()
        status, said = self._client.uid("FETCH", _set_of(uids), "(UID RFC822.SIZE)")
        if status != "OK":
            raise Refused(f"sizes: {_words(said)}")
        found = {}
        for line in said:
            uid, size = (_UID.search(line), _SIZE.search(line)) if isinstance(line, bytes) else (None, None)
            if uid and size:
                found[int(uid[1])] = int(size[1])
        return {uid: size for uid, size in found.items() if uid in set(uids)}

    def fetch(self, uid: int, bytes_max: int, *, headers_only: bool = False) -> bytes | None:
        """The beginning of a message, at most ``bytes_max`` of it; None if it is not there any more. Marks nothing."""
        self._wire.allow(FETCH_SECONDS_MAX, bytes_max + _CHATTER_BYTES_MAX)
        part = f"(UID BODY.PEEK[{'HEADER' if headers_only else ''}]<0.{bytes_max}>)"
        status, said = self._client.uid("FETCH", str(uid), part)
        if status != "OK":
            raise Refused(f"fetch: {_words(said)}")
        return _body_of(said, uid)

    def idle(self, seconds: float) -> bool:
        """Wait for news; whether there is some."""
        if self._client.has_news:
            return True
        self._allow()
        found: bool = self._client.idle_until_news(seconds)
        return found

    # ------------------------------------------------------------------ marking

    def mark_seen(self, uids: Sequence[int]) -> None:
        """The flag Seen. One that is gone is no error."""
        self._store(uids, r"(\Seen)")

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Into another folder of the account. Without MOVE it is copied and marked as deleted, and removed if that can be done for it alone."""
        try:
            if "MOVE" in self._client.capabilities:
                self._allow()
                self._box.move([str(uid) for uid in uids], folder)
                return
            self._allow()
            self._box.copy([str(uid) for uid in uids], folder)
        except UnexpectedCommandStatusError as error:
            raise Refused(f"move to “{folder}”: {_words(error.command_result[1])}") from None
        self._store(uids, r"(\Deleted)")
        if "UIDPLUS" in self._client.capabilities:
            self._allow()
            self._client.uid("EXPUNGE", _set_of(uids))

    def has_folder(self, folder: str) -> bool:
        """Whether there is such a folder."""
        self._allow()
        return bool(self._box.folder.exists(folder))

    def _store(self, uids: Sequence[int], flags: str) -> None:
        self._allow()
        status, said = self._client.uid("STORE", _set_of(uids), "+FLAGS.SILENT", flags)
        if status != "OK":
            raise Refused(f"marking: {_words(said)}")
        self._client.response("FETCH")  # flags that others have changed meanwhile: nobody asks for them

    # ------------------------------------------------------------------ end

    def part(self) -> None:
        """Say goodbye, briefly, and let go."""
        self._wire.allow(1.0, _CHATTER_BYTES_MAX)
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._client.logout()
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._wire.close()

    def _allow(self) -> None:
        self._wire.allow(COMMAND_SECONDS_MAX, _CHATTER_BYTES_MAX)


def _login_trouble(said: str) -> MailboxTrouble:
    if any(code in said.upper() for code in _PASSING):
        return MailboxTrouble(Trouble.SERVER, f"the login fails for now: {_words([said])}")
    return MailboxTrouble(
        Trouble.CREDENTIALS, f"the login is refused: {_words([said])}", hint="check username and password, or the token"
    )


def _body_of(said: Iterable[Any], uid: int) -> bytes | None:
    """The content in the answer to a FETCH. Others' flags may stand between, and the UID before or behind the content."""
    pieces = list(said)
    for index, piece in enumerate(pieces):
        behind = pieces[index + 1] if index + 1 < len(pieces) else b""
        if isinstance(piece, tuple) and _LITERAL.search(piece[0]):
            found = _UID.search(piece[0]) or (_UID.search(behind) if isinstance(behind, bytes) else None)
            if found and int(found[1]) == uid:
                return bytes(piece[1])
        elif isinstance(piece, bytes) and (quoted := _QUOTED.search(piece)):
            found = _UID.search(piece)
            if found and int(found[1]) == uid:
                if quoted[1] is None:
                    raise Refused(
                        "the content of a message is not there"
                    )  # as Dovecot tells of one that has just been removed
                return re.sub(rb"\\(.)", rb"\1", quoted[1])
    return None


def _set_of(uids: Sequence[int]) -> str:
    return ",".join(map(str, uids))


def _number(said: Sequence[Any]) -> int:
    last = said[-1] if said else None
    return int(last) if isinstance(last, bytes) and last.isdigit() else 0


def _words(said: Iterable[Any]) -> str:
    """What a server says, on one line and not too long."""
    text = " ".join(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in said if one)
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:300] or "no reason given"
