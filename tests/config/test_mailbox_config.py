"""Mailboxes in the configuration: what is filled in, what is refused and how, and that no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestd import wiring
from ingestd.config.load import load
from ingestd.config.problems import ConfigProblems, render_all

CONFIG = """\
sources:
  storage: {{kind: email, email: {{recipients: [alerts@example.com]}}}}
  prod: {{kind: alertmanager, auth: none}}
people:
  asha: {{email: asha@example.com}}
connectors:
  mail: {{kind: email_pager, from: ingestd@example.com, maildir: mail}}
channels: {{email: mail}}
policies:
  default: {{steps: [{{page: [asha], wait: 5m}}]}}
teams:
  default: {{policy: default}}
api: {{loopback_without_token: true}}
mail:
  mailboxes:
    ops: {{{mailbox}}}
"""
GOOD = "host: imap.example.com, username: alerts@example.com, password: hunter2hunter2, source: storage"


@pytest.fixture
def configured(tmp_path: Path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "10.yaml").write_text("version: 1\nowner: a\nrules:\n  - {rule: r, match: [a = b]}\n")
    path = tmp_path / "config.yaml"

    def read(mailbox: str):
        path.write_text(CONFIG.format(mailbox=mailbox))
        return load(path)

    return read


def refusals(configured, mailbox: str) -> str:
    with pytest.raises(ConfigProblems) as caught:
        configured(mailbox)
    return render_all(caught.value.problems)


def test_what_is_not_said_is_as_most_want_it(configured):
    loaded = configured(GOOD)
    (plan,) = wiring.mailboxes(loaded.config)
    assert (plan.port, plan.tls, plan.folder, plan.move_to) == (993, "implicit", "INBOX", "")
    assert (plan.start_with, plan.poll_seconds, plan.has_idle) == ("unseen", 60.0, True)
    assert plan.password == "hunter2hunter2"
    assert "hunter2" not in repr(plan)
    assert "hunter2hunter2" in wiring.secrets(loaded, ())


@pytest.mark.parametrize(("tls", "port"), [("implicit", 993), ("starttls", 143)])
def test_the_port_follows_the_encryption(configured, tls, port):
    (plan,) = wiring.mailboxes(configured(f"{GOOD}, tls: {tls}").config)
    assert plan.port == port


def test_secrets_may_stand_in_files_and_a_token_is_no_secret_of_the_configuration(configured, tmp_path):
    (tmp_path / "secret").write_text("client-geheim\n")
    (tmp_path / "secret").chmod(0o600)
    oauth = "token_url: 'https://login.example.com/t', client_id: c, client_secret_file: secret, scope: s"
    plain = GOOD.replace("password: hunter2hunter2, ", "")
    (plan,) = wiring.mailboxes(configured(f"{plain}, oauth: {{{oauth}}}").config)
    assert plan.oauth is not None
    assert plan.oauth.client_secret == "client-geheim"
    assert "geheim" not in repr(plan)
    (plan,) = wiring.mailboxes(configured(f"{plain}, oauth: {{token_path: token}}").config)
    assert plan.oauth is not None
    assert plan.oauth.token_path == tmp_path / "token"  # it is read at the login, and need not be there yet


@pytest.mark.parametrize(
    ("mailbox", "words"),
    [
        pytest.param(GOOD.replace(", source: storage", ""), 'the key "source" is missing', id="no source"),
        pytest.param(GOOD.replace("storage", "storge"), 'did you mean "storage"?', id="a misspelt source"),
        pytest.param(GOOD.replace("storage", "prod"), "no source of kind email", id="a source that takes no mail"),
        pytest.param(f"{GOOD}, tls: none", "can be read on the way", id="no encryption beyond this machine"),
        pytest.param(f"{GOOD}, oauth: {{token_path: t}}", "only one of password and oauth", id="two ways to log in"),
        pytest.param(GOOD.replace("password: hunter2hunter2, ", ""), "there is no password", id="no way to log in"),
        pytest.param(f"{GOOD}, move_to: INBOX", "moved to where it is", id="moved to where it is"),
        pytest.param(f"{GOOD}, poll_every: 1s", "from 5s to 1h", id="asked too often"),
        pytest.param(f"{GOOD}, ca_file: nowhere.pem", 'cannot read "nowhere.pem"', id="no such authority"),
        pytest.param(f'{GOOD}, folder: "a\\nb"', "error[value]", id="a line break in a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(configured, mailbox, words):
    told = refusals(configured, mailbox)
    assert words in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("oauth", "words"),
    [
        ("client_id: c", "“token_url” is missing"),
        ("token_path: t, client_id: c", "only one of token_path and client_id"),
        ("token_url: 'http://login.example.com/t', client_id: c, client_secret: geheimgeheim", "https address"),
    ],
)
def test_a_way_to_a_token_is_whole_and_safe(configured, oauth, words):
    told = refusals(configured, GOOD.replace("password: hunter2hunter2", f"oauth: {{{oauth}}}"))
    assert words in told
    assert "geheimgeheim" not in told


def test_two_mailboxes_do_not_read_the_same_folder(configured):
    told = refusals(configured, f"{GOOD}}}\n    two: {{{GOOD}")
    assert 'mailbox "ops" reads the same folder of the same account' in told
