"""A form with files as HTTP carries it (``multipart/form-data``, RFC 7578). Pure bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_NAME_CHARS_MAX: Final = 150


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file in a field of a form. No name or type is trusted: both are made harmless when they are written."""

    field_name: str
    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is sent: what ``Content-Type`` says of it, and its bytes."""

    content_type: str
    body: bytes = field(repr=False)


def form_of(fields: Mapping[str, str], file: FormFile) -> Form:
    """The form with these fields and this file. The same form has the same bytes; no content can end a part before its time."""
    boundary = _boundary(fields, file)
    parts = [_part(boundary, f'name="{_quoted(name)}"', "", value.encode()) for name, value in fields.items()]
    shown = f'name="{_quoted(file.field_name)}"; filename="{_quoted(file.name)}"'
    parts.append(_part(boundary, shown, _type_of(file.content_type), file.content))
    return Form(f"multipart/form-data; boundary={boundary}", b"".join([*parts, f"--{boundary}--\r\n".encode()]))


def _boundary(fields: Mapping[str, str], file: FormFile) -> str:
    """A line that stands nowhere in the form: made of a hash of all of it, which nobody can put into what is hashed."""
    digest = hashlib.sha256(file.content)
    for text in (*fields.keys(), *fields.values(), file.field_name, file.name):
        digest.update(b"\0" + text.encode("utf-8", "replace"))
    return f"ingestd-{digest.hexdigest()[:40]}"


def _part(boundary: str, shown: str, content_type: str, content: bytes) -> bytes:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    head = f"--{boundary}\r\nContent-Disposition: form-data; {shown}\r\n{kind}\r\n"
    return head.encode("utf-8", "replace") + content + b"\r\n"


def _quoted(name: str) -> str:
    """The name as browsers write it: nothing in it ends the quotes or the line."""
    line = "".join(char if char.isprintable() else "_" for char in name[:_NAME_CHARS_MAX])
    return line.replace("\\", "_").replace('"', "%22")


def _type_of(content_type: str) -> str:
    return content_type if _TYPE.fullmatch(content_type) else "application/octet-stream"


def read_form(content_type: str, body: bytes) -> tuple[dict[str, str], list[FormFile]] | None:
    """Fields and files of a form, read strictly; None if it is none. For models of services that take such forms."""
    kind, _, boundary = content_type.partition("; boundary=")
    if kind != "multipart/form-data" or not boundary:
        return None
    first, *parts = (b"\r\n" + body).split(f"\r\n--{boundary}".encode())
    if first or not parts or parts.pop() != b"--\r\n":
        return None
    fields: dict[str, str] = {}
    files: list[FormFile] = []
    for part in parts:
        head, blank, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        shown = _DISPOSITION.search(head)
        if shown is None or not blank:
            return None
        name, file_name = shown["name"].decode(), shown["file"]
        if file_name is None:
            fields[name] = content.decode("utf-8", "replace")
        else:
            named = _PART_TYPE.search(head)
            files.append(FormFile(name, file_name.decode(), named[1].decode() if named else "", content))
    return fields, files


_DISPOSITION: Final = re.compile(
    rb'^Content-Disposition: form-data; name="(?P<name>[^"\r\n]*)"(?:; filename="(?P<file>[^"\r\n]*)")?(?=\r\n|$)'
)
_PART_TYPE: Final = re.compile(rb"\r\nContent-Type: ([^\r\n]+)")
