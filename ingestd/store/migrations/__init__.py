"""Numbered steps that bring a database from one schema version to the next.

``STEPS[n]`` brings version n to n + 1. A step is never edited once a release has shipped it: it spells out
the tables as they were then, and does not look at ``schema``.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from ingestd.store.migrations import m0001_first_tables, m0002_held_alerts, m0003_on_call, m0004_mail

STEPS: tuple[Callable[[Connection], None], ...] = (
    m0001_first_tables.upgrade,
    m0002_held_alerts.upgrade,
    m0003_on_call.upgrade,
    m0004_mail.upgrade,
)
