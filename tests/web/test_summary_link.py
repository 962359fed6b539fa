"""The link of a message that told several incidents: one button for the one that it names, another for all of them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from ingestd.core.names import EffectKind, IncidentId, IncidentState, PersonName
from ingestd.store import incidents, links
from ingestd.store.schema import outbox
from ingestd.testing.world import alertmanager_body

TOKEN = "tok_sum_1234"
WORST, OTHERS = "INC-1001", ("INC-1002", "INC-1003")


def tells_three(office) -> str:
    """Three incidents in one message to ada, led by the first; gives the path of its link."""
    office.receive(
        alertmanager_body(
            *({"alertname": "DiskFull", "host": f"db-{one}", "cluster": one} for one in ("a", "<b>", "c"))
        )
    )
    office.decide()
    leader = f"{WORST}/sms/page/1"
    link = links.PageLink(
        links.hash_of(TOKEN), IncidentId(WORST), PersonName("ada"), leader, office.clock.at + timedelta(hours=72)
    )
    office.database.run_now(links.add, link)
    office.database.run_now(
        lambda c: (
            c.execute(
                update(outbox)
                .where(outbox.c.kind == EffectKind.PAGE, outbox.c.key != leader)
                .values(state="done", settled_at=office.clock.at, folded_into=leader)
            ).rowcount
        )
    )
    return f"/p/{TOKEN}"


def states(office) -> dict[str, IncidentState]:
    return {one: office.database.read_now(incidents.load, IncidentId(one)).state for one in (WORST, *OTHERS)}


async def test_looking_lists_what_the_message_told_and_changes_nothing(office, client):
    path = tells_three(office)
    before = office.everything()
    text = await (await client.get(path)).text()
    assert all(one in text for one in (WORST, *OTHERS))
    assert "Acknowledge all 3" in text
    assert "db-<b>" not in text
    assert office.everything() == before


async def test_the_first_button_acknowledges_the_one_alone(office, client):
    path = tells_three(office)
    await client.post(path, data={"action": "acknowledge"})
    waits = IncidentState.TRIGGERED
    assert states(office) == {WORST: IncidentState.ACKNOWLEDGED, **dict.fromkeys(OTHERS, waits)}
    assert "Acknowledge all 2" in await (await client.get(path)).text()


async def test_the_other_button_acknowledges_all_of_them_however_often_it_is_pressed(office, client):
    path = tells_three(office)
    for _ in range(2):
        answer = await client.post(path, data={"action": "acknowledge-all"})
        assert answer.status == 200
        assert set(states(office).values()) == {IncidentState.ACKNOWLEDGED}
        assert "Acknowledge all" not in await answer.text()
    by = {office.database.read_now(incidents.load, IncidentId(one)).acknowledged_by for one in (WORST, *OTHERS)}
    assert by == {"ada"}
