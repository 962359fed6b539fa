"""An outbox row as a value: an effect on its way out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingestd.core.effects import PageReason
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentId, PersonName


class DeliveryState(StrEnum):
    """Where a delivery stands. ``uncertain``: it may have taken effect and is being looked for."""

    WAITING = "waiting"
    LEASED = "leased"
    UNCERTAIN = "uncertain"
    DONE = "done"
    DROPPED = "dropped"
    PARKED = "parked"

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will be done."""
        return self in {DeliveryState.DONE, DeliveryState.DROPPED, DeliveryState.PARKED}


@dataclass(frozen=True, slots=True)
class Delivery:
    """An outbox row."""

    key: EffectKey
    incident_id: IncidentId
    connector: str
    kind: EffectKind
    lane: str
    state: DeliveryState
    due_at: datetime
    created_at: datetime
    person: PersonName | None = None
    channel: Channel | None = None
    level: int = 0
    reason: str = ""
    fence: int = 0
    leased_at: datetime | None = None
    lease_until: datetime | None = None
    attempt_count: int = 0
    failed_count: int = 0
    looked_count: int = 0
    unknown_since: datetime | None = None
    """When the request whose outcome is unknown was sent last."""
    is_failed_over: bool = False
    noted_up_to: int | None = None
    """For comments: the last timeline line that the text holds; fixed at the first attempt so that a repeat is equal."""
    detail: str = ""
    receipt_id: str = ""
    receipt_status: str = ""
    """``delivered`` or ``failed`` once the service has said so."""
    receipt_rank: int | None = None
    """Of the newest word of the service; what it said before that changes nothing. None until it said something."""
    settled_at: datetime | None = None
    cause: PageReason | None = None
    share: str = "0"
    """What deliveries are shared out by fairly, see ``core.turn``; of one that is older than this, a share that comes first."""
    rank: int | None = None
    """0 for what matters soonest; None for one that is older than this."""
    receipt_due_at: datetime | None = None
    """By when the service ought to have said that it arrived; None if no receipt is awaited, or it has come."""
    held_since: datetime | None = None
    """Since when a limit keeps it back."""
    folded_into: str | None = None
    """The delivery that told it together with others."""
    meant_at: datetime | None = None
    """When it ought to have left, unless that is when it was queued: earlier if ingestd was down, later if it waits on purpose."""
    address: str | None = None
    """Where to, if not where the person is reached on this channel by now; of a page that has left, where it went."""
