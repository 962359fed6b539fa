"""The page of one silence: what it says, what it keeps back now, what it matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from ingestd.cli.layout import heading, labelled, rows
from ingestd.cli.moments import Moments
from ingestd.cli.silence_add import reach_lines
from ingestd.cli.terminal import safe


def silence_page(answer: Mapping[str, Any], moments: Moments) -> Iterator[RenderableType]:
    """The parts of the page, from the answer of the API."""
    silence = answer["silence"]
    yield safe(f"{silence.get('id')}  {silence.get('state')}", "bold")
    yield labelled(
        [
            ("why", safe(silence.get("comment"))),
            ("by", safe(silence.get("author"))),
            ("matches", safe(", ".join(map(str, silence.get("matchers") or ())))),
            ("begins", safe(moments.both(silence.get("starts_at")))),
            ("ends", safe(moments.both(silence.get("ends_at")))),
        ]
    )
    held: Sequence[Mapping[str, Any]] = answer.get("held") or []
    count = answer.get("held_count", len(held))
    yield heading(f"Kept back now: {count}")
    yield rows([safe(moments.age(one.get("since"))), safe(one.get("rule")), safe(_alert(one))] for one in held)
    if silence.get("state") != "expired":
        yield heading("Of all that fires now")
        yield rows([safe(line)] for line in reach_lines(answer.get("reach") or {}))


def _alert(one: Mapping[str, Any]) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted((one.get("labels") or {}).items()))
    return f"{one.get('summary')} ({labels})" if labels else str(one.get("summary"))
