"""Subjects of machines that no other profile knows: which word is good news, and what the mail is about."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.config.mail_profiles import built_in
from ingestd.core.alert import Alert
from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.reading import read_letter
from ingestd.core.mail.source import MailSource
from ingestd.core.sources import ReadLimits

SOURCE = MailSource(profiles=tuple(built_in().values()))


def read(subject: str) -> Alert:
    letter = Letter(headers={}, sender="nas@example.com", subject=subject, text="x", own_text="x", digest=subject)
    (alert,) = read_letter("post", Arrival("smtp"), letter, ReadLimits(), SOURCE).envelope.alerts
    return alert


@pytest.mark.parametrize(
    ("problem", "end"),
    [
        ("[CRITICAL] disk of db1", "[OK] disk of db1"),
        ("CRITICAL: disk of db1", "OK: disk of db1"),
        ("CRITICAL - disk of db1", "RECOVERED - disk of db1"),
        ("*** PROBLEM *** disk of db1", "*** RECOVERY *** disk of db1"),
        ("[ALARM] disk of db1 at 03:12", "[RESOLVED] disk of db1 at 04:15"),
        ("[FIRING:2] CPU of web1", "[RESOLVED] CPU of web1"),
        ("[FIRING:2, RESOLVED:1] CPU of web1", "[RESOLVED] CPU of web1"),
        ("[Alerting] CPU of web1", "[OK] CPU of web1"),
        ("db1 is DOWN", "db1 is UP"),
        ("db1 is down", "db1 is back up"),
        ("db1 is down", "db1 is now online"),
        ("db1 down", "db1: up"),
        ("db1 CRITICAL", "db1 OK"),
        ("db1: FAILED", "db1: OK"),
        ("Host db1 changed from OK to CRITICAL", "Host db1 changed from CRITICAL to OK"),
        ("Backup of db1 failed", "Backup of db1 completed successfully"),
        ("Backup of db1 has failed", "Backup of db1 successful"),
        ("Backup of db1 FAILED (2026-11-22 03:00)", "Backup of db1 SUCCEEDED (2026-11-23 03:00)"),
        ("Service shop failed", "Service shop has recovered"),
        ("Monitor is DOWN: shop.example.com", "Monitor is UP: shop.example.com"),
        ("Alert: temperature of room 2 is critical (31.5 °C)", "Alert: temperature of room 2 is now normal (24 °C)"),
        ("WARNING - Volume 2 is 91% full", "OK - Volume 2 is 71% full"),
        ("Fwd: [CRITICAL] disk of db1", "Re: [OK] disk of db1"),
    ],
)
def test_a_problem_and_its_end_are_about_the_same_thing(problem, end):
    one, other = read(problem), read(end)
    assert (one.status, other.status) == ("firing", "resolved")
    assert one.key == other.key
    assert one.labels["mail_profile"] == other.labels["mail_profile"] == "generic"


@pytest.mark.parametrize(
    "subject",
    [
        "Follow up on db1",
        "Please back up db1",
        "Time to back up",
        "Remember to clear",
        "Battery low, go to normal",
        "db1 is not OK",
        "db1 is no longer up",
        "Volume 2 not restored",
        "Backup of db1 not successful",
        "Backup of db1 unsuccessful",
        "Backup of db1 could not be completed successfully",
        "Cannot reach db1: is it up",
        "Warning: online backup of db1 failed",
        "OK button does nothing, web1 is DOWN",
        "Restored connections are slow",
        "Good morning, the disk of db1 is full",
        "clear the queue of db1 now",
        "db1 never recovered",
        "Success rate of shop is critical",
        "Normal operation of db1 is degraded",
    ],
)
def test_what_only_sounds_like_good_news_fires(subject):
    assert read(subject).status == "firing"


@pytest.mark.parametrize(
    ("one", "other"),
    [("db1 is DOWN", "db2 is DOWN"), ("[CRITICAL] disk 1", "[CRITICAL] disk 2"), ("192.0.2.1 down", "192.0.2.2 down")],
)
def test_two_things_are_two_alerts(one, other):
    assert read(one).key != read(other).key


bad = st.sampled_from(["failed", "FAILED", "is down", "is DOWN", "critical", "not OK", "unreachable", "degraded"])
plain_words = st.lists(st.from_regex(r"[a-z]{1,8}[0-9]{0,2}", fullmatch=True), min_size=1, max_size=4).map(" ".join)
GOOD = {
    "up",
    "ok",
    "okay",
    "success",
    "normal",
    "clear",
    "online",
    "good",
    "green",
    "healthy",
    "available",
    "reachable",
}


@settings(max_examples=200, deadline=None)
@given(words=plain_words.filter(lambda words: not GOOD & set(words.split())), how=bad)
def test_what_ends_in_bad_news_is_never_the_end_of_something(words, how):
    assert read(f"{words} {how}").status == "firing"
