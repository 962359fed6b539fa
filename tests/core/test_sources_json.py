"""JSON by a mapping: where texts come from, which word is bad news, what identifies, and that no alert is lost over a field."""

from __future__ import annotations

import json

import pytest

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.fingerprint import alert_key, label_fingerprint
from ingestd.core.names import AlertStatus
from ingestd.core.sources import ReadLimits, SourceKind, SourceWays, read
from ingestd.core.sources.json_path import PathError, parse_path
from ingestd.core.sources.mapping import (
    JsonMapping,
    MappedStatus,
    TimeSource,
    constant,
    one_path,
    status_words,
    text_source,
    words,
)
from ingestd.core.sources.timestamps import TimeForm

LIMITS = ReadLimits()
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED
UP_AND_DOWN = status_words(
    text_source("state"), problem=["down", "0", "false"], recovery=["up", "1", "true"], ignore=["paused"]
)


def mapping(**changed: object) -> JsonMapping:
    usual = {"identity": (text_source("id"),), "status": UP_AND_DOWN, "alertname": text_source("name")}
    return JsonMapping("json", **{**usual, **changed})


def read_all(document: object, of: JsonMapping, limits: ReadLimits = LIMITS) -> ParsedEnvelope | Unreadable:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read(SourceKind.JSON, "s", body, limits, SourceWays(mapping=of))


def read_one(document: object, of: JsonMapping | None = None, limits: ReadLimits = LIMITS) -> Alert:
    found = read_all(document, of or mapping(), limits)
    assert isinstance(found, ParsedEnvelope), found
    assert not found.refused
    (alert,) = found.alerts
    return alert


# ------------------------------------------------------------------------------------------ where alerts are


@pytest.mark.parametrize(
    ("alerts", "document"),
    [
        (None, [{"id": 1}, {"id": 2}]),
        ("[*]", [{"id": 1}, {"id": 2}]),
        ("data.alerts", {"data": {"alerts": [{"id": 1}, {"id": 2}]}}),
        ("data.alerts[*]", {"data": {"alerts": [{"id": 1}, {"id": 2}]}}),
        ("groups[*].alerts", {"groups": [{"alerts": [{"id": 1}]}, {"alerts": [{"id": 2}]}]}),
        ("$.x[*].alert", {"x": [{"alert": {"id": 1}}, {"other": 1}, {"alert": {"id": 2}}]}),
    ],
)
def test_a_list_of_alerts_is_found(alerts, document):
    found = read_all(document, mapping(alerts=parse_path(alerts) if alerts else None))
    assert [alert.key for alert in found.alerts] == [read_one({"id": 1}).key, read_one({"id": 2}).key]


def test_without_a_list_the_document_is_one_alert():
    assert read_one({"id": 7, "state": "down"}).status is FIRING


def test_an_object_where_a_list_was_meant_is_one_alert():
    assert read_one({"alert": {"id": 7}}, mapping(alerts=parse_path("alert"))).key == read_one({"id": 7}).key


def test_an_empty_list_is_no_alert_and_no_fault():
    assert read_all({"alerts": []}, mapping(alerts=parse_path("alerts"))) == ParsedEnvelope(alerts=())


@pytest.mark.parametrize("document", [{"groups": []}, {"groups": [{"alerts": []}, {}]}])
def test_lists_in_lists_may_be_empty(document):
    assert read_all(document, mapping(alerts=parse_path("groups[*].alerts"))) == ParsedEnvelope(alerts=())
    assert read_all(document, mapping(alerts=parse_path("groups[*].alerts[*]"))) == ParsedEnvelope(alerts=())


@pytest.mark.parametrize(
    "path", ["grops[*].alerts", "groups[*].alrts", "groups[*].alrts[*]", "groups.alerts[*]", "[*]"]
)
def test_lists_in_lists_that_are_not_there_are_told_too(path):
    found = read_all({"groups": [{"alerts": [{"id": 1}]}]}, mapping(alerts=parse_path(path)))
    assert isinstance(found, Unreadable)
    assert f'"{path}"' in found.detail


def test_a_list_that_is_not_there_is_told_with_its_path():
    found = read_all({"alarms": []}, mapping(alerts=parse_path("data.alerts")))
    assert isinstance(found, Unreadable)
    assert found.reason == "no_alerts_field"
    assert '"data.alerts"' in found.detail
    assert "alarms" in found.detail


def test_one_bad_neighbour_costs_nobody_else():
    found = read_all([{"id": 1}, "text", {"id": 2}], mapping())
    assert len(found.alerts) == 2
    assert [why.detail.split(";")[0] for why in found.refused] == ['alert 2 of 3 is "text", not an object']


def test_what_stands_once_in_the_document_is_every_alerts():
    of = mapping(alerts=parse_path("alerts"), labels={"site": text_source("$.site"), "own": text_source("site")})
    found = read_all({"site": "berlin", "alerts": [{"id": 1}, {"id": 2, "site": "x"}]}, of)
    assert [dict(alert.labels) for alert in found.alerts] == [{"site": "berlin"}, {"site": "berlin", "own": "x"}]


# ------------------------------------------------------------------------------------------ texts


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("host", "web"),
        ("number", "12"),
        ("share", "0.5"),
        ("yes", "true"),
        ("list", '["a",1]'),
        ("nested", '{"b":1}'),
        ("nothing", None),
        ("white", None),
        ("missing", None),
        ("{host}: {number}", "web: 12"),
        ("{host} {missing}", "web "),
        ("{missing} {nothing}", None),
        ("{{{host}}}", "{web}"),
        ("{ host }", "web"),
        ("{['a key']}!", "1!"),
    ],
)
def test_a_text_comes_from_a_path_or_from_words_with_paths(written, text):
    document = {"id": 1, "host": "web", "number": 12, "share": 0.5, "yes": True, "list": ["a", 1], "nested": {"b": 1}}
    document |= {"nothing": None, "white": "  ", "a key": 1}
    assert read_one(document, mapping(labels={"x": text_source(written)})).labels.get("x") == text


def test_the_first_that_gives_something_is_taken():
    of = mapping(labels={"x": text_source("a", "{b} b", constant("none"))})
    assert [read_one({"id": 1, **more}, of).labels["x"] for more in ({"a": "A", "b": "B"}, {"b": "B"}, {})] == [
        "A",
        "B b",
        "none",
    ]


def test_a_star_takes_every_name_of_an_object():
    of = mapping(labels={"tag_*": text_source("tags"), "*": text_source("$.common")}, alertname=None)
    alert = read_one({"id": 1, "tags": {"a": 1, "b": None, "c": "x"}, "common": {"team": "web"}}, of)
    assert alert.labels == {"tag_a": "1", "tag_c": "x", "team": "web"}
    assert read_one({"id": 1, "tags": ["a"]}, of).labels == {}


@pytest.mark.parametrize("written", ["{a", "a}", "{a}}", "{a..b}", "{}", "{a[*]}", "a[*]", "x" * 2001, "{a}" * 21])
def test_a_text_that_cannot_be_read_is_told(written):
    with pytest.raises(PathError):
        text_source(written)


def test_what_is_too_long_is_cut_and_counted_and_identified_as_a_whole():
    limits = ReadLimits(label_value_chars_max=20, labels_count_max=2)
    of = mapping(
        identity=(text_source("host"),),
        labels={"host": text_source("host"), "x": text_source("x"), "y": text_source("y")},
    )
    one, other = (read_all({"host": "h" * 30 + end, "name": "n", "x": "1", "y": "2"}, of, limits) for end in ("1", "2"))
    assert one.alerts[0].labels == other.alerts[0].labels == {"alertname": "n", "host": "h" * 19 + "…"}
    assert one.alerts[0].key != other.alerts[0].key
    assert one.cut_count == 3


def test_links_are_only_those_that_a_person_may_follow():
    of = mapping(
        links={"generator": text_source("url"), "dashboard": text_source("{base}/{id}"), "panel": text_source("bad")}
    )
    alert = read_one({"id": 1, "url": "https://x/1", "base": "https://g", "bad": "javascript:alert(1)"}, of)
    assert alert.links == {"generator": "https://x/1", "dashboard": "https://g/1"}


# ------------------------------------------------------------------------------------------ status


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("down", FIRING),
        (" DOWN ", FIRING),
        ("up", RESOLVED),
        ("Up", RESOLVED),
        (0, FIRING),
        (1, RESOLVED),
        (1.0, RESOLVED),
        (False, FIRING),
        (True, RESOLVED),
    ],
)
def test_words_numbers_and_booleans_say_the_status(state, status):
    alert = read_one({"id": 1, "state": state})
    assert alert.status is status
    assert "mapping_problem" not in alert.annotations


def test_what_is_to_be_ignored_is_no_alert():
    assert read_all({"id": 1, "state": "paused"}, mapping()) == ParsedEnvelope(alerts=())
    of = mapping(ignore=((one_path("$.type"), words(["Test", "0"])),))
    assert [read_all({"id": 1, "type": word}, of).alerts for word in ("TEST", 0)] == [(), ()]
    assert len(read_all({"id": 1, "type": "alert"}, of).alerts) == 1


@pytest.mark.parametrize(
    ("state", "note"),
    [
        ("strange", 'the status "strange" is none of those listed: taken as firing'),
        (None, 'nothing at "state", which says the status: taken as firing'),
    ],
)
def test_a_status_that_is_not_known_fires_and_is_noted(state, note):
    alert = read_one({"id": 1, "state": state})
    assert alert.status is FIRING
    assert alert.annotations["mapping_problem"] == note


@pytest.mark.parametrize(("default", "statuses"), [("firing", [FIRING]), ("resolved", [RESOLVED]), ("ignore", [])])
def test_a_word_that_is_not_listed_is_the_default(default, statuses):
    of = mapping(status=status_words(text_source("state"), recovery=["up"], default=MappedStatus(default)))
    assert [alert.status for alert in read_all({"id": 1, "state": "?"}, of).alerts] == statuses


def test_without_a_status_everything_fires():
    assert read_one({"id": 1}, mapping(status=None)).status is FIRING


def test_a_word_cannot_mean_two_things():
    with pytest.raises(PathError, match='"down" stands under problem and under recovery'):
        status_words(text_source("state"), problem=["down"], recovery=["Down "])


# ------------------------------------------------------------------------------------------ identity


def test_identity_does_not_depend_on_how_a_path_is_spelt_or_on_anything_else():
    one = read_one({"id": 1, "state": "down", "name": "a"})
    other = read_one({"id": 1, "state": "up", "name": "b", "more": 1}, mapping(identity=(text_source("$['id']"),)))
    assert one.key == other.key
    assert one.key == alert_key("s", label_fingerprint({"0": "1"})), "open alerts would be new ones if this changed"


def test_parts_of_an_identity_are_not_run_together():
    of = mapping(identity=(text_source("a"), text_source("b")))
    assert read_one({"a": "1", "b": "23"}, of).key != read_one({"a": "12", "b": "3"}, of).key
    assert read_one({"a": "1", "b": None}, of).key != read_one({"a": None, "b": "1"}, of).key


def test_a_part_that_is_missing_is_noted_unless_it_may_be():
    strict, lenient = (mapping(identity=(text_source("id"), text_source(written))) for written in ("zone", "zone?"))
    assert (
        read_one({"id": 1, "state": "up"}, strict).annotations["mapping_problem"] == 'nothing at "zone" of the identity'
    )
    assert "mapping_problem" not in read_one({"id": 1, "state": "up"}, lenient).annotations
    assert read_one({"id": 1}, strict).key == read_one({"id": 1}, lenient).key


def test_a_problem_without_identity_fires_by_its_labels_and_says_so():
    one, again, other = (read_one({"state": "down", "name": name}) for name in ("a", "a", "b"))
    assert one.key == again.key != other.key
    assert one.annotations["mapping_problem"] == 'nothing at "id" of the identity: identified by its labels'


def test_a_problem_without_identity_and_labels_fires_as_one_alert_of_its_source():
    one, other = (read_one({"state": "down", "at": at}) for at in (1, 2))
    assert one.status is FIRING
    assert one.key == other.key
    assert one.annotations["mapping_problem"] == 'nothing at "id" of the identity: identified by its source alone'


def test_a_recovery_without_identity_is_refused_by_name_of_the_path():
    found = read_all({"state": "up", "name": "a"}, mapping(identity=(text_source("id"), text_source("{zone}/{rack}"))))
    assert isinstance(found, Unreadable)
    assert found.reason == "bad_alert"
    assert '"id", "{zone}/{rack}"' in found.detail


def test_a_very_long_identity_is_as_exact_as_a_short_one():
    one, other = (read_one({"id": "x" * 5000 + end}) for end in "ab")
    assert one.key != other.key


# ------------------------------------------------------------------------------------------ time and value


@pytest.mark.parametrize(
    ("written", "form", "instant"),
    [
        ("2026-11-22T08:57:41Z", "auto", "2026-11-22 08:57:41+00:00"),
        ("2026-11-22T09:57:41.5+01:00", "rfc3339", "2026-11-22 08:57:41.500000+00:00"),
        ("2026-11-22T08:30:42.236+0000", "auto", "2026-11-22 08:30:42.236000+00:00"),
        (1795337861, "auto", "2026-11-22 08:57:41+00:00"),
        (1795337861000, "auto", "2026-11-22 08:57:41+00:00"),
        ("1795337861", "auto", "2026-11-22 08:57:41+00:00"),
        (1795337861.5, "unix", "2026-11-22 08:57:41.500000+00:00"),
        ("1795337861500", "unix_ms", "2026-11-22 08:57:41.500000+00:00"),
        (1795337861000, "unix", None),
        (1795337861, "rfc3339", None),
        (0, "auto", None),
        (-5, "unix", None),
        (True, "unix", None),
        (10**30, "auto", None),
        (1e300, "auto", None),
        ("2026-11-22 08:57:41", "auto", None),
        ("yesterday", "auto", None),
        ("yesterday", "unix", None),
        (None, "auto", None),
        ([1], "auto", None),
    ],
)
def test_a_time_is_read_or_is_none(written, form, instant):
    alert = read_one({"id": 1, "at": written}, mapping(starts_at=TimeSource(one_path("at"), TimeForm(form))))
    assert alert.starts_at == (None if instant is None else type(alert.starts_at).fromisoformat(instant))
    assert str(alert.starts_at) == str(instant)


def test_what_was_measured_is_one_line():
    assert read_one({"id": 1, "v": "a\nb"}, mapping(value=text_source("v"))).value == "a b"


# ------------------------------------------------------------------------------------------ JSON in JSON, forms


def test_json_in_a_text_is_unpacked():
    inner = json.dumps({"id": 1, "state": "up", "deep": json.dumps({"host": "web"})})
    of = mapping(
        identity=(text_source("m.id"),),
        status=status_words(text_source("m.state"), problem=["down"], recovery=["up"]),
        parse=(one_path("m"), one_path("m.deep"), one_path("list[0]")),
        labels={"host": text_source("m.deep.host"), "first": text_source("list[0].a")},
    )
    alert = read_one({"m": inner, "list": ['{"a": 1}']}, of)
    assert alert.status is RESOLVED
    assert alert.labels == {"host": "web", "first": "1"}


@pytest.mark.parametrize(
    "text", ["plain words", "", "{", "[1", '{"a":1,"a":2}', "NaN", "12", '"text"', "[" * 100 + "]" * 100]
)
def test_a_text_that_holds_no_document_stays_a_text(text):
    of = mapping(parse=(one_path("m"),), annotations={"summary": text_source("m", "{id}")})
    assert read_one({"id": 1, "m": text}, of).summary == (text or "1")


def test_unpacking_never_makes_a_document_deeper_than_it_may_be():
    limits = ReadLimits(depth_max=8)
    of = mapping(parse=(one_path("a.b.c"),), annotations={"summary": text_source("a.b.c")})
    nested = json.dumps([[[[[1]]]]])
    assert read_one({"id": 1, "a": {"b": {"c": nested}}}, of, limits).summary == "[[[[[1]]]]]"
    deeper = json.dumps([[[[[[[1]]]]]]])
    alert = read_one({"id": 1, "a": {"b": {"c": deeper}}}, of, limits)
    assert alert.summary == deeper


def test_a_form_is_an_object_of_texts():
    alert = read_one(b"id=7&state=Down&name=Shop+front%0A%C3%BC&empty=\n")
    assert alert.status is FIRING
    assert alert.labels == {"alertname": "Shop front\nü"}
    assert alert.key == read_one({"id": "7"}).key


def test_a_form_with_a_field_twice_is_refused():
    found = read_all(b"id=7&id=8", mapping())
    assert isinstance(found, Unreadable)
    assert found.reason == "duplicate_key"


@pytest.mark.parametrize("body", [b"id", b"a b=c", b'{"a"="b"}', b"<a href=x>", b"=x"])
def test_what_is_neither_json_nor_a_form_is_no_json(body):
    found = read_all(body, mapping())
    assert isinstance(found, Unreadable)
    assert found.reason == "not_json"


def test_only_mapped_sources_take_forms():
    assert read(SourceKind.KIBANA, "s", b"rule_id=1", ReadLimits()).reason == "not_json"


def test_a_source_without_a_mapping_says_what_to_do():
    found = read(SourceKind.JSON, "gone", b"{}", ReadLimits())
    assert isinstance(found, Unreadable)
    assert 'the source "gone" has no mapping now' in found.detail
