"""Whose mail is believed. ``From`` proves nothing: what counts is the login, the network, or what our own mail server found out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose word is taken on who wrote a mail, and who may send here at all."""

    authserv_id: str = ""
    """The name under which our own mail server writes Authentication-Results; empty if none does."""
    senders: tuple[str, ...] = ()
    """Addresses, ``@example.com`` for a whole domain, that may send here; empty for everybody who is authenticated."""
    takes_unauthenticated: bool = False
    """Machine mail is taken without proof: ``auth: none``, written out. It never answers a page."""
