"""What one message may still cost its reader. Whoever nests, repeats or folds spends from the same purse as everybody else in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ingestd.core.mail.letter import LetterLimits

_LINES_PER_FIELD: Final = 20
_CHARS_PER_VALUE: Final = 16
_FALSE_MARKS_PER_PART: Final = 50


@dataclass(slots=True)
class Allowance:
    """Counts down while a message is read; what no longer fits is left out and counted in ``cut_count``."""

    fields: int
    """Header fields that may still be read, those of parts included."""
    lines: int
    """Lines of headers."""
    header_chars: int
    parts: int
    false_marks: int
    """Lines that look like a boundary and are none."""
    cut_count: int = 0

    @classmethod
    def of(cls, limits: LetterLimits) -> Allowance:
        """A full purse."""
        return cls(
            fields=limits.header_lines_max + 5 * limits.parts_max,
            lines=limits.header_lines_max * _LINES_PER_FIELD,
            header_chars=limits.header_chars_max * _CHARS_PER_VALUE,
            parts=limits.parts_max,
            false_marks=limits.parts_max * _FALSE_MARKS_PER_PART,
        )

    def cut(self) -> None:
        """Something was left out."""
        self.cut_count += 1
