"""From the first alert to the close: joining, clearing, coming back, getting worse, and what people say meanwhile."""

from __future__ import annotations

from dataclasses import replace

from ingestd.core.names import IncidentState, Level, PersonName, Severity
from ingestd.core.policy import EscalationPolicy, Step
from ingestd.core.rule_compiler import compile_rules
from ingestd.core.rule_draft import Known, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, TeamRoute, TicketPlan
from ingestd.testing.world import RULES, World, alertmanager_body, policy

PAGED = ("ada", "sms", "page")
TOLD = ("ada", "sms", "resolved")


def comments(day: World, index: int = 0) -> list[tuple[str, ...]]:
    return [lines for _, lines in day.tickets.kept[index].comments]


def test_a_second_alert_joins_and_the_ticket_hears_of_it_once(day, nothing_else_arrives):
    day.fires(host="db1")
    day.fires(host="db2")
    day.fires(host="db3")
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    assert comments(day) == [
        (
            "alert fired: DiskFull on db2",
            "alert fired: DiskFull on db3",
            "acknowledged by ada (link)",
        )
    ]
    assert day.pages() == [PAGED]
    assert len(day.incidents()) == 1
    nothing_else_arrives(day)


def test_news_after_a_comment_was_written_goes_into_the_next_one(day, nothing_else_arrives):
    day.fires(host="db1")
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    day.fires(host="db2")
    day.advance(minutes=1)
    day.note("INC-1001", "cleaning up")
    day.advance(minutes=1)
    assert comments(day) == [
        ("acknowledged by ada (link)",),
        ("alert fired: DiskFull on db2",),
        ("note by ada: cleaning up",),
    ]
    nothing_else_arrives(day)


def test_another_place_is_another_incident(day, nothing_else_arrives):
    day.fires(cluster="a")
    day.fires(cluster="b")
    assert [incident.id for incident in day.incidents()] == ["INC-1001", "INC-1002"]
    assert len(day.tickets.kept) == 2
    assert day.pages() == [PAGED, PAGED]
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_a_neighbour_after_the_time_to_correlate_is_another_incident(day, nothing_else_arrives):
    day.fires(host="db1")
    day.acknowledge("INC-1001")
    day.advance(minutes=31)
    day.fires(host="db2")
    assert len(day.incidents()) == 2
    day.acknowledge("INC-1002")
    nothing_else_arrives(day)


def test_it_is_over_only_when_all_alerts_are_over_and_stay_so_for_the_grace(day, nothing_else_arrives):
    day.fires(host="db1")
    day.fires(host="db2")
    day.acknowledge("INC-1001")
    day.clears(host="db1")
    day.advance(minutes=5)
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    day.clears(host="db2")
    day.advance(seconds=58)
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    day.advance(seconds=2)
    assert day.incident().state is IncidentState.RESOLVED
    assert day.tickets.kept[0].history == ["resolved"]
    assert day.pages() == [PAGED, TOLD]
    nothing_else_arrives(day)
    assert day.incident().state is IncidentState.CLOSED


def test_a_refire_within_the_grace_is_as_if_it_had_never_cleared(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001")
    day.clears()
    day.advance(seconds=30)
    day.fires(_starts=day.now().isoformat())
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    assert "triggered/refired_within_grace" in day.history()
    assert day.pages() == [PAGED]
    assert day.tickets.kept[0].history == []
    nothing_else_arrives(day)


def test_a_page_names_the_next_level_only_if_there_is_one(day, nothing_else_arrives):
    day.fires()
    day.advance(minutes=11)
    promised = [page.text.next_step_at for page in day.sms.sent]
    assert [page.person for page in day.sms.sent] == ["ada", "bo", "cy"]
    assert promised == [day.sms.sent[1].at, day.sms.sent[2].at, None]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_refire_within_the_reopen_window_is_the_same_incident_and_ticket_and_pages_again(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001")
    day.clears()
    day.advance(minutes=10)
    assert day.incident().state is IncidentState.RESOLVED
    day.fires(_starts=day.now().isoformat())
    incident = day.incident()
    assert (incident.state, incident.acknowledged_by, incident.reopen_count) == (IncidentState.TRIGGERED, "", 1)
    assert [ticket.history for ticket in day.tickets.kept] == [["resolved", "reopened"]]
    assert day.pages() == [PAGED, TOLD, PAGED]
    assert day.sms.sent[-1].text.reason == "it fired again after it was resolved"
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_neighbour_within_the_reopen_window_reopens_too(day, nothing_else_arrives):
    day.fires(host="db1")
    day.acknowledge("INC-1001")
    day.clears(host="db1")
    day.advance(minutes=10)
    day.fires(host="db2")
    assert [incident.reopen_count for incident in day.incidents()] == [1]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_after_the_close_it_is_a_new_incident_with_a_new_ticket(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001")
    day.clears()
    day.advance(minutes=32)
    assert day.incident().state is IncidentState.CLOSED
    day.fires(_starts=day.now().isoformat())
    assert [ticket.incident for ticket in day.tickets.kept] == ["INC-1001", "INC-1002"]
    day.acknowledge("INC-1002")
    nothing_else_arrives(day)


def test_what_flaps_must_hold_longer_each_time_before_it_counts_as_over(day, nothing_else_arrives):
    """Ten minutes on, five minutes off, all night: without this, a page every fifteen minutes."""
    for _ in range(16):
        day.fires(_starts=day.now().isoformat())
        if day.incident().state is IncidentState.TRIGGERED:
            day.acknowledge("INC-1001")
        day.advance(minutes=10)
        day.clears()
        day.advance(minutes=5)
    assert day.pages().count(PAGED) == 4
    assert len(day.incidents()) == 1
    day.advance(minutes=30)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_a_worse_alert_raises_the_severity_and_the_priority_of_the_ticket(day, nothing_else_arrives):
    day.fires("DiskFull", cluster="a", host="db1")
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    assert day.severity_of_ticket() is Severity.HIGH
    day.fires("DiskFull", cluster="a", host="db2", impact="high")
    nothing_else_arrives(day)
    assert day.severity_of_ticket() is Severity.HIGH


def a_policy_where_correlation_ignores_the_rule(**changes: object):
    """Both alerts of a cluster are one incident; SiteDown is critical and has a policy of its own."""
    drafts = [
        RuleDraft("slow", ("alertname = Slow",), impact=Level.LOW, urgency=Level.LOW, correlate_by=("cluster",)),
        RuleDraft(
            "down",
            ("alertname = SiteDown",),
            impact=Level.HIGH,
            urgency=Level.HIGH,
            correlate_by=("cluster",),
            **changes,
        ),
    ]
    known = Known(
        {"default": TeamRoute("default", TicketPlan("tickets", {}))},
        frozenset({"default", "night"}),
        frozenset({"tickets"}),
    )
    ruleset, faults = compile_rules(drafts, Stages(DEFAULT_MATRIX, "test"), known)
    assert not faults, faults
    plain = policy(RULES)
    night = EscalationPolicy("night", (Step((PersonName("cy"),), 300),))
    return replace(plain, ruleset=ruleset, escalations={**plain.escalations, "night": night})


def test_worse_after_it_was_acknowledged_pages_again(new_day, nothing_else_arrives):
    day = new_day(policy=a_policy_where_correlation_ignores_the_rule())
    day.fires("Slow")
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    assert day.severity_of_ticket() is Severity.LOW
    day.fires("SiteDown")
    incident = day.incident()
    assert (incident.state, incident.severity, incident.acknowledged_by) == (
        IncidentState.TRIGGERED,
        Severity.CRITICAL,
        "",
    )
    assert day.pages() == [PAGED, PAGED]
    assert day.sms.sent[-1].text.reason == "severity rose to critical"
    day.advance(minutes=1)
    assert day.severity_of_ticket() is Severity.CRITICAL
    assert len(day.tickets.kept) == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_worse_while_somebody_is_being_paged_goes_on_paging(new_day, nothing_else_arrives):
    day = new_day(policy=a_policy_where_correlation_ignores_the_rule())
    day.fires("Slow")
    day.fires("SiteDown")
    assert day.pages() == [PAGED]
    day.advance(minutes=5)
    assert day.pages() == [PAGED, ("bo", "sms", "page")]
    assert day.sms.sent[-1].text.incident.severity is Severity.CRITICAL
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_worse_with_a_policy_of_its_own_pages_by_that_policy_at_once(new_day, nothing_else_arrives):
    """The first alert pages by day; the critical one must not wait behind it."""
    day = new_day(policy=a_policy_where_correlation_ignores_the_rule(has_page=True, page="night"))
    day.fires("Slow")
    assert day.pages() == [PAGED]
    day.fires("SiteDown")
    assert day.pages() == [PAGED, ("cy", "sms", "page")]
    day.acknowledge("INC-1001", by="cy")
    day.clears("Slow")
    day.clears("SiteDown")
    day.advance(minutes=2)
    assert sorted(day.pages()[2:]) == [TOLD, ("cy", "sms", "resolved")]
    nothing_else_arrives(day)


def test_worse_after_everybody_was_paged_in_vain_pages_again(new_day, nothing_else_arrives):
    day = new_day(policy=a_policy_where_correlation_ignores_the_rule())
    day.fires("Slow")
    day.advance(minutes=20)
    assert "escalation/exhausted" in day.history()
    assert len(day.pages()) == 3
    day.fires("SiteDown")
    assert day.pages()[3:] == [PAGED]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_new_alert_after_everybody_was_paged_in_vain_pages_again(day, nothing_else_arrives):
    day.fires(host="db1")
    day.advance(minutes=20)
    assert len(day.pages()) == 3
    day.fires(host="db2")
    assert day.pages()[3:] == [PAGED]
    assert day.sms.sent[-1].text.reason == "another alert fired and nobody has answered yet"
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_less_bad_never_lowers_the_severity(new_day, nothing_else_arrives):
    day = new_day(policy=a_policy_where_correlation_ignores_the_rule())
    day.fires("SiteDown")
    day.acknowledge("INC-1001")
    day.fires("Slow")
    day.clears("SiteDown")
    assert day.incident().severity is Severity.CRITICAL
    assert day.pages() == [PAGED]
    nothing_else_arrives(day)
    assert day.severity_of_ticket() is Severity.CRITICAL


def test_a_person_resolves_it_while_it_still_fires(day, nothing_else_arrives):
    day.fires()
    day.resolve_by_hand("INC-1001")
    day.advance(minutes=1)
    assert day.incident().state is IncidentState.RESOLVED
    assert day.tickets.kept[0].history == ["resolved"]
    assert day.pages() == [PAGED, TOLD]
    repeat = day.fires()
    assert day.envelope(repeat).findings[0]["reason"] == "resolved_by_hand"
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)
    still = day.fires()
    assert day.envelope(still).findings[0]["reason"] == "still_firing_after_close"
    assert [incident.id for incident in day.incidents()] == ["INC-1001", "INC-1002"]
    day.acknowledge("INC-1002")
    nothing_else_arrives(day)


def test_a_person_resolves_it_and_then_it_clears_and_fires_again(day, nothing_else_arrives):
    day.fires(host="db1")
    day.fires(host="db2")
    day.resolve_by_hand("INC-1001")
    day.clears(host="db1")
    day.advance(minutes=5)
    day.fires(host="db1", _starts=day.now().isoformat())
    incident = day.incident()
    assert (incident.state, incident.firing_count) == (IncidentState.TRIGGERED, 2)
    day.acknowledge("INC-1001")
    day.clears(host="db1")
    day.clears(host="db2")
    day.advance(minutes=3)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_what_people_say_when_it_is_over_changes_nothing(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001")
    day.clears()
    day.advance(minutes=2)
    late = day.acknowledge("INC-1001", by="bo")
    assert late is not None
    assert not late.is_first
    again = day.resolve_by_hand("INC-1001", by="bo")
    assert again is not None
    assert not again.is_first
    assert day.history().count("answer/answered_late") == 2
    nothing_else_arrives(day)
    assert day.acknowledge("INC-1001", by="bo") is not None
    assert day.incident().state is IncidentState.CLOSED
    nothing_else_arrives(day)


def test_resolve_and_refire_before_the_ticket_system_heard_of_either(day, nothing_else_arrives):
    """The ticket system is down for a while; what it missed is not replayed."""
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    day.tickets.is_down = True
    day.clears()
    day.advance(minutes=10)
    day.fires(_starts=day.now().isoformat())
    day.acknowledge("INC-1001")
    day.advance(minutes=10)
    day.tickets.is_down = False
    day.advance(minutes=30)
    ticket = day.tickets.kept[0]
    assert (ticket.is_done, ticket.history) == (False, [])
    nothing_else_arrives(day)


def test_two_alerts_that_a_rule_counts_as_one_thing_are_over_when_both_are(new_day, nothing_else_arrives):
    draft = RuleDraft(
        "mail", ("alertname =~ Mail.*",), impact=Level.HIGH, urgency=Level.LOW, dedup_by=("host",), correlate_by=()
    )
    day = new_day(policy=policy([draft]))
    day.fires("MailQueue")
    day.fires("MailSlow")
    day.fires("MailSlow", host="db2")
    assert [incident.alert_count for incident in day.incidents()] == [2, 1]
    day.acknowledge("INC-1001")
    day.acknowledge("INC-1002")
    day.clears("MailQueue")
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    day.clears("MailSlow")
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def fire_and_clear(day: World) -> tuple[bytes, bytes]:
    over = {"alertname": "DiskFull", "host": "db1", "cluster": "a"}
    clear = alertmanager_body({**over, "_ends": day.now().isoformat()}, status="resolved")
    return alertmanager_body(over), clear


def test_nobody_is_woken_for_what_fires_and_clears_in_one_batch(day, arrive_together, nothing_else_arrives):
    """The daemon was slow and finds both at once: a ticket tells of it."""
    arrive_together(day, *fire_and_clear(day))
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    assert [ticket.history for ticket in day.tickets.kept] == [["resolved"]]
    assert day.pages() == []
    nothing_else_arrives(day)


def test_a_page_that_waited_for_the_grace_goes_when_it_fires_again(day, arrive_together, nothing_else_arrives):
    arrive_together(day, *fire_and_clear(day))
    day.advance(seconds=20)
    assert day.pages() == []
    day.fires(_starts=day.now().isoformat())
    day.advance(seconds=15)
    assert day.pages() == [PAGED]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_page_that_waits_for_a_broken_service_is_held_while_it_may_be_over(day, nothing_else_arrives):
    day.sms.is_down = day.mail.is_down = True
    day.fires()
    day.advance(minutes=1)
    day.clears()
    day.sms.is_down = day.mail.is_down = False
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    assert day.pages() == []
    nothing_else_arrives(day)
