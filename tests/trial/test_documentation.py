"""The pages for rule authors: their files load, their tests pass, their consoles show what ingestd shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from ingestd.cli.tree import ingestd
from ingestd.config.load import load
from ingestd.config.problems import has_errors, render_all
from ingestd.config.rule_test_model import ExpectModel, RuleTestModel, StepModel
from ingestd.config.yaml_tree import read_document, to_python
from tests.trial.documented import Block, Typed, as_file, blocks, typed

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "rules").glob("*.md"))
BY_SECTION = ("cases.md", "migrating.md")
"""Pages on which each section begins anew with what stands above the first one."""


def of(name: str) -> list[Block]:
    (path,) = (path for path in PAGES if path.name == name)
    return list(blocks(path.read_text(encoding="utf-8")))


@pytest.fixture
def empty_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follow(section: list[Block], place: Path) -> None:
    """Do what the blocks say, one after the other, and compare what is typed."""
    for block in section:
        if block.is_ours:
            block.apply(place)
        if block.language == "console":
            for one in typed(block):
                if one.needs_no_daemon:
                    outcome = one.outcome()
                    assert one.agrees(outcome), f"line {one.line}: $ {one.command}\n{outcome}"


def fits_the_schema(path: Path) -> None:
    """An editor that knows the schema underlines nothing in it."""
    name = "rule-tests-v1.json" if path.name.endswith("_test.yaml") else "rules-v1.json"
    schema = json.loads((ROOT / "schema" / name).read_text(encoding="utf-8"))
    document, _ = read_document(path)
    found = [
        f"{path.name}: {error.json_path}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(to_python(document.root))
    ]
    assert found == []


def all_is_right(place: Path, *options: str) -> None:
    """The rules that came of it are without problems, and their tests pass."""
    if not (place / "rules").exists():
        return
    for path in sorted((place / "rules").glob("*.yaml")):
        fits_the_schema(path)
    checked = CliRunner().invoke(ingestd, ["check", "all", "config.yaml", "--lint-fatal"])
    assert checked.exit_code == 0, checked.output
    tried = CliRunner().invoke(ingestd, ["test", "rules", "config.yaml", *options])
    assert tried.exit_code == 0, tried.output


@pytest.mark.parametrize("page", [path.name for path in PAGES if path.name not in BY_SECTION])
def test_who_follows_a_page_from_top_to_bottom_sees_what_it_shows(page, empty_place):
    follow(of(page), empty_place)
    all_is_right(empty_place)


@pytest.mark.parametrize(
    ("page", "section"),
    [
        pytest.param(page, name, id=name)
        for page in BY_SECTION
        for name in dict.fromkeys(b.section for b in of(page))
        if name
    ],
)
def test_a_worked_case_loads_and_each_of_its_rules_is_tested(page, section, empty_place):
    found = [block for block in of(page) if block.section in ("", section)]
    follow(found, empty_place)
    all_is_right(empty_place, "--coverage", "--fail-under", "100")


def parts() -> list[object]:
    found: list[object] = []
    for path in PAGES:
        here = list(blocks(path.read_text(encoding="utf-8")))
        config = next((one.text for one in here if one.path == "config.yaml"), None)
        found += [
            pytest.param(config, block.text, id=f"{path.name}:{block.line}")
            for block in here
            if block.language == "yaml" and not block.path
        ]
    return found


NAMES = """\
sources:
  am: {kind: alertmanager, auth: none}
connectors:
  tickets: {kind: ticket_folder, path: var/tickets}
  jira: {kind: ticket_folder, path: var/jira}
  desk: {kind: ticket_folder, path: var/desk}
  mail: {kind: email_pager, from: ingestd@localhost, maildir: var/mail}
channels: {email: mail}
people:
  asha: {email: asha@example.com}
policies:
  payments: {steps: [{page: [asha], wait: 5m}]}
  office-hours: {steps: [{page: [asha], wait: 1d}]}
teams:
  default: {policy: payments, ticket: {to: tickets}}
  payments: {policy: payments}
  databases: {}
  shop: {}
api: {loopback_without_token: true}
"""
"""The names that parts use, on a page that shows no configuration."""


@pytest.mark.parametrize(("config", "text"), parts())
def test_a_part_of_a_rule_file_can_stand_where_it_belongs(config, text, place):
    (place / "config.yaml").write_text(config or NAMES, encoding="utf-8")
    (place / "rules" / "10-part.yaml").write_text(as_file(text), encoding="utf-8")
    loaded = load(Path("config.yaml"), environment={}, needs_secrets=False)
    assert not has_errors(loaded.lint), render_all(loaded.lint)


@pytest.mark.parametrize("model", [ExpectModel, RuleTestModel, StepModel])
def test_every_key_of_a_test_is_on_its_page(model):
    page = (ROOT / "docs" / "rules" / "testing.md").read_text(encoding="utf-8")
    keys = [field.alias or name for name, field in model.model_fields.items()]
    assert [key for key in keys if f"`{key}`" not in page and f"`{key}:`" not in page] == []


@pytest.mark.parametrize(
    ("shown", "outcome", "agrees"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a\nB\n", False),
        ("a\n", "a\nb\n", False),
        ("a\n...\nc\n", "a\nb\nb\nc\n", True),
        ("a\n...\nc\n", "a\nb\n", False),
    ],
)
def test_a_console_that_shows_something_else_is_found(shown, outcome, agrees):
    assert Typed(1, "ingestd check", shown).agrees(outcome) is agrees


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("at the end", "rules:\n  - rule: a\n    match: []\n\n  - rule: b\n    match: []\ntests: []\n  - rule: c\n"),
        ("before b", "rules:\n  - rule: a\n    match: []\n\n  - rule: c\n  - rule: b\n    match: []\ntests: []\n"),
        ("in place of a", "rules:\n  - rule: c\n  - rule: b\n    match: []\ntests: []\n"),
        ("before tests", "rules:\n  - rule: a\n    match: []\n\n  - rule: b\n    match: []\n  - rule: c\ntests: []\n"),
    ],
)
def test_a_block_changes_the_file_as_its_first_line_says(tmp_path, how, expected):
    page = f"""\
```yaml
# rules/x.yaml, {how}
  - rule: c
```
"""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "x.yaml").write_text(
        "rules:\n  - rule: a\n    match: []\n\n  - rule: b\n    match: []\ntests: []\n"
    )
    (block,) = blocks(page)
    block.apply(tmp_path)
    assert (tmp_path / "rules" / "x.yaml").read_text() == expected
