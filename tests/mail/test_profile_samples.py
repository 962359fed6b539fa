"""Mail as machines write it, read by the profiles that come along: what each sample tells, and that a problem and its end are one thing."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from ingestd.config.mail_profiles import BUILT_IN, FOLDER, chosen
from ingestd.core.mail import message
from ingestd.core.mail.arrival import Arrival, joined
from ingestd.core.mail.letter import LetterLimits
from ingestd.core.mail.reading import MailReading, read_letter, read_mail
from ingestd.core.mail.source import MailSource
from ingestd.core.sources import ReadLimits

SAMPLES = Path(__file__).parents[1] / "samples" / "mail"
SOURCE = MailSource(profiles=chosen(None, {}))

EXPECTED = {
    line["mail"]: [(one["status"], one["thing"], one["labels"], one["summary"]) for one in line["alerts"]]
    for line in map(json.loads, (SAMPLES / "expected.jsonl").read_text(encoding="utf-8").splitlines())
}
"""By sample: each alert with its status, a letter for what it is about (within the profile), its labels and its summary."""


def read(name: str) -> MailReading:
    letter = message.read((SAMPLES / f"{name}.eml").read_bytes(), LetterLimits())
    return read_letter("post", Arrival("smtp"), letter, ReadLimits(), SOURCE)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_tells_what_it_is_known_to_tell(name):
    found = read(name)
    profile = name.partition("/")[0]
    assert found.profile == profile
    assert bool(found.ignored_count) == (not EXPECTED[name])
    assert [(a.status, {**a.labels}, a.summary) for a in found.envelope.alerts] == [
        (status, {**labels, "mail_profile": profile}, summary) for status, _, labels, summary in EXPECTED[name]
    ]
    assert not found.envelope.refused


@pytest.mark.parametrize("profile", BUILT_IN)
def test_a_problem_and_its_end_have_one_identity_and_no_two_things_share_one(profile):
    keys = defaultdict(set)
    for name, expected in EXPECTED.items():
        if name.startswith(f"{profile}/"):
            for alert, (_, thing, _, _) in zip(read(name).envelope.alerts, expected, strict=True):
                keys[thing].add(alert.key)
    assert all(len(found) == 1 for found in keys.values())
    assert len(set.union(*keys.values())) == len(keys)


def test_every_sample_is_expected_and_every_profile_has_samples():
    assert {path.relative_to(SAMPLES).with_suffix("").as_posix() for path in SAMPLES.glob("*/*.eml")} == set(EXPECTED)
    assert (
        {name.partition("/")[0] for name in EXPECTED} == set(BUILT_IN) == {path.stem for path in FOLDER.glob("*.yaml")}
    )


def test_a_mail_says_when_it_was_sent_and_so_since_when_or_until_when_it_was_so():
    problem, end = (
        read("nagios/01-service-problem").envelope.alerts[0],
        read("nagios/03-service-recovery").envelope.alerts[0],
    )
    assert (problem.starts_at.isoformat(), problem.ends_at) == ("2026-11-22T02:12:41+00:00", None)
    assert (end.starts_at, end.ends_at.isoformat()) == (None, "2026-11-22T02:47:05+00:00")


def test_a_time_that_a_mail_names_itself_goes_before_that_of_its_sending():
    end = read("cloudwatch/02-ok").envelope.alerts[0]
    assert end.ends_at.isoformat() == "2026-11-22T02:47:00+00:00"


def test_rules_see_sender_subject_and_text_of_the_mail():
    alert = read("cron/01-fails").envelope.alerts[0]
    assert alert.sender == "root@db1.example.com"
    assert alert.subject == "Cron <postgres@db1> /usr/local/bin/dump-orders --all"
    # Machines write lines like those for something else: nothing is left out as a quote or a signature.
    assert "> last lines of the log\n-- \nnot a signature" in alert.body


def test_each_alert_of_one_mail_has_its_own_part_of_the_text():
    first, second = read("alertmanager/01-two-fire").envelope.alerts
    assert "db1:9100" in first.body
    assert "db1:9100" not in second.body


def test_links_of_a_mail_are_links_of_its_alert():
    alert = read("grafana/01-two-fire").envelope.alerts[0]
    assert dict(alert.links) == {
        "generator": "https://grafana.example.com/alerting/grafana/cpu/view",
        "silence": "https://grafana.example.com/alerting/silence/new?matcher=alertname%3DHighCPU",
        "runbook": "https://wiki.example.com/cpu",
    }


def test_an_unknown_status_fires_and_says_why():
    alert = read("nagios/15-a-word-nobody-knows").envelope.alerts[0]
    assert alert.annotations["mail_problem"] == 'the status "ESCALATED" is none of the words of the profile nagios'


def test_what_the_daemon_stores_reads_as_the_file_does():
    raw = (SAMPLES / "zabbix/01-problem.eml").read_bytes()
    parsed = read_mail("post", joined(Arrival("imap"), raw), ReadLimits(), SOURCE)
    assert parsed == read("zabbix/01-problem").envelope


def test_what_no_door_stored_is_no_mail():
    assert read_mail("post", b"Subject: x\r\n\r\ny", ReadLimits(), SOURCE).reason == "not_this_kind"
