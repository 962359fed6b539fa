"""Silences on the command line: matchers as they are typed, and everything that is wrong with them, with carets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

import click

from ingestd.cli.failures import BadUsage
from ingestd.core.matchers import Matcher, MatcherError, MatchOp, parse_matcher, parse_selector
from ingestd.core.safe_text import one_line
from ingestd.core.silencing import SilenceFault, write_matcher

OPTIONS: Final[Mapping[str, str]] = {"comment": "-c", "author": "-a", "starts_at": "--start", "ends_at": "-d or --end"}
"""By which option a field of a silence is given."""

_BARE = re.compile(r"[^\s=!~{}\"'`,]+")
_BEFORE_CHARS, _SHOWN_CHARS = 50, 100
_ONLY_FIRST = "only the first word may stand alone: it is the alertname"


class BadSilence(BadUsage):
    """It cannot be a silence as it was typed; shows everything that is wrong."""

    def __init__(self, faults: Sequence[SilenceFault]) -> None:
        super().__init__("; ".join(fault.text for fault in faults))
        self.faults = faults

    def show(self, file: IO[Any] | None = None) -> None:
        """Each fault: the sentence, a matcher with what is meant underlined, the hint."""
        from ingestd.config.problems import did_you_mean  # noqa: PLC0415 (only when something is wrong)

        for fault in self.faults:
            option = OPTIONS.get(fault.field)
            lines = [f"error: {option + ': ' if option else ''}{one_line(fault.text, 600)}"]
            if fault.written:
                lines += _underlined(fault)
            hint = fault.hint or did_you_mean(fault.word, fault.known)
            if hint:
                lines.append(f"hint: {one_line(hint, 600)}")
            click.echo("\n".join(lines), file=file, err=file is None)


def _underlined(fault: SilenceFault) -> list[str]:
    start = max(0, fault.offset - _BEFORE_CHARS)
    shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in fault.written[start : start + _SHOWN_CHARS])
    at = fault.offset - start
    return [f"  {shown}", "  " + " " * at + "^" * max(1, min(fault.length, len(shown) - at))]


def as_matchers(words: Sequence[str]) -> tuple[list[str], list[SilenceFault]]:
    """Matchers as they are typed: a bare first word is the alertname, and ``{a="b", c="d"}`` is several.

    Gives the texts, each of which still has to be parsed, and what is wrong with the words that are none.
    """
    texts: list[str] = []
    faults: list[SilenceFault] = []
    for number, word in enumerate(words):
        if number == 0 and _BARE.fullmatch(word):
            texts.append(write_matcher("alertname", MatchOp.EQUAL, word))
        elif _BARE.fullmatch(word):
            faults.append(
                SilenceFault("matchers", "a matcher needs an operator: = != =~ or !~", _ONLY_FIRST, word, len(word), 1)
            )
        elif word.lstrip().startswith("{"):
            try:
                texts += [matcher.text for matcher in parse_selector(word)]
            except MatcherError as exc:
                faults.append(_fault(word, exc))
        else:
            texts.append(word)
    return texts, faults


def selector_of(words: Sequence[str]) -> str:
    """The matchers as one selector. Raises ``BadSilence`` with all that cannot be parsed."""
    texts, faults = as_matchers(words)
    parsed: list[Matcher] = []
    for text in texts:
        try:
            parsed.append(parse_matcher(text))
        except MatcherError as exc:
            faults.append(_fault(text, exc))
    if faults:
        raise BadSilence(faults)
    written = (write_matcher(one.field.name, one.op, one.value, is_label=one.field.is_label) for one in parsed)
    return "{" + ", ".join(written) + "}"


def _fault(written: str, exc: MatcherError) -> SilenceFault:
    return SilenceFault("matchers", str(exc), exc.hint, written, exc.offset, exc.length, exc.word, exc.known)
