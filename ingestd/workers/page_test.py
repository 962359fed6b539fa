"""A test page: the same connector, the same text maker, marked TEST; outside the outbox, since it belongs to no incident."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from ingestd.core.names import Channel, EffectKey, IncidentId, IncidentState, Level, Severity
from ingestd.core.policy import Person, Policy
from ingestd.core.safe_text import masked_address
from ingestd.errors import DeliveryError
from ingestd.ports import Contact, IncidentView, Pager, PageReceipt, PageText
from ingestd.telling import contact_of

SECONDS_MAX = 60.0


async def send(
    person: Person,
    pagers: Mapping[str, Pager],
    policy: Policy,
    channel: Channel | None,
    now: datetime,
    dead: Mapping[tuple[Channel, str], str] | None = None,
) -> list[dict[str, object]]:
    """Send by one channel of the person or by all of them, and by each service of a channel; what became of each, in order.

    ``dead``: addresses that pages pass over, and why. They are tried as well, since that is how one learns that they work again.
    """
    ways = [
        (known, address, connector)
        for known, address in person.channels
        if channel is None or known is channel
        for connector in policy.connectors_of(known, address) or ("",)
    ]
    tries = [_try(person, pagers.get(name), name, known, address, now) for known, address, name in ways]
    results = await asyncio.gather(*tries)
    for row, (known, address, _) in zip(results, ways, strict=True):
        row["dead"] = (dead or {}).get((known, address), "")
    return list(results)


async def _try(
    person: Person, pager: Pager | None, name: str, channel: Channel, address: str, now: datetime
) -> dict[str, object]:
    row: dict[str, object] = {"channel": channel.value, "connector": name, "address_masked": masked_address(address)}
    if pager is None:
        return {**row, "ok": False, "text": f"no connector serves {channel}"}
    text = _text(person, contact_of(person, channel, address), now)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            receipt: PageReceipt = await pager.page(text, EffectKey(f"TEST/{name}/page/{int(now.timestamp())}"))
    except TimeoutError:
        return {**row, "ok": False, "text": f"no answer within {SECONDS_MAX:.0f} s"}
    except DeliveryError as error:
        return {**row, "ok": False, "text": str(error)}
    return {**row, "ok": True, "text": receipt.text or "accepted"}


def _text(person: Person, contact: Contact, now: datetime) -> PageText:
    view = IncidentView(
        id=IncidentId("TEST"),
        title="TEST page from ingestd: nothing is wrong",
        summary=f"This tests that {person.display_name} can be reached. No answer is needed.",
        state=IncidentState.TRIGGERED,
        severity=Severity.LOW,
        impact=Level.LOW,
        urgency=Level.LOW,
        category="test",
        team="",
        rule="",
        opened_at=now,
        alerts=(),
        firing_count=0,
        alert_count=0,
    )
    return PageText("test", view, contact, sent_at=now)
