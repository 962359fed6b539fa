"""Files of an alert: queued behind the ticket's opening, each once, and never more than a ticket is to hold."""

from __future__ import annotations

from dataclasses import replace

from ingestd.core.attaching import FILES_MAX, attach, parted
from ingestd.core.decide import decide_alerts
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.names import EffectKind
from ingestd.core.reporter import AttachmentRef
from ingestd.core.sighting import sight
from ingestd.testing.builders import NOW, alert
from ingestd.testing.world import policy

POLICY = policy()


def files(count: int) -> tuple[AttachmentRef, ...]:
    return tuple(AttachmentRef("E1", n, f"{n}.pdf", "application/pdf", 2048 * n) for n in range(count))


def opened(count: int, *, rule_has_ticket: bool = True):
    said = alert(attachments=files(count))
    if not rule_has_ticket:
        said = replace(said, labels={**said.labels, "alertname": "Watchdog"})
    return decide_alerts([sight(said, None, None, POLICY, NOW)], Snapshot(), POLICY, NOW)


def test_each_file_is_an_effect_in_the_tickets_lane_behind_its_opening():
    decision = opened(2)
    tickets = [effect for effect in decision.effects if effect.kind.is_ticket]
    assert [effect.kind for effect in tickets] == [EffectKind.TICKET_OPEN, *[EffectKind.TICKET_ATTACH] * 2]
    assert len({effect.lane for effect in tickets}) == 1
    assert [effect.key for effect in tickets[1:]] == [f"INC-1001/tickets/ticket-attach/{n}" for n in (1, 2)]
    assert [parted(effect.address) for effect in tickets[1:]] == [("E1", 0), ("E1", 1)]


def test_they_are_named_on_the_timeline_with_their_size():
    (line,) = [line for line in opened(2).timeline if line.kind == "files"]
    assert line.text == "2 files came with it: 0.pdf (0 bytes), 1.pdf (2 KiB)"
    assert not line.for_ticket


def test_an_alert_without_files_leaves_no_trace():
    assert [line for line in opened(0).timeline if line.kind == "files"] == []


def test_a_ticket_holds_only_so_many_and_the_rest_is_told():
    decision = opened(FILES_MAX - 1)
    (incident,) = decision.incidents
    draft = Draft(Snapshot(incidents={incident.id: incident}), NOW)
    attach(draft, incident, alert(attachments=files(3)), is_opening=False)
    more = draft.finish()
    assert [effect.reason for effect in more.effects] == ["0.pdf"]
    (line,) = more.timeline
    assert line.text.endswith(f"; 2 of them are not put into the ticket, which has {FILES_MAX}")
    assert line.for_ticket


def test_without_a_ticket_only_the_line_says_that_they_came():
    (incident,) = opened(0).incidents
    incident = replace(incident, ticket_connector="")
    draft = Draft(Snapshot(incidents={incident.id: incident}), NOW)
    attach(draft, incident, alert(attachments=files(12)), is_opening=False)
    decision = draft.finish()
    assert decision.effects == ()
    (line,) = decision.timeline
    assert line.text.startswith("12 files came with it: 0.pdf (0 bytes), ")
    assert line.text.endswith(" and 2 more; there is no ticket to put them into")
