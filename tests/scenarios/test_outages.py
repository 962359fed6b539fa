"""ingestd was away: what is still true is decided again, nothing is replayed, and whoever is told late is told so."""

from __future__ import annotations

from dataclasses import replace

from ingestd.core.names import Channel, IncidentState, PersonName
from ingestd.core.policy import Stage, Step
from ingestd.testing.world import World, alertmanager_body, policy

ADA, BO = ("ada", "sms", "page"), ("bo", "sms", "page")


def away(world: World, **duration: float) -> None:
    """The process dies, and comes back after so long."""
    world.kill()
    world.life.virtual.seconds += sum({"hours": 3600, "minutes": 60, "seconds": 1}[u] * n for u, n in duration.items())
    world.start()


def pages_of(world: World) -> list[tuple[str, str]]:
    return [(page.person, page.incident) for page in world.sms.sent if page.purpose in {"page", "summary"}]


def test_two_hours_over_three_steps_are_one_page_for_each_incident(day, nothing_else_arrives):
    day.fires()
    away(day, hours=2)
    day.advance(minutes=4)
    assert day.pages() == [ADA, BO]
    assert day.sms.sent[-1].text.delayed_minutes == 115
    day.advance(minutes=2)
    assert [page.person for page in day.sms.sent] == ["ada", "bo", "cy"]
    assert day.sms.sent[-1].text.delayed_minutes == 0
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_what_was_accepted_and_not_decided_is_paged_late_and_says_by_how_much(
    day, arrive_together, nothing_else_arrives
):
    arrive_together(day, alertmanager_body({"alertname": "SiteDown", "host": "w1", "cluster": "a"}))
    away(day, minutes=42)
    day.advance(seconds=5)
    assert day.pages() == [ADA]
    assert day.sms.sent[0].text.delayed_minutes == 42
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_page_that_waited_for_a_service_that_was_down_with_us_is_sent_once_and_no_other_level_is_woken(
    day, nothing_else_arrives
):
    day.sms.is_down = day.mail.is_down = True
    day.fires()
    away(day, minutes=3)
    day.sms.is_down = day.mail.is_down = False
    day.advance(minutes=1)
    assert pages_of(day).count(("ada", "INC-1001")) == 1
    assert "bo" not in {page.person for page in (*day.sms.sent, *day.mail.sent)}
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_nobody_is_paged_for_what_was_resolved_before_we_went_away(day, nothing_else_arrives):
    day.fires()
    day.clears()
    away(day, hours=2)
    day.advance(minutes=2)
    assert day.pages() == [ADA, ("ada", "sms", "resolved")]
    assert day.incident().state in {IncidentState.RESOLVED, IncidentState.CLOSED}
    nothing_else_arrives(day)


def test_many_open_incidents_after_hours_away_are_one_message_led_by_the_most_severe(day, nothing_else_arrives):
    for number in range(9):
        day.fires(cluster=f"c{number}")
    day.fires("SiteDown", cluster="x")
    told = len(day.sms.sent)
    away(day, hours=2)
    day.advance(seconds=30)
    new = [page for page in day.sms.sent[told:] if page.person == "bo"]
    assert new[0].incident == "INC-1010"
    counted = [one for page in new for one in (page.incident, *(view.id for view in page.text.also))]
    assert sorted(counted) == sorted({incident.id for incident in day.incidents()})
    assert len(new) <= 2
    assert all(page.text.delayed_minutes >= 110 for page in new)
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_what_was_meant_for_later_is_not_late(new_day, nothing_else_arrives):
    """A later stage of a profile leaves when it should; what a service kept waiting says by how much."""
    base = policy()
    plan = replace(base.escalations["default"], steps=(Step((PersonName("ada"),), 86_400),))
    stages = (Stage((Channel.SMS,)), Stage((Channel.EMAIL,), 300))
    ada = replace(base.people[PersonName("ada")], urgent=stages)
    people = {**base.people, PersonName("ada"): ada}
    day = new_day(policy=replace(base, escalations={"default": plan}, people=people))
    day.fires()
    day.advance(minutes=6)
    assert [page.text.delayed_minutes for page in day.mail.sent] == [0]
    day.sms.is_down = day.mail.is_down = True
    day.fires(cluster="b")
    day.advance(minutes=10)
    day.sms.is_down = day.mail.is_down = False
    day.advance(minutes=6)
    late = [page.text.delayed_minutes for page in day.sms.sent if page.incident == "INC-1002"]
    assert late
    assert min(late) >= 9
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)
