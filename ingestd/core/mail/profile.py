"""How the mail of one kind of machine is read: what tells it, what is taken out of it, and which words are good news."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MailProfile:
    """One kind of machine mail."""

    name: str
