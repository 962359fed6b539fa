"""One daemon per SQLite file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestd.errors import DatabaseLocked
from ingestd.store.lock import FileLock

_HOLDS = """
import sys
from pathlib import Path
from ingestd.store.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""

_HOLDS_AND_STARTS_A_CHILD = """
import subprocess, sys
from pathlib import Path
from ingestd.store.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
child = "import sys; print('the child runs', flush=True); sys.stdin.read(); print('the child ends')"
subprocess.run([sys.executable, "-c", child], close_fds=False)
"""

Hold = Callable[[Path], subprocess.Popen[str]]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Starts another process that holds the lock of a database until its input ends or it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(database: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLDS, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_and_told_who_holds_the_database(tmp_path: Path, hold: Hold) -> None:
    other = hold(tmp_path / "ingestd.db")
    with pytest.raises(DatabaseLocked) as caught:
        FileLock(tmp_path / "ingestd.db")
    assert f"process {other.pid}" in str(caught.value)
    assert str(tmp_path / "ingestd.db") in str(caught.value)
    assert "PostgreSQL" in caught.value.hint


def test_the_same_process_cannot_have_it_twice_either(tmp_path: Path) -> None:
    first = FileLock(tmp_path / "ingestd.db")
    with pytest.raises(DatabaseLocked, match=f"process {os.getpid()}"):
        FileLock(tmp_path / "ingestd.db")
    first.release()
    FileLock(tmp_path / "ingestd.db").release()


def test_a_process_that_is_killed_holds_nothing(tmp_path: Path, hold: Hold) -> None:
    other = hold(tmp_path / "ingestd.db")
    other.kill()
    other.wait()
    mine = FileLock(tmp_path / "ingestd.db")
    assert mine.path.read_text().strip() == str(os.getpid())
    mine.release()


def test_a_shorter_process_number_leaves_nothing_of_the_longer_one_before_it(tmp_path: Path) -> None:
    (tmp_path / "ingestd.db.lock").write_text("123456789012345678901234567890\n")
    FileLock(tmp_path / "ingestd.db").release()
    assert (tmp_path / "ingestd.db.lock").read_text() == f"{os.getpid()}\n"


def test_two_names_of_one_database_are_one_lock(tmp_path: Path, hold: Hold) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "ingestd.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "ingestd.db")
    hold(tmp_path / "real" / "ingestd.db")
    with pytest.raises(DatabaseLocked):
        FileLock(tmp_path / "link.db")


def test_other_databases_in_the_same_folder_are_free(tmp_path: Path, hold: Hold) -> None:
    hold(tmp_path / "a.db")
    FileLock(tmp_path / "b.db").release()


def test_only_the_owner_may_read_the_lock_file(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "ingestd.db")
    assert lock.path.stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_child_that_outlives_the_daemon_does_not_keep_the_lock(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _HOLDS_AND_STARTS_A_CHILD, str(tmp_path / "ingestd.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    assert parent.stdout.readline() == "the child runs\n"
    parent.kill()
    parent.wait()
    FileLock(tmp_path / "ingestd.db").release()
    parent.stdin.close()
    assert parent.stdout.read() == "the child ends\n"
    parent.stdout.close()


def test_a_lock_that_is_released_is_free_even_if_a_copy_of_its_handle_is_open(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "ingestd.db")
    copy = os.dup(lock._handle)
    lock.release()
    FileLock(tmp_path / "ingestd.db").release()
    os.close(copy)
