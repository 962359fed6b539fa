"""Whether a machine or a person seems to have written a mail: what only decides how it is read, never whether it is believed."""

from __future__ import annotations

import re
from typing import Final

from ingestd.core.mail.automatic import AutomaticKind, kind_of
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.sheet import Author

_MACHINE_NAME: Final = re.compile(
    r"(?:.*[._+-])?(?:no-?reply|do-?not-?reply|root|daemon|mailer|system|admin-?alerts?|alerts?|alerting|alarms?|alertmanager|monitor|monitoring"
    r"|notify|notifier|notifications?|nagios|icinga2?|zabbix|grafana|prometheus|checkmk|prtg|sensu|cron|smartd|backup|backups|logwatch|ups|nas"
    r"|apcupsd|idrac|ilo|ipmi|snmp|watchdog|www-data|events?|status)(?:[._+-].*)?"
)
"""What stands before the @ of machines; a person's name is none of these words."""


def author_of(letter: Letter, *, takes_reports: bool) -> Author:
    """Machine if the mail says so itself, if its sender's name is one that machines have, or if people do not write here at all."""
    if not takes_reports or kind_of(letter) is AutomaticKind.MACHINE:
        return Author.MACHINE
    name = letter.sender.rpartition("@")[0].lower()[:100]
    return Author.MACHINE if not name or _MACHINE_NAME.fullmatch(name) else Author.PERSON
