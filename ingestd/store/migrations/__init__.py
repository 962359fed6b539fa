"""Numbered steps that bring a database from one schema version to the next.

``STEPS[n]`` brings version n to n + 1. A step is never edited once a release has shipped it. Before the second step is
written, the first is frozen: the tables as they were then, spelled out in its own module.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from ingestd.store.migrations import m0001_first_tables

STEPS: tuple[Callable[[Connection], None], ...] = (m0001_first_tables.upgrade,)
