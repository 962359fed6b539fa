"""Measures what classifying one alert costs with 10 to 10,000 rules, how long rules take to load, and how long their tests take to run.

``python tests/bench/rules.py`` prints microseconds per alert (CPU time, best of several rounds) and the ratio to 10 rules; the promise is at
most twice. Beside it stands what trying every rule in turn costs, and what compiling and indexing them takes.
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ingestd.config.load import load
from ingestd.config.problems import has_errors
from ingestd.config.rule_files import load_rules
from ingestd.core.alert import Alert
from ingestd.core.classify import classify, trace
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.rule_compiler import compile_rules
from ingestd.core.rule_draft import Known, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, Ruleset, TeamRoute
from ingestd.trial.rule_tests import read_tests
from ingestd.trial.running import Bench

COUNTS = (10, 100, 1_000, 10_000)
RATIO_MAX = 2.0
LOADED_COUNT = 2_000
LOAD_SECONDS_MAX = 2.0
TESTS_COUNT = 500
TESTS_SECONDS_MAX = 5.0
ALERTS_COUNT = 2_000
LINEAR_COUNT = 20
ROUNDS = 7
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
KNOWN = Known({"default": TeamRoute()})


def mixed(number: int, count: int) -> RuleDraft:
    """What people write: mostly by alert name or service, some by regex, some for several services, some with exceptions."""
    service, name = f"svc{number}", f"Alert{number}"
    kind = number % 10
    if kind < 4:
        return RuleDraft(f"r{number}", match=(f"service = {service}", "env = prod"))
    if kind < 6:
        return RuleDraft(f"r{number}", match=(f"alertname = {name}", 'severity =~ "critical|page"', "env != dev"))
    if kind < 8:
        return RuleDraft(f"r{number}", match=(f'instance =~ "{service}-[0-9]+(:[0-9]+)?"',), unless=("env = dev",))
    if kind < 9:
        return RuleDraft(f"r{number}", match_any=(f"{{service={service}}}", f'{{namespace =~ "{service}-.*"}}'))
    return RuleDraft(
        f"r{number}",
        match=("env = prod", "cluster = eu-1", f"team = team{number % max(1, count // 20)}", f"job = {service}"),
    )


def regexes(number: int, count: int) -> RuleDraft:
    """Nothing but anchored regexes on one label."""
    return RuleDraft(f"r{number}", match=(f'instance =~ "svc{number}-.*"',))


def same_label(number: int, count: int) -> RuleDraft:
    """All rules share the first matchers; the last one tells them apart."""
    return RuleDraft(f"r{number}", match=("env = prod", 'cluster =~ "eu-.*"', f"job = svc{number}"))


def alerts(count: int) -> list[Alert]:
    """Alerts of services of which every second one has a rule."""
    chance = random.Random(7)
    return [alert(chance, chance.randrange(count * 2)) for _ in range(ALERTS_COUNT)]


def alert(chance: random.Random, number: int) -> Alert:
    """An alert of one service, labelled as Prometheus and Kubernetes do."""
    service = f"svc{number}"
    labels = {
        "alertname": f"Alert{chance.randrange(100)}",
        "cluster": f"eu-{chance.randrange(3)}",
        "env": chance.choice(("prod", "prod", "dev")),
        "instance": f"{service}-{chance.randrange(100)}:9100",
        "job": service,
        "namespace": f"{service}-{chance.randrange(3)}",
        "pod": f"{service}-{chance.randbytes(4).hex()}",
        "service": service,
        "severity": chance.choice(("critical", "warning")),
        "team": f"team{number % 20}",
    }
    summary = {"summary": f"p99 latency of {service} is high"}
    return Alert("am", AlertKey(f"am/{number}"), AlertStatus.FIRING, labels, summary, rule_name=labels["alertname"])


def ruleset(draft: Callable[[int, int], RuleDraft], count: int) -> Ruleset:
    """That many rules, compiled and indexed."""
    built, faults = compile_rules([draft(number, count) for number in range(count)], Stages(DEFAULT_MATRIX, "v"), KNOWN)
    assert not faults, faults[0]
    return built


def microseconds(
    ask: Callable[[Alert, Ruleset, datetime], object], seen: Sequence[Alert], rules: Ruleset, rounds: int
) -> float:
    """CPU time for one alert, in the best of some rounds: the machine may be busy with other things."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for each in seen:
            ask(each, rules, NOW)
        best = min(best, time.process_time() - began)
    return best / len(seen) * 1e6


def write_rules(folder: Path, count: int) -> None:
    """Rule files of 100 rules each, every one with its own matchers, title and summary."""
    rule = """\
  - rule: rule-{n}
    about: What service {n} does when it is slow.
    match: ['alertname = Latency{n}', 'service =~ "svc{n}-.*"', 'env != dev']
    unless: ['team = team-{n}']
    impact: high
    urgency: medium
    dedup: {{by: [service, instance], within: 10m}}
    correlate: {{by: [service, env], within: 30m}}
    title: "Service {n} is slow on {{{{ labels.instance|default('some machine') }}}}"
    summary: "Number {n}: {{{{ annotations.description|default(summary) }}}} ({{{{ labels.env }}}})"
    runbook: https://runbooks.example.net/{n}
"""
    for first in range(0, count, 100):
        rules = "".join(rule.format(n=number) for number in range(first, min(first + 100, count)))
        (folder / f"{first:06}.yaml").write_text(f"version: 1\nrules:\n{rules}", encoding="utf-8")


def load_seconds(count: int) -> float:
    """CPU time to read, check, lint and index that many rules from their files."""
    with TemporaryDirectory() as folder:
        write_rules(Path(folder), count)
        began = time.process_time()
        loaded, problems = load_rules(Path(folder), KNOWN, now=NOW)
        seconds = time.process_time() - began
    assert (loaded.count, has_errors(problems)) == (count, False), problems[:3]
    return seconds


def tests_seconds(count: int) -> float:
    """CPU time to read and run that many tests, each the life of an incident, with the example configuration and the shipped rules."""
    root = Path(__file__).resolve().parents[2]
    life = """\
  - name: test {n}
    steps:
      - {{alert: {{alertname: DiskFull, severity: warning, instance: host{n}}}}}
      - {{at: 30m}}
      - {{at: 40m, ack: ben}}
      - {{at: 50m, resolve: {{alertname: DiskFull, severity: warning, instance: host{n}}}}}
      - {{at: 2h}}
    expect: {{rule: disk-filling, state: closed, incidents: 1, tickets: 1}}
"""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copytree(root / "rules", place / "rules")
        shutil.copy(root / "config.example.yaml", place / "config.yaml")
        tests = "".join(life.format(n=number) for number in range(count))
        (place / "rules" / "bench_test.yaml").write_text(f"tests:\n{tests}", encoding="utf-8")
        began = time.process_time()
        loaded = load(place / "config.yaml", environment={})
        read = read_tests(loaded)
        results = Bench(loaded).run(read.tests)
        seconds = time.process_time() - began
    assert (len(results) > count, all(result.has_passed for result in results)) == (True, True)
    return seconds


def main() -> int:
    """Print the tables; 1 if a promise is not kept."""
    is_kept = True
    print(f"{'rules':<12}{'count':>8}{'compile s':>11}{'us/alert':>10}{'ratio':>7}{'every rule, us':>16}")
    for draft in (mixed, regexes, same_label):
        least = 0.0
        for count in COUNTS:
            began = time.process_time()
            rules = ruleset(draft, count)
            build_seconds = time.process_time() - began
            seen = alerts(count)
            indexed = microseconds(classify, seen, rules, ROUNDS)
            linear = microseconds(trace, seen[:LINEAR_COUNT], rules, 1)
            least = least or indexed
            ratio = indexed / least
            print(f"{draft.__name__:<12}{count:>8}{build_seconds:>11.2f}{indexed:>10.1f}{ratio:>7.2f}{linear:>16.0f}")
        is_kept = is_kept and ratio <= RATIO_MAX
    print(f"{COUNTS[-1]:,} rules cost at most {RATIO_MAX:g} times {COUNTS[0]}: {'yes' if is_kept else 'NO'}")
    seconds = load_seconds(LOADED_COUNT)
    is_fast = seconds <= LOAD_SECONDS_MAX
    print(
        f"{LOADED_COUNT:,} rules load and lint in {seconds:.2f} s, at most {LOAD_SECONDS_MAX:g}: {'yes' if is_fast else 'NO'}"
    )
    seconds = tests_seconds(TESTS_COUNT)
    are_quick = seconds <= TESTS_SECONDS_MAX
    print(f"{TESTS_COUNT} tests run in {seconds:.2f} s, at most {TESTS_SECONDS_MAX:g}: {'yes' if are_quick else 'NO'}")
    return 0 if is_kept and is_fast and are_quick else 1


if __name__ == "__main__":
    sys.exit(main())
