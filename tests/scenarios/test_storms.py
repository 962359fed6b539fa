"""Many incidents at once, or one after the other: everybody still reads what matters, and nobody's phone is flooded."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from ingestd.core.names import Channel, IncidentState
from ingestd.core.throttle import Batching, ChannelLimits, Limit
from ingestd.testing.outside import Fault
from ingestd.testing.virtual_time import SimulatedCrash
from ingestd.testing.world import RULES, World, alertmanager_body, policy

CALM = Batching(above=1000)


def disks(world: World, *clusters: str, status: str = "firing", **extra: str) -> None:
    """One message with an alert per cluster: an incident of severity high each."""
    labels = [{"alertname": "DiskFull", "host": "db1", "cluster": one, **extra} for one in clusters]
    world.receive(alertmanager_body(*labels, status=status))
    world.advance(seconds=1)


def sites(world: World, *clusters: str) -> None:
    """The same of severity critical."""
    world.receive(alertmanager_body(*({"alertname": "SiteDown", "host": "w1", "cluster": one} for one in clusters)))
    world.advance(seconds=1)


def told_of(world: World, person: str = "ada") -> Counter[str]:
    """How often each incident was told to somebody, alone or with others."""
    pages = [page for page in (*world.sms.sent, *world.mail.sent) if page.person == person]
    asked = [page for page in pages if page.purpose in {"page", "summary"}]
    return Counter(one for page in asked for one in (page.incident, *(view.id for view in page.text.also)))


def acknowledge_all(world: World) -> None:
    for incident in world.incidents():
        if incident.state is IncidentState.TRIGGERED:
            world.acknowledge(incident.id)


def test_what_waits_at_the_same_moment_is_one_message_led_by_the_worst(day, nothing_else_arrives):
    day.receive(
        alertmanager_body(
            {"alertname": "DiskFull", "host": "db1", "cluster": "a"},
            {"alertname": "SiteDown", "host": "w1", "cluster": "b"},
            {"alertname": "DiskFull", "host": "db1", "cluster": "c"},
        )
    )
    day.advance(seconds=1)
    (page,) = day.sms.sent
    assert (page.purpose, page.incident) == ("summary", "INC-1002")
    assert [view.id for view in page.text.also] == ["INC-1001", "INC-1003"]
    assert (page.text.also_count, page.text.window_minutes, page.text.reason) == (2, 1, "1 critical, 2 high")
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_a_sixth_text_message_within_a_quarter_of_an_hour_waits_and_tells_what_came_meanwhile(
    new_day, nothing_else_arrives
):
    day = new_day(policy=without_answers())
    for cluster in "abcde":
        disks(day, cluster)
        day.advance(minutes=1.5)
    assert len(day.sms.sent) == 5
    for cluster in "fgh":
        disks(day, cluster)
        day.advance(minutes=1)
    assert len(day.sms.sent) == 5
    day.advance(minutes=5)
    assert len(day.sms.sent) == 6
    last = day.sms.sent[-1]
    assert {last.incident, *(view.id for view in last.text.also)} == {"INC-1006", "INC-1007", "INC-1008"}
    assert last.at - day.sms.sent[0].at >= timedelta(minutes=15)
    acknowledge_all(day)
    nothing_else_arrives(day)


def without_answers(**limits: object):
    """Only ada, by text message alone, and nobody after her for a day: what is counted is the limit, not the escalation."""
    base = policy()
    step = replace(base.escalations["default"].steps[0], wait_seconds=86_400)
    plan = replace(base.escalations["default"], steps=(step,))
    ada = replace(base.people["ada"], channels=base.people["ada"].channels[:1])
    return replace(base, escalations={"default": plan}, people={**base.people, "ada": ada}, **limits)


def test_the_first_page_of_a_critical_incident_is_never_held_and_tells_what_is(new_day, nothing_else_arrives):
    day = new_day(policy=without_answers())
    for cluster in "abcdefg":
        disks(day, cluster)
    assert len(day.sms.sent) == 5
    sites(day, "x")
    assert len(day.sms.sent) == 6
    page = day.sms.sent[-1]
    assert page.incident == "INC-1008"
    assert {view.id for view in page.text.also} == {"INC-1006", "INC-1007"}
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_each_person_has_a_limit_of_their_own_and_so_has_each_channel(new_day, nothing_else_arrives):
    base = policy()
    both = replace(base.escalations["default"].steps[0], people=("ada", "bo"), wait_seconds=86_400)
    limits = {Channel.SMS: ChannelLimits((Limit(1, 3600),), CALM)}
    day = new_day(
        policy=replace(
            base, escalations={"default": replace(base.escalations["default"], steps=(both,))}, limits=limits
        )
    )
    disks(day, "a")
    assert sorted(day.pages()) == [("ada", "sms", "page"), ("bo", "sms", "page")]
    disks(day, "b")
    assert len(day.sms.sent) == 2
    assert sorted(page.person for page in day.mail.sent) == ["ada", "bo"]
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_what_a_limit_would_hold_for_long_goes_by_the_next_channel_at_once(new_day, nothing_else_arrives):
    day = new_day(policy=replace(policy(), limits={Channel.SMS: ChannelLimits((Limit(1, 3600),), CALM)}))
    disks(day, "a")
    disks(day, "b")
    assert day.pages() == [("ada", "sms", "page"), ("ada", "email", "page")]
    assert "page/over_limit" in day.history(1002)
    assert day.mail.sent[0].text.reason == "sms is over its limit"
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_a_held_page_is_no_missing_answer(new_day, nothing_else_arrives):
    """The step waits two minutes; the page may leave only after five. The next level is not woken for that."""
    base = policy()
    steps = tuple(replace(step, wait_seconds=120) for step in base.escalations["default"].steps)
    plan = replace(base.escalations["default"], steps=steps)
    limits = {Channel.SMS: ChannelLimits((Limit(1, 300),), CALM), Channel.EMAIL: ChannelLimits()}
    day = new_day(policy=replace(base, escalations={"default": plan}, limits=limits))
    disks(day, "a")
    day.acknowledge("INC-1001")
    disks(day, "b")
    day.advance(minutes=4, seconds=50)
    assert day.pages() == [("ada", "sms", "page")]
    assert "escalation/page_waits" in day.history(1002)
    day.advance(seconds=10)
    assert day.pages() == [("ada", "sms", "page")] * 2
    day.advance(seconds=115)
    assert day.pages() == [("ada", "sms", "page")] * 2
    day.advance(seconds=10)
    assert day.pages()[2:] == [("bo", "sms", "page")]
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_a_held_page_of_what_is_acknowledged_meanwhile_is_dropped_with_its_reason(new_day, nothing_else_arrives):
    day = new_day(policy=without_answers(limits={Channel.SMS: ChannelLimits((Limit(1, 300),), CALM)}))
    disks(day, "a")
    disks(day, "b", "c")
    day.acknowledge("INC-1002")
    day.advance(minutes=6)
    assert [page.incident for page in day.sms.sent] == ["INC-1001", "INC-1003"]
    assert day.sms.sent[-1].purpose == "page"
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_a_burst_goes_in_batches_and_calm_ends_them(new_day, nothing_else_arrives):
    day = new_day(policy=without_answers(limits={Channel.SMS: ChannelLimits((), Batching(above=3, within_seconds=60))}))
    for second in range(40):
        sites(day, f"s{second}")
    gaps = [later.at - page.at for page, later in zip(day.sms.sent[4:], day.sms.sent[5:], strict=False)]
    assert len(day.sms.sent) <= 8
    assert all(gap >= timedelta(seconds=10) for gap in gaps)
    day.advance(seconds=10)
    assert set(told_of(day)) == {incident.id for incident in day.incidents()}
    acknowledge_all(day)
    day.advance(minutes=6)
    sites(day, "later")
    sites(day, "after")
    assert [page.purpose for page in day.sms.sent[-2:]] == ["page", "page"]
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_the_end_of_many_is_one_message(day, nothing_else_arrives):
    disks(day, "a", "b", "c")
    acknowledge_all(day)
    ends = day.now().isoformat()
    disks(day, "a", "b", "c", status="resolved", _ends=ends)
    day.advance(minutes=2)
    assert day.pages() == [("ada", "sms", "summary"), ("ada", "sms", "resolved")]
    assert day.sms.sent[-1].text.also_count == 2
    nothing_else_arrives(day)


def test_a_summary_whose_reply_is_lost_is_found_and_said_once(day, nothing_else_arrives):
    day.sms.faults = [Fault.LOSE_REPLY]
    disks(day, "a", "b", "c")
    day.advance(minutes=1)
    assert day.pages() == [("ada", "sms", "summary")]
    assert [incident.escalation.paged for incident in day.incidents()] == [(("ada", Channel.SMS),)] * 3
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_a_summary_that_is_refused_goes_by_mail_for_each_of_its_incidents(day, nothing_else_arrives):
    day.sms.faults = [Fault.REJECT]
    disks(day, "a", "b", "c")
    assert day.pages() == [("ada", "email", "summary")]
    assert set(told_of(day)) == {"INC-1001", "INC-1002", "INC-1003"}
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_a_summary_that_did_not_arrive_goes_by_mail_for_each_of_its_incidents(day, nothing_else_arrives):
    disks(day, "a", "b", "c")
    day.receipt(day.sms.sent[0], "failed")
    day.advance(seconds=2)
    assert day.pages() == [("ada", "sms", "summary"), ("ada", "email", "summary")]
    assert told_of(day) == Counter({"INC-1001": 2, "INC-1002": 2, "INC-1003": 2})
    acknowledge_all(day)
    nothing_else_arrives(day)


def test_a_death_at_any_instant_of_a_summary_loses_nothing_and_says_nothing_thrice(new_day):
    """Every marked instant of the sending and settling of one summary, one after the other."""
    dies_at, has_died = 0, True
    while has_died:
        dies_at += 1
        assert dies_at < 60, "the summary is never said without a death"
        has_died = _dies_while_it_is_said(new_day(), dies_at)
    assert dies_at > 10


def _dies_while_it_is_said(world: World, dies_at: int) -> bool:
    points: list[str] = []

    def die(point: str) -> None:
        points.append(point)
        if len(points) == dies_at:
            world.life.loop.crash(point)

    disks(world, "z")
    world.acknowledge("INC-1001")
    world.receive(alertmanager_body(*({"alertname": "DiskFull", "host": "db1", "cluster": one} for one in "abc")))
    world.at_point = die
    try:
        world.advance(seconds=2)
        has_died = False
    except SimulatedCrash:
        world.bury()
        has_died = True
    world.at_point = lambda _point: None
    if has_died:
        world.start()
    world.advance(minutes=4)
    told = told_of(world)
    assert set(told) == {"INC-1001", "INC-1002", "INC-1003", "INC-1004"}, (points, told)
    assert max(told.values()) <= 2, (points, told)
    assert [key for key in world.unsettled() if "page" in key] == [], points
    return has_died


def test_a_death_between_the_leader_that_did_not_arrive_and_the_rest_loses_nobody(new_day):
    """The message was lost on its way; the leader is known not to have arrived, the others are not written down yet, and more comes."""
    dies_at, has_died = 0, True
    while has_died:
        dies_at += 1
        assert dies_at < 120, "the summary is never said without a death"
        has_died = _dies_after_it_was_lost(new_day(), dies_at)
    assert dies_at > 10


def _dies_after_it_was_lost(world: World, dies_at: int) -> bool:
    points: list[str] = []

    def die(point: str) -> None:
        points.append(point)
        if len(points) == dies_at:
            world.life.loop.crash(point)

    world.receive(alertmanager_body(*({"alertname": "DiskFull", "host": "db1", "cluster": one} for one in "abc")))
    world.sms.faults = [Fault.LOSE_REQUEST]
    world.at_point = die
    try:
        world.advance(seconds=30)
        has_died = False
    except SimulatedCrash:
        world.bury()
        has_died = True
    world.at_point = lambda _point: None
    if has_died:
        world.start()
    disks(world, "d", "e", "f")
    world.advance(minutes=4)
    told = told_of(world)
    assert set(told) == {f"INC-{number}" for number in range(1001, 1007)}, (points, told)
    return has_died


def test_what_is_answered_while_a_summary_tells_it_is_not_queued_again_by_a_death(new_day, log_lines):
    """Its reply is lost, and the process dies at each instant after that: until the leader is looked up, no other of the summary waits."""
    dies_at, has_died = 0, True
    while has_died:
        dies_at += 1
        has_died = _dies_after_the_reply_is_lost(new_day(), dies_at)
    assert dies_at > 3
    assert [line for line in log_lines if line["event"] == "worker_failed"] == []


def _dies_after_the_reply_is_lost(world: World, dies_at: int) -> bool:
    points: list[str] = []

    def die(point: str) -> None:
        points.append(point)
        if len(points) == dies_at:
            world.life.loop.crash(point)

    world.sms.delay_seconds = 5.0
    world.sms.faults = [Fault.LOSE_REPLY]
    disks(world, "a", "b", "c")
    world.acknowledge("INC-1002")
    world.at_point = die
    try:
        world.advance(seconds=6)
        has_died = False
    except SimulatedCrash:
        world.bury()
        has_died = True
    world.at_point = lambda _point: None
    if has_died:
        world.start()
    world.advance(minutes=4)
    assert [key for key in world.unsettled() if "page" in key] == [], points
    return has_died


def test_one_noisy_service_does_not_keep_the_ticket_of_another_waiting(new_day, nothing_else_arrives):
    slow = replace(RULES[0], name="slow", match=("alertname = Slow",))
    day = new_day(policy=policy((*RULES, slow)))
    day.tickets.delay_seconds = 5.0
    disks(day, *(f"noisy{number}" for number in range(40)))
    day.receive(alertmanager_body({"alertname": "Slow", "host": "db1", "cluster": "quiet"}))
    day.advance(seconds=14)
    opened = [ticket.incident for ticket in day.tickets.kept]
    assert "INC-1041" in opened
    assert len(opened) <= 12
    acknowledge_all(day)
    day.tickets.delay_seconds = 0.0
    day.advance(minutes=5)
    nothing_else_arrives(day)
