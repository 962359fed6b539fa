"""Whose mail is believed: what the configuration of a source says of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose word is taken on who wrote a mail, and who may send here at all."""

    authserv_id: str = ""
    """The name under which our own mail server writes Authentication-Results; empty if none does."""
    senders: tuple[str, ...] = ()
    """Addresses, ``@example.com`` for a whole domain, that may send here, in lower case; empty for everybody who is authenticated."""
    takes_unauthenticated: bool = False
    """Machine mail is taken without proof: ``auth: none``, written out. It never answers a page."""
    resolves_unproved: bool = False
    """Machine mail that is taken without proof may also say that something is over."""
    reports_per_hour: int = 20
    """So many mails of one person are reports or notes; what is more is put aside."""
