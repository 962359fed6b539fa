"""The stored envelopes are read in order, in short transactions, beside whoever writes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from ingestd.core.silence import Silence
from ingestd.errors import StoreBusy
from ingestd.store import dialect, history, inbox, migrate
from ingestd.store.history import History, Stretch
from ingestd.store.rows import row_of
from ingestd.store.schema import silences
from tests.store.builders import after, envelope

Begin = Callable[[], AbstractContextManager[Connection]]


def bodies(url: str, stretch: Stretch | None) -> list[bytes]:
    return [one.body for one in History(url).envelopes(stretch)] if stretch else []


def test_envelopes_come_in_the_order_in_which_they_were_stored_whatever_became_of_them(url: str, begin: Begin) -> None:
    with begin() as connection:
        inbox.add(connection, [envelope(n, body=b"%d" % n, received_at=after(hours=n)) for n in range(1, 6)])
        inbox.quarantine(connection, envelope(2).id, reason="bad", detail="", now=after())
        inbox.mark_done(
            connection, envelope(3).id, disposition="incident", alert_count=1, findings=[], now=after(hours=9)
        )
    stored = History(url)
    assert bodies(url, stored.since(after(hours=-1))) == [b"1", b"2", b"3", b"4", b"5"]
    assert bodies(url, stored.since(after(hours=2, minutes=30))) == [b"3", b"4", b"5"]
    assert bodies(url, stored.since(after(hours=5))) == [b"5"]
    assert stored.since(after(hours=5, seconds=1)) is None
    assert stored.oldest_decided_at() == after(hours=3)


def test_an_empty_database_has_no_history(url: str, begin: Begin) -> None:
    assert History(url).since(after()) is None
    assert History(url).oldest_decided_at() is None


def test_silences_of_that_time_are_there_from_when_they_were_made(url: str, begin: Begin) -> None:
    def silence(number: int, **times: object) -> Silence:
        made = Silence(f"SIL-{number}", number, ("a = b",), "known", "asha", after(), after(), after(hours=1))
        return replace(made, **times)

    late = silence(2, created_at=after(minutes=5))
    over = silence(3, ends_at=after(hours=-1))
    with begin() as connection:
        for one in (silence(1), late, over):
            connection.execute(silences.insert().values(row_of(one)))
    assert History(url).silences(after(minutes=-30)) == (silence(1), replace(late, starts_at=after(minutes=5)))
    with begin() as connection:
        silences.drop(connection)
    assert History(url).silences(after()) == ()


@pytest.mark.parametrize(("count_max", "bytes_max"), [(1, 10_000), (3, 10_000), (500, 1), (500, 25)])
def test_it_is_read_in_chunks_and_what_arrives_meanwhile_is_left_out(
    monkeypatch: pytest.MonkeyPatch, url: str, begin: Begin, count_max: int, bytes_max: int
) -> None:
    monkeypatch.setattr(history, "CHUNK_COUNT_MAX", count_max)
    monkeypatch.setattr(history, "BATCH_BYTES_MAX", bytes_max)
    with begin() as connection:
        inbox.add(connection, [envelope(n, body=b"%10d" % n) for n in range(1, 8)])
    stored = History(url)
    stretch = stored.since(after(hours=-1))
    assert stretch is not None
    reading = stored.envelopes(stretch)
    first = next(reading)
    with begin() as connection:  # nobody waits for the reader
        inbox.add(connection, [envelope(8)])
        connection.execute(inbox.inbox.delete().where(inbox.inbox.c.id == envelope(6).id))
    numbers = [int(one.body) for one in (first, *reading)]
    assert numbers[:5] == [1, 2, 3, 4, 5]
    assert numbers[-1] == 7


def test_between_two_chunks_the_writer_can_empty_its_log(
    monkeypatch: pytest.MonkeyPatch, sqlite_url: str, tmp_path: Path
) -> None:
    """A reader that kept a transaction open would let the write-ahead log grow for as long as the replay takes."""
    monkeypatch.setattr(history, "CHUNK_COUNT_MAX", 2)
    with dialect.engine_for(sqlite_url).connect() as connection:
        with connection.begin():
            migrate.migrate(connection)
            inbox.add(connection, [envelope(n) for n in range(1, 8)])
        stored = History(sqlite_url)
        stretch = stored.since(after(hours=-1))
        assert stretch is not None
        reading = stored.envelopes(stretch)
        next(reading)
        driver = dialect.sqlite_driver(connection)
        assert driver is not None
        assert driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        assert (tmp_path / "ingestd.db-wal").stat().st_size == 0
        assert len(list(reading)) == 6


def test_what_cannot_be_read_is_said_without_statements_and_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreBusy, match=r"the database cannot be read: no such table: inbox") as caught:
        History(f"sqlite:///{tmp_path / 'empty.db'}").oldest_decided_at()
    assert "as the user of the daemon" in caught.value.hint
    with pytest.raises(StoreBusy, match=r"the database cannot be read: unable to open"):
        History(f"sqlite:///{tmp_path / 'none.db'}").since(after())
    assert not (tmp_path / "none.db").exists()
