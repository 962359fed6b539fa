"""From the configuration to what each part of the daemon is told. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from ingestd.config.listener_model import ListenerSection
from ingestd.config.load import Loaded
from ingestd.config.mailbox_model import MailboxSection
from ingestd.config.model import Config
from ingestd.config.policy import build_policy
from ingestd.config.source_model import AuthSection, BasicSection
from ingestd.config.window_model import window_of
from ingestd.core.sources import SourceKind
from ingestd.intake.mailbox_plan import MailboxPlan, MailRoutes, OAuthPlan
from ingestd.intake.settings import (
    Auth,
    Basic,
    Bearer,
    GrafanaHmac,
    Open,
    Secret,
    SecretHeader,
    ServerLimits,
    SourceDoor,
)
from ingestd.intake.smtp_settings import SmtpLimits, SmtpSettings
from ingestd.telemetry.log_masking import Mask
from ingestd.web.desk import Access, ApiToken, Role
from ingestd.workers.current import CalendarPlan, HeartbeatPlan, ScheduledDrill, Standing


def doors(config: Config) -> list[SourceDoor]:
    """The sources, as intake knows them."""
    return [
        SourceDoor(
            name=name,
            kind=source.kind,
            auth=_auth(source.auth or AuthSection(is_none=True)),
            body_bytes_max=config.limits_of(name).body_bytes,
            allowed_networks=tuple(source.allowed_networks),
        )
        for name, source in config.sources.items()
        if source.kind is not SourceKind.EMAIL
    ]


def _auth(section: AuthSection) -> Auth:
    if section.bearer:
        return Bearer(tuple(Secret.of(secret.get_secret_value()) for secret in section.bearer.secrets))
    if section.basic:
        return _basic(section.basic)
    if section.header:
        secrets = tuple(Secret.of(secret.get_secret_value()) for secret in section.header.secrets)
        return SecretHeader(section.header.name, secrets)
    if section.grafana_hmac:
        signed = section.grafana_hmac
        secrets = tuple(Secret.of(secret.get_secret_value()) for secret in signed.secrets)
        return GrafanaHmac(secrets, signed.header, signed.timestamp_header, float(signed.replay_window_seconds))
    return Open()


def _basic(section: BasicSection) -> Basic:
    return Basic(section.username, tuple(Secret.of(secret.get_secret_value()) for secret in section.passwords))


def smtp_settings(config: Config, listener: ListenerSection) -> SmtpSettings:
    """The listener for mail, for the sources of mail that there are."""
    limits, auth = listener.limits, listener.auth
    mail = {name: config.ways_of(name).mail for name in config.sources}
    return SmtpSettings(
        hostname=listener.hostname or "",
        sources={name: source for name, source in mail.items() if source is not None},
        source_networks={name: source.allowed_networks for name, source in config.sources.items()},
        users=tuple(_basic(user) for user in auth.users) if auth else (),
        is_login_required=auth is not None and auth.required,
        is_tls_required=listener.require_tls,
        allowed_networks=listener.allowed_networks,
        trusted_networks=listener.trusted_networks,
        limits=SmtpLimits(
            message_bytes_max=limits.message_bytes,
            in_flight_bytes_max=limits.in_flight_bytes,
            line_bytes_max=limits.line_bytes,
            recipients_max=limits.recipients,
            connections_max=limits.connections,
            connections_per_address_max=limits.connections_per_address,
            mails_per_minute_max=limits.mails_per_minute,
            logins_per_minute_max=limits.failed_logins_per_minute,
            errors_max=limits.errors,
            hops_max=limits.hops,
            command_seconds=float(limits.command_seconds),
            data_seconds=float(limits.data_seconds),
            session_seconds=float(limits.session_seconds),
        ),
    )


def mailboxes(config: Config) -> list[MailboxPlan]:
    """The mailboxes that are read."""
    return [_mailbox(name, section) for name, section in config.mail.mailboxes.items()]


def _mailbox(name: str, section: MailboxSection) -> MailboxPlan:
    oauth = section.oauth
    return MailboxPlan(
        account=name,
        host=section.host,
        port=section.port_in_use,
        tls=section.tls,
        username=section.username,
        source=section.source,
        password=section.password.get_secret_value() if section.password else "",
        oauth=OAuthPlan(
            token_path=oauth.token_path,
            token_url=oauth.token_url or "",
            client_id=oauth.client_id or "",
            client_secret=oauth.client_secret.get_secret_value() if oauth.client_secret else "",
            scope=oauth.scope or "",
        )
        if oauth
        else None,
        ca_file=section.ca_file,
        folder=section.folder,
        move_to=section.move_to or "",
        start_with=section.start_with,
        poll_seconds=float(section.poll_every_seconds),
        has_idle=section.idle,
    )


def mail_routes(config: Config) -> MailRoutes:
    """Which source takes the mail to whom."""
    found = {name: config.ways_of(name).mail for name in config.sources}
    return MailRoutes({name: source for name, source in found.items() if source is not None})


def server_limits(config: Config) -> ServerLimits:
    """The bounds of one listener."""
    limits = config.server.limits
    return ServerLimits(
        connections_max=limits.connections,
        header_bytes_max=limits.header_bytes,
        header_line_bytes_max=limits.header_line_bytes,
        header_count_max=limits.header_count,
        header_seconds=float(limits.header_seconds),
        body_seconds=float(limits.body_seconds),
    )


def standing(loaded: Loaded, secrets: Iterable[str]) -> Standing:
    """What the workers go by. The secrets are hidden wherever a service repeats them."""
    config = loaded.config
    heartbeat = config.heartbeat
    return Standing(
        policy=build_policy(loaded),
        external_url=config.server.external_url.rstrip("/"),
        read_limits={name: config.limits_of(name).reading for name in config.sources},
        ways={name: config.ways_of(name) for name in config.sources},
        hide=Mask(secrets).text,
        heartbeat=HeartbeatPlan(heartbeat.url.get_secret_value(), heartbeat.every_seconds) if heartbeat else None,
        calendars=tuple(_calendar_plans(config)),
        drills=tuple(ScheduledDrill(one.policy, window_of(one.when, config.timezone)) for one in config.drills),
    )


def _calendar_plans(config: Config) -> Iterator[CalendarPlan]:
    for name, schedule in config.schedules.items():
        calendar = schedule.calendar
        if calendar is not None:
            url = calendar.url.get_secret_value() if calendar.url is not None else ""
            yield CalendarPlan(name, schedule.tz or config.timezone, calendar.every_seconds, url, calendar.path)


def access(config: Config) -> Access:
    """Who may use the API."""
    tokens = [ApiToken(token.name, Role(token.role), token.token.get_secret_value()) for token in config.api.tokens]
    return Access(tokens, config.api.loopback_without_token)


def secrets(loaded: Loaded, settings: Iterable[BaseModel]) -> list[str]:
    """Every secret of the configuration and of the connectors' settings, for masking them in logs."""
    found: list[str] = []
    for model in (loaded.config, *settings):
        _gather(model, found)
    return found


def _gather(value: object, found: list[str]) -> None:
    if isinstance(value, SecretStr):
        found.append(value.get_secret_value())
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            _gather(getattr(value, name), found)
    elif isinstance(value, Mapping):
        for inner in value.values():
            _gather(inner, found)
    elif isinstance(value, tuple | list):
        for inner in value:
            _gather(inner, found)


def database_url(config: Config) -> str:
    """The database as SQLAlchemy names it. May hold a password: never log or show it."""
    if config.database.is_sqlite:
        return f"sqlite:///{config.database.path}"
    if config.database.password is None:
        return config.database.url
    scheme, _, rest = config.database.url.partition("://")
    user, at, host = rest.partition("@")
    password = quote(config.database.password.get_secret_value(), safe="")
    return f"{scheme}://{user}:{password}@{host}" if at else f"{scheme}://:{password}@{rest}"
