"""What the code of a problem means, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A code in words: what is wrong, why it matters and what to do. ``wrong`` and ``right`` are an example; may be empty."""

    means: str
    mend: str
    wrong: str = ""
    right: str = ""
