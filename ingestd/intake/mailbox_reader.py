"""Reads what is new in one folder: fetched, committed, marked, noted, in this order, so that each crash in between repeats something harmless.

What is new goes by UID, not by the flag Seen: somebody who opens the mailbox in a browser marks mail that nobody has taken yet. Doubles are
kept out by the content: a message that was stored is known for 90 days, also when the server numbers anew or somebody moves it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

import structlog

from ingestd.ambient import Clock
from ingestd.core.mail.arrival import Arrival, joined
from ingestd.intake.mailbox_client import MailboxClient, Refused, Selected
from ingestd.intake.mailbox_errands import Errands, Parcel
from ingestd.intake.mailbox_headers import recipients_of, return_path_of
from ingestd.intake.mailbox_plan import MailboxPlan, MailRoutes
from ingestd.store.mailboxes import Position
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BATCH_COUNT_MAX: Final = 20
BATCH_BYTES_MAX: Final = 1024**2
WINDOW_UIDS: Final = 50_000
"""So many numbers are searched at once: the answer may name each of them."""
KEEP_AT_LEAST_EVERY: Final = timedelta(hours=1)
MARGIN: Final = timedelta(days=2)
"""A search knows days alone, without a zone, and clocks differ."""
LOOK_BACK: Final = timedelta(days=80)
"""After the server has numbered anew: older mail that is unseen is left alone, as what was taken of it might not be known any more."""
BLAME_MAX: Final = 12
BLAME_REFUSED: Final = 4
"""A message that the server refuses to give three times, or that the connection was lost over twelve times, is not waited for any longer."""
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

BIG_ONE_AT_A_TIME: Final = Lock()
"""Of all mailboxes one fetches a large message at a time, so that their number does not multiply the memory."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message as it was fetched, put up for the inbox. ``is_given`` is False for a stand-in of one that the server does not give."""

    uid: int
    parcel: Parcel
    is_cut: bool
    is_given: bool


class MailboxReader:
    """Reads one folder over one connection after the other. ``on_progress`` is called whenever something has come of it."""

    def __init__(
        self,
        plan: MailboxPlan,
        routes: Callable[[], MailRoutes],
        errands: Errands,
        clock: Clock,
        metrics: Metrics,
        on_progress: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._routes = routes
        self._errands = errands
        self._clock = clock
        self._metrics = metrics
        self._on_progress = on_progress
        self._position: Position | None = None
        self._kept_at: datetime | None = None
        self._blame: dict[int, int] = {}
        """By UID: how much speaks for a message being the reason that nothing goes on."""

    def look(self, client: MailboxClient) -> None:
        """Take everything that is new. Raises as ``MailboxClient`` and ``Errands`` do; what was taken until then is taken."""
        selected = client.select(self._plan.folder)
        if not selected.uid_next:
            selected = replace(selected, uid_next=max(client.search("UID *"), default=0) + 1)
        position = self._found(selected)
        now = self._clock.now()
        for uids in self._batches(client, position, selected):
            position = self._take(client, position, uids)
        position = replace(position, last_uid=max(position.last_uid, position.all_from_uid - 1), looked_at=now)
        is_due = self._kept_at is None or now - self._kept_at >= KEEP_AT_LEAST_EVERY
        if is_due or position != replace(self._known(), looked_at=now):
            self._keep(position)
        self._on_progress()

    # ------------------------------------------------------------------ where to go on

    def _found(self, selected: Selected) -> Position:
        """Where to go on in the folder as it is numbered now."""
        plan = self._plan
        if self._position is None:
            self._position = self._errands.position(plan.account, plan.place)
        known = self._position
        if known is not None and known.uid_validity == selected.uid_validity:
            return known
        now = self._clock.now()
        fresh = Position(plan.account, plan.place, selected.uid_validity, 0, selected.uid_next, None, now)
        if known is None:
            if plan.start_with == "new":
                fresh = replace(fresh, last_uid=selected.uid_next - 1)
            elif plan.start_with == "all":
                fresh = replace(fresh, all_from_uid=1)
        else:
            # The old numbers mean nothing any more. Everything before that look had been taken.
            fresh = replace(fresh, since_at=known.looked_at, looked_at=known.looked_at)
            log.warning(log_events.MAILBOX_RENUMBERED, account=plan.account, since=known.looked_at.isoformat())
        self._keep(fresh)
        self._blame.clear()
        return fresh

    def _batches(self, client: MailboxClient, position: Position, selected: Selected) -> Iterator[list[int]]:
        """The UIDs to be taken, lowest first, in pieces."""
        start = position.last_uid + 1
        if start >= selected.uid_next:
            return
        end = min(position.all_from_uid, selected.uid_next)
        while start < end:
            stop = min(start + WINDOW_UIDS, end)
            yield from _pieces(client.search(f"UID {start}:{stop - 1} {self._of_the_past(position)}"))
            start = stop
        while start + WINDOW_UIDS < selected.uid_next:
            yield from _pieces(client.search(f"UID {start}:{start + WINDOW_UIDS - 1}"))
            start += WINDOW_UIDS
        # A star stands for the highest number there is, even if that is lower.
        yield from _pieces([uid for uid in client.search(f"UID {start}:*") if uid >= start])

    def _of_the_past(self, position: Position) -> str:
        """What is taken of the messages that were there before everything is taken."""
        if position.since_at is None:
            return "UNSEEN"
        since = position.since_at - MARGIN
        back = self._clock.now() - LOOK_BACK
        if since <= back:
            return f"SINCE {_day(since)}"
        return f"OR (UNSEEN SINCE {_day(back)}) (SINCE {_day(since)})"

    # ------------------------------------------------------------------ taking

    def _take(self, client: MailboxClient, position: Position, uids: Sequence[int]) -> Position:
        """Some messages. What is held at a time is one large message, or small ones that are not more than a batch together."""
        sizes = client.sizes(uids)
        done: list[int] = []
        batch: list[Fetched] = []
        for uid in uids:
            size = min(sizes.get(uid, 0), self._routes().bytes_max)
            # The server's word on sizes is for the order of things alone: what was fetched counts as large as it is.
            if batch and sum(len(one.parcel.body) for one in batch) + size > BATCH_BYTES_MAX:
                position = self._take_batch(client, position, done, batch)
                done, batch = [], []
            with BIG_ONE_AT_A_TIME if size > BATCH_BYTES_MAX else nullcontext():
                try:
                    found = self._fetch(client, uid, position)
                except Refused:
                    if done:  # what came before it need not wait for it
                        self._take_batch(client, position, done, batch)
                    raise
                done.append(uid)
                batch += [found] if found is not None else []
                if size > BATCH_BYTES_MAX:
                    position = self._take_batch(client, position, done, batch)
                    done, batch, found = [], [], None
        return self._take_batch(client, position, done, batch) if done else position

    def _take_batch(
        self, client: MailboxClient, position: Position, uids: Sequence[int], batch: Sequence[Fetched]
    ) -> Position:
        """Commit, mark, note. ``uids`` are those up to which all is dealt with then; what has gone meanwhile is among them."""
        for one, is_new in zip(batch, self._errands.store([one.parcel for one in batch]), strict=True):
            self._count(one, is_new=is_new)
        taken = [one.uid for one in batch if one.is_given]
        if taken:
            self._mark(client, taken)
        position = replace(position, last_uid=uids[-1])
        self._keep(position)
        self._on_progress()
        return position

    def _fetch(self, client: MailboxClient, uid: int, position: Position) -> Fetched | None:
        """A message, or its beginning; a stand-in if the server does not give it after many tries; None if it has gone."""
        bytes_max = self._routes().bytes_max
        blame = self._blame.get(uid, 0)
        if blame >= 2 * BLAME_MAX:
            log.error(log_events.MAILBOX_MAIL_UNFETCHABLE, account=self._plan.account, uid=uid)
            return self._put_up(uid, position, b"", is_given=False)
        is_doubtful = blame >= BLAME_MAX
        self._blame[uid] = blame + 1
        try:
            raw = client.fetch(uid, bytes_max + 1, headers_only=is_doubtful)
        except Refused:
            self._blame[uid] = blame + BLAME_REFUSED
            raise
        self._blame.pop(uid, None)
        if raw is None:
            return None
        if is_doubtful:
            log.error(log_events.MAILBOX_MAIL_UNFETCHABLE, account=self._plan.account, uid=uid)
        return self._put_up(uid, position, raw, is_given=not is_doubtful)

    def _put_up(self, uid: int, position: Position, raw: bytes, *, is_given: bool) -> Fetched:
        """Made at once, so that a large message is held once."""
        plan, routes = self._plan, self._routes()
        recipients = recipients_of(raw)
        source = routes.source_of(recipients, plan.source)
        kept = raw[: routes.bytes_max_of(source)]
        arrival = Arrival(
            door="imap",
            sender=return_path_of(raw),
            recipients=recipients,
            account=plan.account,
            folder=plan.folder,
            uid_validity=position.uid_validity,
            uid=uid,
            is_cut=not is_given or len(kept) < len(raw),
        )
        # Of what could not be fetched nothing may be the same as of another one.
        what = hashlib.sha256(kept).hexdigest() if is_given else f"unfetched/{position.uid_validity}/{uid}"
        parcel = Parcel(source, joined(arrival, kept), f"mailbox/{plan.account}/{what}")
        return Fetched(uid, parcel, arrival.is_cut, is_given)

    def _mark(self, client: MailboxClient, uids: Sequence[int]) -> None:
        """Say in the mailbox that they are taken. It is for people: whether a message is taken goes by its number."""
        try:
            client.mark_seen(uids)
            if self._plan.move_to:
                client.move(uids, self._plan.move_to)
        except Refused as refused:
            self._metrics.mailbox_failures.labels(self._plan.account, "marking").inc()
            log.warning(log_events.MAILBOX_NOT_MARKED, account=self._plan.account, count=len(uids), error=str(refused))

    def _count(self, one: Fetched, *, is_new: bool) -> None:
        result = "unfetchable" if not one.is_given else "known" if not is_new else "cut" if one.is_cut else "taken"
        self._metrics.mailbox_mails.labels(self._plan.account, result).inc()
        if is_new:
            self._metrics.envelopes.labels(one.parcel.source).inc()

    # ------------------------------------------------------------------ noting

    def _known(self) -> Position:
        assert self._position is not None, "found before"
        return self._position

    def _keep(self, position: Position) -> None:
        self._errands.keep(position)
        self._position = position
        self._kept_at = self._clock.now()


def _pieces(uids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(uids), BATCH_COUNT_MAX):
        yield list(uids[start : start + BATCH_COUNT_MAX])


def _day(at: datetime) -> str:
    """A day as IMAP writes it, in English whatever the machine speaks."""
    utc = at.astimezone(UTC)
    return f"{utc.day}-{_MONTHS[utc.month - 1]}-{utc.year}"
