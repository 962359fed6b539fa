"""What the configuration says of a mailbox that is read by IMAP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from ingestd.config.quantities import DurationSeconds, ListenAddress, Name, Text, as_written, duration_range, fault
from ingestd.config.section import Section

_Secret = Annotated[SecretStr, BeforeValidator(as_written), Field(min_length=1, max_length=10_000)]
_Word = Annotated[Text, Field(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f]+$")]
_PORTS = {"implicit": 993, "starttls": 143, "none": 143}


class MailboxOAuthSection(Section):
    """Where the access token for XOAUTH2 comes from: a file that an outside tool keeps fresh, or the provider's token service."""

    token_path: Path | None = None
    """Holds the token alone. It is read at each login, not when the configuration is loaded."""
    token_url: Text | None = Field(default=None, max_length=1000)
    client_id: _Word | None = None
    client_secret: _Secret | None = None
    scope: _Word | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        service = ("token_url", "client_id", "client_secret")
        given = [key for key in (*service, "scope") if getattr(self, key) is not None]
        missing = [key for key in service if getattr(self, key) is None]
        hint = "write  token_path: FILE,  or  token_url, client_id, client_secret and scope"
        if self.token_path is not None and given:
            raise fault("auth", f"only one of token_path and {given[0]}", hint)
        if self.token_path is None and missing:
            raise fault("auth", f"“{missing[0]}” is missing: there is no way to a token", hint)
        if self.token_url is not None and not _is_safe(self.token_url):
            raise fault(
                "url", "this is not the https address of a token service", "write https://login.example.com/token"
            )
        return self


def _is_safe(url: str) -> bool:
    """Whether a secret may be sent there: encrypted, or not leaving this machine."""
    try:
        parts = urlsplit(url)
        is_local = ListenAddress(parts.hostname or "", 0).is_loopback
    except ValueError:
        return False
    return (
        bool(parts.hostname)
        and not parts.username
        and (parts.scheme == "https" or (parts.scheme == "http" and is_local))
    )


class MailboxSection(Section):
    """One folder of one account on an IMAP server. The server's certificate is always verified."""

    host: Text = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")
    port: int | None = Field(default=None, ge=1, le=65_535)
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    ca_file: Path | None = None
    username: _Word
    password: Annotated[_Secret, Field(max_length=1000)] | None = None
    oauth: MailboxOAuthSection | None = None
    folder: _Word = "INBOX"
    move_to: _Word | None = None
    """Where what was taken is moved. Without it it stays and is marked as seen."""
    start_with: Literal["unseen", "new", "all"] = "unseen"
    """What is taken at the very first look; afterwards everything new is, whether somebody has seen it or not."""
    poll_every_seconds: Annotated[DurationSeconds, duration_range("5s", "1h")] = Field(default=60, alias="poll_every")
    idle: bool = True
    source: Name
    """The source of mail whose recipient no source lists."""

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.tls == "none" and not ListenAddress(self.host, 0).is_loopback:
            text = "without encryption the password and the mail can be read on the way"
            raise fault("value", text, "use implicit or starttls; none is for this machine alone")
        if (self.password is None) == (self.oauth is None):
            text = "there is no password" if self.password is None else "only one of password and oauth"
            raise fault("auth", text, "write  password_file: FILE,  or a section  oauth")
        if self.password is not None and "\0" in self.password.get_secret_value():
            raise fault("auth", "a password cannot hold the character NUL")
        if self.move_to is not None and self.move_to == self.folder:
            raise fault(
                "value", "what was taken would be moved to where it is", "name another folder, or leave move_to out"
            )
        return self

    @property
    def port_in_use(self) -> int:
        """The port as set, or the usual one for this kind of TLS."""
        return self.port or _PORTS[self.tls]
