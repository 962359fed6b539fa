"""One line per event whatever stands in its fields, and nothing in it that a reader of logs must not know."""

from __future__ import annotations

import json
import logging as stdlib_logging
import warnings

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestd.telemetry import logging
from ingestd.telemetry.log_masking import TEXT_CHARS_MAX, Mask, visible

FORGERIES = [
    'x\n{"event": "answer_received", "by": "asha"}',
    "x\r\nat=2026 level=info event=forged",
    "x\u2028event=forged",
    "x\x85event=forged",
    "x\v\f\x1c\x1d\x1eevent=forged",
    '" event=forged x="',
    "\x1b[2J\x1b[31mred",
    "back\\slash\\n and \\",
    "\ud800 lone",
    "\u202egnirts desrever",
]


def log(**fields):
    structlog.get_logger("test").info("a_thing_happened", **fields)


@pytest.mark.parametrize("form", logging.FORMATS)
@pytest.mark.parametrize("text", FORGERIES)
def test_no_text_begins_a_second_line_or_moves_a_terminal(set_up, form, text):
    stream = set_up(form)
    log(text=text, nested={"deep": [text]}, **{"odd key\n=x": text})
    written = stream.getvalue()
    assert written.endswith("\n")
    assert len(written.splitlines()) == 1
    assert written[:-1].isprintable()
    assert written.count("event=a_thing_happened") + written.count('"event": "a_thing_happened"') == 1


def test_json_keeps_the_text_exactly(set_up):
    stream = set_up("json")
    log(text="a\nb\x1b", count=3, ratio=0.5, flag=True, nothing=None)
    assert json.loads(stream.getvalue()) == {
        "at": "2026-03-02T02:00:00.000Z",
        "level": "info",
        "event": "a_thing_happened",
        "text": "a\nb\x1b",
        "count": 3,
        "ratio": 0.5,
        "flag": True,
        "nothing": None,
    }


def test_logfmt_begins_with_time_level_and_event(set_up):
    stream = set_up("logfmt")
    log(incident="INC-1001", text='two words and "quotes"', is_first=True)
    assert stream.getvalue() == (
        "at=2026-03-02T02:00:00.000Z level=info event=a_thing_happened "
        'incident=INC-1001 text="two words and \\"quotes\\"" is_first=true\n'
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(key=st.text(max_size=20), value=st.text(max_size=200))
def test_any_field_makes_one_line(set_up, key, value):
    for form in logging.FORMATS:
        stream = set_up(form)
        log(**{key: value} if key not in {"event", "self"} else {"other": value})
        assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("form", logging.FORMATS)
def test_the_trace_of_an_error_is_one_line_without_secrets(set_up, form):
    stream = set_up(form, secrets=["hunter2-and-more"])
    try:
        int("hunter2-and-more\nsecond line")
    except ValueError:
        structlog.get_logger().exception("a_thing_failed")
    written = stream.getvalue()
    assert len(written.splitlines()) == 1
    assert "Traceback" in written
    assert "hunter2" not in written


@pytest.mark.parametrize("form", logging.FORMATS)
@pytest.mark.parametrize(
    "name",
    [
        "password",
        "smtp_password",
        "token",
        "api_key",
        "apikey",
        "Authorization",
        "client_secret",
        "cookie",
        "X-Signature",
    ],
)
def test_a_field_that_is_named_for_a_secret_is_hidden(set_up, form, name):
    stream = set_up(form)
    log(**{name: "canary-1"}, headers={name: "canary-2"}, listed=[{name: "canary-3"}])
    assert "canary" not in stream.getvalue()
    assert "***" in stream.getvalue()


@pytest.mark.parametrize("form", logging.FORMATS)
def test_a_known_secret_is_hidden_wherever_it_stands(set_up, form):
    stream = set_up(form, secrets=["s3cr3t/with+chars", "s3cr3t"])
    log(error="refused: s3cr3t/with+chars", url="https://x.example/s3cr3t%2Fwith%2Bchars", deep={"a": ["s3cr3t"]})
    assert "s3cr3t" not in stream.getvalue()
    assert "with" not in stream.getvalue(), "the longer secret is hidden whole"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://x.example/a?token=canary&b=1 failed", "GET https://x.example/a?… failed"),
        ('"GET /api/v1/incidents?token=canary HTTP/1.1"', '"GET /api/v1/incidents?… HTTP/1.1"'),
        ("postgresql://ingestd:canary@db/ingestd", "postgresql://***@db/ingestd"),
        ("Authorization: Bearer canary.canary", "Authorization: Bearer ***"),
        ("authorization: basic Y2FuYXJ5", "authorization: basic ***"),
        ("https://alerts.example/p/canary_1234-x", "https://alerts.example/p/***"),
        ("https://alerts.example/calendars/canary_1234-x.ics", "https://alerts.example/calendars/***.ics"),
        ("called +4915112345678 twice", "called +49***78 twice"),
        ("is it? yes", "is it? yes"),
        ("2026-03-02T02:00:00+00:00", "2026-03-02T02:00:00+00:00"),
        ("INC-1001 (asha)", "INC-1001 (asha)"),
    ],
)
def test_shapes_of_secrets_and_phones_are_masked(text, shown):
    assert Mask().text(text) == shown


def test_short_secrets_do_not_blank_out_the_log():
    assert Mask(["a", ""]).text("a banana") == "a banana"


def test_a_long_text_is_cut(set_up):
    stream = set_up("json")
    log(body="x" * 1_000_000)
    assert len(stream.getvalue()) < TEXT_CHARS_MAX + 200


@given(st.text())
def test_visible_text_is_printable_but_for_what_it_need_not_touch(text):
    assert len(visible(text).splitlines()) <= 1


def test_what_libraries_log_comes_in_the_same_form(set_up):
    stream = set_up("json", secrets=["hunter2-and-more"])
    stdlib_logging.getLogger("aiohttp.server").error("broken\nrequest %s", "hunter2-and-more")
    stdlib_logging.getLogger("other").log(25, "a level of its own")
    stdlib_logging.getLogger("other").warning("%d", "not a number")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("watch out", UserWarning, stacklevel=1)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("library_message", "error"),
        ("library_message", "info"),
        ("library_message", "warning"),
        ("library_message", "warning"),
    ]
    assert lines[0]["logger"] == "aiohttp.server"
    assert lines[0]["text"] == "broken\nrequest ***"


def test_a_library_that_says_the_same_again_and_again_is_counted(set_up, monkeypatch):
    stream = set_up("json")
    library = stdlib_logging.getLogger("asyncio")
    now = [1000.0]
    monkeypatch.setattr(stdlib_logging.time, "time", lambda: now[0])
    for number in range(50):
        library.error("socket.accept() out of system resource socket: fd=%d, and more that differs %d", 7, number)
    library.error("something else")
    now[0] += 11
    library.error("socket.accept() out of system resource socket: fd=%d, and more that differs %d", 7, 51)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["text"][:9], line.get("repeated")) for line in lines] == [
        ("socket.ac", None),
        ("something", None),
        ("socket.ac", 49),
    ]


def test_below_the_level_nothing_is_written(set_up):
    stream = set_up(level="warning")
    log(text="quiet")
    stdlib_logging.getLogger("other").info("quiet")
    assert stream.getvalue() == ""
    structlog.get_logger().warning("loud")
    assert "loud" in stream.getvalue()


def test_a_logger_that_was_made_before_follows_the_new_settings(set_up):
    logger = structlog.get_logger("early")
    first = set_up("json")
    logger.info("one")
    second = set_up("logfmt", level="error")
    logger.info("two")
    logger.error("three")
    assert "one" in first.getvalue()
    assert second.getvalue().count("event=") == 1


def test_a_log_that_cannot_be_written_stops_nothing(set_up):
    set_up("json").close()
    log(text="nobody hears this")


def test_settings_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="no log format"):
        logging.configure("info", "xml")
    with pytest.raises(KeyError):
        logging.configure("loud", "json")
