"""Mail of machines over a day: a problem opens an incident and its end resolves it, for every profile that comes along."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestd.config.mail_profiles import chosen
from ingestd.core.incident import AlertState
from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.source import MailSource
from ingestd.core.names import IncidentState
from ingestd.core.sources import SourceWays
from ingestd.testing.world import World

SAMPLES = Path(__file__).parents[1] / "samples" / "mail"
RELAY = Arrival("smtp", remote="10.0.0.1", is_trusted_network=True)
MAIL = MailSource(recipients=("alerts@example.com",), profiles=chosen(None, {}))

ONE_THING = [
    ("alertmanager/04-strange-labels", None),
    ("grafana/04-text", "grafana/05-text-is-over"),
    ("grafana/06-own-message", "grafana/07-own-message-is-over"),
    ("nagios/01-service-problem", "nagios/03-service-recovery"),
    ("nagios/01-service-problem", "nagios/09-downtime-ends-well"),
    ("nagios/04-host-problem", "nagios/05-host-recovery"),
    ("nagios/11-german-date-quoted-printable", "nagios/13-answered"),
    ("nagios/12-passed-on", "nagios/03-service-recovery"),
    ("icinga/01-service-problem", "icinga/02-service-recovery"),
    ("icinga/03-host-problem", "icinga/04-host-recovery"),
    ("zabbix/01-problem", "zabbix/02-resolved"),
    ("zabbix/04-html", "zabbix/05-html-resolved"),
    ("zabbix/06-old-form", "zabbix/07-old-form-ok"),
    ("cloudwatch/01-alarm", "cloudwatch/02-ok"),
    ("cloudwatch/03-insufficient", "cloudwatch/02-ok"),
    ("azure-monitor/01-fired", "azure-monitor/02-resolved"),
    ("proxmox/01-backup-failed", "proxmox/02-backup-well"),
    ("proxmox/08-verify-failed", "proxmox/09-verify-well"),
    ("generic/01-critical", "generic/02-ok"),
    ("generic/03-down", "generic/04-up"),
    ("generic/05-failed", "generic/06-succeeded"),
    ("generic/08-passed-on-encoded", "generic/09-encoded-recovery"),
]
"""What opens one incident, and what ends it; None where only a person does."""

WITHOUT_END = [
    ("smartd/01-pending-sectors", "smartd/02-again-with-more"),
    ("cron/01-fails", "cron/02-fails-again"),
    ("proxmox/05-replication", "proxmox/05-replication"),
]
"""What says only that it is so, and says so again."""

IGNORED = [
    "nagios/06-acknowledged",
    "nagios/07-flapping",
    "nagios/08-downtime",
    "icinga/05-acknowledged",
    "zabbix/03-updated",
    "proxmox/07-fence-done",
    "smartd/05-test",
]


@pytest.fixture
def day(new_day) -> World:
    return new_day(ways={"post": SourceWays(mail=MAIL), "cron": SourceWays(mail=MAIL, auto_resolve_seconds=3600)})


def arrives(day: World, name: str, source: str = "post", copy: int = 0) -> str:
    """The sample arrives. A ``copy`` is another mail with the same words."""
    raw = (SAMPLES / f"{name}.eml").read_bytes().replace(b"Message-ID: <", f"Message-ID: <{copy}.".encode())
    return day.envelope(day.mail_in(raw, RELAY, source)).disposition


def states(day: World) -> list[IncidentState]:
    return [incident.state for incident in day.incidents()]


@pytest.mark.parametrize(("problem", "end"), ONE_THING)
def test_a_problem_pages_and_its_end_resolves_it(day, problem, end, nothing_else_arrives):
    assert arrives(day, problem) == "incident"
    assert states(day) == [IncidentState.TRIGGERED]
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    day.advance(minutes=20)
    arrives(day, problem, copy=1)
    assert len(states(day)) == 1, "the same problem mailed again joins"
    if end is None:
        day.resolve_by_hand("INC-1001")
    else:
        arrives(day, end)
    day.advance(minutes=5)
    assert states(day) == [IncidentState.RESOLVED]
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    nothing_else_arrives(day)


@pytest.mark.parametrize(("problem", "again"), WITHOUT_END)
def test_what_has_no_mail_for_its_end_is_over_when_it_was_quiet_for_long_enough(
    day, problem, again, nothing_else_arrives
):
    arrives(day, problem, "cron")
    day.acknowledge("INC-1001")
    day.advance(minutes=55)
    arrives(day, again, "cron", copy=1)
    day.advance(minutes=55)
    assert states(day) == [IncidentState.ACKNOWLEDGED], "a job that fails again and again is one incident"
    day.advance(minutes=10)
    assert IncidentState.ACKNOWLEDGED not in states(day)
    assert len(states(day)) == 1
    nothing_else_arrives(day)


@pytest.mark.parametrize("name", IGNORED)
def test_of_what_a_profile_ignores_nothing_comes(day, name, nothing_else_arrives):
    arrives(day, name)
    assert day.incidents() == []
    assert day.pages() == []
    nothing_else_arrives(day)


def test_one_mail_with_several_alerts_ends_each_of_them_by_itself(day, nothing_else_arrives):
    arrives(day, "alertmanager/01-two-fire")
    members = [member for incident in day.incidents() for member in day.members(incident.id)]
    assert len({member.key for member in members}) == 2
    day.acknowledge("INC-1001")
    day.advance(minutes=10)
    arrives(day, "alertmanager/02-one-of-them-is-over")
    day.advance(minutes=10)
    left = [
        member
        for incident in day.incidents()
        for member in day.members(incident.id)
        if member.state is AlertState.FIRING
    ]
    assert [member.labels["instance"] for member in left] == ["db2:9100"]
    arrives(day, "alertmanager/03-all-over")
    day.advance(minutes=10)
    assert set(states(day)) == {IncidentState.RESOLVED}
    nothing_else_arrives(day)


def test_the_success_of_one_machines_backup_does_not_hide_the_failure_of_another(day, nothing_else_arrives):
    arrives(day, "proxmox/01-backup-failed")
    assert len(day.incidents()) == 1
    assert "101" in day.incident().title
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_recovery_that_was_sent_before_the_problem_does_not_end_it(day, nothing_else_arrives):
    """Mail overtakes mail: the end of an earlier trouble, late, says nothing of the new one."""
    raw = (SAMPLES / "nagios/01-service-problem.eml").read_bytes()
    newer = raw.replace(b"Date: Sun, 22 Nov 2026 03:12:41", b"Date: Sun, 22 Nov 2026 05:00:00")
    day.mail_in(newer, RELAY)
    day.acknowledge("INC-1001")
    arrives(day, "nagios/03-service-recovery")
    day.advance(minutes=10)
    assert states(day) == [IncidentState.ACKNOWLEDGED]
    nothing_else_arrives(day)
