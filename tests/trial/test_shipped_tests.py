"""What comes with ingestd: its tests reach every shipped rule, an admin's own rules do not make them fail, and its days and nights."""

from __future__ import annotations

import shutil
from dataclasses import replace
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


@pytest.mark.parametrize(
    "timing",
    [
        {"resolve_grace_seconds": 0, "reopen_within_seconds": 0, "late_fire_seconds": 0},
        {"resolve_grace_seconds": 1},
        {"resolve_grace_seconds": 3600, "reopen_within_seconds": 86_400, "late_fire_seconds": 600},
    ],
)
def test_they_pass_however_long_the_admin_lets_things_wait(root, timing):
    loaded = load(root / "config.example.yaml", environment={})
    incidents = loaded.config.incidents.model_copy(update=timing)
    theirs = replace(loaded, config=loaded.config.model_copy(update={"incidents": incidents}))
    results = Bench(theirs).run(read_tests(theirs).tests)
    assert [result.test.name for result in results if not result.has_passed] == []


def test_they_pass_where_the_watchdog_of_a_source_answers_before_any_rule(root, tmp_path):
    """As docs/proof.md sets it up. A reload is refused while a test fails, so following that page must not make one fail."""
    shutil.copytree(root / "rules", tmp_path / "rules")
    plain = "    kind: alertmanager\n"
    watched = f'{plain}    watchdog: {{match: ["alertname = Watchdog"], within: 5m}}\n'
    text = (root / "config.example.yaml").read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(text.replace(plain, watched), encoding="utf-8")
    loaded = load(tmp_path / "config.yaml", environment={})
    assert loaded.config.sources["alertmanager"].watchdog is not None
    results = Bench(loaded).run(read_tests(loaded).tests)
    assert [result.test.name for result in results if not result.has_passed] == []


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
    (place / "rules" / "00-severity_test.yaml").unlink()  # it says what was in the file above
    return place


def test_the_shipped_tests_pass_in_an_installation_with_its_own_rules_names_and_matrix(theirs):
    loaded = load(theirs / "config.yaml", environment={})
    read = read_tests(loaded)
    results = Bench(loaded).run(read.tests)
    assert read.problems == ()
    assert len(results) > 20
    assert [(result.test.name, result.shortfalls) for result in results if not result.has_passed] == []
    assert [rule.name for rule in coverage(loaded, results).missed] == ["everything"]


# Who is paged and when stands here and not among the shipped tests: an admin has people and policies of their own.
DAYS_AND_NIGHTS = """\
rule_files: [00-severity.yaml, 50-defaults.yaml]
tests:
  - name: a warning at night has its ticket at once and pages when office hours begin
    at: 2026-01-07 02:30
    steps:
      - {alert: {alertname: QueueLong, severity: warning}, expect: {incidents: 1}}
      - {at: 10s, expect: {tickets: 1, pages: none}}
      - {at: 6h29m59s, expect: {pages: none}}
      - {at: 6h30m, expect: {pages: [asha]}}
  - name: a warning on Saturday pages on Monday
    at: 2026-01-10 12:00
    steps:
      - {alert: {alertname: QueueLong, severity: warning}}
      - {at: 44h59m, expect: {tickets: 1, pages: none}}
      - {at: 45h, expect: {pages: [asha]}}
  - name: a warning at noon pages at once
    at: 2026-01-07 12:00
    steps:
      - {alert: {alertname: QueueLong, severity: warning}}
      - {at: 10s, expect: {tickets: 1, pages: [asha]}}
  - name: what is critical, high, or known to nobody pages at once in the night
    at: 2026-01-07 02:30
    steps:
      - {alert: {alertname: A, severity: critical}}
      - {at: 1s, expect: {severity: critical, pages: [asha]}}
      - {at: 1s, alert: {alertname: B, severity: error}}
      - {at: 2s, expect: {severity: high, pages: [asha, asha]}}
      - {at: 2s, alert: {alertname: C}}
      - {at: 3s, expect: {rule: unmatched, severity: medium, pages: [asha, asha, asha], tickets: 3}}
  - name: a disk that becomes critical in the night pages at once
    at: 2026-01-07 02:30
    steps:
      - {alert: {alertname: NodeFilesystemSpaceFillingUp, severity: warning, instance: a, mountpoint: /}}
      - {at: 1h, alert: {alertname: NodeFilesystemSpaceFillingUp, severity: critical, instance: a, mountpoint: /}}
      - {at: 1h1s, expect: {incidents: 1, tickets: 1, pages: [asha]}}
  - name: what is for information has a ticket and never pages
    at: 2026-01-07 12:00
    steps:
      - {alert: {alertname: NewVersion, severity: info}}
      - {at: 1d, expect: {tickets: 1, pages: none}}
  - name: a lost control plane pages once, whatever it takes along, and the rest when it is back
    at: 2026-01-07 02:30
    steps:
      - {alert: {alertname: KubeSchedulerDown, severity: critical, cluster: eu1}}
      - {alert: {alertname: TargetDown, severity: warning, cluster: eu1, job: kubelet}}
      - {at: 30s, alert: {alertname: KubeAPIDown, severity: critical, cluster: eu1}}
      - {at: 40s, ack: asha}
      - {at: 20m, expect: {incidents: 2, tickets: 1, pages: [asha]}}
      - {at: 20m, resolve: {alertname: KubeAPIDown, severity: critical, cluster: eu1}}
      - {at: 25m, expect: {pages: [asha, asha, asha], tickets: 3}}
"""


def test_who_is_paged_by_the_shipped_rules_and_when(root, place):
    (place / "rules").rmdir()
    shutil.copytree(root / "rules", place / "rules", ignore=shutil.ignore_patterns("*_test.yaml"))
    (place / "rules" / "days_test.yaml").write_text(DAYS_AND_NIGHTS)
    loaded = load(place / "config.yaml", environment={})
    read = read_tests(loaded)
    assert read.problems == ()
    results = Bench(loaded).run(read.tests)
    assert len(results) == 7
    assert [(result.test.name, result.shortfalls) for result in results if not result.has_passed] == []
