"""What is wrong with the tests of the rules besides their results: mistakes in them, and rules that they do not reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ingestd.config.load import Loaded
from ingestd.config.problems import Problem, ProblemLevel, in_order
from ingestd.config.rule_files import rule_paths, shown_path
from ingestd.config.yaml_tree import Mapping, Node, Scalar, read_document
from ingestd.config.yaml_tree import Sequence as YamlSequence
from ingestd.core.ruleset import Rule
from ingestd.trial.rule_tests import read_tests
from ingestd.trial.running import Bench, coverage


def problems_of_tests(loaded: Loaded, *, is_every_rule: bool = False) -> tuple[Problem, ...]:
    """Every mistake in a test, and a warning for each rule that no test reaches, in reading order.

    Without ``is_every_rule`` only files are looked at of which some rule is tested: whoever has begun is told what is left.
    """
    read = read_tests(loaded)
    if not read.tests and not is_every_rule:
        return read.problems
    reached = coverage(loaded, Bench(loaded).run(read.tests))
    names = {rule.name for rule in reached.missed}
    begun = {rule.file for rule in reached.rules if rule.name not in names}
    missed = [rule for rule in reached.missed if is_every_rule or rule.file in begun]
    return in_order((*read.problems, *_untested(loaded, missed)))


def _untested(loaded: Loaded, missed: Iterable[Rule]) -> Iterator[Problem]:
    path, shown = loaded.config.rules.path, loaded.rules_shown_as
    by_file: dict[str, set[str]] = {}
    for rule in missed:
        by_file.setdefault(rule.file, set()).add(rule.name)
    for file in rule_paths(path) if by_file else ():
        name = shown_path(file, path, shown)
        if name not in by_file:
            continue
        document, _ = read_document(file, name)
        for node in _rule_names(document.root):
            if str(node.value) in by_file[name]:
                text = f'no test reaches rule "{node.value}"'
                hint = "add one under  tests:  or in a file beside this one that ends in _test.yaml"
                yield document.problem(node.span, "untested", text, hint=hint, level=ProblemLevel.WARNING)


def _rule_names(root: Node | None) -> Iterator[Scalar]:
    rules = root.get("rules") if isinstance(root, Mapping) else None
    for rule in rules.items if isinstance(rules, YamlSequence) else ():
        name = rule.get("rule") if isinstance(rule, Mapping) else None
        if isinstance(name, Scalar):
            yield name
