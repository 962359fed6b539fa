"""Which source a mail is for, by the address that it was sent to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingestd.core.mail.source import MailSource

_CUTS_MAX: Final = 10


class Recipients:
    """The addresses of all sources of mail. Letters count alike in any case; where two sources list the same one, the first has it."""

    def __init__(self, sources: Mapping[str, MailSource]) -> None:
        self._exact: dict[str, str] = {}
        self._separated: dict[tuple[str, str], str] = {}
        for name, source in sources.items():
            for address in source.recipients:
                self._exact.setdefault(address.lower(), name)
                if source.separator:
                    self._separated.setdefault((source.separator, address.lower()), name)
        self._separators = sorted({separator for separator, _ in self._separated})

    def source_of(self, address: str) -> str | None:
        """The source that lists the address as it is, else the one that lists the longest beginning of its name.

        ``alerts+disk+a7@example.com`` is for ``alerts+disk@example.com`` before it is for ``alerts@example.com``. None if nobody's.
        """
        address = address.lower()
        if (found := self._exact.get(address)) is not None:
            return found
        for separator in self._separators:
            name, at, domain = address.rpartition("@")
            for _ in range(_CUTS_MAX):
                name, cut, _ = name.rpartition(separator)
                if not cut or not name:
                    break
                if (found := self._separated.get((separator, f"{name}{at}{domain}"))) is not None:
                    return found
        return None
