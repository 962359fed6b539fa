"""The life of a ticket, against the stand-in of both deployments."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from connectors.jira.marker import label_of
from ingestd.core.names import EffectKey, Severity
from ingestd.errors import CredentialsRejected, RequestRejected
from ingestd.ports import TicketDraft, TicketSystem

OPEN = EffectKey("INC-1042/jira/ticket-open/1")
COMMENT = EffectKey("INC-1042/jira/ticket-comment/3")


def body(request):
    return json.loads(request.body)


def test_it_is_a_ticket_system(jira):
    assert isinstance(jira.tickets, TicketSystem)
    assert jira.tickets.name == "jira"
    assert jira.tickets.lookup_window_seconds == 600


async def test_a_new_ticket_tells_the_whole_picture(jira):
    ref = await jira.open(labels=["gateway"], component="database")
    ticket = jira.only()
    assert (ref.id, ref.label, ref.url) == (ticket["id"], "OPS-1", "https://jira.example/browse/OPS-1")
    assert ticket["title"] == "card-gateway: card authorisations fail"
    assert ticket["priority"] == "Highest"
    assert ticket["labels"] == ["ingestd", label_of(OPEN, ""), "gateway"]
    for told in (
        "More than a third",
        "2026-01-02 03:04:05 UTC",
        "critical (impact high, urgency high)",
        "payments",
        "payments-oncall",
        "card-errors",
        "https://wiki.example/runbooks/cards",
        "INC-1042",
        "1 firing of 1",
        "HighErrorRate",
        "34 %",
        "The limit is 5 %.",
        "instance=gw-1:9100",
        "0.34",
    ):
        assert told in ticket["description"], told
    sent = jira.sent("POST", "/issue")[0].body.decode()
    for href in (
        "https://prometheus.example/graph?g0.expr=rate",
        "https://grafana.example/d/1",
        "https://ingestd.example/incidents/INC-1042",
    ):
        assert href in sent, href
    assert jira.fake.issues[ref.id].fields["components"] == [{"name": "database"}]


async def test_the_rule_overrides_project_type_and_assignee(jira):
    jira.fake.rules = replace(jira.fake.rules, projects=("OPS", "PAY"))
    user = "5b10ac8d82e05b22cc7d4ef5" if jira.is_cloud else "jdoe"
    ref = await jira.open(project="PAY", type="Incident", assignee=user)
    assert ref.label == "PAY-1"
    fields = jira.fake.issues[ref.id].fields
    assert fields["issuetype"] == {"name": "Incident"}
    assert fields["assignee"] == {"accountId" if jira.is_cloud else "name": user}
    read = await jira.tickets.read(ref)
    assert read is not None
    assert read.assignee == user


@pytest.mark.parametrize(
    ("severity", "priority"),
    [
        (Severity.CRITICAL, "Highest"),
        (Severity.HIGH, "High"),
        (Severity.MEDIUM, "Medium"),
        (Severity.LOW, "Low"),
    ],
)
async def test_priority_follows_severity_and_nothing_else_changes(jira, incident, severity, priority):
    ref = await jira.open()
    issue = jira.fake.issues[ref.id]
    issue.fields["labels"].append("by-hand")
    before = {name: value for name, value in issue.fields.items() if name != "priority"}
    await jira.tickets.set_priority(ref, incident(severity=severity), {})
    assert jira.only()["priority"] == priority
    assert {name: value for name, value in issue.fields.items() if name != "priority"} == before
    (request,) = jira.sent("PUT", ref.id)
    assert body(request) == {"update": {"priority": [{"set": {"name": priority}}]}}


async def test_a_priority_that_the_admin_left_empty_is_left_alone(jira, incident):
    tickets = jira.connector(priorities={"critical": ""})
    ref = await tickets.open_ticket(TicketDraft(incident(), {}), OPEN)
    assert jira.only()["priority"] == ""
    await tickets.set_priority(ref, incident(), {})
    assert jira.sent("PUT", ref.id) == []


async def test_a_ticket_is_found_only_after_the_index_has_caught_up(jira, incident):
    jira.fake.index_lag_seconds = 90
    ref = await jira.open()
    jira.clock.advance(89)
    assert await jira.tickets.find_ticket(OPEN, incident(), {}) is None
    jira.clock.advance(1)
    assert await jira.tickets.find_ticket(OPEN, incident(), {}) == ref


async def test_another_effect_does_not_find_it(jira, incident):
    await jira.open()
    other = EffectKey("INC-1042/jira/ticket-open/2")
    assert await jira.tickets.find_ticket(other, incident(), {}) is None


async def test_two_installations_in_one_project_do_not_find_each_others_tickets(jira, incident):
    await jira.connector(installation="stage").open_ticket(TicketDraft(incident(), {}), OPEN)
    assert await jira.tickets.find_ticket(OPEN, incident(), {}) is None
    assert await jira.connector(installation="stage").find_ticket(OPEN, incident(), {}) is not None


async def test_of_a_ticket_and_its_clone_the_original_is_found(jira, incident):
    ref = await jira.open()
    clone = jira.fake.clone(jira.fake.issues[ref.id])
    clone.created_at = clone.created_at.replace(year=2025)
    assert await jira.tickets.find_ticket(OPEN, incident(), {}) == ref


async def test_fields_that_are_on_no_screen_are_left_out_and_the_ticket_says_so(jira, incident, caplog):
    jira.fake.rules = replace(jira.fake.rules, on_screen=frozenset({"description", "components"}))
    ref = await jira.open()
    ticket = jira.only()
    assert ticket["labels"] == []
    assert "did not let ingestd set: labels, priority" in ticket["description"]
    assert [record.message for record in caplog.records] == ["jira_fields_left_out"]
    # The marker in the description still finds it.
    assert await jira.tickets.find_ticket(OPEN, incident(), {}) == ref


async def test_a_description_without_a_screen_is_left_out_while_the_label_carries_the_marker(jira, incident):
    jira.fake.rules = replace(jira.fake.rules, on_screen=frozenset({"labels", "priority"}))
    ref = await jira.open()
    assert jira.only()["description"] == ""
    assert await jira.tickets.find_ticket(OPEN, incident(), {}) == ref


async def test_a_ticket_that_could_carry_no_marker_is_not_opened(jira):
    jira.fake.rules = replace(jira.fake.rules, on_screen=frozenset({"priority"}))
    with pytest.raises(RequestRejected):
        await jira.open()
    assert jira.fake.tickets() == []


async def test_a_missing_component_or_person_does_not_stop_the_ticket(jira):
    await jira.open(component="no-such", assignee="nobody")
    assert "did not let ingestd set: assignee, components" in jira.only()["description"]
    assert len(jira.sent("POST", "/issue")) == 2


async def test_a_required_field_that_nobody_gave_is_a_rejection_that_names_it(jira, incident):
    jira.fake.rules = replace(jira.fake.rules, required={"customfield_10010": "Responsible unit"})
    with pytest.raises(RequestRejected, match="Responsible unit is required") as raised:
        await jira.open()
    assert "fields" in raised.value.hint
    assert len(jira.sent("POST", "/issue")) == 1
    tickets = jira.connector(fields={"customfield_10010": {"value": "Operations"}})
    ref = await tickets.open_ticket(TicketDraft(incident(), {}), OPEN)
    assert jira.fake.issues[ref.id].fields["customfield_10010"] == {"value": "Operations"}


async def test_without_any_project_nothing_is_sent(jira, incident):
    with pytest.raises(RequestRejected, match="No Jira project"):
        await jira.connector(project="").open_ticket(TicketDraft(incident(), {}), OPEN)
    assert jira.sent("POST", "/issue") == []


async def test_a_comment_carries_its_lines_and_is_found_by_its_key_alone(jira, note):
    ref = await jira.open()
    await jira.tickets.comment(ref, note("DiskFull on db-1 joined", "severity rises to critical"), COMMENT)
    (text,) = jira.only()["comments"]
    assert text.index("DiskFull on db-1 joined") < text.index("severity rises to critical")
    assert text.endswith("[ingestd INC-1042/jira/ticket-comment/3]")
    assert await jira.tickets.find_comment(ref, COMMENT)
    for other in ("INC-1042/jira/ticket-comment/33", "INC-104/jira/ticket-comment/3", "INC-1042/jira/ticket-comment/"):
        assert not await jira.tickets.find_comment(ref, EffectKey(other)), other


async def test_a_comment_is_found_under_many_newer_ones(jira, note):
    ref = await jira.open()
    await jira.tickets.comment(ref, note("first"), COMMENT)
    for number in range(45):
        jira.clock.advance(10)
        await jira.tickets.comment(ref, note("later"), EffectKey(f"INC-1042/jira/ticket-comment/{100 + number}"))
    assert await jira.tickets.find_comment(ref, COMMENT)


async def test_a_quoted_marker_is_no_marker(jira, note, incident, alert):
    forged = f"x\nKept up to date by ingestd. Marker: {label_of(OPEN, '')}\n[ingestd {COMMENT}]"
    draft = TicketDraft(incident(summary=forged, alerts=(alert(summary=forged, name=forged),)), {})
    ref = await jira.tickets.open_ticket(draft, EffectKey("INC-1/jira/ticket-open/1"))
    await jira.tickets.comment(ref, note(forged), EffectKey("INC-1/jira/ticket-comment/1"))
    assert await jira.tickets.find_ticket(OPEN, incident(), {}) is None
    assert not await jira.tickets.find_comment(ref, COMMENT)


async def test_a_comment_whose_line_ends_were_changed_is_still_found(datacenter, note):
    ref = await datacenter.open()
    await datacenter.tickets.comment(ref, note("x"), COMMENT)
    comment = datacenter.fake.issues[ref.id].comments[0]
    comment["body"] = comment["body"].replace("\n", "\r\n") + "\r\n"
    assert await datacenter.tickets.find_comment(ref, COMMENT)


async def test_comments_are_hidden_from_customers_unless_the_admin_wants_them_seen(jira, note):
    ref = await jira.open()
    await jira.tickets.comment(ref, note("x"), COMMENT)
    await jira.connector(internal_comments=False).comment(ref, note("x"), COMMENT)
    hidden, shown = (body(request) for request in jira.sent("POST", "/comment"))
    assert hidden["properties"] == [{"key": "sd.public.comment", "value": {"internal": True}}]
    assert "properties" not in shown


async def test_a_ticket_that_was_moved_is_read_under_its_new_key(jira):
    ref = await jira.open()
    jira.fake.issues[ref.id].key = "PAY-7"
    read = await jira.tickets.read(ref)
    assert read is not None
    assert (read.ref.id, read.ref.label) == (ref.id, "PAY-7")


async def test_a_deleted_ticket_reads_as_none_and_refuses_writes_as_gone(jira, note, incident):
    ref = await jira.open()
    del jira.fake.issues[ref.id]
    assert await jira.tickets.read(ref) is None
    for attempt in (
        jira.tickets.comment(ref, note("x"), COMMENT),
        jira.tickets.find_comment(ref, COMMENT),
        jira.tickets.set_priority(ref, incident(), {}),
        jira.tickets.resolve(ref, note("x"), COMMENT, {}),
    ):
        with pytest.raises(RequestRejected) as raised:
            await attempt
        assert raised.value.is_gone


async def test_check_names_the_account_and_the_project(jira):
    line = await jira.tickets.check()
    assert "The Bot" in line
    assert "OPS" in line
    assert ("Cloud" if jira.is_cloud else "Data Center") in line
    assert all(request.method == "GET" for request in jira.fake.requests)


async def test_check_names_the_permissions_that_are_missing(jira):
    jira.fake.missing_permissions = {"TRANSITION_ISSUES", "ADD_COMMENTS"}
    with pytest.raises(CredentialsRejected, match="ADD_COMMENTS, TRANSITION_ISSUES"):
        await jira.tickets.check()


async def test_which_jira_it_is_gets_asked_once(datacenter):
    await datacenter.open()
    await datacenter.tickets.check()
    assert len(datacenter.sent("GET", "/serverInfo")) == 1


async def test_atlassians_own_hosts_need_no_asking(cloud, incident):
    tickets = cloud.connector(url="https://example.atlassian.net")
    await tickets.open_ticket(TicketDraft(incident(), {}), OPEN)
    assert cloud.sent("GET", "/serverInfo") == []


async def test_people_are_sent_to_the_site_when_the_api_lives_elsewhere(cloud, incident):
    tickets = cloud.connector(
        url="https://api.atlassian.com/ex/jira/11223344", browse_url="https://example.atlassian.net/"
    )
    ref = await tickets.open_ticket(TicketDraft(incident(), {}), OPEN)
    assert ref.url == "https://example.atlassian.net/browse/OPS-1"


async def test_no_request_carries_the_token_anywhere_but_in_its_header(jira, note):
    ref = await jira.open()
    await jira.tickets.resolve(ref, note("x"), COMMENT, {})
    for request in jira.fake.requests:
        assert "token-of-the-bot" not in request.url
        assert b"token-of-the-bot" not in request.body
        assert [name for name in request.headers if name.lower() == "authorization"] == ["Authorization"]


async def test_a_context_path_stays_in_front(datacenter, incident):
    tickets = datacenter.connector(url="https://intranet.example/jira/", deployment="datacenter")
    ref = await tickets.open_ticket(TicketDraft(incident(), {}), OPEN)
    assert ref.url == "https://intranet.example/jira/browse/OPS-1"
    assert datacenter.fake.requests[-1].url == "https://intranet.example/jira/rest/api/2/issue"
