"""A test page: the same connector, the same text maker, marked TEST; outside the outbox, since it belongs to no incident."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from ingestd.core.names import Channel, EffectKey, IncidentId, IncidentState, Level, Severity
from ingestd.core.policy import Person
from ingestd.core.safe_text import masked_address
from ingestd.errors import DeliveryError
from ingestd.ports import Contact, IncidentView, Pager, PageReceipt, PageText

SECONDS_MAX = 60.0


async def send(
    person: Person,
    pagers: Mapping[str, Pager],
    connector_of: Mapping[Channel, str],
    channel: Channel | None,
    now: datetime,
) -> list[dict[str, object]]:
    """Send to one channel of the person or to all of them; what became of each, in order."""
    results: list[dict[str, object]] = []
    for known, address in person.channels:
        if channel is not None and known is not channel:
            continue
        name = connector_of.get(known, "")
        row: dict[str, object] = {"channel": known.value, "connector": name, "address_masked": masked_address(address)}
        pager = pagers.get(name)
        if pager is None:
            results.append({**row, "ok": False, "text": f"no connector serves {known}"})
            continue
        text = _text(person, Contact(person.name, person.display_name, known, address), now)
        try:
            async with asyncio.timeout(SECONDS_MAX):
                receipt: PageReceipt = await pager.page(text, EffectKey(f"TEST/{name}/page/{int(now.timestamp())}"))
        except TimeoutError:
            results.append({**row, "ok": False, "text": f"no answer within {SECONDS_MAX:.0f} s"})
        except DeliveryError as error:
            results.append({**row, "ok": False, "text": str(error)})
        else:
            results.append({**row, "ok": True, "text": receipt.text or "accepted"})
    return results


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
