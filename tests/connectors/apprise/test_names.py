"""Names of destinations that a configuration refers to: one that is misspelt is a problem when it is loaded."""

from __future__ import annotations

import pytest

from ingestd.chat import no_chat
from ingestd.config.load import load
from ingestd.config.problems import ConfigProblems
from ingestd.ports import ConnectorTools
from ingestd.registry import Registry

CONFIG = """
server: {listen: "127.0.0.1:8095", external_url: "http://127.0.0.1:8095"}
database: {url: "sqlite:x.db"}
sources: {alertmanager: {kind: alertmanager, auth: none}}
connectors:
  tickets: {kind: ticket_folder, path: tickets}
  chat:
    kind: apprise_pager
    destinations:
      operations-room: {url: "json://127.0.0.1:9/room", room: true}
      asha-teams: {url: "json://127.0.0.1:9/asha"}
channels: {chat: chat}
people: {asha: {name: Asha, chat: ASHA}}
policies: {default: {steps: [{page: [asha]}]}}
teams: {default: {policy: default, ticket: {to: tickets}, room: ROOM}}
rules: {path: rules}
api: {loopback_without_token: true}
"""


def built(folder, asha, room):
    (folder / "rules").mkdir()
    (folder / "config.yaml").write_text(CONFIG.replace("ASHA", asha).replace("ROOM", room))
    loaded = load(folder / "config.yaml", environment={})
    return Registry(loaded).build(ConnectorTools(None, None, "", no_chat))


def test_names_that_are_there_are_fine(tmp_path):
    assert set(built(tmp_path, "asha-teams", "operations-room")) == {"tickets", "chat"}


def test_each_name_that_is_not_there_is_a_problem(tmp_path):
    with pytest.raises(ConfigProblems) as raised:
        built(tmp_path, "asha-team", "operation-room")
    assert [(problem.code, problem.hint) for problem in raised.value.problems] == [
        ("unknown-address", 'did you mean "asha-teams"?'),
        ("unknown-address", 'did you mean "operations-room"?'),
    ]
