"""What the configuration says of proof that paging works: watchdogs of sources, the heartbeat that goes out, drills."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from ingestd.config.quantities import DurationSeconds, Name, as_written, duration_range, fault
from ingestd.config.secrets import STAND_IN
from ingestd.config.section import Section
from ingestd.config.stage_model import MatcherText
from ingestd.config.window_model import WhenModel
from ingestd.core.matchers import MatcherError, parse_matcher


def _parsed(text: str) -> str:
    try:
        parse_matcher(text)
    except MatcherError as error:
        raise fault("matcher", str(error), error.hint) from error
    return text


def _secret_url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text == STAND_IN:
        return value  # that it cannot be read has been told
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", text)
    except ValueError:
        is_good = False
    if not is_good:
        raise fault("url", "this is not an http or https URL", "write the whole address that the watcher gave you")
    return value


class WatchdogSection(Section):
    """An alert of the source that always fires: what it is, and how long it may be silent before somebody is paged."""

    match: tuple[Annotated[MatcherText, AfterValidator(_parsed)], ...] = Field(min_length=1, max_length=20)
    within_seconds: Annotated[DurationSeconds, duration_range("1m", "7d")] = Field(alias="within")


class HeartbeatSection(Section):
    """A secret address that is asked after each audit that found nothing; who watches it learns when that stops."""

    url: Annotated[SecretStr, BeforeValidator(as_written), Field(min_length=1), AfterValidator(_secret_url)]
    every_seconds: Annotated[DurationSeconds, duration_range("1m", "1d")] = Field(default=60, alias="every")


class DrillSection(Section):
    """A drill by itself: which policy is tried, and when; once for each time that the window opens."""

    policy: Name
    when: WhenModel
