"""The deliveries that wait in a rehearsal, found by lane, incident and instant: a storm of ten thousand incidents stays quick."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime

from ingestd.core.delivery import Delivery
from ingestd.core.effects import LATER_LANE
from ingestd.core.names import EffectKind, IncidentId, PersonName

_Queued = tuple[int, Delivery]
"""A delivery with the number under which it was queued."""


class WaitingDeliveries:
    """Goes out as the dispatcher sends: each lane in its order, among lanes whichever was queued first.

    Only the head of a lane can go: it is due later, ready, or held back by the state of its incident. Numbers in the heaps that are not of
    a head any more are passed over.
    """

    def __init__(self) -> None:
        self._lanes: dict[IncidentId, dict[str, deque[_Queued]]] = {}
        self._heads: dict[int, Delivery] = {}
        self._later: list[tuple[datetime, int]] = []
        self._ready: list[int] = []
        self._held: dict[IncidentId, list[int]] = {}
        self._queued_count = 0

    def add(self, delivery: Delivery) -> None:
        """Queue it behind all others of its lane."""
        self._queued_count += 1
        lane = self._lanes.setdefault(delivery.incident_id, {}).setdefault(delivery.lane, deque())
        lane.append((self._queued_count, delivery))
        if len(lane) == 1:
            self._place(lane)

    def drop(
        self,
        incident_id: IncidentId,
        kinds: tuple[EffectKind, ...],
        later_of: PersonName | None = None,
        now: datetime | None = None,
    ) -> None:
        """Forget what waits of these kinds for the incident; with ``later_of`` only what is to go to this person after ``now``."""
        lanes = self._lanes.get(incident_id, {})
        for name, lane in list(lanes.items()):
            if later_of is not None and not (name.endswith(LATER_LANE) and lane[0][1].person == later_of):
                continue
            self._heads.pop(lane[0][0], None)
            lanes[name] = deque(
                one
                for one in lane
                if one[1].kind not in kinds or (later_of is not None and now is not None and one[1].due_at <= now)
            )
            self._settle(incident_id, name)

    def look_again(self, incident_id: IncidentId) -> None:
        """The incident has changed: what its state held back may go now."""
        for number in self._held.pop(incident_id, ()):
            heapq.heappush(self._ready, number)

    def take(self, now: datetime, is_held: Callable[[Delivery], bool]) -> Delivery | None:
        """The next one that is due and not held back, which waits no longer; None if there is none.

        ``is_held`` depends on the incident alone: what it held is asked about again after ``look_again``.
        """
        while self._later and self._later[0][0] <= now:
            heapq.heappush(self._ready, heapq.heappop(self._later)[1])
        while self._ready:
            number = heapq.heappop(self._ready)
            delivery = self._heads.get(number)
            if delivery is None:
                continue
            if is_held(delivery):
                self._held.setdefault(delivery.incident_id, []).append(number)
                continue
            del self._heads[number]
            self._lanes[delivery.incident_id][delivery.lane].popleft()
            self._settle(delivery.incident_id, delivery.lane)
            return delivery
        return None

    def next_due_at(self) -> datetime | None:
        """When the next one comes due; None if none does by itself."""
        while self._later and self._later[0][1] not in self._heads:
            heapq.heappop(self._later)
        return self._later[0][0] if self._later else None

    def behind(self, delivery: Delivery) -> Iterator[Delivery]:
        """What waits in the lane of a delivery that was taken."""
        return (one for _, one in self._lanes.get(delivery.incident_id, {}).get(delivery.lane, ()))

    def _place(self, lane: deque[_Queued]) -> None:
        number, delivery = lane[0]
        self._heads[number] = delivery
        heapq.heappush(self._later, (delivery.due_at, number))

    def _settle(self, incident_id: IncidentId, name: str) -> None:
        """The lane has lost something: its next one is the head now, or the lane is forgotten."""
        lanes = self._lanes[incident_id]
        if lanes[name]:
            self._place(lanes[name])
            return
        del lanes[name]
        if not lanes:
            del self._lanes[incident_id]
