"""What goes wrong on the way to Jira and back: each fault ends in the one error that the dispatcher can act on."""

from __future__ import annotations

import pytest

from connectors.jira.fake_faults import Fault
from ingestd.core.names import EffectKey
from ingestd.errors import CredentialsRejected, OutcomeUnknown, ReplyUnreadable, RequestRejected, TryLater
from ingestd.ports import HttpReply, TicketDraft

OPEN = EffectKey("INC-1042/jira/ticket-open/1")
COMMENT = EffectKey("INC-1042/jira/ticket-comment/3")

MEANINGS = {
    Fault.BUSY_503: TryLater,
    Fault.RATE_LIMIT_429: TryLater,
    Fault.REFUSE_CONNECTION: TryLater,
    Fault.LOSE_REQUEST: OutcomeUnknown,
    Fault.LOSE_REPLY_AFTER_EFFECT: OutcomeUnknown,
    Fault.BAD_GATEWAY_AFTER_EFFECT: OutcomeUnknown,
    Fault.GARBAGE_2XX: ReplyUnreadable,
    Fault.UNAUTHORIZED: CredentialsRejected,
    Fault.CAPTCHA: CredentialsRejected,
    Fault.HTML_LOGIN: CredentialsRejected,
    Fault.REDIRECT_LOGIN: CredentialsRejected,
}


def test_every_fault_of_the_stand_in_has_a_meaning():
    assert set(MEANINGS) == set(Fault)


@pytest.mark.parametrize("fault", Fault)
async def test_opening_raises_what_the_fault_means_and_a_lookup_then_tells_the_truth(jira, incident, fault):
    jira.fake.faults = [fault]
    with pytest.raises(MEANINGS[fault]) as raised:
        await jira.open()
    assert type(raised.value) is MEANINGS[fault]
    assert len(jira.fake.tickets()) == (1 if fault.comes_after_effect else 0)
    found = await jira.tickets.find_ticket(OPEN, incident(), {})
    assert (found is not None) == fault.comes_after_effect


@pytest.mark.parametrize("fault", Fault)
async def test_commenting_raises_what_the_fault_means_and_a_lookup_then_tells_the_truth(jira, note, fault):
    ref = await jira.open()
    jira.fake.faults = [fault]
    with pytest.raises(MEANINGS[fault]):
        await jira.tickets.comment(ref, note("x"), COMMENT)
    assert await jira.tickets.find_comment(ref, COMMENT) == fault.comes_after_effect


@pytest.mark.parametrize("fault", Fault)
async def test_a_priority_is_set_by_a_repeat_whatever_befell_the_first_attempt(jira, incident, fault):
    ref = await jira.open()
    jira.fake.faults = [fault]
    # An edit answers without a body, so nothing is lost with a body that cannot be read.
    with pytest.raises(MEANINGS[fault]):
        await jira.tickets.set_priority(ref, incident(severity="low"), {})
    await jira.tickets.set_priority(ref, incident(severity="low"), {})
    assert jira.only()["priority"] == "Low"


async def test_the_wait_of_a_rate_limit_is_passed_on(jira):
    jira.fake.faults = [Fault.RATE_LIMIT_429]
    with pytest.raises(TryLater) as raised:
        await jira.open()
    assert raised.value.after_seconds == 7
    assert "jira-burst-based" in str(raised.value)


async def test_too_many_writes_on_one_issue_wait(cloud, note):
    ref = await cloud.open()
    for number in range(20):
        await cloud.tickets.comment(ref, note("x"), EffectKey(f"INC-1042/jira/ticket-comment/{100 + number}"))
    with pytest.raises(TryLater) as raised:
        await cloud.tickets.comment(ref, note("x"), COMMENT)
    assert raised.value.after_seconds == 3
    assert len(cloud.only()["comments"]) == 20
    cloud.clock.advance(3)
    await cloud.tickets.comment(ref, note("x"), COMMENT)


async def test_a_fault_during_the_corrected_second_attempt_counts(jira, incident):
    jira.fake.faults = []
    attempts = []

    class SecondIsLost:
        async def send(self, request) -> HttpReply:
            if request.method == "POST" and request.url.endswith("/issue"):
                attempts.append(request)
                if len(attempts) == 2:
                    await jira.fake.handle(request)
                    raise OutcomeUnknown("the connection was lost")
            return await jira.fake.handle(request)

    jira.tickets._jira._http = SecondIsLost()
    with pytest.raises(OutcomeUnknown):
        await jira.open(component="no-such")
    assert await jira.tickets.find_ticket(OPEN, incident(), {}) is not None


class Fails:
    """A network in which every request fails."""

    def __init__(self, error):
        self.error = error

    async def send(self, request):
        raise self.error


@pytest.mark.parametrize("error", [OutcomeUnknown("timed out"), TryLater("connection refused")])
async def test_a_read_that_got_no_answer_has_no_unknown_outcome(jira, incident, error):
    ref = await jira.open()
    jira.tickets._jira._http = Fails(error)
    for attempt in (
        jira.tickets.find_ticket(OPEN, incident(), {}),
        jira.tickets.find_comment(ref, COMMENT),
        jira.tickets.read(ref),
        jira.tickets.check(),
    ):
        with pytest.raises(TryLater):
            await attempt


async def test_a_jira_that_cannot_say_what_it_is_has_not_been_written_to(datacenter):
    datacenter.tickets._jira._http = Fails(OutcomeUnknown("timed out"))
    with pytest.raises(TryLater):
        await datacenter.open()


@pytest.mark.parametrize("lets_strangers_look", [False, True])
async def test_with_a_wrong_token_nothing_is_taken_for_missing(jira, incident, note, lets_strangers_look):
    ref = await jira.open()
    jira.fake.lets_strangers_look = lets_strangers_look
    tickets = jira.connector(token="expired")
    for attempt in (
        tickets.find_ticket(OPEN, incident(), {}),
        tickets.open_ticket(TicketDraft(incident(), {}), OPEN),
        tickets.read(ref),
        tickets.comment(ref, note("x"), COMMENT),
        tickets.find_comment(ref, COMMENT),
        tickets.set_priority(ref, incident(), {}),
        tickets.resolve(ref, note("x"), COMMENT, {}),
        tickets.check(),
    ):
        with pytest.raises(CredentialsRejected) as raised:
            await attempt
        assert "expired" not in str(raised.value)
        assert "token" in raised.value.hint


async def test_the_wrong_deployment_is_named_in_the_hint(cloud, incident):
    tickets = cloud.connector(email="", deployment="datacenter")
    with pytest.raises(TryLater) as raised:
        await tickets.find_ticket(OPEN, incident(), {})
    assert "url" in raised.value.hint


async def test_a_permission_that_is_missing_is_a_rejection_and_not_a_rejected_account(jira, incident, note):
    ref = await jira.open()
    jira.fake.missing_permissions = {"ADD_COMMENTS", "EDIT_ISSUES", "CREATE_ISSUES"}
    for attempt in (
        jira.tickets.comment(ref, note("x"), COMMENT),
        jira.tickets.set_priority(ref, incident(), {}),
        jira.open(),
    ):
        with pytest.raises(RequestRejected) as raised:
            await attempt
        assert not raised.value.is_gone
