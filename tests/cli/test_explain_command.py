"""``ingestd explain``: the whole way from a message to what it says, through a real engine, a real database and the real API."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ingestd.core.names import PersonName
from ingestd.core.policy import EscalationPolicy, Step
from ingestd.testing.outside import Fault
from ingestd.testing.world import alertmanager_body
from tests.cli.town import RULES, open_town

PAGE = Path(__file__).parents[2] / "docs" / "rules" / "explain.md"


@pytest.fixture
def town(tmp_path, serving):
    place = open_town(tmp_path, serving.start)
    # Slower than a page, so that what happens in one instant happens in one order.
    place.world.tickets.delay_seconds = 0.2
    with capture_logs():
        yield place
    place.world.close()


# ---------------------------------------------------------------------- whole pages


def test_an_incident_is_told_in_order_with_the_rule_that_decided_and_what_happens_next(town):
    town.world.fires(env="staging")
    town.world.advance(seconds=59)
    assert town.says("INC-1001") == (
        """\
INC-1001  HIGH  triggered, nobody has acknowledged
DiskFull on db1
  opened      03:00:00 CET (60 s ago)
  rule        disk  rules/10-town.yaml:20, owner platform
  rules       VERSION, still in force
  alerts      1 of 1 fire
  escalation  runs, at policy default, L1 of 2: it goes on until somebody acknowledges
  ticket      T-1  https://tickets.example/T-1

Timeline
  03:00:00 CET  opened       opened with severity high (impact medium × urgency high) by rule “disk”  (disk)
  03:00:00 CET  page         paging ada (L1, policy “default”)  (opened)
  03:00:00 CET  alert-fired  alert fired: DiskFull on db1  (opened)
  03:00:00 CET  page         paged ada by email  (handed_over)
  03:00:00 CET  ticket       ticket T-1 opened in tickets  (opened)

Who was told, and what became of it
  done  mail: page ada by email; 03:00:00 CET (60 s ago); accepted

Ticket
  done  tickets: open ticket; 03:00:00 CET (59 s ago); T-1 opened in tickets

What happens next
  03:05:00 CET (in 4 min)  bo is paged (L2), unless somebody acknowledges

  ingestd incident ack INC-1001      take it; paging stops
  ingestd incident resolve INC-1001  it is over
"""
    )


def test_an_alert_is_told_with_every_rule_before_the_one_that_decided_and_what_it_needed(town):
    town.world.fires(env="staging")
    assert town.says("alertname=DiskFull", "host=db1", "--all") == (
        """\
DiskFull  firing  since 03:00:00 CET (1 s ago)  in INC-1001
DiskFull on db1
  key         KEY
  labels      alertname=DiskFull host=db1 cluster=a env=staging
  first seen  03:00:00 CET (1 s ago)
  last seen   03:00:00 CET (1 s ago)
  incident    INC-1001  triggered  DiskFull on db1
  decided     03:00:00 CET (1 s ago)  never seen before (first_seen)  ENVELOPE
  rule        disk  rules/10-town.yaml:20, owner platform
  rules       VERSION, still in force

Way through the rules in force (VERSION)
  power-out      no      needs alertname = PowerOut, it is alertname = DiskFull  rules/10-town.yaml:14
  disk-in-prod   nearly  needs env = prod, it is env = staging  rules/10-town.yaml:17
  disk           MATCH   rules/10-town.yaml:20
  disk-anywhere  later   matches as well, but stands behind it: rules/10-town.yaml:22
  it says: severity high, team default, pages default (now), ticket in tickets

What happens next
  -  what is due for its incident: ingestd explain INC-1001
"""
    )


def test_an_envelope_is_told_alert_by_alert_with_what_keeps_each_back(town):
    envelope = town.world.receive(
        alertmanager_body({"alertname": "DiskFull", "host": "patched"}, {"alertname": "Nothing", "host": "n"})
    )
    town.world.advance(seconds=1)
    assert town.says(envelope) == (
        """\
ENVELOPE  incident: it opened an incident, or opened one again
  source    alertmanager (kind alertmanager)
  from      192.0.2.1
  received  03:00:00 CET (1 s ago)
  decided   03:00:00 CET (1 s ago)
  alerts    2

Alerts
  news that is kept back  KEY
                          a maintenance window is open for it (in_maintenance)
                          kept back, or quiet: maintenance “patching” until 2026-03-02 05:00 UTC
                          by rule disk
  news                    KEY
                          never seen before (first_seen)
                          INC-1001  opened (opened)  by rule unmatched

  ingestd explain INC-1001  the incident's history

Rules
  disk       rules/10-town.yaml:20, owner platform
  unmatched  built in: no other rule matched
  version    VERSION, still in force

Why nobody was paged for the others
  maintenance  maintenance “patching” is open for it
               what to do: shorten the window “patching” in the rules, or narrow its match
"""
    )


def shown_in_documentation(command: str) -> str:
    """What the page about explain shows below a command."""
    return PAGE.read_text(encoding="utf-8").partition(f"$ {command}\n")[2].partition("```")[0]


def test_the_page_about_explain_shows_what_is_shown(town):
    town.world.fires(env="staging")
    command = "ingestd explain alertname=DiskFull host=db1"
    assert town.says(*command.split()[2:]) == shown_in_documentation(command)


def test_what_came_in_and_paged_nobody_is_grouped_by_reason_with_news_first(town):
    for host in ("paged", "paged"):
        town.world.fires(host=host)
    for number in range(5):
        town.world.fires("Watched", host=f"w{number}")
    town.world.fires("Small", host="s")
    assert town.says("--since", "2h") == shown_in_documentation("ingestd explain --since 2h")


# ---------------------------------------------------------------------- why nobody was paged, reason by reason


@pytest.mark.parametrize(
    ("name", "host", "told"),
    [
        (
            "Small",
            "h",
            [
                "severity_never severity low pages nobody (response: page: never)",
                "what to do: raise impact or urgency in the rule, or set response.low.page",
            ],
        ),
        (
            "Daytime",
            "h",
            [
                "office_hours severity medium pages in office hours only until 08:00:00 CET (in 4 h)",
                "what to do: it goes by itself; sooner if response.medium.page is now",
            ],
        ),
        (
            "Watched",
            "h",
            [
                "monitor rule “watched” only monitors",
                "what to do: take mode: monitor out of rule “watched” when it has proved itself",
            ],
        ),
        (
            "Patient",
            "h",
            [
                "hold rule “patient” waits whether it clears by itself (hold) until 03:10:00 CET (in 9 min)",
                "what to do: shorten hold: in rule “patient” if that is too long",
            ],
        ),
        (
            "Counted",
            "h",
            [
                "threshold rule “counted” waits for more of them (threshold)",
                "what to do: lower threshold: in rule “counted” if one alone is worth a page",
            ],
        ),
        (
            "Unowned",
            "h",
            [
                "no_policy rule “unowned” names no policy, and nor does its team",
                "what to do: name one: page: POLICY in rule “unowned”, or policy: in its team",
            ],
        ),
        (
            "DiskFull",
            "patched",
            [
                "maintenance maintenance “patching” is open for it until 06:00:00 CET (in 2 h)",
                "what to do: shorten the window “patching” in the rules, or narrow its match",
            ],
        ),
    ],
)
def test_what_a_rule_or_a_window_keeps_back_is_named_with_what_to_do(town, name, host, told):
    town.world.fires(name, host=host)
    assert town.why(f"alertname={name}") == told


def test_a_silence_is_named_and_still_is_when_the_alert_has_cleared(town):
    town.silence("host = hush")
    town.world.fires(host="hush")
    what_to_do = "what to do: end the silence: ingestd silence expire SIL-1"
    assert town.why("host=hush") == ["silenced silence SIL-1 covers it until 05:00:00 CET (in 119 min)", what_to_do]
    town.world.clears(host="hush")
    assert town.why("host=hush") == [
        "silenced silence SIL-1 covers it until 05:00:00 CET (in 119 min)",
        what_to_do,
        "resolved_before it was over before anybody was paged",
        "there is nothing to do: only its next fire counts",
    ]


def test_what_was_paged_for_once_and_is_silenced_now_says_that_also_when_it_has_cleared(town):
    town.world.fires(host="hush")
    town.world.clears(host="hush")
    town.world.advance(hours=2)
    town.silence("host = hush")
    town.world.fires(host="hush", _starts=town.world.now().isoformat())
    town.world.clears(host="hush")
    assert town.why("host=hush")[0] == "silenced silence SIL-1 covers it until 07:00:02 CET (in 119 min)"


def test_many_rules_that_nearly_matched_are_counted_and_the_nearest_shown(town):
    rules = "".join(f"  - rule: near-{n}\n    match: [alertname = DiskFull, site = s{n}]\n" for n in range(25))
    town.reload(RULES.replace("rules:\n", f"rules:\n{rules}", 1))
    town.world.fires()
    text = town.says("alertname=DiskFull")
    assert text.count("nearly") == 21, "20 of them, and the line that counts the others"
    assert "  6 more nearly matched\n" in text
    assert "near-24" in text
    assert "near-0 " not in text
    assert town.says("alertname=DiskFull", "--all").count("nearly ") == 26


def test_an_alert_that_inhibits_is_named_as_people_know_it(town):
    town.world.fires(host="db1")
    town.world.fires("Symptom", host="db1")
    assert town.why("alertname=Symptom") == [
        "inhibited the alert KEY fires and inhibits it: DiskFull on db1",
        "what to do: see to KEY; if it explains too much, narrow inhibit_by in the rule",
    ]


def test_what_a_major_incident_explains_names_it_for_the_alert_and_for_its_incident(town):
    town.world.fires("PowerOut", host="p", site="x")
    town.world.fires(host="q", site="x")
    told = [
        "parent INC-1001 explains it",
        "what to do: see to INC-1001; if it explains too much, narrow correlate.collects of its rule",
    ]
    assert town.why("host=q") == told
    assert town.why("INC-1002") == told
    text = town.says("INC-1002")
    assert "  part of  INC-1001\n  ticket   none while it is quiet\n" in text
    assert "04:00:01 CET (in 59 min)  DiskFull: it is looked at again, and as soon as INC-1001 is over" in text


def test_who_joins_an_acknowledged_incident_is_not_paged_for_and_it_says_who_has_it(town):
    town.world.fires(host="db1")
    town.world.acknowledge("INC-1001")
    second = town.world.fires(host="db1", disk="b")
    told = "there is nothing to do: whoever acknowledged INC-1001 has it; paging begins again if the severity rises"
    assert town.why("disk=b") == ["acknowledged INC-1001 was acknowledged already: by ada", told]
    assert town.why(second) == ["acknowledged INC-1001 was acknowledged already", told]
    assert town.why("INC-1001") == [], "ada was paged for it"


def test_who_joins_when_others_were_paged_already_is_told_so(town):
    town.world.fires(host="db1")
    town.world.advance(minutes=1)
    town.world.fires(host="db1", disk="b")
    assert town.why("disk=b") == [
        "already_paged people had been paged for INC-1001 before it joined",
        "there is nothing to do: see ingestd explain INC-1001 for who",
    ]


def test_what_fires_on_after_a_resolve_by_hand_says_so(town):
    town.world.fires(host="db1")
    town.world.resolve_by_hand("INC-1001")
    again = town.world.fires(host="db1")
    assert town.why(again) == [
        "resolved_by_hand somebody resolved INC-1001 by hand, and it has not cleared since",
        "there is nothing to do: it counts again when it has cleared, or when INC-1001 is closed",
    ]


def test_a_resolve_pages_nobody_and_an_incident_that_was_over_before_office_hours_neither(town):
    town.world.fires("Daytime", host="d")
    cleared = town.world.clears("Daytime", host="d")
    town.world.advance(minutes=5)
    assert town.why(cleared) == ["resolve it is the end of something", "there is nothing to do: only a fire pages"]
    assert town.why("INC-1001") == [
        "office_hours severity medium pages in office hours only",
        "what to do: it goes by itself; sooner if response.medium.page is now",
        "resolved_before it was over before anybody was paged",
        "there is nothing to do: only its next fire counts",
    ]


def test_a_page_that_failed_for_good_names_the_person_and_what_the_service_said(town):
    town.world.mail.faults = [Fault.REJECT, Fault.REJECT]
    town.world.fires(host="db1")
    assert town.why("INC-1001") == [
        "delivery_parked the page to ada by email failed for good: the number is not valid",
        "what to do: mend what the service refuses, then: ingestd outbox retry",
        "delivery_parked the page to bo by email failed for good: the number is not valid",
        "what to do: mend what the service refuses, then: ingestd outbox retry",
    ]


def test_a_page_that_waits_is_told_with_what_the_service_said(town):
    town.world.mail.is_down = True
    town.world.fires(host="db1")
    assert town.why("INC-1001")[0].startswith(
        "delivery_waiting the page to ada by email waits: the service is busy until"
    )
    assert town.why("INC-1001")[1].startswith("what to do: wait, or page by hand: ingestd doctor says")


def test_a_page_of_which_the_service_says_later_that_it_did_not_arrive_reached_nobody(town):
    town.world.fires("ForCy", host="c")
    town.world.receipt(town.world.mail.sent[0], "failed")
    assert town.why("INC-1001")[:2] == [
        "receipt_failed the page to cy was handed over, and the service says that it did not arrive",
        "what to do: check the address of cy: ingestd page test",
    ]


def test_a_person_without_a_contact_and_a_policy_that_is_gone_are_named(town):
    policy = town.world.policy
    people = {**policy.people, PersonName("cy"): replace(policy.people[PersonName("cy")], channels=())}
    town.world.reload(replace(policy, people=people))
    town.world.fires("ForCy", host="c")
    assert town.why("INC-1001") == [
        "no_contact cy has no usable contact",
        "what to do: give cy a contact whose channel is under channels:, and reload",
    ]
    empty = {**policy.escalations, "cy-only": EscalationPolicy("cy-only", ())}
    town.world.reload(replace(policy, escalations=empty))
    town.world.fires("ForCy", host="d")
    assert town.why("INC-1002") == [
        "policy_gone there is no policy “cy-only” in the configuration, or it has no step",
        "what to do: put the policy “cy-only” under policies: in the configuration and reload",
    ]


def test_a_schedule_with_nobody_on_it_is_named(town):
    policy = town.world.policy
    gap = EscalationPolicy("cy-only", (Step((PersonName("schedule:first-line"),), 300),))
    town.world.reload(replace(policy, escalations={**policy.escalations, "cy-only": gap}))
    town.world.fires("ForCy", host="c")
    assert town.why("INC-1001") == [
        "nobody_on_call nobody was on call on “first-line” when its level was due",
        "what to do: ingestd oncall gaps shows when nobody is; fill them under schedules: and reload",
    ]


def test_a_message_that_could_not_be_read_paged_nobody_by_itself(town):
    broken = town.world.receive(b'{"version": "4"}')
    town.world.advance(seconds=1)
    assert town.why(broken) == [
        "unreadable the message could not be read",
        "what to do: ingestd envelope body ID shows it; after a fix: ingestd envelope retry ID",
    ]
    assert "unreadable" in town.says("--since", "1h")


# ---------------------------------------------------------------------- connectors that are stopped


def test_what_waits_for_a_stopped_connector_says_that_and_names_no_instant_that_has_passed(town):
    world = town.world
    world.tickets.is_barred = True
    world.fires(host="db1")
    world.advance(minutes=3)
    text = town.says("INC-1001")
    stopped = (
        "its connector is stopped, since the service rejects our credentials: it goes by itself when they are mended"
    )
    assert f"  waiting  tickets: open ticket; {stopped} (ingestd doctor)\n" in text
    assert f"  when that is mended      tickets: open ticket; {stopped} (ingestd doctor)\n" in text
    assert "first try" not in text


def test_pages_of_a_stopped_connector_are_why_nobody_was_paged_and_are_not_any_more_when_it_works(town):
    world = town.world
    world.mail.is_barred = True
    world.fires(host="db1")
    assert town.why("INC-1001") == [
        "connector_stopped the connector mail is stopped, since the service rejects our credentials: the page to ada by email waits",
        "what to do: mend the credentials of mail and reload; the page goes by itself then",
        "connector_stopped the connector mail is stopped, since the service rejects our credentials: the page to bo by email waits",
        "what to do: mend the credentials of mail and reload; the page goes by itself then",
    ]
    world.mail.is_barred = False
    world.advance(minutes=3)
    assert town.why("INC-1001") == []


# ---------------------------------------------------------------------- next


def test_every_deadline_is_named_with_its_instant(town):
    world = town.world

    def upcoming():
        return town.says("INC-1001").partition("What happens next\n")[2].partition("\n\n")[0]

    world.fires(host="db1")
    world.clears(host="db1")
    assert "03:01:01 CET (in 59 s)   it counts as resolved, unless an alert fires again" in upcoming()
    world.advance(minutes=2)
    assert "it is closed; what fires after that is a new incident" in upcoming()
    world.advance(hours=1)
    assert upcoming() == "  -  nothing more\n"


def test_office_hours_and_the_time_to_acknowledge_are_named(town):
    town.world.fires("Daytime", host="d")
    assert "08:00:00 CET (in 4 h)  office hours begin: its policy pages its first step" in town.says("INC-1001")
    town.world.advance(hours=5)
    assert "08:30:00 CET (in 29 min)  somebody ought to have acknowledged by then" in town.says("INC-1001")


def test_an_alert_that_is_held_says_when_it_is_looked_at_again_and_what_that_changes(town):
    town.world.fires("Counted", host="c")
    assert town.says("alertname=Counted").endswith(
        "What happens next\n  03:15:00 CET (in 14 min)  rule “counted” has seen 1 of 3: "
        "with the last of them it becomes an incident; else it is looked at again\n"
    )


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (
            lambda w: w.advance(minutes=20),
            "over at policy default, L2 of 2: every step has run and nobody acknowledged",
        ),
        (lambda w: w.acknowledge("INC-1001"), "stopped at policy default, L1 of 2: ada acknowledged"),
        (lambda w: w.resolve_by_hand("INC-1001"), "stopped at policy default, L1 of 2: ada resolved it"),
        (lambda w: w.clears(), "stands still at policy default, L1 of 2: all alerts have cleared; it goes on if one"),
    ],
)
def test_it_says_why_the_escalation_stands_where_it_is(town, happens, told):
    town.world.fires()
    happens(town.world)
    assert f"  escalation  {told}" in town.says("INC-1001")


# ---------------------------------------------------------------------- other rules than then


def test_rules_that_have_changed_since_are_said_to_have(town):
    town.world.fires(env="staging")
    then = town.world.policy.ruleset.version[:12]
    town.reload(RULES.replace("env = prod", "env = staging"))
    text = town.says("alertname=DiskFull")
    assert f"  rules       {then} decided; in force are VERSION by now: file and line are those of now\n" in text
    assert "  so disk-in-prod would decide now; it was disk then\n" in text
    town.reload(RULES.replace("rule: disk\n", "rule: disk-of-old\n"))
    assert "  rule        disk  not in the rules in force any more\n" in town.says("INC-1001")


# ---------------------------------------------------------------------- what is asked for


def test_a_ticket_leads_to_its_incident_by_label_whatever_its_case(town):
    town.world.fires()
    town.world.advance(seconds=1)
    assert town.says("T-1") == town.says("ticket", "t-1") == town.says("INC-1001") == town.says("1001")


def test_an_alert_is_found_by_its_key_by_a_selector_and_by_other_matchers(town):
    town.world.fires(host="db1")
    town.world.fires(host="db2")
    key = json.loads(town.explain("host=db1", "-o", "json").stdout)["alert"]["key"]
    assert town.says("alert", key) == town.says(key) == town.says('{host=~"db.*", host!="db2"}')
    assert "DiskFull on db2\n" in town.says('alertname=~"Disk.*"'), "the one that was seen last"
    assert f"  ingestd explain alert {key}" in town.explain("alertname=DiskFull").stdout


def test_why_nobody_was_paged_alone_and_a_script_that_asks_whether_somebody_was(town):
    town.world.fires("Small", host="s")
    town.world.fires(host="db1")
    assert town.says("--why-no-page", "INC-1001") == (
        "  severity_never  severity low pages nobody (response: page: never)\n"
        "                  what to do: raise impact or urgency in the rule, or set response.low.page\n"
    )
    shown = town.explain("--why-no-page", "INC-1002")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "somebody was paged for it" in shown.stderr


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("T-99",), "there is no incident, envelope, alert or ticket T-99"),
        (("INC-7",), "there is no incident, envelope, alert or ticket INC-7"),
        (("ticket", "PAY-1"), "there is no ticket PAY-1"),
        (("alert", "am/v1:0"), "there is no alert am/v1:0"),
        (("alertname=Nobody", "host=h"), "there is no alert with alertname=Nobody host=h"),
    ],
)
def test_what_is_not_there_is_named_with_where_to_look(town, asked, said):
    shown = town.explain(*asked)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr.startswith(f"error: {said}\nhint: ")


@pytest.mark.parametrize(
    "asked", [(), ("INC-1", "INC-2"), ("--since", "soon"), ("--since", "90d"), ("--since", "2h", "INC-1"), ('a=~"("',)]
)
def test_a_question_that_makes_no_sense_is_a_usage_error_that_says_what_would(town, asked):
    shown = town.explain(*asked)
    assert shown.exit_code == 2
    assert "hint: " in shown.stderr or "at most 30d" in shown.stderr


def test_json_is_what_the_api_gives(town):
    town.world.fires("Watched", host="w")
    answer = json.loads(town.explain("alertname=Watched", "-o", "json").stdout)
    assert answer["kind"] == "alert"
    assert answer["unpaged"] == [
        {
            "reason": "monitor",
            "by": "watched",
            "text": "rule “watched” only monitors",
            "advice": "take mode: monitor out of rule “watched” when it has proved itself",
            "until": None,
        }
    ]
    assert json.loads(town.explain("--why-no-page", "alertname=Watched", "-o", "json").stdout) == {
        "unpaged": answer["unpaged"]
    }


def test_text_from_outside_cannot_speak_to_the_terminal(town, hostile):
    sent, _ = hostile
    town.world.fires(host="db1", note=sent)
    for asked in (["INC-1001"], ["alertname=DiskFull", "--all"], ["--since", "1h"]):
        text = town.explain(*asked).stdout
        assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2028", "\r"}


def test_what_a_hold_has_released_was_decided_by_the_rules_of_then(town):
    town.world.fires("Patient", host="p")
    town.reload(RULES.replace("hold: 10m", "hold: 9m"))
    town.world.advance(minutes=11)
    assert "  rules       VERSION, still in force\n" in town.says("INC-1001")
    assert "  rules       VERSION, still in force\n" in town.says("alertname=Patient")
