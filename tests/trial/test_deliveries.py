"""What waits in a rehearsal goes out in the order in which a walk over the whole list would send it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.names import EffectKey, EffectKind, IncidentId
from ingestd.testing.builders import NOW, delivery
from ingestd.trial.deliveries import WaitingDeliveries

KINDS = (EffectKind.PAGE, EffectKind.TICKET_COMMENT, EffectKind.TICKET_OPEN)


class PlainList:
    """The same by walking over everything that waits."""

    def __init__(self):
        self.waiting = []

    def add(self, one):
        self.waiting.append(one)

    def drop(self, incident_id, kinds):
        self.waiting = [one for one in self.waiting if one.incident_id != incident_id or one.kind not in kinds]

    def look_again(self, incident_id):
        """Nothing is remembered of what was held back."""

    def take(self, now, is_held):
        blocked = set()
        for one in self.waiting:
            if one.lane not in blocked and one.due_at <= now and not is_held(one):
                self.waiting.remove(one)
                return one
            blocked.add(one.lane)
        return None


places = st.tuples(st.sampled_from(("INC-1", "INC-2", "INC-3")), st.sampled_from(("jira", "sms/ada")))
happenings = st.one_of(
    st.tuples(st.just("add"), places, st.sampled_from(KINDS), st.sampled_from((0, 30, 60))),
    st.tuples(st.just("drop"), places, st.sampled_from(KINDS)),
    st.tuples(st.just("hold"), places),
    st.tuples(st.just("release"), places),
    st.tuples(st.just("pass"), st.sampled_from((0, 29, 31))),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(happenings, max_size=40))
def test_they_go_as_from_a_plain_list(history):
    plain, waiting, now, held = PlainList(), WaitingDeliveries(), NOW, set()

    def is_held(one):
        return one.kind is EffectKind.PAGE and one.incident_id in held

    for number, (what, *how) in enumerate(history):
        if what == "pass":
            now += timedelta(seconds=how[0])
        elif what in {"hold", "release"}:
            (held.add if what == "hold" else held.discard)(how[0][0])
            plain.look_again(how[0][0])
            waiting.look_again(how[0][0])
        elif what == "drop":
            plain.drop(how[0][0], (how[1],))
            waiting.drop(how[0][0], (how[1],))
        else:
            (incident, place), kind, delay = how
            one = replace(
                delivery(kind),
                key=EffectKey(str(number)),
                incident_id=IncidentId(incident),
                lane=f"{incident}/{place}",
                due_at=now + timedelta(seconds=delay),
            )
            plain.add(one)
            waiting.add(one)
        while (expected := plain.take(now, is_held)) is not None:
            assert waiting.take(now, is_held) == expected
            assert list(waiting.behind(expected)) == [one for one in plain.waiting if one.lane == expected.lane]
        assert waiting.take(now, is_held) is None
        heads = list({one.lane: one for one in reversed(plain.waiting)}.values())
        assert waiting.next_due_at() == min((one.due_at for one in heads if one.due_at > now), default=None)
