"""A bar is for people who wait: on a terminal, after a second, and gone when the work is done."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from ingestd.cli.program import Program
from ingestd.cli.progress_bar import ProgressBar


class Ticking:
    """A clock on which each look takes some time."""

    def __init__(self, milliseconds: int) -> None:
        self._at = datetime(2026, 3, 2, tzinfo=UTC)
        self._step = timedelta(milliseconds=milliseconds)

    def now(self) -> datetime:
        self._at += self._step
        return self._at


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, looks: int, quiet: bool = False) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    program = Program(Ticking(100))
    program.is_quiet = quiet
    with ProgressBar(program, "replaying") as bar:
        for done in range(looks):
            bar.reach(done, looks)
    return stream.getvalue()


def test_it_is_shown_to_who_waits_longer_than_a_second(monkeypatch):
    text = shown(monkeypatch, Screen(), looks=40)
    assert "replaying" in text
    assert " 98%" in text
    assert text.endswith("\x1b[2K")  # the line is wiped in the end


def test_quick_work_shows_none(monkeypatch):
    assert shown(monkeypatch, Screen(), looks=9) == ""


def test_neither_a_pipe_nor_a_quiet_terminal_sees_it(monkeypatch):
    assert shown(monkeypatch, io.StringIO(), looks=40) == ""
    assert shown(monkeypatch, Screen(), looks=40, quiet=True) == ""
