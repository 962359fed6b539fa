"""Any document by any mapping: an answer within the limits, never an exception, never a stall, never the memory of the machine."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.sources import MAPPED_KINDS, ReadLimits, SourceKind, SourceWays, read
from ingestd.core.sources.json_path import PathError, parse_path
from ingestd.core.sources.mapping import (
    JsonMapping,
    MappedStatus,
    StatusWords,
    TimeSource,
    constant,
    one_path,
    text_source,
)
from ingestd.core.sources.timestamps import TimeForm

LIMITS = ReadLimits()
SMALL = ReadLimits(
    alerts_count_max=3,
    labels_count_max=3,
    label_name_chars_max=9,
    label_value_chars_max=12,
    annotation_chars_max=20,
    annotations_count_max=2,
    depth_max=8,
)
BODY_BYTES = 2 * 1024 * 1024
CPU_SECONDS_MAX = 0.1
PEAK_BYTES_MAX = 50 * 1024 * 1024

# ------------------------------------------------------------------------------------------ any document by any mapping

NAMES = ["a", "b", "id", "state", "a.b", "Message"]
texts = st.text(st.characters(exclude_categories=[]), max_size=6)
scalars = (
    st.sampled_from(
        [None, True, False, 0, 1, -1, 2**70, 1e308, "", " ", "\0", "\ud800", "down", "UP", "http://x/y", "1795337861"]
    )
    | st.sampled_from(['{"a":{"b":1}}', '[{"id":1}]', "{", "9999-12-31T23:59:59-23:59", "x" * 3000, "\u202e\u2028"])
    | st.integers()
    | st.floats()
    | texts
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(NAMES) | texts, inner, max_size=6),
    max_leaves=25,
)
steps = st.sampled_from([".a", ".b", ".id", ".state", "['a.b']", "[0]", "[1]", ".Message"])
paths = st.builds(lambda many: "$" + "".join(many), st.lists(steps, max_size=4)).map(one_path) | st.sampled_from(
    ["a", "b", "id", "a.b", "state", "Message.a.b"]
).map(one_path)
lists = st.builds(lambda many: parse_path("$" + "".join(many)), st.lists(steps | st.just("[*]"), max_size=4))
sources = st.builds(
    text_source,
    paths.map(lambda path: path.text)
    | st.builds("{{{0.text}}} and {{{1.text}}}".format, paths, paths)
    | st.sampled_from(["b?", "{a}", "{$.a} {id}"]),
    st.just("id") | texts.map(constant),
)
label_names = st.sampled_from(["x", "y", "alertname", "x_*", "*"])
statuses = st.builds(
    StatusWords,
    sources,
    st.just(frozenset({"down", "0"})),
    st.just(frozenset({"up", "1"})),
    st.just(frozenset({""})) | st.just(frozenset()),
    st.sampled_from(MappedStatus),
)
times = st.none() | st.builds(TimeSource, paths, st.sampled_from(TimeForm))
mappings = st.builds(
    JsonMapping,
    st.just("json"),
    st.lists(sources, min_size=1, max_size=3).map(tuple),
    alerts=st.none() | lists,
    parse=st.lists(paths, max_size=3).map(tuple),
    ignore=st.lists(st.tuples(paths, st.just(frozenset({"paused"}))), max_size=2).map(tuple),
    labels=st.dictionaries(label_names, sources, max_size=5),
    annotations=st.dictionaries(label_names, sources, max_size=4),
    links=st.dictionaries(st.sampled_from(["generator", "image"]), sources, max_size=2),
    alertname=st.none() | sources,
    status=st.none() | statuses,
    starts_at=times,
    ends_at=times,
    value=st.none() | sources,
)
limits = st.sampled_from([LIMITS, SMALL])


@settings(max_examples=500)
@given(documents, mappings, limits, st.booleans())
def test_any_document_by_any_mapping_is_answered_and_always_in_the_same_way(
    check_result, document, mapping, read_limits, is_ascii
):
    body = json.dumps(document, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    ways = SourceWays(mapping=mapping)
    result = read(SourceKind.JSON, "s", body, read_limits, ways)
    check_result(result, "s", read_limits)
    assert read(SourceKind.JSON, "s", body, read_limits, ways) == result


@given(
    st.binary(max_size=200) | st.from_regex(rb"\A[a-z%0-9+]{1,5}=[ -~]{0,40}(&[a-z\[\]]{0,3}=[!-~]{0,9}){0,4}\Z"),
    mappings,
    limits,
)
def test_any_bytes_by_any_mapping_are_answered(check_result, body, mapping, read_limits):
    check_result(read(SourceKind.JSON, "s", body, read_limits, SourceWays(mapping=mapping)), "s", read_limits)


@given(documents, st.sampled_from(sorted(MAPPED_KINDS)), limits)
def test_any_document_is_answered_by_the_kinds_of_ours(check_result, document, kind, read_limits):
    body = json.dumps(document).encode()
    check_result(read(kind, "s", body, read_limits), "s", read_limits)


@given(documents, mappings)
def test_a_problem_is_never_lost(document, mapping):
    """Where the alerts are found, whatever is an object and not ignored becomes an alert; only a recovery may be refused for its identity."""
    firing = JsonMapping(
        "json", mapping.identity, alerts=mapping.alerts, labels=mapping.labels, annotations=mapping.annotations
    )
    body = json.dumps([one for one in [document] if isinstance(one, dict)] or [{}]).encode("utf-8", "surrogatepass")
    result = read(
        SourceKind.JSON,
        "s",
        body,
        LIMITS,
        SourceWays(mapping=JsonMapping("json", firing.identity, labels=firing.labels)),
    )
    if isinstance(result, Unreadable):
        assert result.reason in {"not_a_number", "duplicate_key", "number_too_long"}, "the whole body is no JSON"
    else:
        assert isinstance(result.alerts[0], Alert)
        assert not result.refused


@given(st.text(alphabet="ab.[]'\"*$0{}? ", max_size=20))
def test_any_text_is_a_source_of_texts_or_a_slip(text):
    try:
        source = text_source(text)
    except PathError:
        return
    result = read(
        SourceKind.JSON, "s", b'{"a": {"b": [1]}}', LIMITS, SourceWays(mapping=JsonMapping("json", (source,)))
    )
    assert isinstance(result, ParsedEnvelope)


# ------------------------------------------------------------------------------------------ time and memory

USUAL = JsonMapping(
    "json",
    identity=(text_source("id"), text_source("$.site?")),
    alerts=parse_path("alerts"),
    labels={
        "host": text_source("host.name", "host"),
        "site": text_source("$.site"),
        "both": text_source("{$.site} {host}"),
        "all_*": text_source("$.common"),
        "own_*": text_source("tags"),
    },
    annotations={
        "summary": text_source("{$.site}: {text}"),
        "description": text_source("text"),
        "whole": text_source("$"),
    },
    links={"generator": text_source("{$.site}")},
    alertname=text_source("name"),
    status=StatusWords(text_source("state", "$.state"), frozenset({"down"}), frozenset({"up"})),
    starts_at=TimeSource(one_path("at")),
    value=text_source("value"),
    parse=(one_path("message"),),
)
REAL = {
    "id": "i%d",
    "name": "DiskFull",
    "host": {"name": "web-1"},
    "state": "down",
    "at": "2026-11-22T08:57:41Z",
    "text": "x" * 300,
    "value": 1.5,
    "tags": {"a": "b", "c": 1},
}


def listed(unit: str, *, head: str = "", values: int = 6, containers: int = 1) -> bytes:
    """As many of the unit as 2 MiB and the limits on JSON allow, with ``head`` once before the list."""
    times = min(
        (BODY_BYTES - len(head.encode())) // (len(unit.encode()) + 1),
        (LIMITS.json_values_count_max - head.count(",") - 100) // values,
        (LIMITS.json_containers_count_max - 100) // containers,
    )
    return f'{{{head}"alerts":[{",".join([unit] * times)}]}}'.encode()


BODIES: dict[str, Callable[[], bytes]] = {
    "5,000 real alerts": lambda: json.dumps(
        {"site": "berlin", "alerts": [{**REAL, "id": f"i{number}", "text": "x" * 150} for number in range(5000)]}
    ).encode(),
    "a site of 1.8 MiB that 5,000 alerts name": lambda: listed('{"id":1}', head=f'"site":"{"s" * 1_800_000}",')[
        : BODY_BYTES * 2
    ],
    "a site of 1.8 MiB of emoji": lambda: listed('{"id":1}', head=f'"site":"{"🔥" * 450_000}",'),
    "a site that is an object of 1.8 MiB": lambda: listed(
        '{"id":1}', head='"site":{' + ",".join(f'"{number:07}":"{"v" * 20}"' for number in range(48_000)) + "},"
    ),
    "a site that is a list of numbers": lambda: listed('{"id":1}', head=f'"site":[{"1," * 150_000}1],'),
    "40,000 common labels": lambda: listed(
        '{"id":1}', head='"common":{' + ",".join(f'"{number:07}":"x"' for number in range(40_000)) + "},"
    ),
    "200 common labels of 4,000 characters": lambda: listed(
        '{"id":1}', head='"common":{' + ",".join(f'"{number:07}":"{"x" * 4000}"' for number in range(200)) + "},"
    ),
    "alerts whose identity is missing": lambda: listed('{"x":{}}', containers=2, values=3),
    "alerts that are texts": lambda: listed('"text"', values=1, containers=1),
    "one alert with a text of 2 MiB": lambda: listed('{"id":1,"text":"' + "t" * (BODY_BYTES - 200) + '"}'),
    "one identity of 2 MiB": lambda: listed('{"id":"' + "t" * (BODY_BYTES - 200) + '"}'),
    "alerts in each other": lambda: listed(
        '{"id":{"a":{"b":[[1]]}},"host":{"name":{"a":[]}}}', containers=8, values=14
    ),
    "as many objects as allowed in a text": lambda: (
        b'{"alerts":[{"id":1}],"message":"[' + b'{\\"a\\":[1,2,3]},' * 14_000 + b'1]"}'
    ),
    "escaped brackets in a text": lambda: b'{"alerts":[{"id":1}],"message":"' + b"\\u005b" * 340_000 + b'"}',
    "as many values as allowed in a text": lambda: (
        b'{"alerts":[{"id":1}],"message":"[' + b"1\\u002c" * 195_000 + b'1]"}'
    ),
    "a status of 2 MiB": lambda: listed('{"id":1,"state":"' + " " * (BODY_BYTES - 200) + '"}'),
    "a form of 2 MiB": lambda: b"id=" + b"%41" * 690_000,
    "a form of 500,000 fields": lambda: b"a=&" * 500_000 + b"id=1",
    "a time of 2 MiB digits": lambda: listed('{"id":1,"at":"' + "9" * (BODY_BYTES - 200) + '"}'),
}


LIKE_OTHERS_IN_MEMORY = {"a site of 1.8 MiB that 5,000 alerts name", "a site that is a list of numbers"}
"""To watch memory is slow, and emoji and an object take more."""


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time, not time on the wall: what else the machine does is not counted."""
    gc.collect()
    begin = time.process_time()
    work()
    return time.process_time() - begin


@pytest.mark.parametrize("name", BODIES)
def test_no_body_takes_long(check_result, name):
    """Not out of proportion: within 0.1 s, or within sixty times what ``json.loads`` alone needs for 5,000 real alerts.

    Those themselves cost 15 to 25 times that by this mapping of a dozen texts; time that grows with the square of the body takes seconds.
    """
    body = BODIES[name]()
    ways = SourceWays(mapping=USUAL)
    assert len(body) < BODY_BYTES * 1.2
    results: list[object] = []

    def spent_seconds() -> float:
        return cpu_seconds(lambda: results.append(read(SourceKind.JSON, "s", body, LIMITS, ways)))

    if not any(spent_seconds() < CPU_SECONDS_MAX for _ in range(3)):
        storm = BODIES["5,000 real alerts"]()
        usual = min(cpu_seconds(lambda: json.loads(storm)) for _ in range(3))
        assert min(spent_seconds() for _ in range(3)) < 60 * usual
    check_result(results[0], "s", LIMITS)


@pytest.mark.parametrize("name", sorted(set(BODIES) - LIKE_OTHERS_IN_MEMORY))
def test_no_body_takes_much_memory(name):
    body = BODIES[name]()
    ways = SourceWays(mapping=USUAL)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        result = read(SourceKind.JSON, "s", body, LIMITS, ways)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result is not None
    assert peak - before < PEAK_BYTES_MAX


def test_five_thousand_real_alerts_are_read_whole():
    result = read(SourceKind.JSON, "s", BODIES["5,000 real alerts"](), LIMITS, SourceWays(mapping=USUAL))
    assert isinstance(result, ParsedEnvelope)
    assert len({alert.key for alert in result.alerts}) == 5000
    assert result.refused == ()
    assert {alert.summary for alert in result.alerts} == {"berlin: " + "x" * 150}
