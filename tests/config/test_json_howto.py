"""The mappings that docs/howto/json.md offers to copy, each with what its service sends: a problem, its recovery, and what is no alert."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingestd.config.load import load
from ingestd.core.alert import ParsedEnvelope
from ingestd.core.names import AlertStatus
from ingestd.core.sources import ReadLimits, SourceKind, SourceWays, read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/json.md").read_text(encoding="utf-8")
SAMPLES = ROOT / "tests/samples/json"
SNIPPETS = {found[1]: found[0] for found in re.findall(r"```yaml\n(sources:\n  ([a-z-]+):.*?)```", PAGE, re.DOTALL)}
SERVICES = sorted(set(SNIPPETS) - {"robots"})
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


@pytest.fixture(scope="session")
def mappings(tmp_path_factory) -> dict[str, SourceWays]:
    """How each source of the page is read, as the daemon would load it."""
    folder = tmp_path_factory.mktemp("howto")
    sources = "".join(text.removeprefix("sources:\n") for text in SNIPPETS.values())
    example = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    (folder / "config.yaml").write_text(example.replace("\nsources:\n", f"\nsources:\n{sources}", 1), encoding="utf-8")
    (folder / "rules").mkdir()
    (folder / "secrets").mkdir()
    for name in SNIPPETS:
        (folder / "secrets" / name).write_text("0123456789abcdef\n")
        (folder / "secrets" / name).chmod(0o600)
    loaded = load(folder / "config.yaml", environment={})
    assert {name: source.kind for name, source in loaded.config.sources.items() if name in SNIPPETS} == dict.fromkeys(
        SNIPPETS, SourceKind.JSON
    )
    return {name: loaded.config.sources[name].ways for name in SNIPPETS}


def body_of(name: str) -> bytes:
    return next(SAMPLES.glob(f"{name}.*")).read_bytes()


def alerts_of(mappings: dict[str, SourceWays], service: str, sample: str = ""):
    found = read(SourceKind.JSON, service, body_of(f"{service}-{sample}"), ReadLimits(), mappings[service])
    assert isinstance(found, ParsedEnvelope), found
    assert not found.refused
    return found.alerts


def test_the_page_has_a_dozen_services_each_with_samples():
    assert len(SERVICES) >= 12
    for service in SERVICES:
        assert list(SAMPLES.glob(f"{service}-problem.*")), service
        assert list(SAMPLES.glob(f"{service}-recovery.*")), service


@pytest.mark.parametrize("service", SERVICES)
def test_a_problem_fires_and_its_recovery_is_of_the_same_alert(mappings, service):
    problem = alerts_of(mappings, service, "problem")
    recovery = alerts_of(mappings, service, "recovery")
    assert [alert.key for alert in problem] == [alert.key for alert in recovery]
    assert problem[0].status is FIRING
    assert recovery[0].status is RESOLVED
    for alert in (*problem, *recovery):
        assert "mapping_problem" not in alert.annotations, alert.annotations["mapping_problem"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_path_of_a_mapping_leads_to_something_in_a_problem(mappings, service):
    """Every label, annotation and link that the page maps is there, so that none is a slip nobody notices."""
    mapping = mappings[service].mapping
    alert = alerts_of(mappings, service, "problem")[0]
    exempt = {"sentry": {"environment"}, "uptime-kuma": {"host"}}
    wanted = {name for name in mapping.labels if not name.endswith("*")} - exempt.get(service, set())
    assert wanted | {"alertname"} <= set(alert.labels)
    assert set(mapping.annotations) <= set(alert.annotations)
    assert set(mapping.links) == set(alert.links)
    assert (mapping.starts_at is None) == (alert.starts_at is None)
    assert (mapping.value is None) == (alert.value == "")


@pytest.mark.parametrize(
    ("service", "summary", "labels"),
    [
        (
            "uptimerobot",
            "Shop is Down: HTTP 503 - Service Unavailable",
            {"alertname": "Shop", "service": "uptimerobot"},
        ),
        ("uptime-kuma", "[Intranet] [🔴 Down] connect ECONNREFUSED 192.0.2.17:443", {"type": "http"}),
        ("healthchecks", 'Nightly "full" backup of db1 is down', {"tags": "prod db1"}),
        ("statuscake", "Shop front page is Down (503)", {"url": "https://www.example.com/", "tags": "shop,prod"}),
        ("pingdom", "Checkout is DOWN: HTTP Error 503", {"host": "www.example.com", "importance": "HIGH"}),
        ("cloudwatch-sns", None, {"alertname": "orders-queue-age", "resource": "orders", "namespace": "AWS/SQS"}),
        ("azure-monitor", "CPU above 90 % for 5 minutes", {"severity": "Sev2", "host": "web-1"}),
        ("google-cloud", None, {"resource_zone": "europe-west3-a", "team": "web", "host": "web-1"}),
        ("datadog", "[Triggered on {host:web-1,env:prod}] Load is high", {"alertname": "datadog monitor 1234"}),
        ("new-relic", None, {"alertname": "Errors of the checkout", "policy": "Shop", "entity": "checkout"}),
        ("sentry", "Critical: Too many errors", {"project": "shop-backend", "level": "critical"}),
        (
            "proxmox",
            "vzdump backup status (pve1.example.com): backup failed",
            {"job": "backup-nightly", "host": "pve1"},
        ),
        ("own-scripts", "restic on db1: Fatal: unable to open repository", {"host": "db1", "job": "restic"}),
    ],
)
def test_people_read_what_the_service_said(mappings, service, summary, labels):
    alert = alerts_of(mappings, service, "problem")[0]
    assert labels.items() <= alert.labels.items()
    assert summary in {None, alert.summary}


@pytest.mark.parametrize("service", ["uptimerobot", "uptime-kuma", "cloudwatch-sns"])
def test_what_is_no_alert_is_none(mappings, service):
    assert alerts_of(mappings, service, "ignored") == ()


@pytest.mark.parametrize(
    ("service", "summary"),
    [("uptime-kuma", "My Webhook Alert (1) Testing"), ("cloudwatch-sns", "The deploy pipeline is stuck")],
)
def test_what_the_service_says_besides_alerts_fires_in_its_own_words(mappings, service, summary):
    (alert,) = alerts_of(mappings, service, "test")
    assert alert.status is FIRING
    assert alert.summary == summary


def test_an_issue_of_sentry_is_another_alert_than_a_rule_of_the_same_number(mappings):
    (issue,) = alerts_of(mappings, "sentry", "issue")
    (rule,) = alerts_of(mappings, "sentry", "problem")
    assert issue.status is FIRING
    assert issue.key != rule.key
    assert issue.labels["environment"] == "prod"


def test_the_times_of_google_and_azure_are_those_of_the_incident(mappings):
    (google,) = alerts_of(mappings, "google-cloud", "recovery")
    (azure,) = alerts_of(mappings, "azure-monitor", "recovery")
    assert str(google.ends_at) == "2026-11-22 09:07:41+00:00"
    assert str(azure.starts_at) == "2026-11-22 08:58:24.371321+00:00"
    assert str(azure.ends_at) == "2026-11-22 09:03:16.224631+00:00"


def test_a_list_of_results_is_an_alert_each(mappings):
    first, second = alerts_of(mappings, "own-scripts", "problem")
    assert (first.status, second.status) == (FIRING, RESOLVED)
    assert first.key != second.key
