"""The tests that come with ingestd: they reach every shipped rule, and an admin's own rules do not make them fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ingestd.config.load import load
from ingestd.trial.rule_tests import read_tests
from ingestd.trial.running import Bench, coverage


def test_every_shipped_rule_has_its_tests_and_they_pass(root):
    loaded = load(root / "config.example.yaml", environment={})
    read = read_tests(loaded)
    results = Bench(loaded).run(read.tests)
    assert read.problems == ()
    assert [result.test.name for result in results if not result.has_passed] == []
    assert coverage(loaded, results).missed == ()


@pytest.fixture
def theirs(root, place) -> Path:
    """An installation with other names for everything, a rule that takes all, and a matrix of its own."""
    (place / "rules").rmdir()
    shutil.copytree(root / "rules", place / "rules")
    config = (place / "config.yaml").read_text()
    for ours, other in (("default:", "ops:"), ("am:", "main:"), ("tickets", "desk"), ("asha", "zoe")):
        config = config.replace(ours, other)
    config = config.replace("  ops: {policy: default,", "  default: {policy: ops,").replace("zoe@", "asha@")
    (place / "config.yaml").write_text(config)
    (place / "rules" / "10-own.yaml").write_text("rules:\n  - rule: everything\n    match: []\n    page: none\n")
    row = "{high: low, medium: low, low: low}"
    (place / "rules" / "00-severity.yaml").write_text(f"severity: {{high: {row}, medium: {row}, low: {row}}}\n")
    return place


def test_the_shipped_tests_pass_in_an_installation_with_its_own_rules_names_and_matrix(theirs):
    loaded = load(theirs / "config.yaml", environment={})
    read = read_tests(loaded)
    results = Bench(loaded).run(read.tests)
    assert read.problems == ()
    assert len(results) > 20
    assert [(result.test.name, result.shortfalls) for result in results if not result.has_passed] == []
    assert [rule.name for rule in coverage(loaded, results).missed] == ["everything"]
