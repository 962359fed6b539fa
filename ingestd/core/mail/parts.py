"""The tree of a message's parts, as places in its bytes: nothing is copied or decoded to find them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingestd.core.mail.allowance import Allowance
from ingestd.core.mail.headers import Fields, first, read_head
from ingestd.core.mail.letter import LetterLimits
from ingestd.core.mail.parameters import Described, described

_BOUNDARY_BYTES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Part:
    """A part, or the whole message. ``start`` and ``end`` are the places of its body."""

    fields: Fields
    kind: Described
    """Content-Type; ``text/plain`` where it says none."""
    disposition: Described
    encoding: str
    start: int
    end: int
    children: tuple[Part, ...] = ()

    @property
    def is_multipart(self) -> bool:
        """It was taken apart: its body is that of its children."""
        return bool(self.children)

    @property
    def file_name(self) -> str:
        """As its sender wrote it; empty if they named none."""
        return self.disposition.parameter("filename") or self.kind.parameter("name")

    def leaves(self) -> Iterator[Part]:
        """The parts that hold something, in the order in which they stand."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


def read_parts(raw: bytes, limits: LetterLimits, allowance: Allowance) -> Part:
    """The whole message with its parts; what is nested deeper or more than the limits allow is left out and counted."""
    end = min(len(raw), limits.message_bytes_max)
    if end < len(raw):
        allowance.cut()
    return _Reader(raw, limits, allowance).part(0, end, 0, "text/plain")


class _Reader:
    def __init__(self, raw: bytes, limits: LetterLimits, allowance: Allowance) -> None:
        self._raw = raw
        self._limits = limits
        self._allowance = allowance

    def part(self, start: int, end: int, depth: int, usual_kind: str) -> Part:
        fields, body = read_head(self._raw, start, end, self._limits.header_chars_max, self._allowance)
        kind = described(first(fields, "content-type"))
        if "/" not in kind.value:
            kind = Described(usual_kind, kind.parameters)
        children: tuple[Part, ...] = ()
        if kind.value.startswith("multipart/"):
            children = self._children(kind, body, end, depth)
        return Part(
            fields=fields,
            kind=kind,
            disposition=described(first(fields, "content-disposition")),
            encoding=described(first(fields, "content-transfer-encoding")).value,
            start=body,
            end=end,
            children=children,
        )

    def _children(self, kind: Described, start: int, end: int, depth: int) -> tuple[Part, ...]:
        boundary = kind.parameter("boundary").rstrip().encode("utf-8", "surrogateescape")
        if not boundary or len(boundary) > _BOUNDARY_BYTES_MAX:
            return ()
        self._allowance.searched_bytes -= end - start
        if depth >= self._limits.depth_max or self._allowance.searched_bytes < 0:
            self._allowance.cut()
            return ()
        usual_kind = "message/rfc822" if kind.value == "multipart/digest" else "text/plain"
        found: list[Part] = []
        for part_start, part_end in self._places(boundary, start, end):
            if self._allowance.parts <= 0:
                self._allowance.cut()
                break
            self._allowance.parts -= 1
            found.append(self.part(part_start, part_end, depth + 1, usual_kind))
        return tuple(found)

    def _places(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where the parts between the boundary's lines stand, without the line end before each line."""
        begin = -1
        for line, after, is_last in self._marks(boundary, start, end):
            if begin >= 0:
                yield begin, max(begin, self._before_line_end(line, begin))
            if is_last:
                return
            begin = after
        if begin >= 0:
            yield begin, end

    def _before_line_end(self, line: int, begin: int) -> int:
        if line - 1 >= begin and self._raw[line - 1] == 0x0A:
            line -= 1
            if line - 1 >= begin and self._raw[line - 1] == 0x0D:
                line -= 1
        return line

    def _marks(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """The boundary's lines: where each begins, where what follows it begins, and whether it closes."""
        mark = b"--" + boundary
        place = start if self._raw.startswith(mark, start, end) else self._next(mark, start, end)
        while place >= 0:
            after = place + len(mark)
            is_last = self._raw.startswith(b"--", after, end)
            rest = self._rest_of_line(after, end)
            # Another boundary may begin as this one does.
            if rest is None and not is_last:
                self._allowance.false_marks -= 1
                if self._allowance.false_marks <= 0:
                    self._allowance.cut()
                    return
            else:
                yield place, end if rest is None else rest, is_last
                if is_last:
                    return
            place = self._next(mark, after, end)

    def _next(self, mark: bytes, start: int, end: int) -> int:
        # One byte earlier: the line end before it may be that of the line before.
        found = self._raw.find(b"\n" + mark, max(start - 1, 0), end)
        return found + 1 if found >= 0 else -1

    def _rest_of_line(self, start: int, end: int) -> int | None:
        """Where the next line begins, if nothing but blanks stand on this one."""
        line_end = self._raw.find(b"\n", start, min(end, start + 1000))
        if line_end < 0:
            return end if not self._raw[start : min(end, start + 1000)].strip() else None
        return line_end + 1 if not self._raw[start:line_end].strip() else None
