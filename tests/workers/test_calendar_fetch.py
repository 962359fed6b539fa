"""One look at a calendar's address: redirects, tags, sizes, and what is said when there is nothing to be had."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingestd.calendars.entries import BYTES_MAX, CalendarRefused
from ingestd.errors import OutcomeUnknown
from ingestd.ports import HttpReply, HttpRequest
from ingestd.workers.calendar_fetch import Fetched, fetch, read_calendar
from ingestd.workers.current import CalendarPlan

URL = "https://calendar.example/private-4711/basic.ics"
PLAN = CalendarPlan("line", ZoneInfo("UTC"), 600, URL)


class Server:
    """Answers by address; what it was asked stands in ``asked``."""

    def __init__(self, replies: dict[str, HttpReply]):
        self.replies = replies
        self.asked: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpReply:
        self.asked.append(request)
        if request.url not in self.replies:
            raise OutcomeUnknown("the connection to calendar.example:443 was lost before the answer")
        return self.replies[request.url]


async def look(server: Server, etag: str = "") -> Fetched:
    return await fetch(PLAN, etag, server, read_calendar)


async def test_the_body_comes_with_its_tag_and_the_tag_is_sent_again():
    server = Server({URL: HttpReply(200, {"etag": 'W/"1"'}, b"BEGIN")})
    assert await look(server) == Fetched(b"BEGIN", 'W/"1"')
    assert "If-None-Match" not in server.asked[0].headers
    assert server.asked[0].reply_bytes_max == BYTES_MAX + 1
    server.replies[URL] = HttpReply(304)
    assert await look(server, 'W/"1"') == Fetched(None, 'W/"1"')
    assert server.asked[1].headers["If-None-Match"] == 'W/"1"'


async def test_not_modified_without_a_question_is_no_answer():
    with pytest.raises(CalendarRefused, match="its server answers with status 304"):
        await look(Server({URL: HttpReply(304)}))


async def test_a_tag_that_is_no_header_is_not_kept():
    for tag in ("x" * 201, '"ü"'):
        assert (await look(Server({URL: HttpReply(200, {"etag": tag}, b"BEGIN")}))).etag == ""


async def test_a_few_redirects_are_followed_relative_ones_too():
    server = Server(
        {
            URL: HttpReply(302, {"location": "/other"}),
            "https://calendar.example/other": HttpReply(307, {"location": "https://cdn.example/a.ics"}),
            "https://cdn.example/a.ics": HttpReply(200, {}, b"BEGIN"),
        }
    )
    assert (await look(server)).body == b"BEGIN"


@pytest.mark.parametrize(
    ("replies", "text"),
    [
        ({URL: HttpReply(404)}, "its server answers with status 404"),
        ({URL: HttpReply(302)}, "its server answers with status 302"),
        ({}, "its server cannot be asked: the connection to calendar.example:443 was lost"),
        ({URL: HttpReply(302, {"location": URL})}, "more than 3 times"),
        ({URL: HttpReply(302, {"location": "http://calendar.example/"})}, "from https:// to another kind of address"),
        ({URL: HttpReply(302, {"location": "https://[private-4711"})}, "sends us to an address that cannot be read"),
        ({URL: HttpReply(302, {"location": "//calendar.example]:1/"})}, "sends us to an address that cannot be read"),
        ({URL: HttpReply(302, {"location": "file:///etc/passwd"})}, "from https:// to another kind of address"),
    ],
)
async def test_what_is_not_to_be_had_is_told_without_the_address(replies, text):
    with pytest.raises(CalendarRefused, match=text) as caught:
        await look(Server(replies))
    assert "private-4711" not in str(caught.value)


async def test_a_file_is_read_up_to_the_limit_and_only_if_it_is_one(tmp_path: Path):
    place = tmp_path / "shifts.ics"
    place.write_bytes(b"x" * (BYTES_MAX + 100))
    plan = CalendarPlan("line", ZoneInfo("UTC"), 600, "", place)
    found = await fetch(plan, "", Server({}), read_calendar)
    assert found.body is not None
    assert len(found.body) == BYTES_MAX + 1
    for other in (tmp_path, tmp_path / "nowhere.ics", Path("/dev/zero")):
        with pytest.raises(CalendarRefused, match="its file cannot be read: there is no such file"):
            await fetch(CalendarPlan("line", ZoneInfo("UTC"), 600, "", other), "", Server({}), read_calendar)
