"""Secrets are not shown, also in files that are wrong."""

import pytest

from ingestd.config.masking import is_secret_key, mask_lines
from ingestd.config.problems import ConfigProblems, render_all
from ingestd.config.secrets import STAND_IN, SecretPlaces, fill_in
from ingestd.config.yaml_tree import parse_document


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "passwords",
        "secret",
        "secrets",
        "token",
        "auth_token",
        "api_key",
        "apikey",
        "api_secret",
        "pasword",
        "signing_key",
    ],
)
def test_a_key_is_known_as_a_secret_by_its_name(key):
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "password_file",
        "secrets_credential",
        "tokens",
        "loopback_without_token",
        "key",
        "by",
        "timestamp_header",
        "key_file",
    ],
)
def test_a_key_that_only_points_at_a_secret_is_shown(key):
    assert not is_secret_key(key)


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2",
        "  - {name: ops, token: hunter2}",
        "secrets: [hunter2, hunter2]",
        "secrets:\n  - hunter2\n  - 'hunter2'",
        "secrets:\n- hunter2\n\n- hunter2",
        "api_key: |\n  hunter2\n  hunter2",
        "api_key: >-\n\n   hunter2",
        '"password": "hunter2"',
        "basic: {username: x,\n  passwords: [a,\n   hunter2]}",
        "url: postgresql://me:hunter2@db/x",
        "pasword : hunter2",
        "a: [password: hunter2",
        "tokn: hunter2",
        "auth_tokn: hunter2",
        "secrts: [hunter2]",
        "api_ky: hunter2",
        "toekn: hunter2",
    ],
)
def test_a_secret_is_masked_in_every_way_to_write_it(text):
    masked = mask_lines(text.split("\n"))
    assert "hunter2" not in "\n".join(masked)
    assert [len(line) for line in masked] == [len(line) for line in text.split("\n")]


@pytest.mark.parametrize(
    "key", ["tokens", "token_file", "kind", "source", "sources", "steps", "timeout", "ticket", "page"]
)
def test_what_is_no_secret_is_shown(key):
    assert mask_lines([f"{key}: shown"]) == [f"{key}: shown"]


def test_what_follows_a_secret_is_shown_again():
    assert mask_lines(["a:", "  secrets:", "    - x", "  kind: y"])[3] == "  kind: y"


def test_no_problem_of_a_broken_file_shows_a_secret(load_text, good):
    broken = (
        good.replace("auth: none", 'auth: {bearer: {secrets: ["hunter2-hunter2", 5, "hunter2", [hunter2]], nmae: x}}')
        + 'datbase:\n  url: "postgresql://me:hunter2@db/x"\n  password: {hunter2: hunter2}\n'
    )
    with pytest.raises(ConfigProblems) as caught:
        load_text(broken)
    assert "hunter2" not in render_all(caught.value.problems)
    assert "hunter2" not in str(caught.value)
    assert len(caught.value.problems) >= 3


def test_a_loaded_configuration_shows_no_secret(load_text, good):
    config = good.replace("auth: none", "auth: {bearer: {secrets: [hunter2-hunter2]}}").replace(
        "kind: email_pager,", "kind: email_pager, password: hunter2,"
    )
    loaded = load_text(config)
    assert "hunter2" not in repr(loaded)
    assert "hunter2" not in str(loaded.config)
    assert loaded.config.connectors["mail"].settings["password"] == "hunter2"
    secrets = loaded.config.sources["am"].auth.bearer.secrets
    assert [secret.get_secret_value() for secret in secrets] == ["hunter2-hunter2"]


def filled(text, folder, environment=None):
    document = parse_document(text, "f.yaml")
    fill_in(document, document.root, SecretPlaces(folder, environment or {}))
    return document


def test_a_secret_comes_from_a_file_without_its_last_line_end(tmp_path):
    (tmp_path / "s").write_text(" two words \n")
    (tmp_path / "s").chmod(0o600)
    document = filled("a: {password_file: s}", tmp_path)
    assert document.problems == []
    assert document.root.get("a").get("password").value == " two words "
    assert document.root.get("a").get("password_file") is None


def test_a_list_of_secrets_takes_one_from_each_line_of_its_file(tmp_path):
    (tmp_path / "s").write_text("old-secret\n\n  new-secret\r\n")
    (tmp_path / "s").chmod(0o600)
    document = filled(f"secrets_file: {tmp_path}/s", tmp_path / "elsewhere")
    assert [item.value for item in document.root.get("secrets").items] == ["old-secret", "new-secret"]


def test_a_secret_comes_from_the_credentials_of_the_service(tmp_path):
    (tmp_path / "mail").write_text("hunter2")
    document = filled("password_credential: mail", tmp_path / "x", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert document.problems == []
    assert document.root.get("password").value == "hunter2"


@pytest.mark.parametrize("name", ["../mail", "/etc/passwd", "..", "missing", ""])
def test_a_credential_is_a_name_inside_its_folder(tmp_path, name):
    (tmp_path / "c").mkdir()
    (tmp_path / "mail").write_text("hunter2")
    document = filled(f"password_credential: '{name}'", tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path / "c")})
    assert len(document.problems) == 1
    assert document.root.get("password").value == STAND_IN


def test_environment_variables_are_put_into_any_value_but_never_read_as_yaml(tmp_path):
    document = filled("a: x${N}y\nb: $${N}\nc: ['${N}']", tmp_path, {"N": "1, b: 2 ${M}"})
    assert document.problems == []
    assert document.root.get("a").value == "x1, b: 2 ${M}y"
    assert document.root.get("b").value == "${N}"
    assert document.root.get("c").items[0].value == "1, b: 2 ${M}"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "this secret is empty"),
        (b"\n", "this secret is empty"),
        (b"\xff\xfe", "this secret is not UTF-8 text"),
        (b"x" * 70_000, "this secret is larger than 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_a_problem(tmp_path, content, text):
    (tmp_path / "s").write_bytes(content)
    (tmp_path / "s").chmod(0o600)
    assert [problem.text for problem in filled("password_file: s", tmp_path).problems] == [text]


def test_a_secret_file_that_everybody_can_read_is_lint(tmp_path):
    (tmp_path / "s").write_text("hunter2")
    (tmp_path / "s").chmod(0o644)
    (problem,) = filled("password_file: s", tmp_path).problems
    assert (problem.level, problem.code, problem.hint) == ("warning", "secret-mode", "chmod o= s")


def test_a_file_for_something_that_is_no_secret_is_left_alone(tmp_path):
    document = filled("tls: {cert_file: a.pem, key_file: b.pem}", tmp_path)
    assert list(document.root.get("tls").entries) == ["cert_file", "key_file"]


@pytest.mark.parametrize(
    "text",
    [
        'heartbet: {url: "https://h/canary-4711"}',
        "heartbeat: https://h/canary-4711",
        "schedules: {line: {calender: {url: 'https://h/canary-4711'}}}",
        'schedules: {line: {calendar: ["https://h/canary-4711"]}}',
        'schedules: {line: {calendar: {path: "webcal://h/canary-4711", use: layers}}}',
        "calendar:\n  urll: https://h/canary-4711\n  every: 10m",
        'destinations: {operations: {url: "nosuch://canary-4711"}}',
        "destinations:\n  operations: https://hooks.example/canary-4711",
    ],
)
def test_a_secret_address_is_hidden_also_where_its_key_is_wrong(text):
    masked = mask_lines(text.split("\n"))
    assert "canary" not in "\n".join(masked)
    assert [len(line) for line in masked] == [len(line) for line in text.split("\n")]


def test_what_stands_beside_a_secret_address_is_shown():
    lines = [
        "calendar:",
        "  url: https://h/canary",
        "  every: 10m",
        "ticket:",
        "  url: https://jira.example.com/browse",
    ]
    assert mask_lines(lines)[2:] == lines[2:]
