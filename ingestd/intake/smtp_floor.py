"""The connections of the listener for mail, how fast each address may go, and how much mail may be on its way at once."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, Protocol

from ingestd.intake.smtp_refusal import SmtpRefusal
from ingestd.intake.smtp_settings import SmtpLimits

_ADDRESSES_MAX: Final = 10_000


class Guest(Protocol):
    """A connection, as the floor knows it."""

    is_trusted: bool
    """It comes from a relay of ours."""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for its peer's next command, and has nothing under way."""
        ...

    def dismiss(self, reason: SmtpRefusal) -> None:
        """Say why, and close."""
        ...

    def abort(self) -> None:
        """Close without a word."""
        ...


class Rates:
    """So many of something in a minute, for each address by itself. The oldest of very many addresses are forgotten."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def level(self, key: str, per_minute: int) -> float:
        """How many count against the address now: each wears off within a minute."""
        level, at = self._levels.get(key, (0.0, 0.0))
        return max(0.0, level - (self._now() - at) * per_minute / 60)

    def count(self, key: str, per_minute: int) -> None:
        """One more."""
        self._levels[key] = (self.level(key, per_minute) + 1, self._now())
        self._levels.move_to_end(key)
        if len(self._levels) > _ADDRESSES_MAX:
            self._levels.popitem(last=False)


class Share:
    """What one message takes of the room for all."""

    def __init__(self, floor: SmtpFloor, *, is_trusted: bool) -> None:
        self._floor = floor
        self._is_trusted = is_trusted
        self._bytes = 0

    def reserve(self, more: int) -> bool:
        """Whether there is room for so many bytes more; then they are taken."""
        if not self._floor.has_room(more, is_trusted=self._is_trusted):
            return False
        self._bytes += more
        self._floor.in_flight_bytes += more
        return True

    def release(self) -> None:
        """Give all of it back. May be called again."""
        self._floor.in_flight_bytes -= self._bytes
        self._bytes = 0


class SmtpFloor:
    """Bounds what all connections do together. ``limits`` may be replaced while they are open; ``now`` in seconds, growing."""

    def __init__(self, limits: SmtpLimits, now: Callable[[], float]) -> None:
        self.limits = limits
        self.in_flight_bytes = 0
        self.mails = Rates(now)
        self.failed_logins = Rates(now)
        self._guests: OrderedDict[Guest, str] = OrderedDict()
        self._counts: Counter[str] = Counter()

    @property
    def guests(self) -> list[Guest]:
        """All connections, those that were heard of longest ago first."""
        return list(self._guests)

    def enter(self, guest: Guest, address: str) -> SmtpRefusal | None:
        """One more; why it may not stay, or None. Whoever enters must ``leave``, also if it was refused.

        Where all places are taken, who has been idle for longest goes, so that nobody can keep the others out by doing nothing.
        """
        self._guests[guest] = address
        self._counts[address] += 1
        if not guest.is_trusted and self._counts[address] > self.limits.connections_per_address_max:
            return SmtpRefusal.CONNECTIONS_OF_ADDRESS
        if len(self._guests) > self.limits.connections_max:
            idle = next((one for one in self._guests if one is not guest and one.is_idle and not one.is_trusted), None)
            if idle is None:
                return SmtpRefusal.CONNECTIONS
            idle.dismiss(SmtpRefusal.CONNECTIONS)
        return None

    def leave(self, guest: Guest) -> None:
        """One less. May be called again."""
        address = self._guests.pop(guest, None)
        if address is None:
            return
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]

    def touch(self, guest: Guest) -> None:
        """It was heard of just now."""
        if guest in self._guests:
            self._guests.move_to_end(guest)

    def has_room(self, more: int, *, is_trusted: bool) -> bool:
        """Whether so many bytes of a message may come besides what is on its way. Strangers leave half of the room to our relays."""
        room = self.limits.in_flight_bytes_max if is_trusted else self.limits.in_flight_bytes_max // 2
        return self.in_flight_bytes + more <= room


def address_of(remote: str) -> str:
    """What counts as one address: an IPv4 address, also one in IPv6 clothes, or the /64 that a site of IPv6 has at least."""
    try:
        address = ip_address(remote.partition("%")[0])
    except ValueError:
        return remote
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, 64), strict=False))
    return str(address)
