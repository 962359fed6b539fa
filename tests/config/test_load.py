"""The configuration as a whole: the example, paths, connectors' settings, lint, and text that is no configuration."""

import importlib
import json
import re
import shutil
import typing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from ingestd.config.load import load, settings_of
from ingestd.config.model import Config
from ingestd.config.policy import build_policy
from ingestd.config.problems import ConfigProblems, render_all
from ingestd.core.names import Channel
from ingestd.core.policy import EscalationPolicy, Step

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.yaml"


class FolderSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    path: Path


class MailSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    maildir: Path | None = None
    smtp: FolderSettings | None = None
    api_key: SecretStr | None = None
    count: int = 1

    @model_validator(mode="before")
    @classmethod
    def _drop_from(cls, value):
        value.pop("from", None)
        if value.get("count") == 13:
            raise ValueError("thirteen is too many")
        return value


TYPES = {"ticket_folder": FolderSettings, "email_pager": MailSettings}


def test_the_example_loads_without_lint_and_has_rules():
    loaded = load(EXAMPLE, environment={})
    assert loaded.lint == ()
    assert loaded.ruleset.count >= 10
    assert str(loaded.config.server.listen) == "127.0.0.1:8095"
    assert set(loaded.config.sources) == {"alertmanager", "grafana"}
    assert all(source.auth.is_none for source in loaded.config.sources.values())


def documented_keys(text: str) -> set[str]:
    return set(re.findall(r"([a-z_]+):(?=\s|$)", text))


def test_the_example_documents_every_option():
    def keys(model: type[BaseModel]) -> set[str]:
        found: set[str] = set()

        def visit(annotation) -> None:
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                found.update(keys(annotation))
            for argument in typing.get_args(annotation):
                visit(argument)

        for name, field in model.model_fields.items():
            if not field.exclude:
                found.add(field.alias or name)
                visit(field.annotation)
        return found

    secret_keys = {"secrets", "passwords", "password", "token"}
    missing = keys(Config) - documented_keys(EXAMPLE.read_text(encoding="utf-8")) - secret_keys
    assert missing == set()


def test_relative_paths_start_at_the_folder_of_the_file_and_not_where_the_program_runs(tmp_path, monkeypatch):
    (tmp_path / "etc").mkdir()
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(EXAMPLE, tmp_path / "etc" / "ingestd.yaml")
    shutil.copytree(ROOT / "rules", tmp_path / "etc" / "rules")
    monkeypatch.chdir(tmp_path / "elsewhere")
    loaded = load(Path("../etc/ingestd.yaml"), environment={})
    etc = tmp_path / "elsewhere" / ".." / "etc"
    assert loaded.config.database.path.resolve() == tmp_path / "etc/var/ingestd.db"
    assert loaded.config.rules.path == etc / "rules"
    found = settings_of(loaded, TYPES, TYPES)
    assert found["tickets"].path.resolve() == tmp_path / "etc/var/tickets"
    assert found["mail"].maildir.resolve() == tmp_path / "etc/var/mail"
    assert loaded.ruleset.rules[0].file == "../etc/rules/40-user-reports.yaml"


def test_a_connectors_settings_are_checked_with_places(load_text, good):
    config = good.replace("path: var/tickets", "pth: var/tickets").replace(
        "maildir: var/mail", 'smtp: {path: 5}, count: many, api_key: ""'
    )
    with pytest.raises(ConfigProblems) as caught:
        settings_of(load_text(config), TYPES, TYPES)
    assert [(problem.line, problem.column, problem.code, problem.text) for problem in caught.value.problems] == [
        (4, 34, "unknown-key", 'unknown key "pth"'),
        (5, 67, "type", "this must be a path, not a number"),
        (5, 78, "type", "this must be a whole number, not text"),
    ]


def test_what_a_connector_says_of_its_settings_reaches_the_reader(load_text, good):
    with pytest.raises(ConfigProblems) as caught:
        settings_of(load_text(good.replace("maildir: var/mail", "count: 13")), TYPES, TYPES)
    assert [(problem.line, problem.text) for problem in caught.value.problems] == [(5, "thirteen is too many")]


def test_a_kind_that_is_not_installed_is_reported_with_what_is(load_text, good):
    with pytest.raises(ConfigProblems) as caught:
        settings_of(load_text(good.replace("kind: email_pager", "kind: emial_pager")), TYPES, TYPES)
    assert render_all(caught.value.problems) == (
        'config.yaml:5:16: error[unknown-kind]: no connector of kind "emial_pager" is installed\n'
        "  |\n"
        "5 |   mail: {kind: emial_pager, from: ingestd@localhost, maildir: var/mail}\n"
        '  |                ^^^^^^^^^^^ did you mean "email_pager"?'
    )


def test_a_secret_of_a_connector_can_come_from_a_file(load_text, good, tmp_path):
    (tmp_path / "key").write_text("hunter2\n")
    (tmp_path / "key").chmod(0o600)
    loaded = load_text(good.replace("maildir: var/mail", "api_key_file: key"))
    assert settings_of(loaded, TYPES, TYPES)["mail"].api_key.get_secret_value() == "hunter2"


def test_settings_can_be_checked_again_after_they_were_wrong(load_text, good):
    loaded = load_text(good.replace("maildir: var/mail", "count: 13"))
    for _ in range(2):
        with pytest.raises(ConfigProblems) as caught:
            settings_of(loaded, TYPES, TYPES)
        assert len(caught.value.problems) == 1


def test_the_policy_holds_people_with_the_channels_that_reach_them(load_text, good):
    config = good.replace("channels: {email: mail}", "channels: {email: mail, sms: mail}").replace(
        "asha: {email: asha@example.com}",
        'asha: {name: Asha, email: asha@example.com, phone: "+91 98123 45678"}\n'
        "  ben: {email: ben@example.com, phone: '+4915112345678', notify: [email]}\n"
        "  eva: {phone: '+4915112345679'}",
    )
    policy = build_policy(load_text(config))
    assert policy.people["asha"].display_name == "Asha"
    assert policy.people["asha"].channels == ((Channel.SMS, "+919812345678"), (Channel.EMAIL, "asha@example.com"))
    assert policy.people["ben"].channels == ((Channel.EMAIL, "ben@example.com"),)
    assert policy.people["eva"].channels == ((Channel.SMS, "+4915112345679"),)
    assert policy.people["eva"].display_name == "eva"
    assert policy.escalations["default"] == EscalationPolicy("default", (Step(("asha",), 300),), 1)
    assert policy.channel_connectors == {Channel.EMAIL: "mail", Channel.SMS: "mail"}
    assert policy.keep_vanished == {"am"}


def test_timing_and_limits_come_from_the_file(load_text, good):
    loaded = load_text(
        good.replace("auth: none", "auth: none, vanished: resolve, limits: {alerts: 7}")
        + "incidents: {resolve_grace: 0s, reopen_within: 1h30m, comment_delay: 5s, late_fire: 1d, receipt_within: 90s}\n"
        + "server: {limits: {body_bytes: 1MiB, alerts: 9, labels: 3}}\n"
    )
    policy = build_policy(loaded)
    assert (policy.timing.resolve_grace_seconds, policy.timing.reopen_within_seconds) == (0, 5400)
    assert (policy.timing.comment_delay_seconds, policy.timing.late_fire_seconds) == (5, 86400)
    assert policy.timing.receipt_seconds == 90
    assert policy.keep_vanished == frozenset()
    limits = loaded.config.limits_of("am")
    assert (limits.body_bytes, limits.alerts, limits.labels) == (1024**2, 7, 3)
    assert (limits.reading.alerts_count_max, limits.reading.labels_count_max) == (7, 3)


def test_openness_is_lint_only_off_loopback(load_text, good):
    for listen in ("127.0.0.1:8095", "[::1]:8095", "localhost:80"):
        assert load_text(good + f'server: {{listen: "{listen}"}}\n').lint == ()
    lint = load_text(good + 'server: {listen: ":8095"}\n').lint
    assert [problem.code for problem in lint] == ["auth-none", "external-url"]


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("http://127.0.0.1:8095", False),
        ("http://localhost:8095", False),
        ("http://[::1]:8095", False),
        ("https://alerts.example.com", True),
        ("https://10.1.2.3", True),
    ],
)
def test_local_callers_without_token_are_lint_when_people_come_through_a_proxy(load_text, good, url, is_open):
    lint = load_text(f'{good}server: {{external_url: "{url}"}}\n').lint
    assert [problem.code for problem in lint] == ["api-open"] * is_open


def test_a_default_team_that_reaches_nobody_is_lint(load_text, good):
    lint = load_text(good.replace("policy: default, ticket: {to: tickets}", "policy: none")).lint
    assert [(problem.code, problem.line) for problem in lint] == [("default-policy", 13), ("default-ticket", 13)]


def test_lint_of_rules_is_kept_with_their_place(load_text):
    loaded = load_text(rules="rules:\n  - rule: x\n    match:\n      - a = b # c\n")
    assert [(problem.file, problem.line, problem.code) for problem in loaded.lint] == [
        ("rules/payments.yaml", 4, "comment")
    ]


def test_a_title_cut_short_by_a_comment_is_lint_and_a_word_that_cannot_be_is_not(load_text):
    rule = "rules:\n  - rule: x\n    match: [a = b]\n    impact: high # said the owner\n    title: Disk #1 is full\n"
    (problem,) = load_text(rules=rule).lint
    assert (problem.line, problem.column, problem.length, problem.code) == (5, 17, 10, "comment")
    assert problem.hint.startswith("put the title in single quotes")


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    with pytest.raises(ConfigProblems, match="cannot read this file: No such file or directory"):
        load(tmp_path / "nothing.yaml", environment={})


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_makes_load_raise_anything_but_config_problems(tmp_path, text):
    (tmp_path / "rules").mkdir(exist_ok=True)
    (tmp_path / "config.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigProblems):
        load(tmp_path / "config.yaml", environment={})


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["none", "${X}", "5m", "default"]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=8,
)
SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        name: TREES
        | st.dictionaries(
            st.sampled_from(["default", "url", "path", "listen", "tokens", "auth", "steps"]), TREES, max_size=3
        )
        for name in (
            "server",
            "database",
            "sources",
            "connectors",
            "people",
            "channels",
            "policies",
            "teams",
            "rules",
            "incidents",
            "api",
            "log",
        )
    },
)


@given(SECTIONS, TREES)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_tree_of_values_makes_load_raise_anything_but_config_problems(tmp_path, config, rules):
    (tmp_path / "rules").mkdir(exist_ok=True)
    (tmp_path / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "rules" / "a.yaml").write_text(json.dumps({"rules": [rules], "defaults": rules}), encoding="utf-8")
    with pytest.raises(ConfigProblems):
        load(tmp_path / "config.yaml", environment={})


def test_the_connectors_that_the_example_shows_in_comments_are_right(tmp_path):
    text = EXAMPLE.read_text(encoding="utf-8")
    start, end = text.index("connectors:"), text.index("# Which connector reaches people")
    section = re.sub(r"(?m)^( *)# (  )?(?=[a-z_-]+:)", r"\1\2", text[start:end])
    section = section.replace("    maildir: var/mail", "   ").replace("file: /etc/ingestd/", f"file: {tmp_path}/")
    for name in ("operations-room", "asha-teams"):
        (tmp_path / name).write_text("https://hooks.slack.com/services/T0123ABCD/B0123ABCD/abcdefghijklmnopqrstuvwx\n")
        (tmp_path / name).chmod(0o600)
    for name in ("freshdesk", "jira", "twilio", "mail"):
        (tmp_path / name).write_text("0123456789abcdef0123456789abcdef\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "rules").mkdir()
    (tmp_path / "config.yaml").write_text(text[:start] + section + text[end:], encoding="utf-8")
    loaded = load(tmp_path / "config.yaml", environment={})
    types = {
        kind: importlib.import_module(f"connectors.{kind}").factory.settings_type
        for kind in ("apprise_pager", "ticket_folder", "email_pager", "freshdesk", "jira", "sms_pager")
    }
    assert set(settings_of(loaded, types, types)) == {"tickets", "mail", "freshdesk", "jira", "sms", "chat"}


@pytest.mark.parametrize("key", ["(", "(x", "(x)", "(stage)", "'(a b)'"])
@pytest.mark.parametrize("above", ["", "sources:\n"])
def test_a_key_in_parentheses_is_wrong_like_any_other(load_text, good, key, above):
    line = f"{'  ' if above else ''}{key}: 1"
    broken = good.replace(above, f"{above}{line}\n", 1)
    with pytest.raises(ConfigProblems) as caught:
        load_text(broken)
    assert broken.splitlines().index(line) + 1 in {problem.line for problem in caught.value.problems}
