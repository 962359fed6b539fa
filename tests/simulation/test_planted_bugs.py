"""The simulator is held to account: safeguards are switched off one by one, and it must notice each within a few seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ingestd.core import dedup, escalation, lifecycle, restraint, settle
from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import Decision, Verdict, VerdictReason
from ingestd.core.incident import AlertState
from ingestd.store import apply, inbox, outbox, watches
from ingestd.testing.simulation import BrokenPromise, Simulation
from ingestd.workers import folding
from ingestd.workers.receipt_watch import ReceiptWatch

SEEDS_MAX = 40


def forget_to_look_up(patch: pytest.MonkeyPatch) -> None:
    """After a lost reply the ticket is simply created again."""
    patch.setattr(settle, "NOT_TWICE", frozenset())
    original = settle._next_state

    def send_again(delivery, outcome, now, chance, window):
        if outcome.kind is settle.OutcomeKind.UNKNOWN:
            outcome = settle.Outcome(settle.OutcomeKind.TRY_LATER, outcome.detail)
        return original(delivery, outcome, now, chance, window)

    patch.setattr(settle, "_next_state", send_again)


def search_only_once(patch: pytest.MonkeyPatch) -> None:
    """The index's lag is not waited out."""
    original = settle._look_again_or_send
    patch.setattr(settle, "_look_again_or_send", lambda delivery, now, _window: original(delivery, now, 0.0))


def let_an_acknowledgement_cancel_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(escalation, "stop", lambda _draft, incident, _reason: incident)


def never_let_a_lease_expire(patch: pytest.MonkeyPatch) -> None:
    """Whoever dies takes its deliveries along."""
    original = outbox.claim

    def claim(connection, connector, now, **options):
        taken = original(connection, connector, now, **options)
        for delivery in taken:
            outbox.save(connection, replace(delivery, lease_until=now.replace(year=now.year + 50)))
        return [replace(delivery, lease_until=now.replace(year=now.year + 50)) for delivery in taken]

    patch.setattr(outbox, "claim", claim)
    patch.setattr(outbox, "release_leases", lambda *_: 0)


def answer_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """A quarter of the envelopes is acknowledged and thrown away."""
    original = inbox.add
    count = 0

    def add(connection, envelopes):
        nonlocal count
        count += 1
        if count % 4:
            original(connection, envelopes)

    patch.setattr(inbox, "add", add)


def write_the_facts_without_the_deadlines(patch: pytest.MonkeyPatch) -> None:
    original = apply.write

    def write(connection, decision: Decision, now):
        original(connection, replace(decision, deadlines=()), now)

    patch.setattr(apply, "write", write)


def take_a_dead_process_for_one_that_sent_nothing(patch: pytest.MonkeyPatch) -> None:
    """A lease that ran out is simply sent again."""
    original = outbox.claim

    def claim(connection, connector, now, **options):
        taken = original(connection, connector, now, **options)
        fresh = [replace(d, unknown_since=None) if d.unknown_since == now else d for d in taken]
        for delivery in fresh:
            outbox.save(connection, delivery)
        return fresh

    patch.setattr(outbox, "claim", claim)


def wait_for_a_receipt_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Nobody minds a service that is silent about its pages."""

    async def look_away(_watch: ReceiptWatch) -> bool:
        return False

    async def sleep(_watch: ReceiptWatch) -> float:
        return 3600.0

    patch.setattr(ReceiptWatch, "run_once", look_away)
    patch.setattr(ReceiptWatch, "idle_seconds", sleep)


def forget_that_it_was_done(patch: pytest.MonkeyPatch) -> None:
    """What succeeded is performed again."""
    patch.setattr(outbox, "save", _save)


def _save(connection, delivery) -> None:
    if delivery.state is DeliveryState.DONE:
        # A minute later: performed again at once, and for ever, it would leave no time in which anybody could look at the books.
        again_at = (delivery.settled_at or delivery.due_at) + timedelta(minutes=1)
        delivery = replace(delivery, state=DeliveryState.WAITING, due_at=again_at, settled_at=None)
    from sqlalchemy import update

    from ingestd.store.rows import row_of
    from ingestd.store.schema import outbox as table

    connection.execute(update(table).where(table.c.key == delivery.key).values(row_of(delivery)))


def keep_back_without_a_watch(patch: pytest.MonkeyPatch) -> None:
    """What is held back is written, when to look at it again is not."""
    patch.setattr(watches, "save", lambda *_: None)


def never_look_again(patch: pytest.MonkeyPatch) -> None:
    """What was held back stays so after the end of what held it back."""
    patch.setattr(watches, "due", lambda *_: [])
    patch.setattr(watches, "next_due_at", lambda _: None)


def swallow_the_end_of_what_is_held_back(patch: pytest.MonkeyPatch) -> None:
    original = dedup._judge_resolved

    def judge(alert, known, *, keep_vanished):
        if known is not None and known.state is AlertState.HELD:
            return dedup.Judgement(Verdict.STALE, VerdictReason.RESOLVE_REPEATED)
        return original(alert, known, keep_vanished=keep_vanished)

    patch.setattr(dedup, "_judge_resolved", judge)


def page_for_what_is_explained(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(restraint, "_quiet", lambda label: label)


def let_a_release_bring_nothing_about(patch: pytest.MonkeyPatch) -> None:
    """What still fires at the end of a window stays as quiet as it was."""
    patch.setattr(lifecycle, "unquiet", lambda _draft, incident, _label, _policy: incident)


def let_no_limit_hold_anything(patch: pytest.MonkeyPatch) -> None:
    """As many messages as there are pages."""
    patch.setattr(folding, "_may_leave_at", lambda _connection, _leader, _policy, now: now)


@pytest.mark.parametrize(
    "plant",
    [
        forget_to_look_up,
        search_only_once,
        let_an_acknowledgement_cancel_nothing,
        never_let_a_lease_expire,
        answer_before_the_commit,
        write_the_facts_without_the_deadlines,
        take_a_dead_process_for_one_that_sent_nothing,
        wait_for_a_receipt_for_ever,
        forget_that_it_was_done,
        keep_back_without_a_watch,
        never_look_again,
        swallow_the_end_of_what_is_held_back,
        page_for_what_is_explained,
        let_a_release_bring_nothing_about,
        let_no_limit_hold_anything,
    ],
)
@pytest.mark.timeout(240)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(monkeypatch)
    for seed in range(SEEDS_MAX):
        try:
            Simulation(seed, tmp_path / f"{seed}.db", is_harsh=True).run()
        except BrokenPromise:
            return
    pytest.fail(f"{plant.__name__} was not noticed in {SEEDS_MAX} seeds")
