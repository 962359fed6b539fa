"""What is refused as no JSON is exactly what the source readers cannot read as JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.alert import Unreadable
from ingestd.core.sources import QuarantineReason, ReadLimits
from ingestd.core.sources.strict_json import load_object
from ingestd.intake.readable import is_strict_json, require_json
from ingestd.intake.refusal import Refusal, Refused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def is_refused(body: bytes) -> bool:
    try:
        require_json(body)
    except Refused as refused:
        return refused.reason is Refusal.NOT_JSON
    return False


@given(JSON, st.booleans())
def test_whatever_a_json_writer_writes_is_stored(value, is_ascii):
    assert not is_refused(json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass"))


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789.eE+-\\u ntrfals\n\t', max_size=40).map(str.encode))
def test_nothing_is_refused_that_a_reader_could_read(body):
    found = load_object(body, ReadLimits())
    is_json = not (isinstance(found, Unreadable) and found.reason == QuarantineReason.NOT_JSON)
    assert is_refused(body) is (not is_json and not is_strict_json(body))


@pytest.mark.parametrize("body", [b"{", b'{"a":1,}', b"{'a':1}", b"<html>", b"hello", b"{}{}"])
def test_the_answer_says_where_reading_stopped(body):
    with pytest.raises(Refused) as refused:
        require_json(body)
    assert refused.value.detail.startswith("line 1 column ")
