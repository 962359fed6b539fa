"""The keys of a connector of kind ``freshdesk``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ingestd.core.names import Severity

_LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CUSTOM_FIELD: Final = r"^cf_[a-z0-9_]+$"
_DEFAULT_PRIORITIES: Final = {Severity.CRITICAL: 4, Severity.HIGH: 3, Severity.MEDIUM: 2, Severity.LOW: 1}

Priority = Annotated[int, Field(ge=1, le=4)]
Tag = Annotated[str, Field(min_length=1, max_length=32)]


class FreshdeskSettings(BaseModel):
    """One Freshdesk account and how incidents become tickets there. A rule's ``ticket:`` overrides group, type and tags."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    domain: str = Field(
        default="", description="`acme` or `acme.freshdesk.com`; not the address of your own domain (CNAME)."
    )
    url: str = Field(default="", description="Instead of `domain`: the whole address, `https://acme.freshdesk.com`.")
    api_key: SecretStr = Field(description="API key of an agent that exists for ingestd alone.")
    requester_email: str = Field(
        pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        description="Address of a contact that exists for ingestd alone: tickets are found again through it.",
    )
    group: int | str | None = Field(default=None, description="Id or name of the group that gets the tickets.")
    groups: dict[str, int] = Field(default={}, description="Names of groups with their ids; other names are looked up.")
    type: str = Field(default="", description="A ticket type of the account, such as `Incident`.")
    product_id: int | None = None
    tags: tuple[Tag, ...] = Field(default=(), description="Further tags of new tickets.")
    custom_fields: dict[Annotated[str, Field(pattern=_CUSTOM_FIELD)], Any] = Field(
        default={}, description="Custom fields of new tickets, for accounts that require some."
    )
    resolve_fields: dict[str, Any] = Field(
        default={},
        description="Fields that the account requires on resolve; sent only where the ticket has no value yet.",
    )
    marker_field: str = Field(
        default="",
        pattern=rf"{_CUSTOM_FIELD}|^$",
        description="A text field such as `cf_ingestd_key` for the marker; tags always carry it.",
    )
    installation: str = Field(
        default="", description="A name for this ingestd if several write into one account; never change it."
    )
    priorities: dict[Severity, Priority] = Field(
        default=_DEFAULT_PRIORITIES, description="Freshdesk: 1 low to 4 urgent."
    )
    open_status: int = 2
    resolved_status: int = 4
    done_statuses: frozenset[int] = frozenset({4, 5})
    lookup_window_seconds: float = Field(
        default=600.0, ge=0, description="How long Freshdesk may not find a new ticket."
    )
    timeout_seconds: float = Field(default=20.0, gt=0, le=120)

    @field_validator("api_key")
    @classmethod
    def _key_fits_a_header(cls, api_key: SecretStr) -> SecretStr:
        text = api_key.get_secret_value().strip()
        if not text or not text.isascii() or not text.isprintable() or ":" in text or " " in text:
            raise ValueError(
                "is empty or holds characters that no API key has: was the file saved with something else in it?"
            )
        return SecretStr(text)

    @field_validator("url")
    @classmethod
    def _url_is_safe(cls, url: str) -> str:
        if not url:
            return url
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK_HOSTS)
        if not is_safe or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise ValueError(
                "must be https://NAME.freshdesk.com: the API key goes there (http only to this machine itself)"
            )
        return url.rstrip("/")

    @field_validator("domain")
    @classmethod
    def _domain_is_a_name(cls, domain: str) -> str:
        if domain and not re.fullmatch(r"[a-z0-9-]+(\.freshdesk\.com)?", domain):
            raise ValueError("must be the account's name: `acme` or `acme.freshdesk.com`; for anything else set `url`")
        return domain

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if bool(self.domain) == bool(self.url):
            raise ValueError("set exactly one of `domain` and `url`")
        if self.resolved_status not in self.done_statuses or self.open_status in self.done_statuses:
            raise ValueError("`done_statuses` must hold `resolved_status` and must not hold `open_status`")
        return self

    @property
    def base_url(self) -> str:
        """The account's address without a slash at the end."""
        return self.url or f"https://{self.domain.removesuffix('.freshdesk.com')}.freshdesk.com"

    def priority_of(self, severity: Severity) -> int:
        """Freshdesk's priority for the severity: 1 low, 2 medium, 3 high, 4 urgent (Freshdesk API v2, tickets)."""
        return self.priorities.get(severity, _DEFAULT_PRIORITIES[severity])
