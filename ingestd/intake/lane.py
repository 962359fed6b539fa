"""The lane for plain requests: from the bytes of a connection to the gate, and from the commit to the bytes of the answer.

It says no to nothing. What it does not take, for whatever reason, goes the usual way, where it is read again and answered properly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp.helpers import rfc822_formatted_time

from ingestd.ambient import Clock
from ingestd.core.names import EnvelopeId
from ingestd.errors import IngestdError, StoreBusy
from ingestd.intake.door import Door
from ingestd.intake.gate import Gate
from ingestd.intake.plain import read_head
from ingestd.intake.readable import is_list, is_strict_json
from ingestd.intake.refusal import RETRY_AFTER_SECONDS, Refusal

TAKEN = 0


class Lane:
    """Takes what can be taken without a question."""

    def __init__(self, gate: Gate, clock: Clock, refused: Callable[[Door, Refusal, str], None]) -> None:
        self._gate = gate
        self._clock = clock
        self._refused = refused
        self.doors: Mapping[str, Door] = {}

    def take(self, data: bytes, remote: str, answer: Callable[[bytes], None]) -> int | None:
        """``TAKEN`` if the bytes are one whole plain request, welcome at its door: then ``answer`` gets the whole answer after the commit.

        A larger number if they are the beginning of one that lacks so many bytes. None if the lane is not for them.
        """
        head = read_head(data)
        if head is None:
            return None
        door = self.doors.get(head.source)
        if door is None or door.checker.is_signed or head.total - head.body_at > door.settings.body_bytes_max:
            return None
        if len(data) > head.total or door.refusal(head.headers, remote, self._clock.now()) is not None:
            return None
        if len(data) < head.total:
            return head.total - len(data)
        body = data[head.body_at :]
        if not is_strict_json(body) or (door.takes_list and not is_list(body)):
            return None

        def settle(envelope_id: EnvelopeId, error: IngestdError | None) -> None:
            if error is None:
                door.stored.inc()
                answer(_stored(envelope_id, door.status_line))
            else:
                self._refused(door, Refusal.STORE_BUSY, remote)
                answer(_NOT_STORED)

        try:
            self._gate.put(door.settings.name, door.settings.kind, body, remote, settle)
        except StoreBusy:
            return None
        return TAKEN


def _stored(envelope_id: EnvelopeId, status_line: str) -> bytes:
    """The answer that says that the envelope is on disk. Ids all have the same length."""
    return (
        f"HTTP/1.1 {status_line}\r\nContent-Type: application/json\r\nContent-Length: {len(envelope_id) + 15}\r\n"
        f'Date: {rfc822_formatted_time()}\r\n\r\n{{"envelope":"{envelope_id}"}}'
    ).encode()


_NOT_STORED = (
    f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: {RETRY_AFTER_SECONDS}\r\n"
    f"Content-Length: {len(Refusal.STORE_BUSY.body())}\r\n\r\n"
).encode() + Refusal.STORE_BUSY.body()
