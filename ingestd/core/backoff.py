"""When to try again. Pure arithmetic; the chance comes in as a number between 0 and 1."""

from __future__ import annotations

from ingestd.core.names import EffectKind

_TICKET_FIRST_SECONDS, _TICKET_MAX_SECONDS = 5.0, 600.0
_PAGE_FIRST_SECONDS, _PAGE_MAX_SECONDS = 3.0, 60.0
_EXPONENT_MAX = 20

LOOKUP_SECONDS = (5.0, 15.0, 30.0)
"""After an unknown outcome: when to look for the first times, counted from one look to the next; then the last again."""


def retry_delay_seconds(
    kind: EffectKind, failed_count: int, chance: float, asked_seconds: float | None = None
) -> float:
    """Exponential with full jitter in the upper half; never sooner than the service asked (``Retry-After``), at most a day."""
    first, cap = (
        (_TICKET_FIRST_SECONDS, _TICKET_MAX_SECONDS) if kind.is_ticket else (_PAGE_FIRST_SECONDS, _PAGE_MAX_SECONDS)
    )
    ceiling = min(cap, first * 2.0 ** min(max(0, failed_count - 1), _EXPONENT_MAX))
    delay = ceiling * (0.5 + 0.5 * chance)
    return min(max(delay, asked_seconds or 0.0), 86_400.0)


def lookup_delay_seconds(looked_count: int) -> float:
    """How long to wait before the next look."""
    return LOOKUP_SECONDS[min(looked_count, len(LOOKUP_SECONDS) - 1)]
