"""The timeline, the links in pages, and the signatures that are good once."""

from __future__ import annotations

import re

from sqlalchemy import Connection, select

from ingestd.core.effects import Decision, TimelineEntry
from ingestd.core.names import EffectKey, IncidentId, PersonName
from ingestd.store import apply, links, signatures, timeline
from ingestd.store.links import PageLink
from ingestd.store.schema import page_links
from ingestd.store.schema import signatures as signature_table
from ingestd.store.signatures import Signature
from tests.store.builders import NOW, after

ID, OTHER = IncidentId("INC-1001"), IncidentId("INC-1002")


def _write(connection: Connection, *entries: tuple[IncidentId, str, bool]) -> None:
    lines = tuple(TimelineEntry(one, NOW, "note", "api", text, "ada", told) for one, text, told in entries)
    apply.write(connection, Decision(timeline=lines), NOW)


def _texts(lines: list[timeline.Line]) -> list[str]:
    return [line.text for line in lines]


def test_the_last_lines_of_an_incident_are_oldest_first(connection: Connection) -> None:
    _write(connection, (ID, "a", False), (OTHER, "b", True), (ID, "c", True), (ID, "d", False))
    assert _texts(timeline.last(connection, ID, 9)) == ["a", "c", "d"]
    assert _texts(timeline.last(connection, ID, 2)) == ["c", "d"]
    (line,) = timeline.last(connection, OTHER, 9)
    assert (line.incident_id, line.at, line.kind, line.reason, line.actor) == (OTHER, NOW, "note", "api", "ada")
    assert line.for_ticket is True


def test_lines_are_numbered_in_the_order_in_which_they_were_decided(connection: Connection) -> None:
    assert timeline.newest_seq(connection, ID) == 0
    for round_ in range(3):
        _write(connection, *((ID, f"{round_}-{n}", True) for n in range(50)))
    lines = timeline.last(connection, ID, 999)
    assert _texts(lines) == [f"{round_}-{n}" for round_ in range(3) for n in range(50)]
    assert [line.seq for line in lines] == sorted(line.seq for line in lines)
    assert timeline.newest_seq(connection, ID) == lines[-1].seq


def test_a_ticket_is_told_what_is_new_for_its_readers(connection: Connection) -> None:
    _write(connection, *((ID, f"{n}", n % 2 == 0) for n in range(10)), (OTHER, "x", True))
    numbers = {line.text: line.seq for line in timeline.last(connection, ID, 99)}

    def told(after_: str, up_to: str, limit: int = 99) -> list[str]:
        return _texts(timeline.for_ticket(connection, ID, numbers[after_], numbers[up_to], limit))

    assert told("0", "8") == ["2", "4", "6", "8"]
    assert told("1", "7") == ["2", "4", "6"]
    assert told("0", "9", limit=2) == ["6", "8"]
    assert told("8", "9") == []
    assert told("9", "0") == []


def _link(token: str, **changes: object) -> PageLink:
    plain = {
        "incident_id": ID,
        "person": PersonName("ada"),
        "delivery_key": EffectKey("k"),
        "expires_at": after(hours=1),
    }
    return PageLink(links.hash_of(token), **(plain | changes))


def test_a_link_is_found_by_its_token_until_it_expires(connection: Connection) -> None:
    links.add(connection, _link("abcdefghijkl"))
    assert links.find(connection, "abcdefghijkl", after(minutes=59)) == _link("abcdefghijkl")
    assert links.find(connection, "abcdefghijkl", after(hours=1)) is None
    assert links.find(connection, "abcdefghijkL", NOW) is None
    for odd in ("", "\0", "\ud800", "é" * 10_000, links.hash_of("abcdefghijkl")):
        assert links.find(connection, odd, NOW) is None


def test_no_token_stands_in_the_database(connection: Connection) -> None:
    links.add(connection, _link("abcdefghijkl"))
    row = connection.execute(select(page_links)).one()
    assert not any("abcdefghijkl" in str(value) for value in row)
    assert re.fullmatch("[0-9a-f]{64}", row.token_hash)


def test_expired_links_are_forgotten(connection: Connection) -> None:
    links.add(connection, _link("early", expires_at=after(minutes=1)))
    links.add(connection, _link("late", expires_at=after(minutes=2)))
    assert links.prune(connection, after(minutes=1)) == 1
    assert links.prune(connection, after(minutes=1)) == 0
    assert links.find(connection, "late", after(minutes=1)) is not None


def test_a_signature_is_good_once_until_its_message_is_too_old_anyway(connection: Connection) -> None:
    first = Signature("grafana:abc", after(minutes=5))
    assert signatures.add(connection, first, NOW)
    assert not signatures.add(connection, first, after(minutes=1))
    assert signatures.add(connection, Signature("grafana:abd", after(minutes=5)), NOW)
    assert not signatures.add(connection, first, after(minutes=5))


def test_expired_signatures_are_forgotten(connection: Connection) -> None:
    for n in range(5):
        signatures.add(connection, Signature(f"s{n}", after(seconds=n)), NOW)
    signatures.add(connection, Signature("new", after(minutes=9)), after(seconds=3))
    kept = connection.execute(select(signature_table.c.name).order_by(signature_table.c.name)).scalars().all()
    assert kept == ["new", "s3", "s4"]
