"""What an admin may write for a Jira, and what is said of what cannot work."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.jira import factory
from connectors.jira.settings import Deployment, JiraSettings
from connectors.jira.wire import jql_string, marker_query, wire_for
from ingestd.core.names import Severity

CLOUD = {"url": "https://example.atlassian.net", "email": "bot@example.com", "token": "s3cr3t-token"}


def problems(**changes):
    with pytest.raises(ValidationError) as raised:
        JiraSettings(**{**CLOUD, **changes})
    assert "s3cr3t-token" not in str(raised.value)
    return str(raised.value)


def test_the_factory_is_what_the_registry_wants():
    assert factory.kind == "jira"
    assert factory.settings_type is JiraSettings


def test_three_lines_are_enough_for_the_cloud():
    settings = JiraSettings(**CLOUD)
    assert settings.deployment is Deployment.AUTO
    assert settings.issue_type == "Task"
    assert [settings.priority_of(severity) for severity in Severity] == ["Highest", "High", "Medium", "Low"]


def test_some_priorities_may_be_given_and_the_rest_stays():
    settings = JiraSettings(**CLOUD, priorities={"critical": "P1", "low": ""})
    assert [settings.priority_of(severity) for severity in Severity] == ["P1", "High", "Medium", ""]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "example.atlassian.net"}, "complete address"),
        ({"url": "ftp://example.atlassian.net"}, "complete address"),
        ({"url": "https://bot:pw@example.atlassian.net"}, "no user, password"),
        ({"url": "https://example.atlassian.net?x=1"}, "no user, password"),
        ({"url": "http://jira.example"}, "must begin with https://"),
        ({"email": ""}, "email is missing"),
        ({"email": "bot"}, "email address"),
        ({"email": "bot@example.com\r\nX: y"}, "email address"),
        ({"token": " "}, "must not be empty"),
        ({"token": "a b"}, "no token has"),
        ({"token": "a\nb"}, "no token has"),
        ({"token": "tökén"}, "no token has"),
        ({"url": "https://jira.example", "deployment": "datacenter"}, "personal access token alone"),
        ({"deployment": "server"}, "'cloud', 'datacenter' or 'auto'"),
        ({"priority": {}}, "Extra inputs"),
        ({"priorities": {"urgent": "P1"}}, "critical"),
        ({"done": {"transitions": "x"}}, "Extra inputs"),
        ({"lookup_window_seconds": -1}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_work_is_refused_in_words(changes, said):
    assert said in problems(**changes)


def test_the_end_of_line_of_a_token_file_is_forgiven():
    assert JiraSettings(**{**CLOUD, "token": "s3cr3t-token\n"}).token.get_secret_value() == "s3cr3t-token"


def test_plain_http_is_for_the_own_machine_alone():
    for host in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080"):
        assert JiraSettings(url=f"http://{host}/", token="x").url == f"http://{host}"


def test_secrets_are_not_in_any_repr():
    settings = JiraSettings(**CLOUD)
    wire = wire_for(settings, Deployment.CLOUD)
    assert wire.authorization.startswith("Basic ")
    assert wire_for(JiraSettings(url="https://jira.example", token="pat"), Deployment.DATACENTER).authorization == (
        "Bearer pat"
    )
    for shown in (repr(settings), str(settings), repr(wire)):
        assert "s3cr3t-token" not in shown
        assert wire.authorization not in shown


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("OPS", '"OPS"'),
        ('a"b', r'"a\"b"'),
        ("a\\b", r'"a\\b"'),
        ('x" OR project = "Y', r'"x\" OR project = \"Y"'),
        ("a\nb", '"ab"'),
    ],
)
def test_nothing_gets_out_of_a_quoted_jql_string(text, quoted):
    assert jql_string(text) == quoted


def test_the_marker_is_looked_for_as_a_label_and_as_a_phrase():
    assert marker_query("OPS", "ingestd-0a") == (
        r'project = "OPS" AND (labels = "ingestd-0a" OR description ~ "\"ingestd-0a\"") ORDER BY created ASC'
    )
