"""Every exception that ingestd raises on purpose.

::

    IngestdError
    ├── ConfigProblems        a configuration or rule file cannot be used; carries all problems at once
    ├── DeliveryError         raised by connectors; exactly one of
    │   ├── TryLater          not done, may be tried again (busy, rate limit, not reachable before anything was sent)
    │   ├── OutcomeUnknown    the request may have taken effect
    │   ├── CredentialsRejected   the account is refused: the connector stops, its deliveries wait
    │   ├── RequestRejected   will never work as it is: the delivery is parked
    │   └── ReplyUnreadable   an answer that says success but cannot be read: treated as OutcomeUnknown
    ├── StoreBusy             the database could not commit in time
    ├── SchemaTooNew          the database was written by a newer release
    └── DatabaseLocked        another daemon uses this SQLite file
"""

from __future__ import annotations


class IngestdError(Exception):
    """Something in ingestd went wrong in a way that was foreseen. ``hint`` says what to do, or is empty."""

    def __init__(self, text: str = "", *, hint: str = "") -> None:
        super().__init__(text or (type(self).__doc__ or "").splitlines()[0])
        self.hint = hint


class DeliveryError(IngestdError):
    """A delivery attempt did not succeed. The text must hold no secret; it is stored and shown."""


class TryLater(DeliveryError):
    """The service did nothing and may be asked again, not sooner than ``after_seconds`` if that is given."""

    def __init__(self, text: str = "", *, after_seconds: float | None = None, hint: str = "") -> None:
        super().__init__(text, hint=hint)
        self.after_seconds = after_seconds


class OutcomeUnknown(DeliveryError):
    """The request may have taken effect: the reply was lost, timed out, or a proxy answered in its place."""


class CredentialsRejected(DeliveryError):
    """The service refuses the account. Nothing was done; nothing will work until an admin mends it."""


class RequestRejected(DeliveryError):
    """The service will never accept this request. ``is_gone`` says that the thing it speaks of no longer exists.

    Of a page: ``is_for_contact`` says that the receiver's address is the cause, so that another service would do no better;
    ``is_contact_dead`` that this is certain and lasts: the address is no phone's, or its owner wants to hear nothing more.
    """

    def __init__(
        self,
        text: str = "",
        *,
        is_gone: bool = False,
        is_for_contact: bool = False,
        is_contact_dead: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(text, hint=hint)
        self.is_gone = is_gone
        self.is_for_contact = is_for_contact or is_contact_dead
        self.is_contact_dead = is_contact_dead


class ReplyUnreadable(DeliveryError):
    """The service says success, but in words that cannot be read. The effect probably happened."""


class StoreBusy(IngestdError):
    """The database could not commit in time; nothing was changed."""


class SchemaTooNew(IngestdError):
    """The database was written by a newer release of ingestd than this one."""


class DatabaseLocked(IngestdError):
    """Another daemon uses this database."""
