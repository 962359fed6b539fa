"""What an admin writes under ``connectors:`` for a connector of kind ``apprise_pager``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

STAND_IN: Final = "stands-in-for-what-cannot-be-read"
"""What the configuration gives instead of a secret that is not there, which it has said then."""


class _Strict(BaseModel):
    # hide_input_in_errors: an error of the whole mapping would otherwise quote the addresses, which are secrets.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Destination(_Strict):
    """One room, or one person's way to be reached. Whoever knows the address can write there: it is a secret."""

    url: SecretStr = Field(
        description="What Slack or Teams gave you, or an address as apprise writes it. Rather `url_file`."
    )
    room: bool = Field(
        default=False, description="Several people read here: no message carries anybody's acknowledge link."
    )

    @field_validator("url")
    @classmethod
    def _is_understood(cls, url: SecretStr) -> SecretStr:
        written = url.get_secret_value().strip()
        if find_spec("apprise") is None or written == STAND_IN:
            return SecretStr(written)  # another problem says so
        from apprise import Apprise, NotifyBase  # noqa: PLC0415 (it need not be installed)

        if not isinstance(Apprise.instantiate(written), NotifyBase):
            raise ValueError(  # noqa: TRY004 (the value is wrong, not its type)
                "apprise does not understand this address; write it as Slack or Teams shows it (https://...), or as https://appriseit.com/services/ says"
            )
        return SecretStr(written)


class ApprisePagerSettings(_Strict):
    """Where messages can go, by names that people (``chat:``) and teams (``room:``) refer to."""

    destinations: dict[str, Destination] = Field(min_length=1, max_length=500)
    timezone: str = Field(
        default="",
        description="The zone in which times are told to whoever has no `tz`, such as `Europe/Berlin`; empty: that of the configuration.",
    )
    timeout_seconds: float = Field(default=20.0, gt=0, le=60, description="Bounds one whole message.")

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            name and ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # not found; not a name; a folder such as "Europe"
            raise ValueError(f"no time zone is called {name!r}; write it as Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _apprise_is_there(self) -> Self:
        if find_spec("apprise") is None:
            raise ValueError(
                "apprise is not installed: run  pip install 'ingestd[apprise]'  where ingestd is installed"
            )
        return self
