"""The buttons of the page behind a link: what was pressed, and what the page says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from ingestd.core.names import IncidentState
from ingestd.core.safe_text import one_line, plain_block
from ingestd.store.answers import AnswerAction
from ingestd.web.answering import Press, Told
from ingestd.web.case import Case
from ingestd.web.replies import Refusal

TEXT_CHARS_MAX: Final = 1000
FIELDS_MAX: Final = 20
FOR_ALL: Final = "acknowledge-all"
_ACTIONS: Final = {
    "": AnswerAction.ACKNOWLEDGE,
    **{
        action.value: action
        for action in (
            AnswerAction.ACKNOWLEDGE,
            AnswerAction.UNACKNOWLEDGE,
            AnswerAction.ESCALATE,
            AnswerAction.NOTE,
            AnswerAction.RESOLVE,
        )
    },
}
_WITH_TEXT: Final = frozenset({AnswerAction.ESCALATE, AnswerAction.NOTE})


@dataclass(frozen=True, slots=True)
class Result:
    """What pressing did. ``heading`` for one look; ``is_done``: it took effect."""

    heading: str
    text: str
    is_done: bool


def press_of(body: bytes) -> Press:
    """What a form says. Raises ``Refusal`` for an action that a link may not do, and for words that are missing."""
    try:
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise Refusal(400, "the form has too many fields", hint="open the link again") from None
    wanted = fields.get("action", "")
    if wanted == FOR_ALL:
        return Press(AnswerAction.ACKNOWLEDGE, is_for_all=True)
    action = _ACTIONS.get(wanted)
    if action is None:
        raise Refusal(400, "the form asks for something that a link cannot do", hint="open the link again")
    text = plain_block(fields.get("text", "").strip(), TEXT_CHARS_MAX) if action in _WITH_TEXT else ""
    if action in _WITH_TEXT and not text:
        raise Refusal(400, "it needs a few words", hint="go back, say in a few words what or why, and press again")
    return Press(action, text, one_line(fields.get("position", ""), 80))


def result_of(action: AnswerAction, told: Told | None, case: Case, reader: str) -> Result:
    """What the page says of a press, for its reader."""
    incident = case.incident
    if told is not None and told.is_first:
        heading, text = {
            AnswerAction.ACKNOWLEDGE: ("Acknowledged: you have it", "Paging has stopped."),
            AnswerAction.UNACKNOWLEDGE: ("Taken back: paging begins anew", ""),
            AnswerAction.RESOLVE: ("Resolved", ""),
            AnswerAction.NOTE: ("Noted", "It stands on the timeline and in the ticket."),
            AnswerAction.ESCALATE: ("Escalated", ""),
        }[action]
        if action is AnswerAction.ESCALATE:
            text = f"{told.text.partition(': ')[2]}.".capitalize()
        if action is AnswerAction.ACKNOWLEDGE and incident.conduct.is_test:
            text = "The drill is over. Thank you."
        return Result(heading, text, is_done=True)
    if not incident.state.is_open:
        word = "acknowledge" if action is AnswerAction.ACKNOWLEDGE else "do"
        return Result(f"Nothing to {word}: it is over", "Nothing has changed.", is_done=False)
    if action is AnswerAction.ACKNOWLEDGE:
        is_mine = incident.state is IncidentState.ACKNOWLEDGED and incident.acknowledged_by == reader
        return Result("You had it already" if is_mine else "Somebody was first", "Nothing has changed.", is_done=False)
    if action is AnswerAction.ESCALATE:
        text = "Nothing has changed: look who is paged next, and press again if it must be now."
        return Result("It had moved on already", text, is_done=False)
    return Result("Nobody had acknowledged it", "Nothing has changed.", is_done=False)
