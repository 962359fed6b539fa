"""Paths into a document: what may be written, where it leads, and what is said of a slip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.sources.json_path import PathError, parse_path, value_at, values_at

DOCUMENT = {
    "data": {"items": [{"name": "a"}, {"name": "b", "tags": ["x", "y"]}], "a key": 1, "": "empty"},
    "host.name": "flat",
    "agent": {"os.type": {"deep": True}},
    "zero": 0,
    "no": False,
    "nothing": None,
    "@timestamp": "now",
    "quo'te": 2,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("data.items[0].name", "a"),
        ("$.data.items[1].tags[1]", "y"),
        ("data['a key']", 1),
        ('["data"]["a key"]', 1),
        ("$['data'].items[0]['name']", "a"),
        ("data['']", "empty"),
        ('["quo\'te"]', 2),
        ("host.name", "flat"),
        ("agent.os.type.deep", True),
        ("@timestamp", "now"),
        ("zero", 0),
        ("no", False),
        ("nothing", None),
        ("nothing.more", None),
        ("data.items[2]", None),
        ("data.items.name", None),
        ("data[0]", None),
        ("host", None),
        ("host.name.more", None),
        ("agent.os", None),
        ("zero.more", None),
    ],
)
def test_a_path_leads_to_what_stands_there(path, value):
    assert value_at(DOCUMENT, parse_path(path)) == value


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("data.items", [DOCUMENT["data"]["items"]]),
        ("data.items[*]", DOCUMENT["data"]["items"]),
        ("data.items[*].name", ["a", "b"]),
        ("data.items[*].tags[*]", ["x", "y"]),
        ("data[*]", []),
        ("[*]", []),
        ("nowhere[*].more", []),
        ("nowhere", []),
    ],
)
def test_a_star_leads_to_every_item(path, values):
    assert values_at(DOCUMENT, parse_path(path)) == values


def test_a_list_may_be_the_whole_document():
    assert values_at([{"a": 1}, {"a": 2}, 3], parse_path("[*].a")) == [1, 2]
    assert value_at([{"a": 1}, {"a": 2}], parse_path("$[1].a")) == 2


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "$ is the whole document"),
        ("a..b", "no search at any depth"),
        ("$..b", "no search at any depth"),
        ("a[?(@.b)]", "no filters"),
        ("a.*", "[*]"),
        ("a[-1]", "counted from the front"),
        ("a b", "['a key']"),
        ("a.", "data.items[0].name"),
        (".a", "data.items[0].name"),
        ("$a", "data.items[0].name"),
        ("a[0]b", "data.items[0].name"),
        ("a[", "data.items[0].name"),
        ("a['b", "data.items[0].name"),
        ("a]", "data.items[0].name"),
        ("a.$.b", "data.items[0].name"),
        ("a|b", "data.items[0].name"),
    ],
)
def test_a_slip_is_told_with_what_to_write(path, said):
    with pytest.raises(PathError) as error:
        parse_path(path)
    assert said in f"{error.value} {error.value.hint}"


def test_the_place_of_a_slip_is_told():
    with pytest.raises(PathError, match=r'"data\.items\[x\]" is no path: it cannot be read from character 11 on'):
        parse_path("data.items[x]")


def test_paths_are_bounded():
    with pytest.raises(PathError, match="600 characters"):
        parse_path("a" * 600)
    with pytest.raises(PathError, match="21 steps"):
        parse_path("a" + "[0]" * 20)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a.b", "", "c d"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(documents, st.text(alphabet="ab.[]'\"*$0 -?", max_size=14))
def test_whatever_is_written_is_a_path_or_a_slip_and_any_document_can_be_asked(document, text):
    try:
        path = parse_path(text)
    except PathError:
        return
    if not path.has_every:
        assert values_at(document, path) == [found for found in [value_at(document, path)] if found is not None]
    else:
        assert isinstance(values_at(document, path), list)


@given(documents)
def test_every_place_of_a_document_can_be_named(document):
    pending = [("$", document)]
    while pending:
        text, value = pending.pop()
        assert value_at(document, parse_path(text)) == value
        if isinstance(value, dict):
            pending += [(f"{text}['{key}']", inner) for key, inner in value.items()]
        elif isinstance(value, list):
            pending += [(f"{text}[{number}]", inner) for number, inner in enumerate(value)]
