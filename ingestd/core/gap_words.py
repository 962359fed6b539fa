"""What people are told of gaps to come: 14 days ahead and once more a day before, to those who can close them.

A stretch with nobody that comes back each day or week, as outside of office hours, is told of when it first comes; after that it is taken
as meant. ``ingestd oncall gaps`` lists it all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ingestd.core.effects import PersonalWord
from ingestd.core.names import EffectKey, PersonName
from ingestd.core.policy import Policy
from ingestd.core.rota import Schedule, on_clock, shifts, who
from ingestd.core.rota_gaps import ContactFacts, Gap, GapKind, all_gaps
from ingestd.core.shift_words import word_to
from ingestd.core.windows import instant_of

AHEAD: Final = timedelta(days=14)
SOON: Final = timedelta(days=1)
LOOK_AGAIN: Final = timedelta(days=1)
HORIZON: Final = AHEAD + timedelta(days=30)
"""So far the end of a gap is looked for."""
NAMED_MAX: Final = 3
_TOLD_KINDS: Final = frozenset({GapKind.NOBODY, GapKind.NO_CONTACT, GapKind.AWAY})


@dataclass(frozen=True, slots=True)
class Notice:
    """A gap at one of the two instants at which it is told. ``mark`` stands for both, and is remembered once it is told."""

    mark: str
    gap: Gap


def notices(policy: Policy, facts: ContactFacts, now: datetime) -> tuple[list[Notice], datetime]:
    """The gaps of which people ought to have heard by now, told or not; and when there may be more of them."""
    begin, look_at = now - AHEAD, now + LOOK_AGAIN
    found = []
    chosen = policy.schedules.values()
    for gap in all_gaps(policy, chosen, begin, now + HORIZON, with_policies=False, facts=facts):
        if gap.kind not in _TOLD_KINDS or gap.ends_at <= now:
            continue
        for lead in (AHEAD, SOON):
            if gap.starts_at - lead > now:
                look_at = min(look_at, gap.starts_at - lead)
        if gap.starts_at - AHEAD > now:
            continue
        if gap.kind is not GapKind.NOBODY or not _is_usual(policy.schedules[gap.name], gap.starts_at):
            found.append(Notice(_mark(gap, begin, now), gap))
    return found, look_at


def _mark(gap: Gap, begin: datetime, now: datetime) -> str:
    stage = "soon" if gap.starts_at - SOON <= now else "ahead"
    # Of one that has been there for longer than anybody looks back it is told each week.
    at = f"{gap.starts_at:%Y%m%dT%H%MZ}" if gap.starts_at > begin else f"{now:%G-W%V}"
    return f"{gap.name}/{gap.kind}/{stage}/{at}" + (f"/{gap.person}" if gap.person else "")


def _is_usual(schedule: Schedule, starts_at: datetime) -> bool:
    """Whether nobody was on call at this time of the day before, or of the week before, either, though somebody was before that."""
    wall = starts_at.astimezone(schedule.zone).replace(tzinfo=None)
    for days in (1, 7):
        at = instant_of(wall - timedelta(days=days), schedule.zone)
        if who(schedule, at) is None and any(
            one.person is not None for one in shifts(schedule, at - timedelta(days=7), at)
        ):
            return True
    return False


def words_of(
    found: Sequence[Notice], policy: Policy, admins: Collection[PersonName], now: datetime
) -> list[PersonalWord]:
    """One word for each schedule, kind and receiver: to those who can close the gap, and to the admins."""
    together: dict[tuple[str, str, PersonName], list[Notice]] = defaultdict(list)
    for one in found:
        for name in dict.fromkeys((*_concerned(one.gap, policy), *admins)):
            together[one.gap.name, one.gap.kind, name].append(one)
    words = []
    for (schedule, _, name), some in together.items():
        person = policy.people.get(name)
        if person is not None:
            key = EffectKey(f"word/gap/{some[0].mark}/{name}")
            text = _text([one.gap for one in some], policy.schedules[schedule], name, now)
            words.append(word_to(person, policy, key, text, now))
    return [word for word in words if word is not None]


def _concerned(gap: Gap, policy: Policy) -> Iterable[PersonName]:
    if gap.person is not None:
        return (gap.person,)
    schedule = policy.schedules[gap.name]
    of_calendar = [one.person for one in schedule.calendar.stretches] if schedule.calendar is not None else []
    return dict.fromkeys((*(name for layer in schedule.layers for name in layer.people), *of_calendar))


def _text(gaps: Sequence[Gap], schedule: Schedule, reader: PersonName, now: datetime) -> str:
    first = gaps[0]
    who_is = "You are" if first.person == reader else f"{first.person} is"
    what, remedy = {
        GapKind.NOBODY: (f"Nobody is on call on {schedule.name}", "Take over"),
        GapKind.NO_CONTACT: (f"{who_is} on call on {schedule.name} without a usable contact", "Mend it, or take over"),
        GapKind.AWAY: (f"{who_is} on call on {schedule.name} and away", "Let somebody take over"),
    }[first.kind]
    lines = [f"{what} from {_stretch(first, schedule, now)}"]
    lines += [f"and from {_stretch(one, schedule, now)}" for one in gaps[1:NAMED_MAX]]
    if len(gaps) > NAMED_MAX:
        lines.append(f"and {len(gaps) - NAMED_MAX} more: ingestd oncall gaps")
    begins, ends = (f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for at in (first.starts_at, first.ends_at))
    lines.append(f"{remedy}: ingestd oncall override {schedule.name} NAME --from '{begins}' --to '{ends}'")
    return "\n".join(lines)


def _stretch(gap: Gap, schedule: Schedule, now: datetime) -> str:
    is_cut = gap.ends_at >= now + HORIZON
    return f"{on_clock(gap.starts_at, schedule.zone)} {'on' if is_cut else f'until {on_clock(gap.ends_at, schedule.zone)}'}"
