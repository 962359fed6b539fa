"""What mails told: each of one incident, or of several that were waiting when it left."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from email.message import EmailMessage

FOLDED = (
    "SELECT folded_into, incident_id FROM outbox WHERE folded_into IS NOT NULL AND kind = 'page' AND state = 'done'"
)
"""Which incident a page told besides its own."""
_MORE = re.compile(r"INC-\d+ and (\d+) more\)$")


def incidents_paged(
    mails: Iterable[EmailMessage], folded: Iterable[tuple[str, str]], *, was_killed: bool = False
) -> Counter[str]:
    """How many pages told of each incident. A page that came twice is one; ``folded``: the rows of ``FOLDED``.

    A page names the first fifty of those that it tells and counts all: what the database says was told by it must be as many. After a
    kill it may be fewer: what nobody can be asked about is told again, by another page perhaps.
    """
    pages = {mail["X-Ingestd-Id"]: mail for mail in mails if "/page/" in mail["X-Ingestd-Id"]}
    told = {key: {mail["X-Ingestd-Incident"]} for key, mail in pages.items()}
    for leader, incident in folded:
        assert leader in pages, f"{incident} was told by {leader}, which nobody got"
        told[leader].add(incident)
    for key, mail in pages.items():
        more = _MORE.search(mail["Subject"])
        count = 1 + int(more[1] if more else 0)
        assert len(told[key]) == count or (was_killed and len(told[key]) < count), (
            f"{mail['Subject']}: {sorted(told[key])}"
        )
    return Counter(incident for incidents in told.values() for incident in incidents)
