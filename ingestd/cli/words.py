"""The named reasons in words. The name itself is shown beside them: it is the same in log, metrics, timeline and docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERDICTS: Final[Mapping[str, str]] = {
    "new": "news",
    "repeat": "a repeat",
    "resolve": "a resolve",
    "vanished": "lost from sight",
    "stale": "out of date",
    "held": "news that is kept back",
    "heartbeat": "a sign of life",
}

VERDICT_REASONS: Final[Mapping[str, str]] = {
    "first_seen": "never seen before",
    "fired_again": "it had cleared and fires again",
    "still_firing_after_close": "it still fires, and its incident was closed",
    "still_firing": "it was known to fire",
    "back_in_sight": "its sender had lost sight of it; it was firing all along",
    "got_worse": "it was known to fire, and says now that it is worse",
    "resolved_by_sender": "its sender says that it is over",
    "resolved_unseen_episode": "it fired and cleared again before we were told",
    "resolve_repeated": "it was known to be over",
    "resolve_of_unknown": "it is over, and we had never heard of it",
    "resolve_older_than_fire": "the resolve is older than the fire that we know of",
    "fire_older_than_resolve": "the fire is older than the resolve that we know of",
    "not_a_recovery": "its sender stopped looking, which is no recovery",
    "still_held": "it was kept back and still fires",
    "cleared_while_held": "it was kept back and is over: nothing came of it",
    "auto_resolved": "it was not seen for the time after which its rule, its source or its sender takes it for cleared",
    "in_maintenance": "a maintenance window is open for it",
    "silenced": "somebody silenced it",
    "inhibited": "another alert that fires inhibits it",
    "on_hold": "its rule waits whether it clears by itself",
    "below_threshold": "its rule waits for more of them",
    "monitored": "its rule only monitors",
    "heard": "its source lives: the watchdog that the configuration waits for",
    "watchdog_ended": "the watchdog itself ended: its source counts as silent unless it fires again",
    "resolved_by_hand": "somebody resolved its incident by hand; it counts again when it has cleared, or when that incident is closed",
}

JOINS: Final[Mapping[str, str]] = {
    "opened": "opened",
    "same_alert": "joined: the alert is already part of it",
    "same_dedup_key": "joined: same dedup key",
    "same_correlation_key": "joined: same correlation key, in time",
    "reopened": "reopened, within the reopen window",
    "refired_within_grace": "joined: fired again within the grace",
}

DISPOSITIONS: Final[Mapping[str, str]] = {
    "incident": "it opened an incident, or opened one again",
    "joined": "it joined an open incident",
    "resolved": "it cleared alerts",
    "vanished": "its sender lost sight of alerts; nothing counts as cleared",
    "held": "it was kept back",
    "heartbeat": "it was a sign of life of its source",
    "duplicate": "it said nothing new",
    "ignored": "nothing in it counts any more",
    "empty": "it held no alert",
    "quarantined": "it could not be read, or is not believed; it is kept and can be read again",
    "answered": "it answered a page",
    "noted": "it was noted on its incident",
    "bounce": "a mail server says what became of a mail",
    "own": "we wrote it, or it goes round in a circle: nothing comes of it",
    "absence": "a program answered in the place of a person: nothing comes of it",
    "copy": "the same mail came before",
}

QUARANTINE_REASONS: Final[Mapping[str, str]] = {
    "not_json": "the body is not JSON",
    "duplicate_key": "a key stands twice in one JSON object",
    "not_a_number": "NaN or Infinity, which JSON has not",
    "number_too_long": "a number with too many digits",
    "too_deep": "JSON nested too deeply",
    "too_many_values": "more JSON values than the limit",
    "not_an_object": "the body is not a JSON object",
    "not_this_kind": "JSON, but not what this source sends",
    "no_alerts_field": "there is no list of alerts",
    "bad_alert": "no alert in it could be read",
    "too_many_alerts": "more alerts than the limit",
    "internal_error": "deciding it failed; that is our bug",
}

MAIL_REASONS: Final[Mapping[str, str]] = {
    "own_page": "an ingestd wrote it",
    "own_ticket": "a ticket system wrote it of our own ticket",
    "too_many_hops": "it has passed so many servers that it must go round in a circle",
    "page_bounced": "a page, or a word of ours to somebody, did not arrive: of a page the next channel is used",
    "answer_bounced": "what we told whoever reported an incident did not arrive",
    "not_failed": "a mail is late, or has arrived: nothing follows",
    "bounce_repeated": "that mail is known not to have arrived",
    "foreign_bounce": "it is about a mail that is not ours, or that nobody knows any more",
    "absence_note": "somebody is away, or a program says thank you",
    "automatic_reply": "a program answered a page, and only people do that",
    "same_mail": "it was taken already",
    "thread": "it continues what an incident is about",
    "malformed": "it is no mail, or its source takes none",
    "no_sender": "it names no sender, or several",
    "unauthenticated": "nothing shows who wrote it",
    "sender_not_allowed": "its sender is not one of those who may send here",
    "not_who_was_paged": "it answers a page to somebody else",
    "page_too_old": "it answers a page of ours that is too old to be answered",
    "unproved_report": "a person's report, and nothing shows who wrote it",
    "unproved_recovery": "it says that something is over, and nothing shows who wrote it",
    "too_many_from_sender": "its sender writes more than is read of one person",
    "acted": "what it says was done",
    "late": "somebody was first, or it was over",
    "helped": "it was not understood, and was told so",
    "unknown_page": "it names a page that is not known",
    "opted_out": "no more is sent there",
    "opted_in": "more is sent there again",
    "unknown_sender": "its sender was never paged",
    "unbound": "its token is not known",
    "foreign_sender": "its sender was not paged",
    "automatic": "a program wrote it",
    "repeated": "it came before",
}
"""Why a mail was ignored or put aside, and what came of an answer to a page."""

ENVELOPE_STATES: Final[Mapping[str, str]] = {
    "new": "waits for its decision",
    "done": "decided",
    "quarantined": "kept unread",
}

DELIVERY_STATES: Final[Mapping[str, str]] = {
    "waiting": "",
    "leased": "on its way",
    "uncertain": "it may have happened, so it is looked up before it is sent again",
    "done": "",
    "dropped": "",
    "parked": "given up: it waits for a person (ingestd outbox retry)",
}
"""What a state means where the word alone does not say it."""

DROP_REASONS: Final[Mapping[str, str]] = {
    "acknowledged": "somebody had acknowledged",
    "resolved": "it was resolved",
    "closed": "it was closed",
    "superseded": "something newer says it",
    "person_unknown": "the person, or this address of theirs, is not in the configuration any more",
    "connector_gone": "its connector is not in the configuration any more",
    "refired": "it had fired again",
    "explained": "another incident explains it, or it was kept quiet",
    "nothing_to_tell": "there was nothing left to tell",
    "no_ticket": "there is no ticket to write to",
    "by_hand": "dropped by hand",
    "folded": "it was told together with others",
    "handed_over": "others have taken it",
    "contact_dead": "this address cannot be used any more",
    "cannot_attach": "this kind of ticket takes no files",
    "file_gone": "the message that the file came with is not kept any more",
    "answered_enough": "this address was answered so often lately that it may be a program",
}

EFFECTS: Final[Mapping[str, str]] = {
    "ticket-open": "open ticket",
    "ticket-comment": "comment",
    "ticket-priority": "priority",
    "ticket-resolve": "resolve ticket",
    "ticket-reopen": "reopen ticket",
    "ticket-attach": "attach a file to the ticket",
    "page": "page",
    "notice": "tell that it is over",
    "post": "tell the team's room",
    "word": "a word to one person",
    "answer": "tell whoever reported it",
}

DEADLINES: Final[Mapping[str, str]] = {
    "escalate": "the next step of the policy is paged, unless somebody acknowledges",
    "resolve": "it counts as resolved, unless an alert fires again",
    "close": "it is closed; what fires after that is a new incident",
    "page": "office hours begin: its policy pages its first step, if it still fires and nobody has acknowledged",
    "acknowledge": "somebody ought to have acknowledged by then; if not, the timeline and the ticket say so",
    "ack-expire": "the acknowledgement runs out unless something is heard by then; a note is enough",
}

INCIDENT_STATES: Final[Mapping[str, str]] = {
    "triggered": "nobody has acknowledged",
    "acknowledged": "acknowledged",
    "resolved": "resolved",
    "closed": "closed",
}


def worded(words: Mapping[str, str], name: object) -> str:
    """``never seen before (first_seen)``; a name without words stands for itself, None for nothing."""
    if name is None or name == "":
        return ""
    text = words.get(str(name))
    return f"{text} ({name})" if text else str(name)
