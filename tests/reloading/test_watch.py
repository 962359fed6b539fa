"""When the rules on disk count as changed: not while somebody writes, and once for each change."""

from __future__ import annotations

import os

import pytest

from ingestd.reloading.watch import RuleWatch, stamp


class Watched:
    """A watch, looked after by hand: each ``look`` is one second."""

    def __init__(self, disk) -> None:
        self.disk = disk
        self.taken = stamp(disk.rules)
        self.reload_count = 0
        self.is_on = True
        self._watch = RuleWatch(lambda: disk.rules if self.is_on else None, lambda: self.taken, self._reload)

    async def _reload(self) -> None:
        self.reload_count += 1
        self.taken = stamp(self.disk.rules)

    async def look(self, times: int = 1) -> int:
        """Look so often; how many reloads that made."""
        before = self.reload_count
        for _ in range(times):
            await self._watch.run_once()
        return self.reload_count - before


@pytest.fixture
def watched(disk) -> Watched:
    return Watched(disk)


async def test_nothing_is_reloaded_while_nothing_changes(watched) -> None:
    assert await watched.look(times=5) == 0


@pytest.mark.parametrize("change", ["content", "same size", "new file", "gone", "test", "replaced"])
async def test_a_change_is_taken_over_once_when_it_has_been_at_rest_for_a_second(watched, change) -> None:
    await watched.look()
    file = watched.disk.rules / "10-shop.yaml"
    text = file.read_text()
    if change == "content":
        file.write_text(text + "# more\n")
    elif change == "same size":
        file.write_text(text.replace("high", "HIGH"))
        os.utime(file, ns=(1, 1))
    elif change == "new file":
        (watched.disk.rules / "20-more.yaml").write_text("version: 1\n")
    elif change == "gone":
        file.unlink()
    elif change == "test":
        (watched.disk.rules / "10-shop_test.yaml").write_text("tests: []\n")
    else:
        written = watched.disk.folder / "written"
        written.write_text(text)
        seen = file.stat()
        os.utime(written, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        written.replace(file)  # as editors and package managers do it
    assert [await watched.look(), await watched.look(), await watched.look(times=5)] == [0, 1, 0]


async def test_as_long_as_somebody_writes_nothing_is_taken_over(watched) -> None:
    await watched.look()
    for number in range(5):
        (watched.disk.rules / f"{number}.yaml").write_text("version: 1\n")
        assert await watched.look() == 0
    assert await watched.look() == 1


async def test_what_was_reloaded_by_hand_is_not_reloaded_again(watched) -> None:
    await watched.look()
    (watched.disk.rules / "20-more.yaml").write_text("version: 1\n")
    watched.taken = stamp(watched.disk.rules)
    assert await watched.look(times=3) == 0


async def test_rules_that_are_not_watched_are_left_alone(watched) -> None:
    watched.is_on = False
    (watched.disk.rules / "20-more.yaml").write_text("version: 1\n")
    assert await watched.look(times=3) == 0
    watched.is_on = True
    assert await watched.look(times=2) == 1


def test_what_is_no_rule_file_has_no_part_in_it(disk) -> None:
    before = stamp(disk.rules)
    for name in (".10-shop.yaml.swp", "10-shop.yaml~", ".new.yaml", "notes.md"):
        (disk.rules / name).write_text("written by an editor\n")
    assert stamp(disk.rules) == before


def test_one_file_is_watched_with_the_tests_beside_it_and_a_missing_folder_is_empty(disk) -> None:
    before = stamp(disk.rules / "10-shop.yaml")
    (disk.rules / "10-shop_test.yaml").write_text("tests: []\n")
    assert stamp(disk.rules / "10-shop.yaml") != before
    assert stamp(disk.folder / "nowhere") == ()
