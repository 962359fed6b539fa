"""What a profile can say: each key alone, what happens to mail that a profile cannot make sense of, and mail that nobody wrote in good faith."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.config.mail_profile_model import MailProfileSection
from ingestd.config.mail_profiles import built_in
from ingestd.config.validation import validate
from ingestd.config.yaml_tree import parse_document
from ingestd.core.alert import ParsedEnvelope
from ingestd.core.mail import message
from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.letter import Letter, LetterLimits
from ingestd.core.mail.profile_reading import SECTIONS_MAX, ask, read_by
from ingestd.core.mail.reading import MailShape, read_letter
from ingestd.core.mail.report import ReportPlan
from ingestd.core.mail.sheet import Author, sheet_of
from ingestd.core.mail.source import MailSource
from ingestd.core.sources import ReadLimits

LIMITS = ReadLimits()
ROOMY = ReadLimits(labels_count_max=1000)
MINE = """\
match: ['alert.subject =~ "\\\\[(ALERT|CLEAR|TEST)\\\\] .*"']
extract: {from: alert.subject, regex: '\\[(?P<word>\\w+)\\] (?P<box>[\\w-]+): (?P<what>.+)'}
status: {from: word, problem: [ALERT], recovery: [CLEAR], ignore: [TEST]}
identity: [box, what]
"""


def profile(text: str):
    document = parse_document(text, "mine.yaml")
    section = validate(document, document.root, MailProfileSection)
    assert section is not None, document.problems
    return section.as_profile("mine")


def letter(subject: str = "[ALERT] box-1: fan", body: str = "", **headers: str) -> Letter:
    return Letter(
        headers={name.replace("_", "-").lower(): (value,) for name, value in headers.items()},
        sender="box@example.com",
        subject=subject,
        text=body,
        own_text=body,
        digest=f"{subject} {body}",
    )


def alerts(text: str, mail: Letter, limits: ReadLimits = LIMITS):
    return read_by(profile(text), sheet_of(mail, Author.MACHINE), "post", limits).envelope.alerts


def alert(text: str, mail: Letter):
    (one,) = alerts(text, mail)
    return one


def knows(match: str, mail: Letter, author: Author = Author.MACHINE) -> bool:
    found, _ = ask([profile(f"match: [{match}]\nidentity: [subject]")], sheet_of(mail, author))
    return found is not None


# ------------------------------------------------------------------ match


@pytest.mark.parametrize(
    ("match", "is_known"),
    [
        ("'alert.subject = a fan'", True),
        ("'alert.subject != a fan'", False),
        ("'alert.subject =~ \".*fan\"'", True),
        ("'alert.subject =~ \"fan\"'", False),
        ("'alert.sender = box@example.com'", True),
        ("'alert.sender =~ \".*@example[.]com\"', 'alert.body =~ \"(?s).*two.*\"'", True),
        ("'alert.sender =~ \".*@example[.]com\"', 'alert.body =~ \".*two.*\"'", False),
        ("'header.X-Box = three'", True),
        ("'header.x-box = three'", True),
        ("'header.X-None = \"\"'", True),
        ("mail.author = machine", True),
        ("mail.author = person", False),
    ],
)
def test_all_matchers_must_hold_and_a_regex_matches_the_whole_text(match, is_known):
    assert knows(match, letter("a fan", "one\ntwo\n", X_Box="three")) is is_known


def test_the_first_profile_that_knows_a_mail_reads_it_and_each_other_says_what_did_not_hold():
    first, second = profile("match: ['alert.subject = b']\nidentity: [subject]"), profile(MINE)
    found, tried = ask([first, second, second], sheet_of(letter(), Author.MACHINE))
    assert found is second
    assert [one.failed_on for one in tried] == ["alert.subject = b", ""]


@pytest.mark.parametrize("prefix", ["Re: ", "RE: AW: ", "Fwd: ", "FW: ", "WG: ", "Re[2]: ", "Fwd:Re:"])
def test_what_mail_programs_put_before_a_subject_changes_nothing(prefix):
    assert alert(MINE, letter(f"{prefix}[CLEAR] box-1: fan")).key == alert(MINE, letter()).key


# ------------------------------------------------------------------ extract, status, identity


@pytest.mark.parametrize(("word", "status"), [("ALERT", "firing"), ("CLEAR", "resolved")])
def test_the_words_of_the_status_say_how_it_stands(word, status):
    assert alert(MINE, letter(f"[{word}] box-1: fan")).status == status


def test_of_a_word_to_be_ignored_nothing_comes():
    assert alerts(MINE, letter("[TEST] box-1: fan")) == ()


def test_words_of_a_status_do_not_depend_on_capitals():
    text = MINE.replace("problem: [ALERT]", "problem: [alert]")
    assert "mail_problem" not in alert(text, letter()).annotations


def test_a_later_expression_fills_only_what_is_missing():
    text = (
        "match: ['alert.subject != \"\"']\nidentity: [host]\nlabels: {host: '{host}', rack: '{rack}'}\n"
        "extract:\n"
        "  - {from: alert.subject, regex: 'on (?P<host>\\S+)'}\n"
        "  - {from: alert.body, regex: 'Host: (?P<host>\\S+) in (?P<rack>\\S+)'}\n"
        "  - {from: rack, regex: '(?P<row>\\d)'}\n"
    )
    assert dict(alert(text, letter("fan on a", "Host: b in r2")).labels) == {
        "host": "a",
        "rack": "r2",
        "alertname": "mine",
        "mail_profile": "mine",
    }


def test_a_header_is_a_text_like_others():
    text = "match: ['header.X-Box != \"\"']\nidentity: [box]\nextract: {from: header.X-Box, regex: '(?P<box>.+)'}"
    assert alert(text, letter(X_Box="b1")).key != alert(text, letter(X_Box="b2")).key


def test_the_first_identity_whose_fields_are_all_there_counts():
    text = "match: ['alert.subject != \"\"']\nidentity: [[host, part], [host]]\nextract: {from: alert.subject, regex: '^(?P<host>\\w+)(?: (?P<part>\\w+))?'}"
    assert len({alert(text, letter(subject)).key for subject in ("a", "a x", "a y", "b")}) == 4


def test_white_space_makes_no_other_thing():
    text = MINE.replace("[\\w-]+): ", "[\\w -]+): ")
    assert alert(text, letter("[ALERT] box  1: fan")).key == alert(text, letter("[CLEAR] box 1: fan")).key


@pytest.mark.parametrize("word", ["ALERT", "CLEAR", "WHAT"])
def test_what_yields_no_identity_fires_under_its_subject_and_says_why(word):
    text = (
        MINE.replace("identity: [box, what]", "identity: [rack]")
        .replace("extract: {", "extract: [{from: alert.body, regex: 'in (?P<rack>\\w+)'}, {")
        .replace("(?P<what>.+)'}", "(?P<what>.+)'}]")
    )
    one, again = alert(text, letter(f"[{word}] box-1: fan 93%")), alert(text, letter(f"[{word}] box-1: fan 97%"))
    assert one.status == "firing"
    assert one.key == again.key
    assert "nothing that tells what this is about" in one.annotations["mail_problem"]
    assert one.key != alert(text, letter(f"[{word}] box-2: fan 93%")).key


def test_a_mail_without_the_status_field_is_what_otherwise_says():
    text = MINE.replace("(?P<word>\\w+)", "\\w+").replace(
        "extract: {", "extract: [{from: alert.body, regex: '(?P<word>\\w+)'}, {"
    )
    text = text.replace("(?P<what>.+)'}", "(?P<what>.+)'}]")
    assert alert(text, letter()).status == "firing"
    assert alert(text.replace("ignore:", "otherwise: recovery, ignore:"), letter()).status == "resolved"


def test_without_status_every_mail_is_a_problem():
    assert alert("match: ['alert.subject = x']\nidentity: [subject]", letter("x")).status == "firing"


# ------------------------------------------------------------------ labels, annotations, times


def test_templates_are_filled_or_left_out_and_of_a_list_the_first_that_can_be():
    text = (
        MINE
        + "alertname: ['{what} of {box}', x]\nlabels: {a: 'in {{{box}}}', site: berlin}\nannotations: {summary: '{what} ({word})'}\n"
    )
    one = alert(text, letter())
    assert dict(one.labels) == {
        "a": "in {box-1}",
        "site": "berlin",
        "alertname": "fan of box-1",
        "mail_profile": "mine",
    }
    assert one.summary == "fan (ALERT)"
    assert one.rule_name == "fan of box-1"


def test_the_text_of_the_mail_is_the_description_unless_the_profile_says_another():
    assert alert(MINE, letter(body="it is hot")).annotations["description"] == "it is hot"


def test_what_is_longer_than_the_limits_is_cut_and_counted_and_its_identity_is_not():
    limits = ReadLimits(label_value_chars_max=5, annotation_chars_max=10)
    text = MINE + "labels: {what: '{what}'}\n"
    sheets = [sheet_of(letter(f"[ALERT] box-1: fan number {n}", "x" * 50), Author.MACHINE) for n in "12"]
    first, second = (read_by(profile(text), sheet, "post", limits).envelope for sheet in sheets)
    assert first.alerts[0].labels["what"] == second.alerts[0].labels["what"] == "fan…"
    assert first.alerts[0].key != second.alerts[0].key
    assert first.cut_count > 0


STARTS = MINE.replace("extract: {", "extract: [{from: alert.body, regex: 'since (?P<at>.+)'}, {").replace(
    "(?P<what>.+)'}", "(?P<what>.+)'}]"
)


@pytest.mark.parametrize(
    ("said", "starts_at", "expected"),
    [
        ("22.11.2026 03:00", "{from: at, format: '%d.%m.%Y %H:%M', zone: Europe/Berlin}", "2026-11-22T02:00:00+00:00"),
        ("2026-11-22T03:00:00+01:00", "{from: at}", "2026-11-22T02:00:00+00:00"),
        ("2026-11-22T03:00:00", "{from: at}", "2026-11-22T02:12:41+00:00"),  # of no zone: when it was sent
        ("gestern Abend", "{from: at, format: '%d.%m.%Y', zone: UTC}", "2026-11-22T02:12:41+00:00"),
        ("22.11.2027 03:00", "{from: at, format: '%d.%m.%Y %H:%M', zone: UTC}", "2026-11-22T02:12:41+00:00"),  # to come
        ("01.01.0001 00:00", "{from: at, format: '%d.%m.%Y %H:%M', zone: UTC}", "2026-11-22T02:12:41+00:00"),
    ],
)
def test_the_start_is_what_the_mail_says_if_that_can_be(said, starts_at, expected):
    mail = letter(body=f"since {said}", Date="Sun, 22 Nov 2026 03:12:41 +0100")
    assert alert(f"{STARTS}starts_at: {starts_at}\n", mail).starts_at.isoformat() == expected


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "So, 22 Nov", "Sun, 99 Nov 2026 99:12:41 +0100", "Thu, 1 Jan 1970 00:00:00 +0000", "x" * 5000],
)
def test_a_date_that_cannot_be_is_none(date):
    assert alert(MINE, letter(Date=date)).starts_at is None


# ------------------------------------------------------------------ split and pairs

LIST = """\
match: ['alert.subject = list']
split:
  heading: '(?m)^== (?P<word>\\w+)'
  at: '(?m)^\\* (?P<box>\\S+)'
  extract: {from: section, regex: 'fan (?P<fan>\\d+)'}
  pairs: {regex: '(?m)^  (?P<name>\\w+)=(?P<value>.+)$'}
status: {from: word, problem: [bad], recovery: [good], ignore: [test]}
identity: [box, fan]
"""


def test_each_section_is_an_alert_and_a_heading_holds_for_all_below_it():
    body = "hello\n== bad\n* a\n fan 1\n  x=1\n* b\n fan 2\n== good\n* c\n fan 3\n== test\n* d\n fan 4\n"
    assert [(one.status, one.labels.get("x"), one.body.split()[1]) for one in alerts(LIST, letter("list", body))] == [
        ("firing", "1", "a"),
        ("firing", None, "b"),
        ("resolved", None, "c"),
    ]


def test_a_mail_without_a_section_is_one_alert():
    one = alert(LIST, letter("list", "nothing of that kind"))
    assert (one.status, "mail_problem" in one.annotations) == ("firing", True)


def test_sections_without_identity_are_told_apart_by_their_text():
    found = alerts(LIST, letter("list", "== bad\n* a\n no number\n* b\n no number\n"))
    assert len({one.key for one in found}) == 2


def test_pairs_stand_between_two_places():
    text = "match: ['alert.subject = x']\nidentity: labels\npairs: {regex: '(?P<name>\\w+)=(?P<value>\\w+)', after: BEGIN, before: END}"
    one = alert(text, letter("x", "a=1 BEGIN b=2 c=3 END d=4"))
    assert {name for name in one.labels if len(name) == 1} == {"b", "c"}
    other = alert(text, letter("x", "a=1 b=2"))
    assert "mail_problem" in other.annotations


def test_more_pairs_than_are_taken_are_counted():
    text = "match: ['alert.subject = x']\nidentity: labels\npairs: {regex: '(?P<name>\\w+)=(?P<value>\\w+)'}"
    few, many = (
        read_by(
            profile(text),
            sheet_of(letter("x", " ".join(f"n{n}=1" for n in range(count))), Author.MACHINE),
            "post",
            ROOMY,
        )
        for count in (200, 201)
    )
    assert (few.envelope.cut_count, many.envelope.cut_count) == (0, 1)
    assert few.envelope.alerts[0].key == many.envelope.alerts[0].key


def test_more_sections_than_are_taken_are_told_of():
    found = read_by(
        profile(LIST), sheet_of(letter("list", "== bad\n" + "* a\n fan 1\n" * 2000), Author.MACHINE), "post", LIMITS
    )
    assert len(found.envelope.alerts) == SECTIONS_MAX
    assert found.envelope.truncated_count
    assert found.envelope.refused[0].reason == "too_many_alerts"


# ------------------------------------------------------------------ what no profile knows


def plain(subject: str, sender: str = "ada@example.com", **rest: object):
    raw = f"From: {sender}\r\nSubject: {subject}\r\nMessage-ID: <1@x>\r\n{rest.get('head', '')}\r\nhello\r\n".encode()
    source = MailSource(profiles=tuple(built_in().values()), reports=rest.get("reports"))
    return read_letter("post", Arrival("smtp"), message.read(raw, LetterLimits()), LIMITS, source)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Water in room 2", "Re: Water in room 2"),
        ("Water in room 2 at 03:12", "Water in room 2 at 14:55"),
        ("Report of 2026-11-22", "Report of 2026-11-23"),
        ("Queue is 81% used", "Queue is 82.5 % used"),
        ("Room 2: 31.5 °C", "room 2: 32 °C"),
        ("Lag of 12 minutes", "Lag of 3 minutes"),
    ],
)
def test_the_same_thing_mailed_again_is_the_same_alert(one, other):
    found = [plain(subject).envelope.alerts[0] for subject in (one, other)]
    assert found[0].key == found[1].key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Water in room 2", "Water in room 3"),
        ("Lost 192.0.2.1", "Lost 192.0.2.2"),
        ("Version 1.2.3 installed", "Version 1.2.4 installed"),
        ("sda1 slow", "sda2 slow"),
        ("VM 12 mail", "VM 13 mail"),
        ("rack 3d", "rack 4d"),
    ],
)
def test_another_thing_is_another_alert(one, other):
    assert plain(one).envelope.alerts[0].key != plain(other).envelope.alerts[0].key


def test_another_sender_is_another_alert():
    assert plain("Water").envelope.alerts[0].key != plain("Water", "bo@example.com").envelope.alerts[0].key


def test_a_person_reports_where_reports_are_taken_and_a_machine_does_not():
    plan = ReportPlan()
    assert plain("The printer is down", reports=plan).shape is MailShape.REPORT
    assert plain("The printer is down", "printer-noreply@example.com", reports=plan).profile == "generic"
    assert plain("The printer is down", head="Auto-Submitted: auto-generated\r\n", reports=plan).profile == "generic"
    assert plain("The printer is down").profile == "generic"


def test_what_a_person_answers_to_a_machines_mail_is_no_machine_mail():
    head = "In-Reply-To: <2@x>\r\n"
    subject = "** PROBLEM Host Alert: db1 is DOWN **"
    assert plain(f"Re: {subject}", head=head).shape is MailShape.PLAIN
    assert plain(f"Fwd: {subject}", head=head).profile == "nagios"
    assert plain(f"Re: {subject}", "nagios@example.com", head=head).profile == "nagios"


# ------------------------------------------------------------------ hostile mail

HOSTILE = {
    "sections": ("[FIRING:9] x", "[1] Firing\n" + "Labels\n" * 14_000 + "Sent by Alertmanager"),
    "labels": ("[FIRING:9] x", "[1] Firing\n" + "Labels\na = b\n" * 7_000 + "Sent by Alertmanager"),
    "letters": ("[FIRING:9] x", "[1] Firing\n" + "Labels\nä = ü\n" * 7_000 + "Sent by Alertmanager"),
    "headings": ("[FIRING:9] x", "[1] Firing\n" * 9_000 + "Labels\na = b\nSent by Alertmanager"),
    "pairs": ("[FIRING:9] x", "[1] Firing\nLabels\n" + "aa = b\n" * 14_000 + "Sent by Alertmanager"),
    "badges": ("[FIRING:9] x", "Firing\nLabels\nSummary\n" * 4_500 + "Grafana Labs"),
    "no end": ("** PROBLEM Service Alert: a/b is CRITICAL **", "Info:\n\n\n" * 12_000),
    "hosts": ("Problem: x", "Host:\n" * 16_000 + "Original problem ID: 1"),
    "machines": ("vzdump backup status (a): backup failed", "100 a ok\n" * 11_000),
    "subject": ("x " * 490 + "is DOWN", "y" * 100_000),
    "words": ("is " * 300 + "OK", "y" * 100_000),
    "brackets": ("[(" * 450 + "OK down", "y" * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_costs_little(name):
    subject, body = HOSTILE[name]
    mail = letter(subject, body[:99_950] + body[-50:])
    profiles = tuple(built_in().values())
    read = lambda: read_letter("post", Arrival("smtp"), mail, LIMITS, MailSource(profiles=profiles))  # noqa: E731 (measured twice)
    read()
    began = time.process_time()
    assert isinstance(read().envelope, ParsedEnvelope)
    assert time.process_time() - began < 0.15
    tracemalloc.start()
    read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 * 1024 * 1024


texts = st.text(max_size=300) | st.from_regex(r"\[(FIRING|RESOLVED|OK|PROBLEM)[:\]].{0,40}", fullmatch=True)
lines = st.lists(
    st.text(max_size=60)
    | st.sampled_from(
        [
            "[1] Firing",
            "[2] Resolved",
            "Labels",
            "Annotations",
            "a = b",
            "Sent by Alertmanager",
            "Grafana Labs",
            "Firing",
            "Host: x",
            "Original problem ID: 3",
            "***** Host Monitoring on x *****",
            "100 a ok",
            "- AWS Account: 1",
            "Device: /dev/sda, x",
            "Info: y",
        ]
    ),
    max_size=30,
)  # fmt: skip (a list of words)
subjects = (
    texts
    | st.sampled_from([subject for subject, _ in HOSTILE.values()])
    | st.sampled_from(
        [
            "** PROBLEM Host Alert: a is DOWN **",
            "Cron <a@b> c",
            "Fired:Sev1 Azure Monitor Alert x on y",
            "[PROBLEM] a on b is OK!",
        ]
    )
)


@settings(max_examples=200, deadline=None)
@given(subject=subjects, body=lines, sender=st.text(max_size=30), date=st.text(max_size=40), is_small=st.booleans())
def test_no_mail_makes_a_profile_raise(subject, body, sender, date, is_small):
    limits = (
        ReadLimits(alerts_count_max=2, labels_count_max=2, label_value_chars_max=5, annotation_chars_max=9)
        if is_small
        else LIMITS
    )
    mail = Letter(
        headers={"date": (date,)}, sender=sender, subject=subject, text="\n".join(body), own_text="\n".join(body)
    )
    for profile_ in built_in().values():
        found = read_by(profile_, sheet_of(mail, Author.MACHINE), "post", limits)
        assert found.envelope.alerts or found.ignored_count
        for one in found.envelope.alerts:
            repr(one).encode()
            assert one.summary
    source = MailSource(profiles=tuple(built_in().values()))
    assert read_letter("post", Arrival("smtp"), mail, limits, source) == read_letter(
        "post", Arrival("smtp"), mail, limits, source
    )
