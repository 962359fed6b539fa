"""What an admin writes under ``connectors:`` for a connector of kind ``sms_pager``."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


def is_loopback(host: str) -> bool:
    """Whether the name or address means this machine, without asking a resolver."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.fragment:
        raise ValueError(
            "must be a complete address such as https://gateway.example.com/send, without user or fragment"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            "must begin with https:// because credentials and pages travel there (http only to this machine)"
        )
    return url.rstrip("/")


def _fits_a_header(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().strip()
    if not text.isascii() or not text.isprintable():
        raise ValueError("holds characters that no such secret has: was the file saved with something else in it?")
    return SecretStr(text)


Url = Annotated[str, AfterValidator(_checked_url)]
Secret = Annotated[SecretStr, AfterValidator(_fits_a_header)]


class _Strict(BaseModel):
    # hide_input_in_errors: an error of the whole mapping would otherwise quote a secret.
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True, coerce_numbers_to_str=True
    )


class TwilioSettings(_Strict):
    """A Twilio account. Requests are signed in with the API key if one is set, else with the auth token."""

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    auth_token: Secret | None = Field(
        default=None, description="Needed for delivery receipts: Twilio signs them with it."
    )
    secondary_auth_token: Secret | None = Field(
        default=None, description="The other live token during a rotation; receipts signed with either are accepted."
    )
    api_key_sid: str = Field(default="", pattern=r"^(SK[0-9a-fA-F]{32})?$")
    api_key_secret: Secret | None = None
    from_: str = Field(default="", alias="from", description="A number, short code or name that the account owns.")
    messaging_service_sid: str = Field(default="", pattern=r"^(MG[0-9a-fA-F]{32})?$")
    validity_seconds: int = Field(
        default=900, ge=1, le=36_000, description="How long Twilio may keep an undelivered page."
    )
    api_url: Url = "https://api.twilio.com"
    timeout_seconds: float = Field(default=15.0, gt=0, le=120)

    @field_validator("from_")
    @classmethod
    def _sender_is_possible(cls, sender: str) -> str:
        return _checked_sender(sender) if sender else ""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if bool(self.api_key_sid) != bool(self.api_key_secret):
            raise ValueError("api_key_sid and api_key_secret belong together: set both, or neither")
        if not self.auth_token and not self.api_key_sid:
            raise ValueError("set auth_token, or api_key_sid with api_key_secret")
        if bool(self.from_) == bool(self.messaging_service_sid):
            raise ValueError("set exactly one of `from` and `messaging_service_sid`")
        return self

    @property
    def can_be_answered(self) -> bool:
        """Whether a message can be answered (a name cannot), and we could tell that the answer is genuine."""
        is_number = self.from_.lstrip("+").isdigit()
        return bool(self.live_tokens) and (is_number or bool(self.messaging_service_sid))

    @property
    def live_tokens(self) -> tuple[str, ...]:
        """The tokens with which a receipt may be signed."""
        return tuple(token.get_secret_value() for token in (self.auth_token, self.secondary_auth_token) if token)


class VonageSettings(_Strict):
    """A Vonage account: the Messages API (``messages``), or the older SMS API (``sms``), which has no signed receipts here."""

    api: Literal["messages", "sms"] = "messages"
    api_key: str = Field(pattern=r"^[A-Za-z0-9]{1,64}$")
    api_secret: Secret
    from_: str = Field(alias="from", description="A number or name that the account may use.")
    signature_secret: Secret | None = Field(
        default=None, description="Needed for delivery receipts: Vonage signs them with it (Messages API only)."
    )
    validity_seconds: int = Field(default=900, ge=20, le=604_800)
    api_url: Url | Literal[""] = Field(default="", description="Empty: the address of the chosen API.")
    timeout_seconds: float = Field(default=15.0, gt=0, le=120)

    @field_validator("from_")
    @classmethod
    def _sender_is_possible(cls, sender: str) -> str:
        return _checked_sender(sender)


class GatewayAuth(_Strict):
    """How we log in at a gateway. ``query`` is for gateways that offer nothing else: their access log will show the secret."""

    type: Literal["none", "basic", "bearer", "header", "query"] = "none"
    username: str = Field(default="", pattern=r"^[^:\r\n]*$", description="For `basic`.")
    name: str = Field(
        default="", pattern=r"^[A-Za-z0-9_-]*$", description="The header or query parameter that holds the secret."
    )
    secret: Secret | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.type != "none" and self.secret is None:
            raise ValueError(f"auth type {self.type} needs a secret")
        if self.type == "basic" and not self.username:
            raise ValueError("auth type basic needs a username")
        if self.type in {"header", "query"} and not self.name:
            raise ValueError(f"auth type {self.type} needs the name of the {self.type} parameter")
        return self


class GatewaySettings(_Strict):
    """Any other service that takes a text message over HTTP.

    Values may hold ``{to}``, ``{text}``, ``{from}`` and ``{reference}``; each is filled in and then encoded as its place needs.
    """

    url: Url
    method: Literal["GET", "POST", "PUT"] = "POST"
    auth: GatewayAuth = GatewayAuth()
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, str] = Field(default_factory=dict, description="Added to the URL.")
    form: dict[str, str] = Field(default_factory=dict, description="Sent as a form. At most one of form, json.")
    json_: dict[str, Any] = Field(default_factory=dict, alias="json", description="Sent as JSON; may be nested.")
    charset: Literal["utf-8", "iso-8859-1"] = Field(default="utf-8", description="Of query and form.")
    number_format: Literal["plus", "double_zero", "digits"] = Field(
        default="plus", description="+4930…, 004930… or 4930…"
    )
    from_: str = Field(default="", alias="from")
    success_statuses: frozenset[int] = frozenset({200, 201, 202})
    retry_statuses: frozenset[int] = Field(
        default=frozenset({429, 503}),
        description="Nothing was done: to be tried again. Other 5xx leave the outcome unknown.",
    )
    status_path: str = Field(
        default="",
        description="Where the JSON answer says what happened: `messages.0.status`. Checked besides the HTTP status.",
    )
    success_values: tuple[str, ...] = Field(default=(), description="What stands there if it was accepted.")
    retry_values: tuple[str, ...] = Field(default=(), description="What stands there if it may be tried again.")
    success_pattern: str = Field(
        default="",
        description="For answers that are plain text: `OK*`, with * for anything. Must fit the whole answer.",
    )
    id_path: str = Field(default="", description="Where the JSON answer holds the id of the message.")
    timeout_seconds: float = Field(default=15.0, gt=0, le=120)

    @field_validator("headers")
    @classmethod
    def _headers_are_lines(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            is_name = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
            if not is_name or not value.isascii() or not value.isprintable():
                raise ValueError(f"{name!r} is no header that can be sent")
        return headers

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.form and self.json_:
            raise ValueError("set at most one of form and json")
        if self.method == "GET" and (self.form or self.json_):
            raise ValueError("a GET has no body: put the values under query")
        if bool(self.status_path) != bool(self.success_values):
            raise ValueError("status_path and success_values belong together: set both, or neither")
        used = repr((self.query, self.form, self.json_))
        for needed in ("{to}", "{text}"):
            if needed not in used:
                raise ValueError(f"no value holds {needed}: the gateway would not learn it")
        return self


class SmsPagerSettings(_Strict):
    """How pages leave as text messages: exactly one of ``twilio``, ``vonage`` and ``gateway``."""

    twilio: TwilioSettings | None = None
    vonage: VonageSettings | None = None
    gateway: GatewaySettings | None = None
    timezone: str = Field(
        default="",
        description="The zone in which times are told to whoever has no `tz`, such as `Europe/Berlin`; empty: that of the configuration.",
    )
    omit_link_for: tuple[Annotated[str, Field(pattern=r"^\+\d{1,6}$")], ...] = Field(
        default=("+86",),
        description="Countries whose carriers drop messages with links; people there acknowledge elsewhere.",
    )
    replies: bool = Field(
        default=False,
        description="Pages say how to answer them. The service must POST incoming messages to `/api/v1/replies/NAME`; Twilio only.",
    )
    no_reply_for: tuple[Annotated[str, Field(pattern=r"^\+\d{1,6}$")], ...] = Field(
        default=("+91", "+86", "+502", "+506", "+507", "+84"),
        description="Countries from which answers do not come back, so that pages there do not ask for them.",
    )

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            name and ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # not found; not a name; a folder such as "Europe"
            raise ValueError(f"no time zone is called {name!r}; write it as Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _has_one_vendor(self) -> Self:
        if sum(vendor is not None for vendor in (self.twilio, self.vonage, self.gateway)) != 1:
            raise ValueError("set exactly one of `twilio`, `vonage` and `gateway`")
        if self.replies and (self.twilio is None or not self.twilio.can_be_answered):
            raise ValueError(
                "`replies: true` needs twilio, with an auth_token to check what it signs, and a number that can be answered"
                " (or a messaging service) in `from`"
            )
        return self


def _checked_sender(sender: str) -> str:
    text = sender.strip()
    is_ascii = text.isascii()
    is_number = is_ascii and text[:1] == "+" and text[1:].isdigit() and 7 <= len(text) - 1 <= 15
    is_short_code = is_ascii and text.isdigit() and 3 <= len(text) <= 8
    is_name = (
        is_ascii and 1 <= len(text) <= 11 and not text.isdigit() and all(c.isalnum() or c in " &_+-" for c in text)
    )
    if not (is_number or is_short_code or is_name):
        raise ValueError(
            'must be a number such as "+493012345678" (in quotes), a short code, or a name of at most 11 characters'
        )
    return text
