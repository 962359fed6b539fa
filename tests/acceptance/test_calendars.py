"""A calendar in a file that a real daemon reads in a process of its own, and its shifts in a feed over a real socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from icalendar import Calendar

from tests.acceptance.daemon import config_of
from tests.acceptance.waiting import until
from tests.calendars.ics import calendar, event


def shift(who: str) -> str:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begins, ends = (f"{today + timedelta(days=days):%Y%m%dT%H%M%SZ}" for days in (-3, 3))
    return event(who, f"DTSTART:{begins}", f"DTEND:{ends}")


def test_a_calendar_is_read_and_its_shifts_are_given_out_until_the_feed_is_revoked(start, tmp_path: Path):
    config = config_of(tmp_path)
    config["people"] = {**config["people"], "ben": {"email": "ben@example.com"}}
    config["schedules"] = {"line": {"calendar": {"path": "shifts.ics", "use": "layers"}}}
    (tmp_path / "shifts.ics").write_bytes(calendar(shift("[L1] ben@example.com")))
    daemon = start(config)

    def who() -> str | None:
        return daemon.get("/api/v1/oncall").json()["oncall"][0]["person"]

    until(lambda: who() == "ben", 30, "ben is on call, as the calendar says", last_words=daemon.log)
    assert daemon.metric("ingestd_calendar_reads_total", schedule="line", result="changed") == 1
    made = daemon.post("/api/v1/oncall/feeds", json={"subject": "person:ben"}).json()
    url = daemon.url + made["url"][made["url"].index("/calendars/") :]
    feed = requests.get(url, timeout=10)
    (found,) = Calendar.from_ical(feed.content).walk("VEVENT")
    assert str(found["SUMMARY"]) == "On call: line"
    assert found["DTEND"].dt - found["DTSTART"].dt == timedelta(days=6)
    daemon.kill()
    (tmp_path / "shifts.ics").unlink()
    again = start(config)
    assert again.get("/api/v1/oncall").json()["oncall"][0]["person"] == "ben"
    path = url[url.index("/calendars/") :]
    assert again.get(path).headers["ETag"] == feed.headers["ETag"]
    assert requests.delete(f"{again.url}/api/v1/oncall/feeds/{made['feed']['id']}", timeout=10).status_code == 200
    assert again.get(path).status_code == 404
    assert path.rpartition("/")[2].removesuffix(".ics") not in again.log() + daemon.log()
