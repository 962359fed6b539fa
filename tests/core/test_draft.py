"""The working copy: it reads what it wrote, gives only what changed, and drops also what it queued itself."""

from __future__ import annotations

from dataclasses import replace

from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import DeadlineKind, Decision, DropReason
from ingestd.core.names import EffectKind, IncidentId
from ingestd.testing.builders import INC, MINUTE, NOW, incident, known, member


def test_a_draft_in_which_nothing_happened_changes_nothing():
    snapshot = Snapshot({known().key: known()}, {INC: incident()}, {(INC, known().key): member()}, 7)
    assert Draft(snapshot, NOW).finish() == Decision()


def test_it_reads_what_was_known_until_it_is_written_anew():
    draft = Draft(Snapshot({known().key: known()}, {INC: incident()}, {(INC, known().key): member()}), NOW)
    assert draft.alert(known().key) == known()
    assert draft.member(INC, known().key) == member()
    draft.put_alert(replace(known(), last_seen_at=NOW))
    draft.put_incident(replace(incident(), firing_count=9))
    assert draft.alert(known().key).last_seen_at == NOW
    assert draft.incident(INC).firing_count == 9
    assert [changed.firing_count for changed in draft.finish().incidents] == [9]


def test_candidates_share_a_key_also_if_they_were_opened_in_this_draft():
    draft = Draft(Snapshot(incidents={INC: incident()}), NOW)
    other = replace(incident(), id=IncidentId("INC-1002"), dedup_key="other", correlate_key="")
    draft.put_incident(other)
    assert [found.id for found in draft.candidates("other", incident().correlate_key)] == ["INC-1001", "INC-1002"]
    assert draft.candidates("nothing", "") == []


def test_numbers_are_given_out_once():
    draft = Draft(Snapshot(next_number=7), NOW)
    assert [draft.take_number(), draft.take_number()] == [7, 8]
    assert draft.finish().next_number == 9


def test_what_is_dropped_is_not_queued_by_the_same_draft_unless_it_comes_later():
    draft = Draft(Snapshot(), NOW)
    now = draft.add_effect(incident(), "sms", EffectKind.PAGE)
    now = draft.add_effect(now, "tickets", EffectKind.TICKET_COMMENT)
    draft.drop(INC, (EffectKind.PAGE,), DropReason.RESOLVED)
    draft.add_effect(now, "sms", EffectKind.PAGE)
    decision = draft.finish()
    assert [effect.key for effect in decision.effects] == [f"{INC}/tickets/ticket-comment/1", f"{INC}/sms/page/3"]
    assert [(drop.kinds, drop.reason) for drop in decision.drops] == [((EffectKind.PAGE,), DropReason.RESOLVED)]


def test_the_last_word_on_a_deadline_counts():
    draft = Draft(Snapshot(), NOW)
    draft.set_deadline(INC, DeadlineKind.RESOLVE, NOW)
    draft.clear_deadlines(INC, DeadlineKind.RESOLVE)
    draft.clear_deadlines(INC, DeadlineKind.ESCALATE)
    draft.set_deadline(INC, DeadlineKind.ESCALATE, NOW + MINUTE)
    decision = draft.finish()
    assert [(due.kind, due.due_at) for due in decision.deadlines] == [(DeadlineKind.ESCALATE, NOW + MINUTE)]
    assert decision.cleared_deadlines == ((INC, DeadlineKind.RESOLVE),)


def test_tickets_of_an_incident_share_a_lane_and_so_do_the_pages_of_a_person():
    draft = Draft(Snapshot(), NOW)
    now = draft.add_effect(incident(), "tickets", EffectKind.TICKET_COMMENT)
    now = draft.add_effect(now, "tickets", EffectKind.TICKET_RESOLVE)
    now = draft.add_effect(now, "sms", EffectKind.PAGE, person="ada")
    now = draft.add_effect(now, "sms", EffectKind.NOTICE, person="ada")
    draft.add_effect(now, "sms", EffectKind.PAGE, person="bo")
    lanes = [effect.lane for effect in draft.finish().effects]
    assert lanes == [f"{INC}/tickets"] * 2 + [f"{INC}/sms/ada"] * 2 + [f"{INC}/sms/bo"]
