"""What the configuration says of calendars that tell who is on call: where one is, and what it is to its schedule."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from ingestd.config.quantities import DurationSeconds, as_written, duration_range, fault
from ingestd.config.secrets import STAND_IN
from ingestd.config.section import Section
from ingestd.core.calendar_shifts import CalendarUse

_HINT: Final = (
    "write the address in iCal format that the calendar's settings show, beginning with https:// or webcal://"
)


def _calendar_url(value: SecretStr) -> SecretStr:
    if value.get_secret_value() == STAND_IN:
        return value  # that it cannot be read has been told
    text = re.sub(r"^webcals?://", "https://", value.get_secret_value().strip())
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", text)
    except ValueError:
        is_good = False
    if not is_good:
        raise fault("url", "this is not the address of a calendar", _HINT)
    return SecretStr(text)


class CalendarSection(Section):
    """An iCalendar whose events name who is on call, by ``url`` (whoever knows it can read it: a secret) or by ``path``."""

    url: (
        Annotated[SecretStr, BeforeValidator(as_written), Field(min_length=1), AfterValidator(_calendar_url)] | None
    ) = None
    path: Path | None = None
    use: CalendarUse = CalendarUse.OVERRIDES
    every_seconds: Annotated[DurationSeconds, duration_range("1m", "1d")] = Field(default=600, alias="every")

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.url is None) == (self.path is None):
            text = "a calendar has one place: url or path" if self.url is None else "only one of url and path"
            raise fault(
                "calendar", text, "write  url_file: FILE  with its secret address in the file, or  path: FILE.ics"
            )
        return self
