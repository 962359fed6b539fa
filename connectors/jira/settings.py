"""What an admin writes under ``connectors:`` for a connector of kind ``jira``."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ingestd.core.names import Severity

_DEFAULT_PRIORITIES = {
    Severity.CRITICAL: "Highest",
    Severity.HIGH: "High",
    Severity.MEDIUM: "Medium",
    Severity.LOW: "Low",
}


class Deployment(StrEnum):
    """Which Jira it is; ``auto`` finds out by the host name, else by asking ``serverInfo``."""

    CLOUD = "cloud"
    DATACENTER = "datacenter"
    AUTO = "auto"


class _Strict(BaseModel):
    # hide_input_in_errors: an error of the whole mapping would otherwise quote the token.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)


class DoneSettings(_Strict):
    """How a ticket is brought to its end. Without any of it: by whatever transition leads to a done status."""

    transition_id: str = ""
    """The id of the transition, as ``GET /issue/KEY/transitions`` shows it; tried first."""
    transition: str = ""
    """The name of the transition, in English or as the account sees it; tried second."""
    through: tuple[str, ...] = ()
    """Names or ids of transitions to take on the way, where no single one leads to the end."""
    statuses: tuple[str, ...] = ()
    """Statuses that count as done although their category is not."""
    resolution: str = ""
    """The resolution to set if the transition asks for one; by default Done, Fixed or Resolved."""


class ReopenSettings(_Strict):
    """How a ticket is brought back. Without any of it: by whatever transition leads out of the done statuses."""

    transition_id: str = ""
    transition: str = ""
    through: tuple[str, ...] = ()


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a complete address such as https://example.atlassian.net")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address alone: no user, password, query or fragment (use email and token)")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("must begin with https:// because the token travels with every request")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Url = Annotated[str, AfterValidator(_checked_url)]


class JiraSettings(_Strict):
    """One Jira with one account. A rule's ``ticket:`` may override project, type, components, labels, assignee and fields."""

    url: Url
    """Where Jira answers, with the context path if it has one: ``https://example.atlassian.net``, ``https://host/jira``."""
    deployment: Deployment = Deployment.AUTO
    email: str = ""
    """The account of an API token (Cloud). Leave it out for a personal access token (Data Center)."""
    token: SecretStr
    """API token (Cloud) or personal access token (Data Center, Jira 8.14 or later)."""
    browse_url: Url | None = None
    """Where people open tickets, if that is not ``url`` (tokens with scopes use ``https://api.atlassian.com/ex/jira/...``)."""
    project: str = ""
    """The key of the project for rules that name none."""
    issue_type: str = "Task"
    priorities: dict[Severity, str] = Field(default_factory=dict)
    """Severity to the name of a priority; an empty name leaves the priority alone."""
    components: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    assignee: str = ""
    """Account id (Cloud) or user name (Data Center) to assign new tickets to; empty leaves it to the project."""
    fields: dict[str, Any] = Field(default_factory=dict)
    """Further fields of new tickets, as the REST API takes them: ``customfield_10010: {value: Operations}``."""
    done: DoneSettings = DoneSettings()
    reopen: ReopenSettings = ReopenSettings()
    internal_comments: bool = True
    """In service projects, hide comments from customers. Without effect in other projects."""
    installation: str = ""
    """A name for this ingestd, if several of them write into one project: it keeps their markers apart."""
    lookup_window_seconds: float = Field(default=600.0, ge=0, le=86_400)
    """How long a new ticket may stay invisible to search; longer waits delay a ticket after a lost reply, shorter risk a twin."""
    timeout_seconds: float = Field(default=20.0, gt=0, le=120)

    @field_validator("token")
    @classmethod
    def _token_fits_a_header(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value().strip()
        if not text:
            raise ValueError("must not be empty")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("holds characters that no token has: was the file saved with something else in it?")
        return SecretStr(text)

    @field_validator("email")
    @classmethod
    def _email_fits_a_header(cls, email: str) -> str:
        if email and (":" in email or "@" not in email or not email.isprintable()):
            raise ValueError("must be the email address of the token's account")
        return email

    @model_validator(mode="after")
    def _credentials_fit_the_deployment(self) -> JiraSettings:
        if self.deployment is Deployment.DATACENTER and self.email:
            raise ValueError("email is for Jira Cloud: Data Center takes a personal access token alone")
        on_site = (urlsplit(self.url).hostname or "").endswith(".atlassian.net")
        if not self.email and on_site:
            raise ValueError("email is missing: Jira Cloud wants the email address of the account that made the token")
        return self

    def priority_of(self, severity: Severity) -> str:
        """The name of the priority for a severity; empty if it is to be left alone."""
        return self.priorities.get(severity, _DEFAULT_PRIORITIES[severity])
