"""A model of an IMAP server (RFC 3501, 2177, 4315, 6851): folders whose messages have UIDs, flags and a size, told over real sockets.

It keeps what a mailbox relies on: UIDs only grow, UIDNEXT and UIDVALIDITY, EXISTS during IDLE, flags that other clients change, MOVE. It can be
told to break off at any command, to refuse one, and to have the manners of other servers.
"""

from __future__ import annotations

import base64
import contextlib
import re
import shlex
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

USERNAME = "ops@example.com"
PASSWORD = "geheim-für-ops"
TOKEN = "eyJ0.token.of-the-model"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass
class Message:
    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)
    received: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 9, 0, tzinfo=UTC))


@dataclass
class Folder:
    uid_validity: int
    uid_next: int = 1
    messages: list[Message] = field(default_factory=list)


@dataclass
class Manners:
    """How this server differs from others."""

    capabilities: tuple[str, ...] = ("IMAP4rev1", "IDLE", "AUTH=PLAIN", "AUTH=XOAUTH2")
    after_login: tuple[str, ...] = ("MOVE", "UIDPLUS")
    """Told only then, as Dovecot does."""
    tells_uid_next: bool = True
    uid_behind: bool = False
    """The UID stands behind the content."""
    chatters: bool = False
    """Others' flags stand between what was asked for."""
    quotes: bool = False
    """Content on one line comes as a quoted string."""
    size_factor: float = 1.0
    hurries: bool = False
    """What is new is told together with the answer to IDLE."""
    is_read_only: bool = False
    login_refusal: str = "[AUTHENTICATIONFAILED] Authentication failed."


class Break(Exception):
    """The server breaks off."""


class ImapModel:
    """The server. ``break_at(command, phase)`` is asked before a command is done, after it, and in the middle of its answer."""

    def __init__(self) -> None:
        self.manners = Manners()
        self.lock = threading.Condition()
        self.folders: dict[str, Folder] = {"INBOX": Folder(1001)}
        self.break_at: Callable[[str, str], bool] = lambda _command, _phase: False
        self.refuse: dict[str, str] = {}
        """By command, what it is refused with; a key of ``FETCH 7`` is for one message."""
        self.commands: list[str] = []
        self.logins: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        self.username, self.password = USERNAME, PASSWORD
        self.injects = b""
        """What somebody on the way sends behind the answer to STARTTLS."""
        self.flood = False
        """It answers with what never ends."""
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def take_password(self, password: str) -> None:
        self.password = password

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(
                socket.SHUT_RDWR
            )  # closing alone would leave its thread in accept, and the door open
        self._listener.close()
        self.drop_all()

    def drop_all(self) -> None:
        """Every connection ends, as at a restart."""
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as file, contextlib.suppress(OSError, Break):
            Session(self, connection, file).run()
        self._open.discard(connection)

    # ------------------------------------------------------------------ what happens beside the client

    def add(self, raw: bytes, folder: str = "INBOX", flags: tuple[str, ...] = (), age: timedelta = timedelta(0)) -> int:
        with self.lock:
            place = self.folders[folder]
            uid = place.uid_next
            place.uid_next += 1
            received = datetime.now(UTC) - age
            place.messages.append(Message(uid, raw, set(flags), received))
            self.lock.notify_all()
            return uid

    def renumber(self, folder: str = "INBOX", *, forgets_flags: bool = False) -> None:
        """As after a repair of the server: other numbers, another UIDVALIDITY."""
        with self.lock:
            place = self.folders[folder]
            place.uid_validity += 1
            for number, message in enumerate(place.messages, start=1):
                message.uid = number
                if forgets_flags:
                    message.flags.clear()
            place.uid_next = len(place.messages) + 1
        self.drop_all()


class Session:
    """One connection."""

    def __init__(self, server: ImapModel, connection: socket.socket, file: BinaryIO) -> None:
        self.server = server
        self.connection = connection
        self.file = file
        self.folder: Folder | None = None
        self.told = 0
        self.is_in = False
        self.command = "greeting"

    def run(self) -> None:
        self.say("* OK model ready")
        while line := self.file.readline():
            tag, _, rest = line.decode().rstrip("\r\n").partition(" ")
            self.command = self._name_of(rest)
            server = self.server
            while server.flood:
                self.connection.sendall(b"* " + b"x" * 8192)
            server.commands.append(rest if not rest.upper().startswith(("LOGIN", "AUTH")) else self.command)
            if server.break_at(self.command, "before"):
                return
            try:
                answer = self._refused(rest) or self._do(tag, rest)
            except (KeyError, ValueError, IndexError) as error:
                answer = f"BAD {type(error).__name__} {error}"
            if server.break_at(self.command, "after"):
                return
            self.say(f"{tag} {answer}")
            if self.command == "LOGOUT":
                return

    def say(self, line: str | bytes) -> None:
        data = line.encode() if isinstance(line, str) else line
        if self.server.break_at(self.command, "midway"):
            self.connection.sendall(data[: len(data) // 2])
            raise Break
        self.connection.sendall(data + b"\r\n")

    def _name_of(self, rest: str) -> str:
        words = rest.upper().split()
        return words[1] if words[0] == "UID" else words[0]

    def _refused(self, rest: str) -> str:
        one = re.match(r"UID FETCH (\d+) \(UID (BODY\.PEEK\[\w*\])", rest)
        keys = [self.command, f"FETCH {one[1]} {one[2]}" if one else "", f"FETCH {one[1]}" if one else ""]
        if one and "BODY" in rest:
            found = [self.server.refuse[key] for key in keys[1:] if key in self.server.refuse]
        else:
            found = [self.server.refuse[self.command]] if self.command in self.server.refuse else []
        return f"NO {found[0]}" if found else ""

    def _do(self, tag: str, rest: str) -> str:
        name, words = self.command, rest.split()
        method = getattr(self, f"do_{name.lower()}", None)
        if method is None:
            return f"BAD unknown command {name}"
        said = method(rest, words)
        return said or f"OK {name} done"

    # ------------------------------------------------------------------ commands

    def do_capability(self, _rest: str, _words: list[str]) -> None:
        manners = self.server.manners
        known = (*manners.capabilities, *(manners.after_login if self.is_in else ()))
        self.say(f"* CAPABILITY {' '.join(known)}")

    def do_starttls(self, _rest: str, _words: list[str]) -> str:
        return "OK begin\r\n" + self.server.injects.decode().rstrip("\r\n")

    def do_noop(self, _rest: str, _words: list[str]) -> None:
        self._tell_exists()

    def do_logout(self, _rest: str, _words: list[str]) -> None:
        self.say("* BYE see you")

    def do_login(self, rest: str, _words: list[str]) -> str:
        _, username, password = shlex.split(rest)
        return self._let_in("LOGIN", username, password == self.server.password)

    def do_authenticate(self, _rest: str, words: list[str]) -> str:
        self.say("+ ")
        answer = base64.b64decode(self.file.readline())
        if words[1].upper() == "PLAIN":
            _, username, password = answer.decode().split("\0")
            return self._let_in("PLAIN", username, password == self.server.password)
        match = re.fullmatch(r"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", answer.decode())
        assert match, "the form that Microsoft and Google ask for"
        if match[2] == TOKEN:
            return self._let_in("XOAUTH2", match[1], is_good=True)
        self.say("+ " + base64.b64encode(b'{"status":"400","schemes":"Bearer"}').decode())
        closing = self.file.readline()
        assert closing == b"\r\n", f"an empty line ends a failed XOAUTH2, not {closing!r}"
        return self._let_in("XOAUTH2", match[1], is_good=False)

    def _let_in(self, way: str, username: str, is_good: bool) -> str:
        self.server.logins.append(f"{way} {username} {'in' if is_good else 'refused'}")
        if not is_good or username != USERNAME:
            return f"NO {self.server.manners.login_refusal}"
        self.is_in = True
        return "OK logged in"

    def do_create(self, rest: str, _words: list[str]) -> str:
        name = shlex.split(rest)[1]
        if name in self.server.folders:
            return "NO [ALREADYEXISTS] it is there"
        self.server.folders[name] = Folder(2000 + len(self.server.folders))
        return ""

    def do_list(self, rest: str, _words: list[str]) -> None:
        wanted = shlex.split(rest)[2]
        for name in self.server.folders:
            if name == wanted:
                self.say(f'* LIST () "/" "{name}"')

    def do_select(self, rest: str, _words: list[str]) -> str:
        name = shlex.split(rest)[1]
        server = self.server
        if name not in server.folders:
            return "NO [NONEXISTENT] no such folder"
        self.folder = server.folders[name]
        with server.lock:
            self.told = len(self.folder.messages)
            self.say(f"* {self.told} EXISTS")
            self.say("* 0 RECENT")
            self.say(f"* OK [UIDVALIDITY {self.folder.uid_validity}] numbers")
            if server.manners.tells_uid_next:
                self.say(f"* OK [UIDNEXT {self.folder.uid_next}] next")
        return f"OK [{'READ-ONLY' if server.manners.is_read_only else 'READ-WRITE'}] selected"

    def do_append(self, rest: str, _words: list[str]) -> str:
        match = re.fullmatch(r'APPEND "?([^"]+?)"? (?:\(([^)]*)\) )?(?:"[^"]*" )?\{(\d+)\}', rest)
        assert match, rest
        self.say("+ go on")
        raw = self.file.read(int(match[3]))
        self.file.readline()
        self.server.add(raw, match[1], tuple((match[2] or "").split()))
        return ""

    def do_search(self, rest: str, _words: list[str]) -> None:
        criteria = re.sub(r"^UID SEARCH ", "", rest)
        with self.server.lock:
            test = _criteria(criteria, self.messages)
            found = [str(one.uid) for one in self.messages if test(one)]
        self._tell_exists()
        self.say(" ".join(["* SEARCH", *found]))

    def do_fetch(self, rest: str, words: list[str]) -> None:
        for number, message in self._chosen(words[2]):
            self._tell_message(number, message, rest)

    def _tell_message(self, number: int, message: Message, rest: str) -> None:
        manners = self.server.manners
        if manners.chatters:
            self.say(f"* {number} FETCH (FLAGS ({' '.join(sorted(message.flags))}))")
        if "RFC822.SIZE" in rest:
            self.say(f"* {number} FETCH (UID {message.uid} RFC822.SIZE {int(len(message.raw) * manners.size_factor)})")
        elif "FLAGS" in rest:
            self.say(f"* {number} FETCH (UID {message.uid} FLAGS ({' '.join(sorted(message.flags))}))")
        else:
            match = re.search(r"BODY\.PEEK\[(\w*)\](?:<0\.(\d+)>)?", rest)
            assert match, rest
            raw = message.raw if not match[1] else message.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            raw = raw[: int(match[2])] if match[2] else raw
            what = f"BODY[{match[1]}]{'<0>' if match[2] else ''}"
            if manners.quotes and b"\n" not in raw:
                text = raw.decode().replace("\\", "\\\\").replace('"', '\\"')
                self.say(f'* {number} FETCH (UID {message.uid} {what} "{text}")')
            elif manners.uid_behind:
                self.say(
                    f"* {number} FETCH ({what} {{{len(raw)}}}\r\n".encode() + raw + f" UID {message.uid})".encode()
                )
            else:
                self.say(f"* {number} FETCH (UID {message.uid} {what} {{{len(raw)}}}\r\n".encode() + raw + b")")

    def do_store(self, rest: str, words: list[str]) -> str:
        if self.server.manners.is_read_only:
            return "NO [READ-ONLY] it cannot be changed"
        match = re.search(r"([+-])FLAGS(\.SILENT)? \(([^)]*)\)", rest)
        assert match, rest
        with self.server.lock:
            for number, message in self._chosen(words[2]):
                flags = set(match[3].split())
                message.flags = message.flags | flags if match[1] == "+" else message.flags - flags
                if not match[2]:
                    self.say(f"* {number} FETCH (UID {message.uid} FLAGS ({' '.join(sorted(message.flags))}))")
        return ""

    def do_copy(self, rest: str, words: list[str]) -> str:
        name = shlex.split(rest)[3]
        if name not in self.server.folders:
            return "NO [TRYCREATE] no such folder"
        for _, message in self._chosen(words[2]):
            self.server.add(message.raw, name, tuple(message.flags))
        return ""

    def do_move(self, rest: str, words: list[str]) -> str:
        chosen = [message for _, message in self._chosen(words[2])]
        refused = self.do_copy(rest, words)
        if not refused:
            self._expunge(lambda one: one in chosen)
        return refused

    def do_expunge(self, rest: str, words: list[str]) -> None:
        chosen = [one for _, one in self._chosen(words[2])] if rest.startswith("UID") else self.messages
        self._expunge(lambda one: one in chosen and "\\Deleted" in one.flags)

    def do_idle(self, _rest: str, _words: list[str]) -> None:
        server = self.server
        if server.manners.hurries and len(self.messages) > self.told:
            self.told = len(self.messages)
            self.say(f"+ idling\r\n* {self.told} EXISTS")
        else:
            self.say("+ idling")
        ended = threading.Event()

        def tell() -> None:
            with contextlib.suppress(OSError, Break), server.lock:
                while not ended.is_set():
                    self._tell_exists()
                    server.lock.wait(0.05)

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        line = self.file.readline()
        ended.set()
        teller.join()
        if line.strip().upper() != b"DONE":
            raise Break

    # ------------------------------------------------------------------ parts

    @property
    def messages(self) -> list[Message]:
        assert self.folder is not None, "a folder was selected"
        return self.folder.messages

    def _chosen(self, numbers: str) -> list[tuple[int, Message]]:
        test = _uid_set(numbers, self.messages)
        return [(number, one) for number, one in enumerate(self.messages, start=1) if test(one)]

    def _expunge(self, test: Callable[[Message], bool]) -> None:
        assert self.folder is not None, "a folder was selected"
        with self.server.lock:
            for number, message in reversed(list(enumerate(self.messages, start=1))):
                if test(message):
                    self.folder.messages.remove(message)
                    self.told -= 1
                    self.say(f"* {number} EXPUNGE")

    def _tell_exists(self) -> None:
        if self.folder is not None and len(self.messages) != self.told:
            self.told = len(self.messages)
            self.say(f"* {self.told} EXISTS")


def _uid_set(text: str, messages: list[Message]) -> Callable[[Message], bool]:
    highest = max((one.uid for one in messages), default=0)
    ranges = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        ends = sorted(highest if end == "*" else int(end) for end in (first, last or first))
        ranges.append(range(ends[0], ends[1] + 1))
    return lambda message: any(message.uid in one for one in ranges)


PLAIN_CRITERIA: dict[str, Callable[[Message], bool]] = {
    "UNSEEN": lambda one: "\\Seen" not in one.flags,
    "SEEN": lambda one: "\\Seen" in one.flags,
    "ALL": lambda _one: True,
}


def _criteria(text: str, messages: list[Message]) -> Callable[[Message], bool]:
    words = re.findall(r"[()]|[^\s()]+", text)

    def term() -> Callable[[Message], bool]:
        word = words.pop(0).upper()
        if word in PLAIN_CRITERIA:
            return PLAIN_CRITERIA[word]
        if word == "UID":
            return _uid_set(words.pop(0), messages)
        if word == "SINCE":
            day, month, year = words.pop(0).split("-")
            since = datetime(int(year), MONTHS.index(month) + 1, int(day), tzinfo=UTC)
            return lambda one: one.received >= since
        if word == "OR":
            first, second = term(), term()
            return lambda one: first(one) or second(one)
        assert word == "(", f"no criterion {word}"
        return all_until(")")

    def all_until(end: str) -> Callable[[Message], bool]:
        tests = []
        while words and words[0] != end:
            tests.append(term())
        del words[:1]
        return lambda one: all(test(one) for test in tests)

    return all_until("")
