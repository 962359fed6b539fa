"""A form with a file means to everybody what it was made of, whatever its names and contents try."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestd.core.multipart import FormFile, form_of, read_form

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@given(TEXT, TEXT, TEXT, st.binary(max_size=300))
@example("body", "a\r\nX: y", 'x"; filename="y', b"\r\n--ingestd-0--\r\n")
@example("body", "", "a\0b\u202e.pdf", b"\r\n\r\n")
def test_what_is_read_is_what_was_written(value, name, content_type, content):
    form = form_of({"body": value}, FormFile("file", name, content_type, content))
    read = read_form(form.content_type, form.body)
    assert read is not None
    fields, (file,) = read
    assert fields == {"body": value}
    assert (file.field_name, file.content) == ("file", content)
    assert "\r" not in file.name
    assert '"' not in file.name


@given(st.binary(max_size=300), TEXT)
def test_another_reader_finds_the_same_parts(content, name):
    """The reader of Python's mail package: line ends inside a part are its own to keep."""
    form = form_of({"private": "true"}, FormFile("file", name, "application/pdf", content.hex().encode()))
    parsed = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {form.content_type}\r\n\r\n".encode() + form.body)
    private, file = parsed.iter_parts()
    assert private.get_payload(decode=True) == b"true"
    assert file.get_payload(decode=True) == content.hex().encode()
    assert file.get_content_type() == "application/pdf"


@pytest.mark.parametrize("kind", ["", "text", "a/b\r\nX: y", "a/b; charset=x", "TEXT/HTML"])
def test_a_type_that_is_none_is_that_of_unknown_bytes(kind):
    form = form_of({}, FormFile("file", "a", kind, b""))
    assert b"Content-Type: application/octet-stream\r\n" in form.body


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\nc\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n--x--\r\n'),
    ],
)
def test_what_is_no_form_is_none(content_type, body):
    assert read_form(content_type, body) is None
