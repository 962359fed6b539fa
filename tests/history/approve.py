"""``python -m tests.history.approve``: what is decided now about the recorded history is what ought to be decided."""

from __future__ import annotations

from tests.history.replaying import DECISIONS, decisions

if __name__ == "__main__":
    DECISIONS.write_text(decisions(), "utf-8")
