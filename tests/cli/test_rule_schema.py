"""The JSON Schemas that editors use: in step with the models, right about what is right, and about what they can see is wrong."""

from __future__ import annotations

import json
import re
import shlex

import click
import pytest
import yaml
from jsonschema import Draft202012Validator

from ingestd.cli.tree import ingestd
from ingestd.cli.write_schema import texts
from ingestd.config.rule_model import RuleModel
from ingestd.config.rule_test_model import ExpectModel, RuleTestModel
from ingestd.config.stage_model import MaintenanceModel
from ingestd.config.yaml_tree import parse_document, read_document, to_python

NAMES = ("rules-v1.json", "rule-tests-v1.json")


@pytest.fixture(params=NAMES)
def schema(request, root) -> dict:
    return json.loads((root / "schema" / request.param).read_text(encoding="utf-8"))


@pytest.fixture
def faults(root):
    """``faults(text)``: what the schema of rule files, or the one named, says of a file."""

    def find(text: str, name: str = NAMES[0]) -> list[str]:
        document = parse_document(text, "x.yaml")
        assert document.problems == []
        validator = Draft202012Validator(json.loads((root / "schema" / name).read_text(encoding="utf-8")))
        return [
            f"{'.'.join(map(str, error.path))}: {error.message}"
            for error in validator.iter_errors(to_python(document.root))
        ]

    return find


def test_the_schemas_are_in_step_with_the_models(root):
    for name, text in texts().items():
        written = json.loads((root / "schema" / name).read_text(encoding="utf-8"))
        assert written == json.loads(text), "run: make schema"
    assert {path.name for path in (root / "schema").iterdir()} == set(texts())


def test_the_command_writes_them(bare_shell, tmp_path, root):
    assert bare_shell("write-schema", str(tmp_path)).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == set(NAMES)


def test_the_reference_is_in_step_with_the_models(bare_shell, root):
    written = (root / "docs" / "rules" / "reference.md").read_text(encoding="utf-8")
    assert written == bare_shell("write-documentation", "rules").stdout, "run: make schema"


def test_every_key_is_in_the_reference_with_a_meaning(root):
    written = (root / "docs" / "rules" / "reference.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`°? \| (.*) \| (.*) \| (.*) \|$", written, re.MULTILINE)
    for name in NAMES:
        schema = json.loads((root / "schema" / name).read_text(encoding="utf-8"))
        for one in (schema, *schema["$defs"].values()):
            assert one.get("properties", {}).keys() <= {key for key, _, _, _ in rows}
    assert [row for row in rows if not row[1] or len(row[3]) < 8] == []


def test_a_schema_is_a_schema(schema):
    Draft202012Validator.check_schema(schema)


def test_every_key_is_described_for_whoever_completes_it(schema):
    kinds = {
        "RuleModel": RuleModel,
        "MaintenanceModel": MaintenanceModel,
        "ExpectModel": ExpectModel,
        "RuleTestModel": RuleTestModel,
    }
    for kind in kinds.keys() & schema["$defs"].keys():
        properties = schema["$defs"][kind]["properties"]
        assert len(properties) == len(kinds[kind].model_fields)
        assert [key for key, one in properties.items() if len(one.get("description", "")) < 8] == []


def test_the_shipped_rules_fit_and_name_their_schema(root):
    for path in sorted((root / "rules").glob("*.yaml")):
        name = NAMES[path.name.endswith("_test.yaml")]
        schema = json.loads((root / "schema" / name).read_text(encoding="utf-8"))
        document, _ = read_document(path)
        assert list(Draft202012Validator(schema).iter_errors(to_python(document.root))) == []
        assert document.lines[0] == f"# yaml-language-server: $schema=../schema/{name}"


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{rule: a, match: [x = y], page: none, ticket: none, dedup: {by: [x], within: 1h30m}}]",
        "rules: [{rule: a, match_any: ['{x = y}'], ticket: {to: jira, project: PAY, fields: {a: 1}}}]",
        "version: 1\nowner: us\ndefaults: {team: t, impact: high}\nseverity: {high: {high: critical}}\nrules: []",
        "tests: [{name: n, alert: {a: b, n: 7}, expect: {page: none, pages: [asha], tickets: 1}}]",
        "tests: [{name: n, alert: {a: b}, expect: {held: none, maintenance: none, parent: none}}]",
        "rules: [{rule: a, match: [], inhibit_by: {match: [a = b]}, extract: {from: a, regex: '(?P<b>x)'}}]",
        "rules: [{rule: a, match: [], inhibit_by: [{match: [a = b]}], extract: [{from: a, regex: '(?P<b>x)'}]}]",
        "enrich: [{name: n, rename: {a: b}}]\nmaintenance: [{name: m, match: [a = b], when: {weekdays: [sunday]}, do: drop}]",
        "tests: [{name: n, at: 2026-03-29 03:30, tz: UTC, steps: [{at: 9m}, {ack: asha}], expect: {pages: 2}}]",
    ],
)
def test_what_is_right_fits(faults, text):
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("rules: [{rule: a, match: [x = y], urgancy: high}]", "rules.0"),
        ("rules: [{match: [x = y]}]", "rules.0"),
        ("rules: [{rule: a, match: [{env: prod}]}]", "rules.0.match.0"),
        ("rules: [{rule: a, match: env = prod}]", "rules.0.match"),
        ("rules: [{rule: 'a b', match: []}]", "rules.0.rule"),
        ("rules: [{rule: a, match: [], urgency: hgih}]", "rules.0.urgency"),
        ("rules: [{rule: a, match: [], page: }]", "rules.0.page"),
        ("rules: [{rule: a, match: [], ticket: jira}]", "rules.0.ticket"),
        ("rules: [{rule: a, match: [], dedup: {within: 5}}]", "rules.0.dedup.within"),
        ("rules: [{rule: a, match: [], dedup: {within: 5 minutes}}]", "rules.0.dedup.within"),
        ("version: 2", "version"),
        ("enrich: [{name: n, renam: {a: b}}]", "enrich.0"),
        ("maintenance: [{name: m, match: [a = b], when: {weekdays: [sunday]}, do: dorp}]", "maintenance.0.do"),
        ("maintenance: [{name: m, match: [a = b], when: {wekdays: [sunday]}}]", "maintenance.0.when"),
        ("severity: {high: {hihg: low}}", "severity.high"),
        ("tests: [{name: n, alert: {a: b}, expect: {sevrity: low}}]", "tests.0.expect"),
        ("tests: [{alert: {a: b}}]", "tests.0"),
    ],
)
def test_what_is_wrong_is_seen(faults, text, place):
    assert place in {fault.partition(":")[0] for fault in faults(text)}


def test_only_a_file_of_tests_names_rule_files(faults):
    assert faults("rule_files: [a.yaml]\ntests: []", NAMES[1]) == []
    assert faults("rule_files: [a.yaml]\ntests: []", NAMES[0]) != []
    assert faults("rules: []", NAMES[1]) != []


def test_the_hooks_for_pre_commit_are_commands_that_there_are(root):
    hooks = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [hook["id"] for hook in hooks] == ["ingestd-check-rules", "ingestd-test-rules"]
    for hook in hooks:
        program, *words = shlex.split(hook["entry"])
        assert (program, hook["language"], hook["pass_filenames"]) == ("ingestd", "python", False)
        command: click.Command = ingestd
        ctx = click.Context(ingestd, info_name="ingestd")
        while isinstance(command, click.Group):
            found = command.get_command(ctx, words.pop(0))
            assert found is not None
            command, ctx = found, click.Context(found, parent=ctx)
        command.make_parser(ctx).parse_args([*words, "config.yaml"])
