from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.alert import Unreadable
from ingestd.core.safe_text import storable
from ingestd.core.sources import QuarantineReason, ReadLimits
from ingestd.core.sources.strict_json import load_object

DEFAULTS = ReadLimits()


def reason_of(body: bytes, limits: ReadLimits = DEFAULTS) -> str:
    result = load_object(body, limits)
    assert isinstance(result, Unreadable), result
    return result.reason


def detail_of(body: bytes) -> str:
    result = load_object(body, ReadLimits())
    assert isinstance(result, Unreadable), result
    return result.detail


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", QuarantineReason.NOT_JSON),
        (b" \n\t ", QuarantineReason.NOT_JSON),
        (b"hello", QuarantineReason.NOT_JSON),
        (b'{"a":1,}', QuarantineReason.NOT_JSON),
        (b"{'a':1}", QuarantineReason.NOT_JSON),
        (b'{"a":1} {"b":2}', QuarantineReason.NOT_JSON),
        (b'{"a":01}', QuarantineReason.NOT_JSON),
        (b'{"a":"\\x41"}', QuarantineReason.NOT_JSON),
        (b"\xff\xfe{\0}\0", QuarantineReason.NOT_JSON),
        (b'{"a":NaN}', QuarantineReason.NOT_A_NUMBER),
        (b'{"a":[Infinity]}', QuarantineReason.NOT_A_NUMBER),
        (b'{"a":{"b":-Infinity}}', QuarantineReason.NOT_A_NUMBER),
        (b'{"a":{"b":[1,{"c":1e400}]}}', QuarantineReason.NOT_A_NUMBER),
        (b'{"a":-1e400}', QuarantineReason.NOT_A_NUMBER),
        (b'{"a":' + b"9" * 5000 + b"}", QuarantineReason.NUMBER_TOO_LONG),
        (b'{"status":"firing","status":"resolved"}', QuarantineReason.DUPLICATE_KEY),
        (b'{"a":[{"b":1,"c":2,"b":1}]}', QuarantineReason.DUPLICATE_KEY),
        (b'{"a":1,"\\u0061":2}', QuarantineReason.DUPLICATE_KEY),
        (b'{"\\u0000":1,"\\ud800":2}', QuarantineReason.DUPLICATE_KEY),
        (b'{"\xff":1,"\xfe":2}', QuarantineReason.DUPLICATE_KEY),
        (b'"text"', QuarantineReason.NOT_AN_OBJECT),
        (b"7", QuarantineReason.NOT_AN_OBJECT),
        (b"null", QuarantineReason.NOT_AN_OBJECT),
        (b'[{"labels":{"a":"b"}}]', QuarantineReason.NOT_AN_OBJECT),
        (b"[" * 100_000, QuarantineReason.TOO_MANY_VALUES),
        (b"[" * 25_000 + b"]" * 25_000, QuarantineReason.TOO_DEEP),
        (b'{"a":' * 25_000 + b"1" + b"}" * 25_000, QuarantineReason.TOO_DEEP),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_cannot_be_read_in_one_way_is_refused(body, reason):
    assert reason_of(body) == reason


def test_the_refusal_says_where():
    assert detail_of(b'{"a":1,\n "b" 2}').startswith("line 2 column 6: Expecting ':' delimiter")
    assert "cut off" in detail_of(b'{"a":[1,2')
    assert "cut off" in detail_of(b'{"a":"some te')
    assert "HTML" in detail_of(b"<html>no</html>")
    assert 'the key "status" twice' in detail_of(b'{"status":"firing","status":"resolved"}')


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'\xef\xbb\xbf{"a":1}\n', {"a": 1}),
        (b'{"a":"x\xffy"}', {"a": "x\ufffdy"}),
        (b'{"a":"x\ny\tz"}', {"a": "x\ny\tz"}),
        (b'{"a":"x\\u0000y"}', {"a": "x\ufffdy"}),
        (b'{"a":"x\0y"}', {"a": "x\ufffdy"}),
        (b'{"a":"\\ud800"}', {"a": "\ufffd"}),
        (b'{"a":"\\uDFFF"}', {"a": "\ufffd"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a":"\\ud83d\\ud83d\\ude00\\ude00"}', {"a": "\ufffd😀\ufffd"}),
        (b'{"a":"\\ude00\\ud83d"}', {"a": "\ufffd\ufffd"}),
        (b'{"a":"\\ud83d\\n"}', {"a": "\ufffd\n"}),
        (b'{"a":"\xed\xa0\x80"}', {"a": "\ufffd\ufffd\ufffd"}),
        (b'{"a":"\\\\u0000 \\\\ud800"}', {"a": "\\u0000 \\ud800"}),
        (b'{"a":"\\\\\\u0000"}', {"a": "\\\ufffd"}),
        (b'{"a":"\\\\","b":"\\u0000"}', {"a": "\\", "b": "\ufffd"}),
        (b'{"\\u0000a":[{"b":["\\u0000"]}]}', {"\ufffda": [{"b": ["\ufffd"]}]}),
        (b'{"a":123456789012345678901234567890123456789}', {"a": 123456789012345678901234567890123456789}),
        (b'{"a":1.7976931348623157e308,"b":-0.0}', {"a": 1.7976931348623157e308, "b": -0.0}),
        (b'{"a":"NaN","NaN":"[[[["}', {"a": "NaN", "NaN": "[[[["}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_can_be_read_in_one_way_is_read(body, value):
    assert load_object(body, ReadLimits()) == value


@pytest.mark.parametrize(
    "body",
    [b'{"a":"\\ud8"}', b'{"a":"\\ud8","b":"c"}', b'{"a":"\\ud80","b":"c"}', b'{"a":"\\\0"}', b'{"a":"\\u00\x000"}'],
    ids=repr,
)
def test_mending_text_never_makes_a_broken_body_valid(body):
    assert reason_of(body) == QuarantineReason.NOT_JSON


def test_nesting_is_allowed_to_its_limit_and_no_further():
    def nested(depth: int) -> bytes:
        return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)

    assert isinstance(load_object(nested(32), ReadLimits()), dict)
    assert reason_of(nested(33)) == QuarantineReason.TOO_DEEP
    assert isinstance(load_object(nested(5), ReadLimits(depth_max=5)), dict)
    assert reason_of(nested(6), ReadLimits(depth_max=5)) == QuarantineReason.TOO_DEEP
    assert reason_of(nested(800), ReadLimits(depth_max=10_000)) == QuarantineReason.TOO_DEEP


def test_brackets_inside_text_are_no_nesting():
    assert load_object(json.dumps({"a": "[{" * 1000}).encode(), ReadLimits()) == {"a": "[{" * 1000}


def test_values_are_allowed_to_their_limit_and_no_further():
    limits = ReadLimits(json_values_count_max=4)
    assert load_object(b'{"a":[1,2]}', limits) == {"a": [1, 2]}
    assert reason_of(b'{"a":[1,2,3]}', limits) == QuarantineReason.TOO_MANY_VALUES


def test_lists_and_objects_are_allowed_to_their_limit_and_no_further():
    limits = ReadLimits(json_containers_count_max=3)
    assert load_object(b'{"a":[1,2,{}]}', limits) == {"a": [1, 2, {}]}
    assert reason_of(b'{"a":[1,2,{},[]]}', limits) == QuarantineReason.TOO_MANY_VALUES


def documents(characters):
    """JSON objects whose texts are made of these characters."""
    text = st.text(characters, max_size=6)
    numbers = st.integers(-(10**38), 10**38) | st.floats(allow_nan=False, allow_infinity=False)
    values = st.recursive(
        st.none() | st.booleans() | numbers | text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc\u00e9"), inner, max_size=4),
        max_leaves=12,
    )
    return st.dictionaries(st.text("abc\u00e9"), values, max_size=5)


def mended(value: object) -> object:
    match value:
        case str():
            return storable(value)
        case list():
            return [mended(inner) for inner in value]
        case dict():
            return {name: mended(inner) for name, inner in value.items()}
    return value


@given(documents(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\0\\"u')))
def test_json_in_utf_8_is_read_as_python_reads_it_with_its_text_mended(document):
    body = json.dumps(document, ensure_ascii=False).encode()
    assert load_object(body, ReadLimits()) == mended(document)


@given(documents(st.sampled_from('\ud83d\ude00\udfff\ud800\0\\"uda0') | st.characters(exclude_categories=[])))
def test_escaped_json_is_read_as_python_reads_it_with_its_text_mended(document):
    body = json.dumps(document)
    assert load_object(body.encode(), ReadLimits()) == mended(json.loads(body))
