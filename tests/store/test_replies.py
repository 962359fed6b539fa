"""What replies need to be remembered: codes, tokens, and how often an address was answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Connection, insert, select

from ingestd.core.delivery import DeliveryState
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentId, IncidentState, PersonName
from ingestd.core.policy import Person
from ingestd.store import links, replies
from ingestd.store.links import PageLink
from ingestd.store.reply_taking import ANSWERED_TOGETHER, Heard, ReplyResult, Taken, take_message
from ingestd.store.rows import row_of
from ingestd.store.schema import incidents, page_links, reply_codes, reply_streaks
from ingestd.testing.world import policy as world_policy
from tests.store.builders import NOW, after, delivery, incident, put

ADA, PHONE, OTHER = PersonName("ada"), "+15550000", "+15550001"


def give(connection: Connection, number: int, at: datetime = NOW, phone: str = PHONE) -> int:
    key = EffectKey(f"INC-{number}/sms/page/1")
    return replies.code_for(connection, phone, Channel.SMS, IncidentId(f"INC-{number}"), ADA, key, at)


def exists(connection: Connection, number: int, state: IncidentState = IncidentState.TRIGGERED) -> None:
    connection.execute(insert(incidents), [row_of(incident(number, state=state))])


def test_codes_are_the_smallest_numbers_that_are_free_on_each_phone(connection: Connection) -> None:
    for number in range(1001, 1004):
        exists(connection, number)
    assert [give(connection, number) for number in (1001, 1002, 1003)] == [1, 2, 3]
    assert give(connection, 1003, phone=OTHER) == 1


def test_an_incident_keeps_its_code_and_the_newest_page_comes_first(connection: Connection) -> None:
    assert [give(connection, number) for number in (1001, 1002)] == [1, 2]
    assert give(connection, 1001, after(minutes=5)) == 1
    assert [row.code for row in replies.of_address(connection, PHONE)] == [1, 2]
    assert replies.of_address(connection, PHONE)[0].given_at == after(minutes=5)
    assert replies.of_address(connection, "+1555") == []


@pytest.mark.parametrize(
    ("state", "hours", "code"),
    [
        (IncidentState.CLOSED, 72, 1),
        (IncidentState.CLOSED, 71, 2),
        (IncidentState.RESOLVED, 1000, 2),
        (IncidentState.TRIGGERED, 1000, 2),
    ],
)
def test_a_code_is_free_again_after_days_if_its_incident_is_closed(
    connection: Connection, state: IncidentState, hours: int, code: int
) -> None:
    exists(connection, 1001, state)
    give(connection, 1001)
    assert give(connection, 1002, after(hours=hours)) == code


def test_a_gap_is_filled_first(connection: Connection) -> None:
    for number in (1001, 1002, 1003):
        exists(connection, number, IncidentState.CLOSED if number == 1002 else IncidentState.TRIGGERED)
        give(connection, number)
    assert give(connection, 1004, after(hours=72)) == 2


def test_the_janitor_forgets_what_nobody_can_mean_any_more(connection: Connection) -> None:
    for number, state in ((1001, IncidentState.CLOSED), (1002, IncidentState.TRIGGERED)):
        exists(connection, number, state)
        give(connection, number)
    replies.may_answer(connection, PHONE, is_effect=False, now=NOW)
    assert replies.prune(connection, after(hours=23)) == 0
    assert replies.prune(connection, after(hours=24)) == 1
    assert replies.prune(connection, after(hours=72)) == 1
    assert connection.execute(select(reply_codes.c.incident_id)).scalars().all() == ["INC-1002"]
    assert connection.execute(select(reply_streaks)).all() == []


def test_what_waits_for_a_person_is_what_they_were_paged_for_and_nobody_answered(connection: Connection) -> None:
    def paged(number: int, state: IncidentState, outbox_state: DeliveryState, person: str = "ada", **more: object):
        exists(connection, number, state)
        key = f"INC-{number}/sms/page/1"
        put(connection, delivery(key, kind=EffectKind.PAGE, state=outbox_state, person=PersonName(person), **more))

    paged(1001, IncidentState.TRIGGERED, DeliveryState.DONE)
    paged(1002, IncidentState.ACKNOWLEDGED, DeliveryState.DONE)
    paged(1003, IncidentState.TRIGGERED, DeliveryState.DONE, person="bo")
    paged(1004, IncidentState.TRIGGERED, DeliveryState.WAITING)
    paged(1005, IncidentState.TRIGGERED, DeliveryState.DROPPED, folded_into="INC-1001/sms/page/1")
    paged(1006, IncidentState.CLOSED, DeliveryState.DONE)
    paged(1007, IncidentState.TRIGGERED, DeliveryState.UNCERTAIN)
    assert [one.id for one in replies.open_of_person(connection, ADA)] == ["INC-1001", "INC-1005", "INC-1007"]


# ------------------------------------------------------------------------------------------------ mail


def test_a_token_is_found_until_it_expires_whatever_the_mail_server_did_to_its_case(connection: Connection) -> None:
    token = replies.reply_token("page-token-1")
    link = PageLink("", IncidentId("INC-1001"), ADA, EffectKey("k"), after(hours=72))
    replies.bind(connection, token, link)
    found = replies.bound_to(connection, token.upper(), after(hours=71))
    assert found is not None
    assert (found.person, found.incident_id, found.delivery_key) == (ADA, "INC-1001", "k")
    assert replies.bound_to(connection, token, after(hours=72)) is None
    for odd in ("", "\0", "\ud800", token[:-1], "é" * 10_000):
        assert replies.bound_to(connection, odd, NOW) is None


def test_the_tokens_of_link_and_mail_do_not_open_each_others_door(connection: Connection) -> None:
    page_token = "abcdefghij23456"
    link = PageLink(links.hash_of(page_token), IncidentId("INC-1001"), ADA, EffectKey("k"), after(hours=72))
    links.add(connection, link)
    assert replies.bound_to(connection, page_token, NOW) is None
    token = replies.reply_token(page_token)
    replies.bind(connection, token, link)
    assert links.find(connection, token, NOW) is None
    assert token != page_token


def test_a_token_has_75_bits_of_what_the_pages_token_is_and_none_is_stored(connection: Connection) -> None:
    tokens = {replies.reply_token(f"page-token-{number}") for number in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {15}
    assert set("".join(tokens)) == set("abcdefghijklmnopqrstuvwxyz234567")
    token = tokens.pop()
    replies.bind(connection, token, PageLink("", IncidentId("INC-1001"), ADA, EffectKey("k"), after(hours=72)))
    assert not any(token in str(value) for value in connection.execute(select(page_links)).one())


# ------------------------------------------------------------------------------------------------ restraint


def answer(connection: Connection, *effects: bool, at: datetime = NOW) -> list[bool]:
    return [replies.may_answer(connection, PHONE, is_effect=effect, now=at) for effect in effects]


def test_help_is_given_five_times_in_a_row_and_something_done_ends_the_row(connection: Connection) -> None:
    assert answer(connection, *[False] * 6) == [True] * 5 + [False]
    assert replies.may_answer(connection, OTHER, is_effect=False, now=NOW), "each address has its own row"
    assert answer(connection, True, *[False] * 6) == [True] * 6 + [False]


def test_a_day_later_the_row_begins_anew(connection: Connection) -> None:
    answer(connection, *[False] * 6)
    assert answer(connection, False, at=after(hours=23)) == [False]
    assert answer(connection, False, at=after(hours=46)) == [False], "whoever keeps asking keeps the row"
    assert answer(connection, False, at=after(hours=70)) == [True]


def test_at_most_twenty_answers_go_out_within_ten_minutes(connection: Connection) -> None:
    assert answer(connection, *[True] * 22) == [True] * 20 + [False] * 2
    assert answer(connection, True, at=after(minutes=9)) == [False]
    assert answer(connection, True, at=after(minutes=10)) == [True]


# ------------------------------------------------------------------------------------------------ all of a storm


def test_one_reply_acknowledges_so_many_that_the_writer_is_not_held_up_and_says_that_more_wait(
    connection: Connection,
) -> None:
    person = Person(ADA, "Ada", ((Channel.SMS, PHONE),))
    known = replace(world_policy(), people={ADA: person})
    count = ANSWERED_TOGETHER + 7
    for number in range(1001, 1001 + count):
        exists(connection, number)
        key = f"INC-{number}/sms/page/1"
        put(connection, delivery(key, kind=EffectKind.PAGE, state=DeliveryState.DONE, person=ADA))
    give(connection, 1001)

    def reply(text: str, number: int) -> Taken:
        return take_message(connection, Heard("sms", Channel.SMS, f"SM{number}", PHONE, text), known, NOW)

    first = reply("1aa", 1)
    assert len(first.incidents) == ANSWERED_TOGETHER
    assert first.decisions[-1].words[0].text.endswith("and 246 more. 7 more wait: reply the same again.")
    assert len(reply("1aa", 2).incidents) == 7
    assert reply("1aa", 3).result is ReplyResult.LATE
