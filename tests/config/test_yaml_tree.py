"""YAML as people mean it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.config.problems import render_all
from ingestd.config.yaml_tree import FILE_BYTES_MAX, Scalar, Sequence, parse_document, read_document, to_python


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("+919812345678", "+919812345678"),
        ("919812345678", 919812345678),
        ("22:00", "22:00"),
        ("09:00", "09:00"),
        ("12:30:45", "12:30:45"),
        ("no", "no"),
        ("off", "off"),
        ("Yes", "Yes"),
        ("y", "y"),
        ("010", "010"),
        ("0x1f", "0x1f"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("2026-01-05", "2026-01-05"),
        (".inf", ".inf"),
        ("<<", "<<"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ('""', ""),
        ('"true"', "true"),
        ("'5'", "5"),
        ("5", 5),
        ("-7", -7),
        ("0", 0),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("9" * 30, "9" * 30),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_a_scalar_is_what_its_author_meant(written, value):
    document = parse_document(f"a: {written}", "f.yaml")
    assert document.problems == []
    found = to_python(document.root)["a"]
    assert found == value
    assert isinstance(found, type(value))


def test_keys_are_text_whatever_they_look_like():
    assert to_python(parse_document("on: a\n1: b\nno: c\n~: d\ntrue: e", "f").root) == {
        "on": "a",
        "1": "b",
        "no": "c",
        "~": "d",
        "true": "e",
    }


def test_a_number_remembers_how_it_was_written():
    document = parse_document("a: 1.10\nb: 7", "f")
    values = to_python(document.root)
    assert (values["a"].text, values["b"].text) == ("1.10", "7")


def test_a_merge_key_is_an_ordinary_key():
    assert to_python(parse_document("<<: {a: 1}", "f").root) == {"<<": {"a": 1}}


def test_columns_count_characters_not_bytes():
    document = parse_document("x: [é, ü, 'ö']", "f")
    items = document.root.get("x").items
    assert [(item.span.line, item.span.column, item.span.length) for item in items] == [
        (1, 5, 1),
        (1, 8, 1),
        (1, 11, 3),
    ]


def test_a_windows_file_with_a_byte_order_mark_is_read(tmp_path: Path):
    (tmp_path / "f.yaml").write_bytes("\ufeffa: 1\r\nb: ä\r\n".encode())
    document, _ = read_document(tmp_path / "f.yaml")
    assert to_python(document.root) == {"a": 1, "b": "ä"}
    assert document.root.entries["b"].key_span.line == 2


def test_a_file_that_is_not_utf8_says_in_which_line(tmp_path: Path):
    (tmp_path / "f.yaml").write_bytes(b"a: 1\nb: \xe4\n")
    document, _ = read_document(tmp_path / "f.yaml", "f.yaml")
    assert render_all(document.problems) == (
        "f.yaml: error[encoding]: line 2 is not UTF-8 (byte 8)\n   = save the file as UTF-8"
    )


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path):
    with (tmp_path / "f.yaml").open("wb") as stream:
        stream.truncate(FILE_BYTES_MAX + 1)
    document, raw = read_document(tmp_path / "f.yaml", "f.yaml")
    assert raw == b""
    assert [problem.code for problem in document.problems] == ["too-large"]


def test_a_folder_is_not_a_file(tmp_path: Path):
    document, _ = read_document(tmp_path, "f.yaml")
    assert [problem.text for problem in document.problems] == ["cannot read this file: Is a directory"]


def test_an_alias_bomb_is_refused_without_being_expanded():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    document = parse_document("\n".join(lines), "f")
    assert {problem.code for problem in document.problems} == {"anchor", "alias"}


@given(st.text(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_text_makes_the_parser_raise(text):
    document = parse_document(text, "f.yaml")
    render_all(document.problems)


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@` \n\t,?~1.é\u2028\x85\ufeff", max_size=120))
@settings(max_examples=600, deadline=None)
def test_no_piece_of_yaml_makes_the_parser_raise_and_every_span_is_inside_the_text(text):
    document = parse_document(text, "f.yaml")
    render_all(document.problems)
    pending = [document.root] if document.root is not None else []
    while pending:
        node = pending.pop()
        assert 1 <= node.span.line <= len(document.lines) + 1
        if isinstance(node, Sequence):
            pending += node.items
        elif not isinstance(node, Scalar):
            pending += [entry.node for entry in node.entries.values()]
