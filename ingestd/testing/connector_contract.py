"""What every ticket connector must do, as checks that its author can run: ours do, over the models of their services.

An author describes the world behind the connector (``ticket_world.TicketWorld``) and runs each check on a new one::

    @pytest.mark.parametrize("check", TicketContract.checks())
    async def test_the_contract_holds(check):
        await getattr(TicketContract(MyWorld), check)()

A check that fails raises ``AssertionError`` with a sentence. What cannot happen in a world is not asked of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from ingestd.core.names import EffectKey, Severity
from ingestd.errors import CredentialsRejected, DeliveryError, OutcomeUnknown, RequestRejected, TryLater
from ingestd.ports import Attaching, TicketDraft, TicketNote, TicketRef, TicketSystem, TimelineLine
from ingestd.testing.ticket_world import (
    FILE,
    HOSTILE_NAMES,
    HOSTILE_TEXTS,
    INCIDENT,
    MAY_RAISE,
    OPENED_AT,
    Mishap,
    TicketWorld,
    hostile_incident,
)


class TicketContract:
    """The promises of ``ingestd.ports.TicketSystem``, each as a method that raises ``AssertionError`` if it is broken."""

    def __init__(self, make_world: Callable[[], TicketWorld]) -> None:
        self.make_world = make_world

    @classmethod
    def checks(cls) -> list[str]:
        """The names of all checks that need no argument, in the order of their definition."""
        return [name for name, member in vars(cls).items() if callable(member) and name.startswith("check_")]

    async def check_the_port(self) -> None:
        """It is a ``TicketSystem`` with a name and a window, and ``check`` says one line and changes nothing."""
        world = self.make_world()
        assert isinstance(world.system, TicketSystem), "it must have every method of ingestd.ports.TicketSystem"
        assert world.system.name, "it must keep the name that the configuration gave it"
        assert world.system.lookup_window_seconds >= 0, "the lookup window is a number of seconds"
        line = await world.system.check()
        assert line.strip(), "check() must say something about the account"
        assert "\n" not in line, "check() says one line"
        assert not world.tickets(), "check() must change nothing"

    async def check_a_ticket_is_found_by_its_key_and_by_no_other(self) -> None:
        """``find_ticket`` gives the reference that ``open_ticket`` gave, and None for any other key."""
        world = self.make_world()
        assert await _find(world) is None, "there is no ticket yet"
        ref = await _open(world)
        world.pass_time(world.system.lookup_window_seconds)
        assert await _find(world) == ref, "the ticket must be found by its key once the window has passed"
        assert await _find(world, _key("ticket-open", 2)) is None, "another key must find nothing"
        assert ref.id, "a ticket needs an id for the API"
        assert ref.label, "a ticket needs a label for people"
        assert ref.url, "a ticket needs an address for people"

    async def check_the_ticket_tells_the_whole_picture(self) -> None:
        """Title, summary, severity, category, team, rule, alerts with labels and links, who is in charge, the meeting
        and the runbook stand in the ticket.
        """
        world = self.make_world()
        await _open(world)
        (ticket,) = world.tickets()
        text = f"{ticket['title']}\n{ticket['description']}"
        told = [INCIDENT.title, "Two disks", "high", "storage", "databases", "disk-full", "DiskFull", "db1", "97"]
        told += [
            "wiki.example/disk-full",
            "meet.example/databases",
            "asha",
            "prometheus.example/graph",
            "ingestd.example/incidents/INC-1042",
            "2026-01-05",
        ]
        missing = [fact for fact in told if fact not in text]
        assert not missing, f"the ticket does not tell {missing}"
        assert not ticket["is_done"], "a new ticket is not done"

    async def check_a_lost_reply_leaves_one_ticket(self) -> None:
        """The lookup after a lost reply never fails, may find nothing while the index is late, and finds it in the window."""
        world = self.make_world()
        window = world.system.lookup_window_seconds
        world.make_search_late(window / 2)
        if not world.break_next_write(Mishap.LOSE_REPLY_AFTER_EFFECT):
            return
        await _expect(OutcomeUnknown, _open(world), world)
        await _find(world)
        world.pass_time(window)
        assert await _find(world) is not None, "the ticket must be found at the latest when the window has passed"
        assert len(world.tickets()) == 1, "a lookup must not make a second ticket"

    async def check_every_mishap_is_told_apart(self) -> None:
        """Each mishap raises the right kind of error, without a secret; what took no effect can simply be tried again."""
        for mishap in Mishap:
            world = self.make_world()
            if not world.break_next_write(mishap):
                continue
            error = await _expect(MAY_RAISE[mishap], _open(world), world)
            applied = len(world.tickets())
            if isinstance(error, TryLater | CredentialsRejected):
                assert applied == 0, f"{mishap}: the error says that nothing was done, but there is a ticket"
                world.pass_time(getattr(error, "after_seconds", None) or 0)
                await _open(world)
            world.pass_time(world.system.lookup_window_seconds)
            if applied == 0 and not isinstance(error, TryLater | CredentialsRejected):
                assert await _find(world) is None, f"{mishap}: nothing was made, so nothing can be found"
                await _open(world)
            assert len(world.tickets()) == 1, f"{mishap}: in the end there must be exactly one ticket"

    async def check_a_rate_limit_says_how_long(self) -> None:
        """The service's own waiting time reaches the dispatcher."""
        world = self.make_world()
        if world.break_next_write(Mishap.RATE_LIMIT_429):
            error = await _expect(TryLater, _open(world), world)
            assert isinstance(error, TryLater)
            assert error.after_seconds, "Retry-After must be handed on in after_seconds"

    async def check_a_comment_is_found_by_its_key_and_by_no_other(self) -> None:
        """``find_comment`` is True exactly for the keys of comments that were made."""
        world = self.make_world()
        ref = await _open(world)
        assert not await world.system.find_comment(ref, _key("ticket-comment", 1)), "there is no comment yet"
        await world.system.comment(ref, _note("db2 joined"), _key("ticket-comment", 1))
        assert await world.system.find_comment(ref, _key("ticket-comment", 1)), "the comment must be found by its key"
        assert not await world.system.find_comment(ref, _key("ticket-comment", 10)), "another key must find nothing"
        assert "db2 joined" in _comments(world)[-1], "the comment must tell what has happened"

    async def check_a_lost_comment_is_found(self) -> None:
        """After a lost reply, ``find_comment`` says whether the comment was made."""
        world = self.make_world()
        ref = await _open(world)
        if not world.break_next_write(Mishap.LOSE_REPLY_AFTER_EFFECT):
            return
        await _expect(OutcomeUnknown, world.system.comment(ref, _note("db2 joined"), _key("ticket-comment", 1)), world)
        assert await world.system.find_comment(ref, _key("ticket-comment", 1)), "the comment was made: it must be found"

    async def check_alert_text_cannot_pass_for_a_marker(self) -> None:
        """Text of an alert that repeats an earlier ticket and comment word for word is not mistaken for them."""
        world = self.make_world()
        ref = await _open(world)
        await world.system.comment(ref, _note("db2 joined"), _key("ticket-comment", 1))
        (ticket,) = world.tickets()
        texts = [str(ticket["description"]), *map(str, ticket["comments"])]
        world = self.make_world()
        key = _key("ticket-open", 2)
        for text in texts:
            other = await world.system.open_ticket(TicketDraft(hostile_incident(text), world.options), key)
            await world.system.comment(other, _note(text), _key("ticket-comment", 2))
            world.pass_time(world.system.lookup_window_seconds)
            assert not await world.system.find_comment(other, _key("ticket-comment", 1)), (
                "a quoted comment is no comment"
            )
            assert await _find(world) is None, "a quoted ticket is no ticket"

    async def check_the_priority_follows_the_severity(self) -> None:
        """Four severities are four priorities, the same whether a ticket is opened so or becomes so; twice does no harm."""
        became: dict[Severity, object] = {}
        world = self.make_world()
        ref = await _open(world)
        for severity in Severity:
            incident = replace(INCIDENT, severity=severity)
            for _ in range(2):
                await world.system.set_priority(ref, incident, world.options)
            became[severity] = world.tickets()[0]["priority"]
            other = self.make_world()
            await other.system.open_ticket(TicketDraft(incident, other.options), _key("ticket-open", 1))
            opened = other.tickets()[0]["priority"]
            assert opened == became[severity], f"{severity}: opened with {opened!r}, set to {became[severity]!r}"
        assert len(set(map(str, became.values()))) == len(Severity), f"each severity needs its own priority: {became}"

    async def check_resolve_is_idempotent(self) -> None:
        """A resolve makes the ticket done with one comment; a repeat, or one with another key, changes nothing."""
        world = self.make_world()
        ref = await _open(world)
        for key in (_key("ticket-resolve", 1), _key("ticket-resolve", 1), _key("ticket-resolve", 2)):
            await world.system.resolve(ref, _note("all clear"), key, world.options)
            await _expect_state(world, ref, is_done=True)
            assert sum("all clear" in text for text in _comments(world)) == 1, "a done ticket gets no further comment"

    async def check_reopen_is_idempotent(self) -> None:
        """A reopen makes a done ticket not done with one comment; a ticket that is not done stays as it is."""
        world = self.make_world()
        ref = await _open(world)
        await world.system.reopen(ref, _note("it is back"), _key("ticket-reopen", 1), world.options)
        assert not _comments(world), "a ticket that is not done stays as it is"
        await world.system.resolve(ref, _note("all clear"), _key("ticket-resolve", 1), world.options)
        for _ in range(2):
            await world.system.reopen(ref, _note("it is back"), _key("ticket-reopen", 1), world.options)
            await _expect_state(world, ref, is_done=False)
            assert sum("it is back" in text for text in _comments(world)) == 1, "a repeat adds no comment"

    async def check_an_interrupted_resolve_can_be_repeated(self) -> None:
        """Whatever befalls the first write of a resolve, its repeat ends done with exactly one comment."""
        for mishap in Mishap:
            world = self.make_world()
            ref = await _open(world)
            if not world.break_next_write(mishap):
                continue
            await _expect(DeliveryError, self._resolve(world, ref), world)
            world.pass_time(60)
            await self._resolve(world, ref)
            await _expect_state(world, ref, is_done=True)
            assert sum("all clear" in text for text in _comments(world)) == 1, f"{mishap}: the comment must come once"

    async def check_what_people_wrote_survives(self) -> None:
        """No call changes text, assignee or labels that people set."""
        world = self.make_world()
        ref = await _open(world)
        world.edit_by_hand(ref)
        before = world.human_part(ref)
        await world.system.set_priority(ref, replace(INCIDENT, severity=Severity.CRITICAL), world.options)
        await world.system.comment(ref, _note("db2 joined"), _key("ticket-comment", 1))
        await self._resolve(world, ref)
        await world.system.reopen(ref, _note("it is back"), _key("ticket-reopen", 1), world.options)
        assert world.human_part(ref) == before, "what people wrote must stay as it is"

    async def check_a_ticket_that_is_gone_is_said_to_be_gone(self) -> None:
        """``read`` gives None, writes raise ``RequestRejected`` with ``is_gone``, and the key finds nothing."""
        world = self.make_world()
        ref = await _open(world)
        world.remove(ref)
        world.pass_time(world.system.lookup_window_seconds)
        assert await world.system.read(ref) is None, "a ticket that is gone reads as None"
        assert await _find(world) is None, "a ticket that is gone is not found"
        calls = (
            world.system.comment(ref, _note("x"), _key("ticket-comment", 1)),
            world.system.set_priority(ref, INCIDENT, world.options),
            self._resolve(world, ref),
            world.system.reopen(ref, _note("x"), _key("ticket-reopen", 1), world.options),
        )
        for call in calls:
            error = await _expect(RequestRejected, call, world)
            assert isinstance(error, RequestRejected)
            assert error.is_gone, "the error must say is_gone, so that a new ticket is opened"

    async def check_a_file_is_found_by_its_key_and_by_no_other(self) -> None:
        """A file is at the ticket whole, ``find_attachment`` is True exactly for its key, and two of one name are two."""
        world = self.make_world()
        if not isinstance(world.system, Attaching):
            return
        ref = await _open(world)
        first, second = _key("ticket-attach", 1), _key("ticket-attach", 2)
        assert not await world.system.find_attachment(ref, FILE, first), "there is no file yet"
        await world.system.attach(ref, FILE, first)
        assert await world.system.find_attachment(ref, FILE, first), "the file must be found by its key"
        assert not await world.system.find_attachment(ref, FILE, second), "another key must find nothing"
        await world.system.attach(ref, FILE, second)
        assert [content for _, content in world.files()] == [FILE.content] * 2, "files come whole, each for itself"
        assert all("report" in name and name.endswith(".pdf") for name, _ in world.files()), (
            "people know it by its name"
        )
        await _expect_state(world, ref, is_done=False)

    async def check_a_lost_file_is_found(self) -> None:
        """After a lost reply ``find_attachment`` says whether the file is there; after a refusal it can be tried again."""
        for mishap in (Mishap.LOSE_REPLY_AFTER_EFFECT, Mishap.BUSY_503, Mishap.RATE_LIMIT_429, Mishap.UNAUTHORIZED):
            world = self.make_world()
            ref = await _open(world)
            if not isinstance(world.system, Attaching) or not world.break_next_write(mishap):
                return
            key = _key("ticket-attach", 1)
            await _expect(MAY_RAISE[mishap], world.system.attach(ref, FILE, key), world)
            is_there = await world.system.find_attachment(ref, FILE, key)
            assert is_there is bool(world.files()), f"{mishap}: what is found is what is there"
            world.pass_time(60)
            if not is_there:
                await world.system.attach(ref, FILE, key)
            assert len(world.files()) == 1, f"{mishap}: in the end there must be exactly one file"

    async def check_no_name_of_a_file_does_harm(self) -> None:
        """Whatever a file is called, it stays one file of a plain name, and nothing in the ticket becomes markup."""
        for number, name in enumerate(HOSTILE_NAMES, 1):
            world = self.make_world()
            if not isinstance(world.system, Attaching):
                return
            ref = await _open(world)
            file, key = replace(FILE, name=name), _key("ticket-attach", number)
            await world.system.attach(ref, file, key)
            assert await world.system.find_attachment(ref, file, key), f"{name!r}: the file must be found by its key"
            ((shown, content),) = world.files()
            assert content == FILE.content, f"{name!r}: the file comes whole"
            assert not set(shown) & set('/\\"<>\r\n\0'), f"{name!r} became {shown!r}"
            assert shown.strip(". "), f"{name!r} became {shown!r}"
            assert not world.foreign_markup(), f"{name!r} became markup: {world.foreign_markup()}"

    async def check_a_file_for_a_ticket_that_is_gone(self) -> None:
        """``attach`` raises ``RequestRejected`` with ``is_gone``."""
        world = self.make_world()
        ref = await _open(world)
        world.remove(ref)
        if isinstance(world.system, Attaching):
            error = await _expect(RequestRejected, world.system.attach(ref, FILE, _key("ticket-attach", 1)), world)
            assert isinstance(error, RequestRejected)
            assert error.is_gone, "the error must say is_gone"

    async def check_known_hostile_texts_do_no_harm(self) -> None:
        """Every text of ``HOSTILE_TEXTS`` passes ``hostile_text_does_no_harm``."""
        for text in HOSTILE_TEXTS:
            await self.hostile_text_does_no_harm(text)

    async def hostile_text_does_no_harm(self, text: str) -> None:
        """With this text everywhere in an incident, nothing raises, nothing becomes markup, and the markers still work."""
        world = self.make_world()
        incident = hostile_incident(text)
        ref = await world.system.open_ticket(TicketDraft(incident, world.options), _key("ticket-open", 1))
        note = TicketNote(incident, tuple(replace(line, text=text) for line in _note("x").lines * 40))
        await world.system.comment(ref, note, _key("ticket-comment", 1))
        world.pass_time(world.system.lookup_window_seconds)
        assert await _find(world) == ref, "the ticket must be found by its key"
        assert await world.system.find_comment(ref, _key("ticket-comment", 1)), "the comment must be found by its key"
        assert not world.foreign_markup(), f"text became markup: {world.foreign_markup()}"
        await world.system.resolve(ref, note, _key("ticket-resolve", 1), world.options)
        await _expect_state(world, ref, is_done=True)

    async def _resolve(self, world: TicketWorld, ref: TicketRef) -> None:
        await world.system.resolve(ref, _note("all clear"), _key("ticket-resolve", 1), world.options)


def _key(kind: str, number: int) -> EffectKey:
    return EffectKey(f"{INCIDENT.id}/tickets/{kind}/{number}")


def _note(text: str) -> TicketNote:
    return TicketNote(INCIDENT, (TimelineLine(2, OPENED_AT + timedelta(minutes=1), text),))


def _comments(world: TicketWorld) -> list[str]:
    return [str(text) for text in world.tickets()[0]["comments"]]


async def _open(world: TicketWorld) -> TicketRef:
    return await world.system.open_ticket(TicketDraft(INCIDENT, world.options), _key("ticket-open", 1))


async def _find(world: TicketWorld, key: EffectKey | None = None) -> TicketRef | None:
    return await world.system.find_ticket(key or _key("ticket-open", 1), INCIDENT, world.options)


async def _expect_state(world: TicketWorld, ref: TicketRef, *, is_done: bool) -> None:
    remote = await world.system.read(ref)
    assert remote is not None, "the ticket exists"
    assert remote.is_done is is_done, f"read() says is_done={remote.is_done}, status {remote.status!r}"
    assert world.tickets()[0]["is_done"] is is_done, f"the service has the ticket with is_done={not is_done}"


async def _expect(
    kinds: type[DeliveryError] | tuple[type[DeliveryError], ...], call: Awaitable[object], world: TicketWorld
) -> DeliveryError:
    raised = await _raised_by(call)
    assert isinstance(raised, kinds), f"{raised!r} was raised, expected {kinds}"
    for secret in world.secrets:
        assert secret not in f"{raised} {raised.hint} {raised!r}", "an error text holds a secret"
    return raised


async def _raised_by(call: Awaitable[object]) -> DeliveryError | None:
    try:
        await call
    except DeliveryError as error:
        return error
    return None
