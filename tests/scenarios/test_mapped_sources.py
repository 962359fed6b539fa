"""Senders that are read by a mapping: one incident for a problem, over by their recovery, or by silence where they never send one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ingestd.core.names import IncidentState
from ingestd.core.sources import SourceKind, SourceWays
from ingestd.core.sources.json_path import parse_path
from ingestd.core.sources.mapping import JsonMapping, status_words, text_source
from ingestd.testing.world import World

SAMPLES = Path(__file__).parents[1] / "samples/json"
JOBS = JsonMapping(
    "json",
    identity=(text_source("host"), text_source("job")),
    status=status_words(text_source("ok"), problem=["false"], recovery=["true"]),
    alertname=text_source("the job {job} failed"),
    labels={"host": text_source("host")},
    annotations={"summary": text_source("{job} on {host}: {said}")},
)
HALF_AN_HOUR = 1800


@pytest.fixture
def day(new_day) -> World:
    return new_day(
        ways={
            "kibana": SourceWays(),
            "watcher": SourceWays(auto_resolve_seconds=HALF_AN_HOUR),
            "elastalert2": SourceWays(auto_resolve_seconds=HALF_AN_HOUR),
            "jobs": SourceWays(mapping=JOBS),
        }
    )


def sends(day: World, kind: SourceKind, body: bytes, source: str = "") -> None:
    day.receive(body, source=source or kind.value, kind=kind)
    day.advance(seconds=1)


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def test_kibana_opens_an_incident_and_its_other_action_ends_it(day, nothing_else_arrives):
    for _ in range(3):
        sends(day, SourceKind.KIBANA, sample("kibana-problem"))
        day.advance(minutes=1)
    assert [incident.state for incident in day.incidents()] == [IncidentState.TRIGGERED]
    day.acknowledge("INC-1001")
    sends(day, SourceKind.KIBANA, sample("kibana-recovery"))
    day.advance(minutes=30)
    assert [incident.state for incident in day.incidents()] == [IncidentState.RESOLVED]
    assert len(day.tickets.kept) == 1
    nothing_else_arrives(day)


@pytest.mark.parametrize("kind", [SourceKind.WATCHER, SourceKind.ELASTALERT2])
def test_what_never_says_that_it_is_over_holds_while_it_is_repeated_and_is_over_after_silence(
    day, nothing_else_arrives, kind
):
    for _ in range(6):
        sends(day, kind, sample(f"{kind}-problem"))
        day.advance(minutes=10)
    assert [incident.state for incident in day.incidents()] == [IncidentState.TRIGGERED]
    day.acknowledge("INC-1001")
    day.advance(minutes=60)
    assert [incident.state for incident in day.incidents()] == [IncidentState.CLOSED]
    assert "alert-cleared" in " ".join(day.history())
    nothing_else_arrives(day)


def test_a_list_of_results_opens_and_ends_incidents_each_for_itself(day, nothing_else_arrives):
    sends(day, SourceKind.JSON, sample("own-scripts-problem"), "jobs")
    assert [incident.state for incident in day.incidents()] == [IncidentState.TRIGGERED]
    day.acknowledge("INC-1001")
    day.advance(hours=24)
    sends(day, SourceKind.JSON, sample("own-scripts-recovery"), "jobs")
    day.advance(minutes=30)
    assert [incident.state for incident in day.incidents()] == [IncidentState.RESOLVED]
    nothing_else_arrives(day)


def test_a_problem_whose_identity_is_missing_still_pages(day, nothing_else_arrives):
    sends(day, SourceKind.JSON, json.dumps({"ok": False, "said": "who am I"}).encode(), "jobs")
    assert [incident.state for incident in day.incidents()] == [IncidentState.TRIGGERED]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_body_whose_alerts_are_not_where_the_mapping_says_is_put_aside_and_told(new_day, nothing_else_arrives):
    elsewhere = replace(JOBS, alerts=parse_path("data.jobs"))
    day = new_day(ways={"jobs": SourceWays(mapping=elsewhere)})
    sends(day, SourceKind.JSON, sample("own-scripts-problem"), "jobs")
    (incident,) = day.incidents()
    assert "cannot read (no_alerts_field)" in day.members(incident.id)[0].summary
    day.acknowledge(incident.id)
    nothing_else_arrives(day)
