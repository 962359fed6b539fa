"""Files that come with a mail: each goes to the ticket once, whatever dies in between, and is named where people read."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from sqlalchemy import delete, update

from ingestd.core.incident import AlertState
from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.report import ReportPlan
from ingestd.core.mail.source import MailSource
from ingestd.core.mail.trust import Trust
from ingestd.core.names import IncidentState
from ingestd.core.sources import SourceWays
from ingestd.store import timeline
from ingestd.store.schema import alerts, inbox
from ingestd.testing.outside import Fault
from ingestd.testing.virtual_time import SimulatedCrash
from ingestd.testing.world import World

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 20
SCRIPT = b"#!/bin/sh\nrm -rf /\n"
STORAGE = Arrival("smtp", sender="box@example.com", remote="10.0.0.1", is_trusted_network=True)


@pytest.fixture
def day(new_day: Callable[..., World]) -> World:
    return new_day(ways=WAYS)


WAYS = {"storage": SourceWays(mail=MailSource(("storage@example.com",), trust=Trust(takes_unauthenticated=True)))}


def mail(*files: tuple[str, str, bytes], subject: str = "Volume 3 is degraded", number: int = 1) -> bytes:
    """A mail of a storage box with these files: name, type, content."""
    lines = [
        "From: box@example.com",
        "To: storage@example.com",
        f"Subject: {subject}",
        f"Message-ID: <{number}@box.example.com>",
        "Auto-Submitted: auto-generated",
        'Content-Type: multipart/mixed; boundary="b"',
        "",
        "--b\r\nContent-Type: text/plain\r\n\r\nA disk has failed, the report is attached.",
    ]
    for name, kind, content in files:
        head = f'--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"'
        lines += [f"{head}\r\nContent-Transfer-Encoding: base64\r\n\r\n{base64.b64encode(content).decode()}"]
    return "\r\n".join([*lines, "--b--", ""]).encode()


REPORT = ("report.pdf", "application/pdf", PDF)


def arrives(day: World, raw: bytes) -> None:
    day.mail_in(raw, STORAGE, "storage")
    day.advance(seconds=5)


def files(day: World) -> list[tuple[str, str, bytes]]:
    """What is at the only ticket."""
    (ticket,) = day.tickets.kept
    return [(file.name, file.content_type, file.content) for _, file in ticket.files]


def lines(day: World) -> list[str]:
    found = day.database.read_now(timeline.last, day.incident().id, 100)
    return [line.text for line in found if line.kind in {"files", "dropped"}]


def is_over(day: World) -> None:
    day.resolve_by_hand("INC-1001")
    day.advance(minutes=1)
    assert day.incident().state is IncidentState.RESOLVED


def test_a_file_goes_to_the_ticket_and_is_named_on_the_timeline(day, nothing_else_arrives):
    arrives(day, mail(REPORT, ("run.sh", "text/x-sh", SCRIPT)))
    assert files(day) == [REPORT, ("run.sh", "text/x-sh", SCRIPT)]
    assert lines(day) == ["2 files came with it: report.pdf (5 KiB), run.sh (19 bytes)"]
    is_over(day)
    nothing_else_arrives(day)


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE_REPLY])
def test_whatever_befalls_the_request_it_is_there_once(day, nothing_else_arrives, fault):
    day.tickets.is_down = True
    arrives(day, mail(REPORT))
    day.tickets.is_down = False
    day.tickets.faults = [None, fault]
    day.advance(minutes=15)
    assert files(day) == [REPORT]
    day.acknowledge("INC-1001")
    is_over(day)
    nothing_else_arrives(day)


@pytest.mark.parametrize("point", ["before tickets attach", "after tickets attach"])
def test_after_a_death_between_it_is_there_once(new_day, nothing_else_arrives, point):
    deaths = []

    def die(at: str) -> None:
        if at == point and not deaths:
            deaths.append(at)
            day.life.loop.crash(at)

    day = new_day(ways=WAYS)
    day.at_point = die
    with pytest.raises(SimulatedCrash):
        arrives(day, mail(REPORT))
    day.bury()
    day.start()
    day.acknowledge("INC-1001")
    day.advance(minutes=20)
    assert deaths == [point]
    assert files(day) == [REPORT]
    is_over(day)
    nothing_else_arrives(day)


def test_what_comes_with_a_repeat_stays_in_its_mail(day, nothing_else_arrives):
    """A machine that says it every hour, each time with its log, does not fill the ticket."""
    arrives(day, mail(REPORT))
    day.acknowledge("INC-1001")
    arrives(day, mail(("again.log", "text/plain", b"x"), number=2))
    assert files(day) == [REPORT]
    is_over(day)
    nothing_else_arrives(day)


def test_what_comes_when_it_fires_again_goes_to_the_same_ticket(day, nothing_else_arrives):
    arrives(day, mail(REPORT))
    is_over(day)
    day.database.run_now(lambda c: c.execute(update(alerts).values(state=AlertState.CLEARED)))
    arrives(day, mail(("again.log", "text/plain", b"x"), number=2))
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    assert [name for name, _, _ in files(day)] == ["report.pdf", "again.log"]
    assert lines(day)[-1] == "a file came with it: again.log (1 byte)"
    is_over(day)
    nothing_else_arrives(day)


def test_what_a_person_sends_after_their_report_goes_to_its_ticket(new_day, nothing_else_arrives):
    """A screenshot in a later mail of the thread."""
    person = Arrival("smtp", sender="ann@example.com", remote="10.0.0.1", is_trusted_network=True)
    source = MailSource(("help@example.com",), trust=Trust(), reports=ReportPlan())
    day = new_day(ways={"help": SourceWays(mail=source)})
    first = b"From: ann@example.com\r\nSubject: The shop is down\r\nMessage-ID: <1@example.com>\r\n\r\nIt is.\r\n"
    day.mail_in(first, person, "help")
    day.advance(seconds=5)
    picture = mail(("shop.png", "image/png", b"\x89PNG"), number=2, subject="Re: The shop is down")
    picture = picture.replace(b"box@example.com", b"ann@example.com").replace(
        b"Auto-Submitted: auto-generated", b"In-Reply-To: <1@example.com>"
    )
    day.mail_in(picture, person, "help")
    day.advance(minutes=1)
    assert files(day) == [("shop.png", "image/png", b"\x89PNG")]
    told = [line for _, comment in day.tickets.kept[0].comments for line in comment]
    assert "a file came with it: shop.png (4 bytes)" in told
    is_over(day)
    nothing_else_arrives(day)


def test_what_a_ticket_system_takes_no_files_for_is_named_and_no_more(new_day, nothing_else_arrives):
    class NoFiles:
        """The model, without the two calls that take files."""

        def __init__(self, world: World) -> None:
            self.name = "tickets"
            self.lookup_window_seconds = 600.0
            for call in ("check", "find_ticket", "open_ticket", "find_comment", "comment", "set_priority", "resolve"):
                setattr(self, call, getattr(world.tickets, call))
            self.reopen, self.read = world.tickets.reopen, world.tickets.read

    day = new_day(ways=WAYS, ticket_system=NoFiles)
    arrives(day, mail(REPORT))
    assert files(day) == []
    assert lines(day) == [
        "a file came with it: report.pdf (5 KiB)",
        "ticket-attach not sent: cannot attach",
    ]
    is_over(day)
    nothing_else_arrives(day)


def test_a_mail_that_is_not_kept_any_more_takes_its_files_along(day, nothing_else_arrives):
    day.tickets.is_down = True
    arrives(day, mail(REPORT))
    day.database.run_now(lambda c: c.execute(delete(inbox)))
    day.tickets.is_down = False
    day.acknowledge("INC-1001")
    day.advance(minutes=15)
    assert files(day) == []
    assert lines(day)[-1] == "ticket-attach not sent: file gone"
    is_over(day)
    nothing_else_arrives(day)
