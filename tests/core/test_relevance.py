"""What is moot by the time that it is claimed, and why."""

from __future__ import annotations

import pytest

from ingestd.core.effects import DropReason
from ingestd.core.names import EffectKind, IncidentState
from ingestd.core.relevance import moot
from ingestd.testing.builders import delivery, incident

OPEN = {IncidentState.TRIGGERED, IncidentState.ACKNOWLEDGED}
KINDS = [(kind, state) for kind in EffectKind for state in IncidentState]

EXPECTED = {
    **{(EffectKind.PAGE, state): DropReason(state.value) for state in IncidentState if state.value != "triggered"},
    **{(EffectKind.NOTICE, state): DropReason.REFIRED for state in OPEN},
    **{(EffectKind.TICKET_RESOLVE, state): DropReason.REFIRED for state in OPEN},
    **{(EffectKind.TICKET_REOPEN, state): DropReason.RESOLVED for state in set(IncidentState) - OPEN},
}


@pytest.mark.parametrize(("kind", "state"), KINDS)
def test_every_kind_in_every_state(kind, state):
    has_ticket = kind is not EffectKind.TICKET_OPEN
    found = moot(delivery(kind), incident(state), has_ticket=has_ticket, has_news=True, is_superseded=False)
    assert found == EXPECTED.get((kind, state))


def test_without_a_ticket_only_opening_one_makes_sense():
    for kind in EffectKind:
        found = moot(delivery(kind), incident(), has_ticket=False, has_news=True, is_superseded=False)
        assert (found is DropReason.NO_TICKET) is (kind.is_ticket and kind is not EffectKind.TICKET_OPEN)


def test_a_second_ticket_is_never_opened():
    found = moot(delivery(), incident(), has_ticket=True, has_news=True, is_superseded=False)
    assert found is DropReason.SUPERSEDED


def test_a_comment_without_news_is_not_written():
    comment = delivery(EffectKind.TICKET_COMMENT)
    assert moot(comment, incident(), has_ticket=True, has_news=False, is_superseded=False) is DropReason.NOTHING_TO_TELL


@pytest.mark.parametrize("kind", list(EffectKind))
def test_only_pages_posts_and_priorities_are_superseded_by_newer_ones(kind):
    """Each comment, notice, resolve and reopen says something of its own."""
    state = (
        IncidentState.RESOLVED if kind in {EffectKind.NOTICE, EffectKind.TICKET_RESOLVE} else IncidentState.TRIGGERED
    )
    found = moot(
        delivery(kind),
        incident(state),
        has_ticket=kind is not EffectKind.TICKET_OPEN,
        has_news=True,
        is_superseded=True,
    )
    assert (found is DropReason.SUPERSEDED) is (kind in {EffectKind.PAGE, EffectKind.POST, EffectKind.TICKET_PRIORITY})
