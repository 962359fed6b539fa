"""When a rule applies, as matchers put together. Values only; ``classify`` evaluates them, ``rule_index`` looks them up."""

from __future__ import annotations

from dataclasses import dataclass

from ingestd.core.matchers import Matcher


@dataclass(frozen=True, slots=True)
class Condition:
    """When a rule applies: all of ``match``, at least one selector of ``match_any`` (if any), none of ``unless``."""

    match: tuple[Matcher, ...] = ()
    match_any: tuple[tuple[Matcher, ...], ...] = ()
    unless: tuple[Matcher, ...] = ()
