"""Looks at a mailbox once, for people: can it be reached, logged in to and opened, and what is in it? Changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from ingestd.ambient import Clock
from ingestd.intake.mailbox_life import log_in, trouble_of
from ingestd.intake.mailbox_plan import MailboxPlan, MailboxTrouble, Trouble
from ingestd.intake.mailbox_token import TokenSource
from ingestd.intake.mailbox_wire import Stop, Wire
from ingestd.ports import HttpReply, HttpRequest


def probe(plan: MailboxPlan, send: Callable[[HttpRequest], HttpReply], clock: Clock) -> str:
    """What there is to be said of it. Raises ``MailboxTrouble`` alone; its text may repeat what the server said. Blocks, for a minute at most."""
    stop = Stop()
    try:
        wire = Wire(plan.host, plan.port, stop)
    except Exception as error:
        stop.close()
        raise trouble_of(error) from error
    try:
        return _look(plan, wire, TokenSource(plan.oauth, send, clock) if plan.oauth is not None else None)
    except Exception as error:
        raise trouble_of(error) from error
    finally:
        wire.close()
        stop.close()


def _look(plan: MailboxPlan, wire: Wire, tokens: TokenSource | None) -> str:
    client = log_in(plan, wire, tokens)
    is_read_only = client.select(plan.folder).is_read_only
    unseen_count = client.count_unseen()
    if is_read_only:
        text = f"{plan.place} can only be read: nothing in it can be marked"
        raise MailboxTrouble(Trouble.FOLDER, text, hint="give the account the right to change flags")
    if plan.move_to and not client.has_folder(plan.move_to):
        raise MailboxTrouble(Trouble.FOLDER, f"there is no folder “{plan.move_to}”", hint="make it, or correct move_to")
    how = "tells of mail at once" if plan.has_idle and client.can_idle else f"is asked every {plan.poll_seconds:g} s"
    client.part()
    return f"{plan.place} at {plan.where} lets us in, {how}; {unseen_count} unseen"
