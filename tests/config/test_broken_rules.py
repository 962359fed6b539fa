"""Broken rule files, each with exactly what its author is told: ``broken/*.yaml``, and beside each the text.

``python tests/config/test_broken_rules.py`` writes the texts anew; what changed is then to be read, line by line.
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ingestd.config.load import load
from ingestd.config.problems import ConfigProblems, has_errors, render_all
from ingestd.trial.coverage_lint import problems_of_tests

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def told(file: Path, config: str) -> str:
    """What is told of a configuration whose only rule file this is; the working directory becomes a new one."""
    Path("rules").mkdir()
    shutil.copy(file, Path("rules") / file.name)
    Path("config.yaml").write_text(config, encoding="utf-8")
    try:
        loaded = load(Path("config.yaml"), environment={}, now=NOW)
    except ConfigProblems as exc:
        return render_all(exc.problems) + "\n"
    problems = problems_of_tests(loaded)
    assert has_errors(problems), "it is not broken"
    return render_all([*loaded.lint, *problems]) + "\n"


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_a_broken_rule_file_is_told_where_it_is_broken(tmp_path, monkeypatch, good, file):
    monkeypatch.chdir(tmp_path)
    assert told(file, good) == file.with_suffix(".txt").read_text(encoding="utf-8")


def test_a_file_that_is_not_utf_8(load_text):
    Path("rules").mkdir()
    Path("rules/10-latin.yaml").write_bytes("rules: []\n# Prüfung\n".encode("latin-1"))
    with pytest.raises(ConfigProblems) as caught:
        load_text()
    assert render_all(caught.value.problems) == (
        "rules/10-latin.yaml: error[encoding]: line 2 is not UTF-8 (byte 14)\n   = save the file as UTF-8"
    )


def test_a_file_without_end(load_text):
    Path("rules").mkdir()
    Path("rules/10-log.yaml").write_bytes(b"# 2026-11-22 12:00:00 all is well\n" * 300_000)
    with pytest.raises(ConfigProblems) as caught:
        load_text()
    assert render_all(caught.value.problems) == (
        "rules/10-log.yaml: error[too-large]: this file is larger than 8388608 bytes"
    )


def test_an_empty_file_and_one_of_another_name_are_warned_of(load_text):
    lint = load_text(rules={"10-empty.yaml": "", "20-rules.yml": "rules: []\n"}).lint
    assert render_all(lint) == (
        "rules: warning[ignored-file]: 20-rules.yml is not read\n   = rename it to .yaml\n\n"
        "rules/10-empty.yaml: warning[no-rules]: this file is empty"
    )


def test_what_is_broken_is_no_rule_and_hides_none(load_text):
    """The first rule has lost its matcher: were it a rule without it, it would match before the second."""
    with pytest.raises(ConfigProblems) as caught:
        load_text(rules="rules:\n  - {rule: x, match: 5}\n  - {rule: y, match: [a = b]}\n")
    assert [problem.code for problem in caught.value.problems] == ["matcher"]


def test_every_text_belongs_to_a_file():
    texts = sorted((Path(__file__).parent / "broken").glob("*.txt"))
    assert [text.stem for text in texts] == [file.stem for file in BROKEN]
    assert len(BROKEN) > 100


def _write_anew() -> None:
    from conftest import GOOD

    for file in BROKEN:
        with TemporaryDirectory() as folder:
            os.chdir(folder)
            file.with_suffix(".txt").write_text(told(file, GOOD), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(_write_anew())
