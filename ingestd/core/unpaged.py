"""Why nobody was paged, as a named reason with the thing that it is due to, and what to do about it. Words only: nothing is decided here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from ingestd.core.watch import HoldReason


class UnpagedReason(StrEnum):
    """Why nobody was paged for something that came in."""

    MONITOR = "monitor"
    SILENCED = "silenced"
    MAINTENANCE = "maintenance"
    INHIBITED = "inhibited"
    THRESHOLD = "threshold"
    HOLD = "hold"
    PARENT = "parent"
    NO_POLICY = "no_policy"
    POLICY_GONE = "policy_gone"
    SEVERITY_NEVER = "severity_never"
    OFFICE_HOURS = "office_hours"
    NO_CONTACT = "no_contact"
    NOBODY_ON_CALL = "nobody_on_call"
    STEP_CLOSED = "step_closed"
    QUIET_HOURS = "quiet_hours"
    DELIVERY_HELD = "delivery_held"
    DELIVERY_WAITING = "delivery_waiting"
    CONNECTOR_STOPPED = "connector_stopped"
    DELIVERY_UNCERTAIN = "delivery_uncertain"
    DELIVERY_PARKED = "delivery_parked"
    DELIVERY_DROPPED = "delivery_dropped"
    RECEIPT_FAILED = "receipt_failed"
    ACKNOWLEDGED = "acknowledged"
    ALREADY_PAGED = "already_paged"
    RESOLVED_BEFORE = "resolved_before"
    RESOLVED_BY_HAND = "resolved_by_hand"
    REPEAT = "repeat"
    STALE = "stale"
    VANISHED = "vanished"
    RESOLVE = "resolve"
    NOT_DECIDED = "not_decided"
    UNREADABLE = "unreadable"
    PUT_ASIDE = "put_aside"
    NO_ALERT = "no_alert"


@dataclass(frozen=True, slots=True)
class Unpaged:
    """One reason. ``by`` names what it is due to; ``until`` is when that is looked at again, or ends, if that is known."""

    reason: UnpagedReason
    by: str = ""
    detail: str = ""
    """What a service said, or which; may be empty."""
    until: datetime | None = None

    @property
    def text(self) -> str:
        """The reason in words, with the name in it."""
        said = _TEXTS[self.reason].format(by=self.by)
        return f"{said}: {self.detail}" if self.detail else said

    @property
    def advice(self) -> str:
        """What to do if somebody ought to be paged; begins with "nothing" where there is no more to do than to know it."""
        return _ADVICE[self.reason].format(by=self.by)


def from_hold(reason: HoldReason, by: str, until: datetime | None = None) -> Unpaged:
    """The reason that a restraint stands for: they bear the same names."""
    return Unpaged(UnpagedReason(reason.value), by, until=until)


_WAITS = "wait, or page by hand: ingestd doctor says what is wrong with the connector"
_TEXTS: Final[Mapping[UnpagedReason, str]] = {
    UnpagedReason.MONITOR: "rule “{by}” only monitors",
    UnpagedReason.SILENCED: "silence {by} covers it",
    UnpagedReason.MAINTENANCE: "maintenance “{by}” is open for it",
    UnpagedReason.INHIBITED: "the alert {by} fires and inhibits it",
    UnpagedReason.THRESHOLD: "rule “{by}” waits for more of them (threshold)",
    UnpagedReason.HOLD: "rule “{by}” waits whether it clears by itself (hold)",
    UnpagedReason.PARENT: "{by} explains it",
    UnpagedReason.NO_POLICY: "rule “{by}” names no policy, and nor does its team",
    UnpagedReason.POLICY_GONE: "there is no policy “{by}” in the configuration, or it has no step",
    UnpagedReason.SEVERITY_NEVER: "severity {by} pages nobody (response: page: never)",
    UnpagedReason.OFFICE_HOURS: "severity {by} pages in office hours only",
    UnpagedReason.NO_CONTACT: "{by} has no usable contact",
    UnpagedReason.NOBODY_ON_CALL: "nobody was on call on “{by}” when its level was due",
    UnpagedReason.STEP_CLOSED: "{by} was passed over: it is not for that time",
    UnpagedReason.QUIET_HOURS: "{by} has quiet hours, and it is not urgent",
    UnpagedReason.DELIVERY_HELD: "so much has gone to {by} lately that the page waits for the next summary",
    UnpagedReason.DELIVERY_WAITING: "the page to {by} waits",
    UnpagedReason.CONNECTOR_STOPPED: "the connector {by} is stopped, since the service rejects our credentials",
    UnpagedReason.DELIVERY_UNCERTAIN: "it is not certain whether the page to {by} went out",
    UnpagedReason.DELIVERY_PARKED: "the page to {by} failed for good",
    UnpagedReason.DELIVERY_DROPPED: "the page to {by} was dropped before it went out",
    UnpagedReason.RECEIPT_FAILED: "the page to {by} was handed over, and the service says that it did not arrive",
    UnpagedReason.ACKNOWLEDGED: "{by} was acknowledged already",
    UnpagedReason.ALREADY_PAGED: "people had been paged for {by} before it joined",
    UnpagedReason.RESOLVED_BEFORE: "it was over before anybody was paged",
    UnpagedReason.RESOLVED_BY_HAND: "somebody resolved {by} by hand, and it has not cleared since",
    UnpagedReason.REPEAT: "it was known already, and a repeat pages nobody",
    UnpagedReason.STALE: "it was out of date when it came",
    UnpagedReason.VANISHED: "its sender lost sight of it: neither news nor a recovery",
    UnpagedReason.RESOLVE: "it is the end of something",
    UnpagedReason.NOT_DECIDED: "it has not been decided about yet",
    UnpagedReason.UNREADABLE: "the message could not be read",
    UnpagedReason.PUT_ASIDE: "the mail is not believed, and was put aside ({by})",
    UnpagedReason.NO_ALERT: "the mail brought no alert ({by})",
}
_ADVICE: Final[Mapping[UnpagedReason, str]] = {
    UnpagedReason.MONITOR: "take mode: monitor out of rule “{by}” when it has proved itself",
    UnpagedReason.SILENCED: "end the silence: ingestd silence expire {by}",
    UnpagedReason.MAINTENANCE: "shorten the window “{by}” in the rules, or narrow its match",
    UnpagedReason.INHIBITED: "see to {by}; if it explains too much, narrow inhibit_by in the rule",
    UnpagedReason.THRESHOLD: "lower threshold: in rule “{by}” if one alone is worth a page",
    UnpagedReason.HOLD: "shorten hold: in rule “{by}” if that is too long",
    UnpagedReason.PARENT: "see to {by}; if it explains too much, narrow correlate.collects of its rule",
    UnpagedReason.NO_POLICY: "name one: page: POLICY in rule “{by}”, or policy: in its team",
    UnpagedReason.POLICY_GONE: "put the policy “{by}” under policies: in the configuration and reload",
    UnpagedReason.SEVERITY_NEVER: "raise impact or urgency in the rule, or set response.{by}.page",
    UnpagedReason.OFFICE_HOURS: "it goes by itself; sooner if response.{by}.page is now",
    UnpagedReason.NO_CONTACT: "give {by} a contact whose channel is under channels:, and reload",
    UnpagedReason.NOBODY_ON_CALL: "ingestd oncall gaps shows when nobody is; fill them under schedules: and reload",
    UnpagedReason.STEP_CLOSED: "look at only: in that step of the policy, or add a step for the rest of the time",
    UnpagedReason.QUIET_HOURS: "nothing: it goes when they end; a step with profile: urgent does not wait",
    UnpagedReason.DELIVERY_HELD: "nothing: it goes by itself, and nobody counts as not answering meanwhile",
    UnpagedReason.DELIVERY_WAITING: _WAITS,
    UnpagedReason.CONNECTOR_STOPPED: "mend the credentials of {by} and reload; the page goes by itself then",
    UnpagedReason.DELIVERY_UNCERTAIN: "nothing: it is looked up before it is sent again",
    UnpagedReason.DELIVERY_PARKED: "mend what the service refuses, then: ingestd outbox retry",
    UnpagedReason.DELIVERY_DROPPED: "nothing, unless the reason is wrong",
    UnpagedReason.RECEIPT_FAILED: "check the address of {by}: ingestd page test",
    UnpagedReason.ACKNOWLEDGED: "nothing: whoever acknowledged {by} has it; paging begins again if the severity rises",
    UnpagedReason.ALREADY_PAGED: "nothing: see ingestd explain {by} for who",
    UnpagedReason.RESOLVED_BEFORE: "nothing: only its next fire counts",
    UnpagedReason.RESOLVED_BY_HAND: "nothing: it counts again when it has cleared, or when {by} is closed",
    UnpagedReason.REPEAT: "nothing: ask for the alert to see what its first message brought about",
    UnpagedReason.STALE: "nothing, if the clocks of the sender and of this machine are right",
    UnpagedReason.VANISHED: "look at the sender: the series is gone",
    UnpagedReason.RESOLVE: "nothing: only a fire pages",
    UnpagedReason.NOT_DECIDED: "ask again in some seconds; if it stays so: ingestd doctor",
    UnpagedReason.UNREADABLE: "ingestd envelope body ID shows it; after a fix: ingestd envelope retry ID",
    UnpagedReason.PUT_ASIDE: "ingestd envelope show ID says what would make it pass; by hand: ingestd envelope release ID",
    UnpagedReason.NO_ALERT: "nothing: ingestd envelope show ID says what it was taken for",
}

_UNTIL = r"(?: until (?P<until>\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) UTC)?"
_WORDED: Final = tuple(
    (reason, re.compile(pattern, re.DOTALL))
    for reason, pattern in (
        (HoldReason.MAINTENANCE, f"maintenance “(?P<by>.*)”{_UNTIL}"),
        (HoldReason.SILENCED, rf"silence (?P<by>\S+){_UNTIL}"),
        (HoldReason.INHIBITED, r"inhibited by the alert (?P<by>.+)"),
        (HoldReason.THRESHOLD, r"rule “(?P<by>.*)” waits for more of them"),
        (HoldReason.HOLD, f"rule “(?P<by>.*)” waits{_UNTIL}"),
        (HoldReason.MONITOR, r"rule “(?P<by>.*)” only monitors"),
        (HoldReason.PARENT, r"explained by (?P<by>.+)"),
    )
)


def from_words(text: str) -> Unpaged | None:
    """The reason that ``Restraint.text`` worded, as findings and quiet incidents keep it; None for other words."""
    for reason, pattern in _WORDED:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        until = found.groupdict().get("until")
        at = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
        return from_hold(reason, found["by"], at)
    return None
