"""What one message may still cost its reader. Whoever nests, repeats or folds spends from the same purse as everybody else in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ingestd.core.mail.letter import LetterLimits

_LINES_PER_FIELD: Final = 20
_CHARS_PER_VALUE: Final = 16
_FALSE_MARKS_PER_PART: Final = 50
_LEVELS_OF_WHOLE: Final = 4
"""Text, its pictures and files around them are three levels; more of them can only be small."""
_HTML_PER_TEXT: Final = 10
"""So much longer than its words the HTML of a mail may be."""
_TAGS_MAX: Final = 20_000


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
    searched_bytes: int
    """Through which boundaries are looked for, once for each level of parts."""
    text_chars: int
    """Of all texts, those included of which another form is kept."""
    html_chars: int
    html_tags: int
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
            searched_bytes=limits.message_bytes_max * _LEVELS_OF_WHOLE,
            text_chars=limits.text_chars_max * 2,
            html_chars=limits.text_chars_max * _HTML_PER_TEXT,
            html_tags=_TAGS_MAX,
        )

    def cut(self) -> None:
        """Something was left out."""
        self.cut_count += 1
