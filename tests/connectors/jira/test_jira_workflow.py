"""Resolve and reopen: through whatever workflow a project has, without ever doing what a person did again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.jira.fake_faults import Fault
from connectors.jira.fake_issues import STEPWISE_WORKFLOW, Status, Workflow, WorkflowStep
from ingestd.core.names import EffectKey
from ingestd.errors import OutcomeUnknown, RequestRejected
from ingestd.ports import HttpReply

RESOLVE = EffectKey("INC-1042/jira/ticket-resolve/4")
REOPEN = EffectKey("INC-1042/jira/ticket-reopen/5")

ODD_WORKFLOW = Workflow(
    statuses=(
        Status("1", "Open", "new"),
        Status("6", "Answered", "indeterminate"),
        Status("7", "Rejected", "done"),
        Status("8", "Waiting", "indeterminate"),
    ),
    steps=(
        WorkflowStep("61", "Answer", "6", frozenset({"1"})),
        WorkflowStep("81", "Wait", "8", frozenset({"1"}), local_name="Warten"),
        WorkflowStep("71", "Reject", "7", frozenset({"6"})),
        WorkflowStep("11", "Back", "1", frozenset({"7", "8"})),
    ),
)
"""From Open two ways lead on, and only an admin knows which."""


async def test_resolve_comments_and_brings_the_ticket_to_done(jira, note):
    ref = await jira.open()
    await jira.tickets.resolve(ref, note("all alerts cleared"), RESOLVE, {})
    ticket = jira.only()
    assert ticket["is_done"]
    assert len(ticket["comments"]) == 1
    assert "all alerts cleared" in ticket["comments"][0]
    read = await jira.tickets.read(ref)
    assert read is not None
    assert (read.is_done, read.status) == (True, "Done")


async def test_a_ticket_that_is_done_stays_as_it_is(jira, note):
    ref = await jira.open()
    await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    before = len(jira.fake.requests)
    await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    assert len(jira.only()["comments"]) == 1
    assert [request.method for request in jira.fake.requests[before:]] == ["GET"]


async def test_reopen_brings_it_back_to_where_nobody_works_on_it(jira, note):
    ref = await jira.open()
    await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    await jira.tickets.reopen(ref, note("fires again"), REOPEN, {})
    await jira.tickets.reopen(ref, note("fires again"), REOPEN, {})
    ticket = jira.only()
    assert not ticket["is_done"]
    assert len(ticket["comments"]) == 2
    read = await jira.tickets.read(ref)
    assert read is not None
    assert read.status == "To Do"


@pytest.mark.parametrize("lost", [Fault.LOSE_REPLY_AFTER_EFFECT, Fault.BAD_GATEWAY_AFTER_EFFECT, Fault.LOSE_REQUEST])
@pytest.mark.parametrize("good_writes", [0, 1])
async def test_a_repeat_after_an_unknown_outcome_neither_comments_nor_moves_twice(jira, note, lost, good_writes):
    ref = await jira.open()
    good = [None] * good_writes
    jira.fake.faults = [*good, lost]  # the comment or the transition
    with pytest.raises(OutcomeUnknown):
        await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    ticket = jira.only()
    assert ticket["is_done"]
    assert len(ticket["comments"]) == 1


async def test_a_workflow_that_wants_work_started_first_is_walked(jira, note):
    jira.fake.workflow = STEPWISE_WORKFLOW
    ref = await jira.open()
    await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    issue = jira.fake.issues[ref.id]
    assert issue.status == "5"
    assert issue.resolution == "Fixed"
    await jira.tickets.reopen(ref, note("x"), REOPEN, {})
    assert issue.status == "4"


async def test_the_configured_resolution_is_used(jira, note):
    jira.fake.workflow = STEPWISE_WORKFLOW
    ref = await jira.open()
    await jira.connector(done={"resolution": "won't do"}).resolve(ref, note("x"), RESOLVE, {})
    assert jira.fake.issues[ref.id].resolution == "Won't Do"


async def test_where_several_ways_lead_on_a_person_is_asked_and_nothing_is_guessed(jira, note):
    jira.fake.workflow = ODD_WORKFLOW
    ref = await jira.open()
    with pytest.raises(RequestRejected, match=r"stays in 'Open'.*'Answer' \(id 61\) to 'Answered'") as raised:
        await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    assert "through" in raised.value.hint
    assert jira.fake.issues[ref.id].status == "1"


async def test_the_way_that_an_admin_names_is_taken(jira, note):
    jira.fake.workflow = ODD_WORKFLOW
    ref = await jira.open()
    await jira.connector(done={"through": ["answer"]}).resolve(ref, note("x"), RESOLVE, {})
    assert jira.fake.issues[ref.id].status == "7"


async def test_a_status_outside_the_category_can_be_named_as_done(jira, note):
    jira.fake.workflow = ODD_WORKFLOW
    tickets = jira.connector(done={"statuses": ["Answered"]})
    ref = await jira.open()
    await tickets.resolve(ref, note("x"), RESOLVE, {})
    assert jira.fake.issues[ref.id].status == "6"
    read = await tickets.read(ref)
    assert read is not None
    assert read.is_done
    await tickets.resolve(ref, note("x"), RESOLVE, {})
    assert len(jira.only()["comments"]) == 1


@pytest.mark.parametrize("done", [{"transition_id": 81}, {"transition": "wait"}])
async def test_a_transition_chosen_by_id_or_english_name_counts_as_the_end(jira, note, done):
    jira.fake.workflow = ODD_WORKFLOW
    ref = await jira.open()
    await jira.connector(done=done).resolve(ref, note("x"), RESOLVE, {})
    assert jira.fake.issues[ref.id].status == "8"


async def test_a_circle_ends_after_three_steps(jira, note):
    ring = tuple(Status(str(number), f"S{number}", "indeterminate") for number in range(6))
    jira.fake.workflow = Workflow(
        ring, tuple(WorkflowStep(f"{n}0", f"to {n}", str(n), frozenset({str(n - 1)})) for n in range(1, 6))
    )
    ref = await jira.open()
    with pytest.raises(RequestRejected):
        await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    assert jira.fake.issues[ref.id].status == "3"


async def test_a_transition_that_wants_more_than_a_resolution_is_not_tried(jira, note):
    jira.fake.workflow = Workflow(
        (Status("1", "Open", "new"), Status("2", "Done", "done")),
        (WorkflowStep("9", "Close", "2", has_screen=True, required=frozenset({"customfield_1"})),),
    )
    ref = await jira.open()
    with pytest.raises(RequestRejected, match="which wants customfield_1"):
        await jira.tickets.resolve(ref, note("x"), RESOLVE, {})


async def test_without_the_permission_no_transition_is_offered_and_the_hint_says_why(jira, note):
    ref = await jira.open()
    jira.fake.missing_permissions = {"TRANSITION_ISSUES"}
    with pytest.raises(RequestRejected, match="Offered: none") as raised:
        await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    assert "Transition issues" in raised.value.hint
    assert not raised.value.is_gone


async def test_a_refused_step_does_not_matter_when_somebody_else_was_quicker(cloud, note):
    ref = await cloud.open()
    whole, fake = cloud.fake.handle, cloud.fake

    class Quicker:
        """Somebody closes the ticket just before our own step arrives."""

        async def send(self, request) -> HttpReply:
            if request.method == "POST" and request.url.endswith("/transitions"):
                fake.issues[ref.id].status = "10001"
            return await whole(request)

    cloud.tickets._jira._http = Quicker()
    await cloud.tickets.resolve(ref, note("x"), RESOLVE, {})
    assert cloud.only()["is_done"]


async def test_what_people_wrote_survives_resolve_and_reopen(jira, note):
    ref = await jira.open()
    issue = jira.fake.issues[ref.id]
    issue.fields |= {"labels": [*issue.fields["labels"], "by-hand"], "summary": "renamed", "assignee": {"name": "jdoe"}}
    before = dict(issue.fields)
    await jira.tickets.resolve(ref, note("x"), RESOLVE, {})
    await jira.tickets.reopen(ref, note("x"), REOPEN, {})
    assert issue.fields == before


async def test_a_workflow_step_that_the_screen_of_another_project_lacks_gets_no_resolution(jira, note):
    jira.fake.workflow = replace(STEPWISE_WORKFLOW, steps=(WorkflowStep("5", "Resolve", "5"),))
    ref = await jira.open()
    await jira.connector(done={"resolution": "Fixed"}).resolve(ref, note("x"), RESOLVE, {})
    assert jira.only()["is_done"]
