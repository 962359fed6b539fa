"""Reads labels, annotations, links and values: text with bounds, each cut counted."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from typing import Final, cast

from ingestd.core.safe_text import cut, one_line
from ingestd.core.sources.limits import ReadLimits

_LINK_CHARS_MAX: Final = 4096
_LINK: Final = re.compile(r"(?i:https?)://[^ \"<>\\^`{|}/?#][^ \"<>\\^`{|}]*")
_JSON: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_VALUES_SHOWN_MAX: Final = 16
_LABELS_KEPT_FIRST: Final = ("alertname", "severity", "rulename", "grafana_folder")
_ANNOTATIONS_KEPT_FIRST: Final = ("summary", "description", "runbook_url", "grafana_state_reason")


def text_map(value: dict[str, object]) -> dict[str, str]:
    """Every name with its value as text, in the sender's order, without the empty ones (as Alertmanager does).

    ``null`` is empty; numbers, booleans, lists and objects are written as JSON, since a careless template must not cost the alert.
    """
    if set(map(type, value.values())) == {str} and "" not in value and "" not in value.values():
        return cast("dict[str, str]", value)
    texts = {name: inner if isinstance(inner, str) else as_text(inner) for name, inner in value.items()}
    return {name: text for name, text in texts.items() if name and text}


def as_text(value: object) -> str:
    """A value that is no string, as JSON; ``null`` is empty."""
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    return _JSON.encode(value)


def read_link(value: object) -> str:
    """The URL if it is one that a person may follow (http or https, no white space or controls, not too long), else empty.

    A URL is never cut: half a link leads nowhere.
    """
    if not value or not isinstance(value, str) or len(value) > _LINK_CHARS_MAX or not value.isprintable():
        return ""
    return value if _LINK.fullmatch(value) else ""


@dataclass(slots=True)
class TextLimiter:
    """Cuts what the alerts of one body say to the limits, and counts how many texts it cut or left out."""

    limits: ReadLimits
    cut_count: int = 0

    def labels(self, full: dict[str, str]) -> dict[str, str]:
        """The labels within the limits. If there are too many, those that rules need most stay, then in order of their names."""
        return self._limited(full, self.limits.labels_count_max, self.limits.label_value_chars_max, _LABELS_KEPT_FIRST)

    def annotations(self, full: dict[str, str]) -> dict[str, str]:
        """The annotations within the limits. If there are too many, those that people need most stay, then in order of their names."""
        return self._limited(
            full, self.limits.annotations_count_max, self.limits.annotation_chars_max, _ANNOTATIONS_KEPT_FIRST
        )

    def line(self, text: str) -> str:
        """The text as one line within the limit of a label value."""
        if not text:
            return ""
        return self._cut(one_line(text, self.limits.label_value_chars_max + 1), self.limits.label_value_chars_max)

    def measured(self, values: object, fallback: object) -> str:
        """What was measured, in one line: ``B=44.23 C=1`` from Grafana's ``values``, or its ``valueString``, or empty."""
        if isinstance(values, dict) and values:
            shown = " ".join(f"{name}={as_text(number)}" for name, number in islice(values.items(), _VALUES_SHOWN_MAX))
            self.cut_count += len(values) > _VALUES_SHOWN_MAX
            return self.line(shown)
        return self.line(fallback) if isinstance(fallback, str) else ""

    def _limited(
        self, full: dict[str, str], count_max: int, chars_max: int, kept_first: tuple[str, ...]
    ) -> dict[str, str]:
        name_chars_max = self.limits.label_name_chars_max
        if not full:
            return full
        is_short = max(map(len, full)) <= name_chars_max and max(map(len, full.values())) <= chars_max
        if is_short and len(full) <= count_max:
            return full
        names = list(full)
        if len(names) > count_max:
            wanted = [name for name in kept_first if name in full]
            names = [*wanted, *(name for name in nsmallest(count_max, full) if name not in wanted)][:count_max]
        self.cut_count += len(full) - len(names)
        limited: dict[str, str] = {}
        for name in names:
            short = self._cut(name, name_chars_max)
            if short not in limited:
                limited[short] = self._cut(full[name], chars_max)
        return limited

    def _cut(self, text: str, chars_max: int) -> str:
        if len(text) <= chars_max:
            return text
        self.cut_count += 1
        return cut(text, chars_max)
