"""A team's whole rule file with its matrix, responses, maintenance and tests: every test of it passes, and check finds nothing."""

from pathlib import Path

from ingestd.config.load import load
from ingestd.trial.rule_tests import read_tests
from ingestd.trial.running import Bench, coverage

CONFIG = Path(__file__).parent / "payments" / "config.yaml"


def test_a_teams_rules_do_what_their_tests_say():
    loaded = load(CONFIG, needs_secrets=False)
    assert loaded.lint == ()
    read = read_tests(loaded)
    assert read.problems == ()
    assert len(read.tests) == 7
    results = Bench(loaded).run(read.tests)
    assert [result.test.name for result in results if not result.has_passed] == []
    assert coverage(loaded, results).missed == ()
