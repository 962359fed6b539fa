"""Makes the sender that a ``smtp:`` or ``maildir:`` setting describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingestd.net.maildir_sender import MaildirSender
from ingestd.net.smtp_sender import SmtpOptions, SmtpSender

Sender = MaildirSender | SmtpSender


def sender(options: Mapping[str, Any]) -> Sender:
    """The sender for ``{"maildir": path}`` or ``{"smtp": {...}}`` with the keys of ``SmtpOptions``. No I/O.

    Raises ``ValueError`` for anything else: the connector has checked its settings before.
    """
    if set(options) == {"maildir"}:
        return MaildirSender(Path(options["maildir"]))
    if set(options) == {"smtp"}:
        try:
            return SmtpSender(SmtpOptions(**options["smtp"]))
        except TypeError:
            raise ValueError(f"smtp has a key that is not known: {', '.join(sorted(options['smtp']))}") from None
    raise ValueError(f"mail needs either maildir or smtp, not: {', '.join(sorted(options)) or 'nothing'}")
