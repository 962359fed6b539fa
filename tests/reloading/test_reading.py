"""What is on disk is taken over only if it can be read, is right, and passes its tests: in a process of its own, with an end."""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestd.reloading import proof
from ingestd.reloading.proof import prove
from ingestd.reloading.reading import identity_of, load_all, read_anew
from ingestd.reloading.refused import Refused, ReloadReason
from tests.reloading.conftest import RULES


def build_nothing(_loaded, _registry):
    return {}


async def refusal(disk) -> tuple[ReloadReason, list[str]]:
    with pytest.raises(Refused) as refused:
        await read_anew(disk.config, build_nothing)
    return refused.value.reason, refused.value.problems


async def test_what_is_right_and_passes_its_tests_may_be_taken_over(disk) -> None:
    fresh = await read_anew(disk.config, build_nothing)
    assert (fresh.loaded.ruleset.count, fresh.tests_count) == (1, 1)
    assert gc.isenabled()


async def test_every_problem_is_given_and_no_test_is_run(disk) -> None:
    disk.write(rules=RULES.replace("impact", "impcat").replace("urgency: high", "urgency: hihg"))
    reason, problems = await refusal(disk)
    assert reason is ReloadReason.INVALID
    assert [problem.partition(": error")[2].partition("]")[0] for problem in problems] == ["[unknown-key", "[value"]
    assert 'did you mean "impact"?' in problems[0]


async def test_a_test_that_fails_refuses_with_its_name_and_what_differs(disk) -> None:
    disk.write(severity="low")
    reason, [problem] = await refusal(disk)
    assert reason is ReloadReason.TESTS_FAILED
    head, *lines = problem.splitlines()
    assert head.endswith('rules/10-shop_test.yaml:2: the test "a checkout that is down" fails')
    assert lines == ["   - severity: low", "   + severity: critical"]


async def test_a_test_that_cannot_be_read_refuses_too(disk) -> None:
    (disk.rules / "10-shop_test.yaml").write_text(
        "tests:\n  - name: x\n    alert: {a: b}\n    expcet: {rule: checkout}\n"
    )
    reason, problems = await refusal(disk)
    assert reason is ReloadReason.TESTS_FAILED
    assert any('"expcet"' in problem for problem in problems)


async def test_without_tests_on_reload_none_is_run(disk) -> None:
    disk.write(severity="low", options=", test_on_reload: false")
    assert (await read_anew(disk.config, build_nothing)).tests_count == 0


async def test_secrets_that_the_daemon_alone_may_read_are_not_needed_for_the_tests(disk) -> None:
    known = identity_of(load_all(disk.config)[0])
    (disk.folder / "secret").unlink()
    proved = await prove(disk.config)
    assert (proved.identity, proved.tests_count, proved.failures) == (known, 1, ())


async def test_files_that_change_between_the_reading_and_the_tests_are_read_again(disk) -> None:
    counts = []

    def change_once(loaded, _registry):
        if not counts:
            disk.write(rules=f"{RULES}    category: money\n")
        counts.append(loaded.ruleset.count)
        return {}

    fresh = await read_anew(disk.config, change_once)
    assert len(counts) == 2
    assert fresh.loaded.ruleset.rules[0].category == "money"


async def test_files_that_never_rest_are_refused(disk) -> None:
    numbers = itertools.count()

    def change_always(_loaded, _registry):
        disk.write(rules=f"{RULES}    category: c{next(numbers)}\n")
        return {}

    with pytest.raises(Refused, match="changed while they were read") as refused:
        await read_anew(disk.config, change_always)
    assert (refused.value.reason, next(numbers)) == (ReloadReason.UNSTEADY, 3)


async def test_tests_without_an_end_are_ended(disk) -> None:
    """A tenth of a second is too short for any interpreter to start and to load this."""
    before = _children()
    with pytest.raises(Refused) as refused:
        await prove(disk.config, seconds_max=0.1)
    assert refused.value.reason is ReloadReason.TESTS_UNFINISHED
    assert "test_on_reload: false" in refused.value.problems[0]
    assert _children() == before, "others of this process belong to other tests"


async def test_a_process_that_cannot_be_started_or_breaks_is_a_reason_of_its_own(disk, monkeypatch) -> None:
    monkeypatch.setattr(proof, "_MODULE", "ingestd.reloading.no_such_thing")
    reason, [problem] = await refusal(disk)
    assert reason is ReloadReason.TESTS_NOT_RUN
    assert "No module named ingestd.reloading.no_such_thing" in problem
    monkeypatch.setattr(sys, "executable", str(disk.folder / "no-python"))
    reason, [problem] = await refusal(disk)
    assert (reason, problem.splitlines()[0]) == (
        ReloadReason.TESTS_NOT_RUN,
        "the tests of the rules could not be run: No such file or directory",
    )


def test_the_process_ends_with_the_daemon_that_started_it(disk) -> None:
    orphan = [sys.executable, "-P", "-m", "ingestd.reloading.proving", str(disk.config)]
    ended = subprocess.run(orphan, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (1, b"")


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
