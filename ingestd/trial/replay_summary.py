"""What came of a replay on one side: the funnel, each incident with its pages, and the sums by rule and by person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from ingestd.core.names import IncidentId, PersonName, Severity
from ingestd.trial.replay import Episode, Replay, Side

NIGHT_BEGINS_HOUR: Final = 22
NIGHT_ENDS_HOUR: Final = 7


@dataclass(frozen=True, slots=True)
class Night:
    """From 22:00 to 07:00 on the clock of a zone."""

    zone: tzinfo = UTC

    def holds(self, at: datetime) -> bool:
        """Whether it is night."""
        hour = at.astimezone(self.zone).hour
        return hour >= NIGHT_BEGINS_HOUR or hour < NIGHT_ENDS_HOUR


@dataclass(frozen=True, slots=True)
class Count:
    """How many pages, and how many of them at night."""

    all: int = 0
    night: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.all + other.all, self.night + other.night)

    @property
    def day(self) -> int:
        """How many by day."""
        return self.all - self.night


@dataclass(frozen=True, slots=True)
class Case:
    """An incident that was opened in the replay. Its number means nothing outside of it, so it is told by its instant and title.

    ``severity`` is the worst that it had, ``ticket`` the connector of the ticket that was opened with the rule's options, or empty,
    ``policy`` the escalation that ran last, or empty.
    """

    opened_at: datetime
    title: str
    severity: Severity
    rule: str
    team: str
    policy: str
    ticket: str
    pages: Mapping[PersonName, Count]
    episodes: frozenset[Episode]

    @property
    def page_count(self) -> Count:
        """To everybody."""
        return sum(self.pages.values(), Count())


@dataclass(frozen=True, slots=True)
class RuleSum:
    """What one rule brought about: alerts that it decided, incidents that it opened, pages for these."""

    alert_count: int = 0
    incident_count: int = 0
    pages: Count = Count()


@dataclass(frozen=True, slots=True)
class Funnel:
    """From what arrived to who was paged.

    ``news_count`` is what dedup let through to the rules, ``kept_back_count`` what of it came into no incident: it was silenced, in
    maintenance, inhibited, cleared while it was on hold, below its threshold or monitored.
    """

    envelope_count: int
    alert_count: int
    news_count: int
    kept_back_count: int
    incident_count: int
    ticket_count: int
    pages: Count


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that came of one side. ``cases`` in the order in which they opened."""

    funnel: Funnel
    cases: tuple[Case, ...]
    rules: Mapping[str, RuleSum]
    people: Mapping[PersonName, Count]


def summarise(replay: Replay, side: Side, night: Night) -> Summary:
    """The sums of one side of a replay that is over."""
    pages: dict[IncidentId, dict[PersonName, Count]] = {}
    people: dict[PersonName, Count] = {}
    for incident_id, told in side.pages.items():
        mine = pages.setdefault(incident_id, {})
        for at, person in told:
            one = Count(1, int(night.holds(at)))
            mine[person] = mine.get(person, Count()) + one
            people[person] = people.get(person, Count()) + one
    cases = tuple(
        Case(
            opened_at=incident.opened_at,
            title=incident.title,
            severity=incident.severity,
            rule=incident.rule,
            team=incident.team,
            policy=incident.escalation.policy_name if incident.escalation else "",
            ticket=side.tickets.get(incident.id, ""),
            pages=pages.get(incident.id, {}),
            episodes=frozenset(side.episodes.get(incident.id, ())),
        )
        for incident in side.rehearsal.incidents.values()
    )
    news: set[Episode] = set().union(*side.asked.values())
    funnel = Funnel(
        envelope_count=replay.envelope_count,
        alert_count=replay.alert_count,
        news_count=len(news),
        kept_back_count=len(news.difference(*(case.episodes for case in cases))),
        incident_count=len(cases),
        ticket_count=len(side.tickets),
        pages=sum(people.values(), Count()),
    )
    return Summary(funnel, cases, _by_rule(side, cases), people)


def _by_rule(side: Side, cases: tuple[Case, ...]) -> dict[str, RuleSum]:
    sums = {rule: RuleSum(alert_count=len(episodes)) for rule, episodes in side.asked.items()}
    for case in cases:
        before = sums.get(case.rule, RuleSum())
        sums[case.rule] = RuleSum(before.alert_count, before.incident_count + 1, before.pages + case.page_count)
    return sums
