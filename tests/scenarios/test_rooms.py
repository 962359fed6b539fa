"""What a team's room reads, and where the meeting of an incident stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

from connectors.apprise_pager.content import content_of
from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import Step, Team
from ingestd.testing.world import policy

BRIDGE = "https://teams.microsoft.com/l/meetup-join/1"


def with_room(**more):
    base = policy(steps=[Step((PersonName(name),), 300) for name in ("ada", "bo")], **more)
    team = Team("default", room="ops", bridges={None: BRIDGE})
    return replace(base, teams={"default": team}, channel_connectors={**base.channel_connectors, Channel.CHAT: "chat"})


def posts_of(day):
    return [page for page in day.chat.sent if page.purpose == "post"]


def read(page):
    return content_of(page.text, ZoneInfo("UTC"), is_room=True)


def test_a_room_reads_each_turn_once_with_who_was_paged_and_who_has_it(new_day, nothing_else_arrives):
    day = new_day(policy=with_room())
    day.fires()
    day.advance(minutes=5, seconds=5)
    day.acknowledge("INC-1001", by="bo", via="sms")
    day.clears()
    day.advance(minutes=3)
    posts = posts_of(day)
    assert [(page.text.contact.address, page.text.reason) for page in posts] == [
        ("ops", "opened"),
        ("ops", "nobody answered: L2 is paged"),
        ("ops", "acknowledged by bo"),
        ("ops", "resolved: all alerts have cleared"),
    ]
    opened, escalated, taken, over = map(read, posts)
    assert opened.title.startswith("HIGH INC-1001: ")
    assert "Nobody answered: L2 is paged." in escalated.lines
    assert dict(escalated.facts)["Paged"] == "ada by sms"
    assert taken.title.startswith("ACKNOWLEDGED HIGH INC-1001: ")
    assert dict(taken.facts)["In charge"] == "bo"
    assert over.title.startswith("RESOLVED INC-1001: ")
    assert all(("Join the meeting", BRIDGE) in content.links for content in (opened, escalated, taken, over))
    nothing_else_arrives(day)


def test_a_room_is_told_when_the_next_level_is_paged_and_never_how_to_acknowledge_for_somebody(
    new_day, nothing_else_arrives
):
    day = new_day(policy=with_room())
    day.fires()
    day.advance(seconds=5)
    [post] = posts_of(day)
    assert post.text.next_step_at is not None
    assert post.text.next_step_at.astimezone(UTC) > post.at
    assert post.text.link == ""
    page = next(page for page in day.sms.sent if page.purpose == "page")
    assert page.text.link.rpartition("/")[2] not in repr(post.text)
    day.acknowledge("INC-1001", by="ada")
    day.advance(seconds=5)
    nothing_else_arrives(day)


def test_a_room_reads_once_that_nobody_is_left(new_day, nothing_else_arrives):
    day = new_day(policy=with_room())
    day.fires()
    day.advance(minutes=30)
    assert [page.text.reason for page in posts_of(day)] == [
        "opened",
        "nobody answered: L2 is paged",
        "every step has run and nobody answered",
    ]
    nothing_else_arrives(day)


def test_the_meeting_stands_in_the_page(new_day, nothing_else_arrives):
    day = new_day(policy=with_room())
    day.fires()
    assert {page.text.incident.bridge for page in day.sms.sent} == {BRIDGE}
    day.acknowledge("INC-1001", by="ada")
    day.advance(seconds=5)
    nothing_else_arrives(day)
