"""What an admin writes under ``connectors:`` for a connector of kind ``email_pager``."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.email_pager.addresses import plain_address, split_sender

AckInEmail = Literal["link", "page-only", "off"]
_LOOPBACK_NAMES: Final = frozenset({"localhost"})


class _Strict(BaseModel):
    # hide_input_in_errors: an error of the whole mapping would otherwise quote the password.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)


class SmtpSettings(_Strict):
    """The mail server that takes our mail. Its certificate is always verified."""

    host: str = Field(min_length=1, pattern=r"^\S+$")
    port: int = Field(default=0, ge=0, le=65535, description="0: 587 for starttls, 465 for implicit, 25 for none.")
    tls: Literal["starttls", "implicit", "none"] = Field(
        default="starttls", description="`none` is for a relay on this machine only."
    )
    username: str = Field(default="", description="Empty: no login.")
    password: SecretStr = SecretStr("")
    timeout_seconds: float = Field(default=30.0, gt=0, le=120, description="Bounds one whole delivery.")
    ca_file: str = Field(default="", description="Certificates of a private authority, instead of the system's.")

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.tls == "none" and not _is_loopback(self.host):
            msg = "tls: none is for a relay on this machine; pages and the password would travel in the clear: use starttls or implicit"
            raise ValueError(msg)
        if bool(self.username) != bool(self.password.get_secret_value()):
            msg = "username and password belong together: set both, or neither"
            raise ValueError(msg)
        return self


class EmailPagerSettings(_Strict):
    """How pages leave by mail: through a mail server (``smtp``) or into a folder (``maildir``)."""

    from_: str = Field(
        alias="from",
        description="The sender, `ingestd <ingestd@example.com>`.",
        examples=["ingestd <ingestd@example.com>"],
    )
    reply_to: str = Field(default="", description="Where replies go, if not to the sender.")
    replies: bool = Field(
        default=False,
        description="Pages can be answered: what arrives at `reply_to` is handed to `ingestd reply`.",
    )
    reply_separator: str = Field(
        default="+",
        pattern=r"^[+=_.-]?$",
        description="What stands between the name of `reply_to` and the token of a page, `ack+TOKEN@example.com`. Empty: no token there.",
    )
    maildir: Path | None = Field(default=None, description="A maildir folder; it is made with the first mail.")
    smtp: SmtpSettings | None = None
    timezone: str = Field(
        default="",
        description="The zone in which times are told to whoever has no `tz`, such as `Europe/Berlin`; empty: that of the configuration.",
    )
    ack_in_email: AckInEmail = Field(
        default="link",
        description="`link`: the person's own acknowledge page, which needs no login. `page-only`: the incident's page. `off`: neither.",
    )

    @field_validator("from_")
    @classmethod
    def _sender_has_an_address(cls, sender: str) -> str:
        split_sender(sender)
        return sender

    @field_validator("reply_to")
    @classmethod
    def _reply_to_is_an_address(cls, address: str) -> str:
        return plain_address(address) if address else ""

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            name and ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # not found; not a name; a folder such as "Europe"
            raise ValueError(f"no time zone is called {name!r}; write it as Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _has_one_way_out(self) -> Self:
        if (self.maildir is None) == (self.smtp is None):
            msg = "set exactly one of `maildir` and `smtp`"
            raise ValueError(msg)
        if self.replies and not self.reply_to:
            msg = "`replies: true` needs `reply_to`: the address whose mail is handed to `ingestd reply`"
            raise ValueError(msg)
        return self

    def mail_options(self) -> dict[str, Any]:
        """The plain mapping, secrets included, from which ``ConnectorTools.mail`` makes a sender."""
        if self.smtp is None:
            return {"maildir": str(self.maildir)}
        return {"smtp": {**self.smtp.model_dump(), "password": self.smtp.password.get_secret_value()}}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in _LOOPBACK_NAMES
