"""``python -m ingestd`` is ``ingestd``."""

from __future__ import annotations

from ingestd.cli import main

main()
