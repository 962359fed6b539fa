"""What single values of a configuration may look like: durations, sizes, instants, zones, addresses, numbers of phones."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from ingestd.config.problems import did_you_mean
from ingestd.config.yaml_tree import WrittenFloat, WrittenInt

_DURATION = re.compile(r"(?:(?P<d>\d{1,5})d)?(?:(?P<h>\d{1,6})h)?(?:(?P<m>\d{1,7})m)?(?:(?P<s>\d{1,8})s)?")
_SIZE = re.compile(r"(?P<count>\d{1,12}) ?(?P<unit>B|KiB|MiB|GiB)")
_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f]{1,64}@[^\s@<>,;:\"()\[\]\\\x00-\x1f]{1,250}")
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


def fault(code: str, text: str, hint: str = "") -> PydanticCustomError:
    """The error that a validator raises for a value: its code, text and hint reach the reader as they are."""
    # Text goes through the context because PydanticCustomError would take its braces for placeholders.
    return PydanticCustomError(code, "{text}", {"text": text, "hint": hint})


def as_written(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    """Text for a number that stands where text is wanted: ``1.10`` stays ``1.10``."""
    return value.text if isinstance(value, WrittenInt | WrittenFloat) else value


def is_duration(value: Any) -> bool:  # noqa: ANN401 (a value from YAML)
    """Whether this is how a duration is written, whatever its size."""
    return isinstance(value, str) and bool(value) and _DURATION.fullmatch(value) is not None


def parse_duration(value: Any) -> int:  # noqa: ANN401 (a value from YAML)
    """Seconds from ``30s``, ``5m``, ``2h``, ``1d`` or several of them, largest first: ``1h30m``. Zero is ``0s``."""
    hint = "write 30s, 5m, 2h or 1d"
    if isinstance(value, WrittenInt):
        raise fault("duration", f"{value} has no unit", f"write {value}s for seconds")
    if not isinstance(value, str):
        raise fault("duration", "this is not a duration", hint)
    match = _DURATION.fullmatch(value)
    if not value or match is None:
        raise fault("duration", f'"{value[:60]}" is not a duration', hint)
    days, hours, minutes, seconds = (int(match[unit] or 0) for unit in "dhms")
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def parse_size(value: Any) -> int:  # noqa: ANN401 (a value from YAML)
    """Bytes from ``512B``, ``64KiB``, ``2MiB`` or ``1GiB``."""
    text = as_written(value)
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise fault("size", "this is not a size", "write 512B, 64KiB or 2MiB")
    return int(match["count"]) * _UNITS[match["unit"]]


def parse_at(value: Any) -> datetime:  # noqa: ANN401 (a value from YAML)
    """``2026-03-29 03:30``, with or without seconds and an offset. Naive without an offset: ``tz`` says of where."""
    hint = "write  2026-03-29 03:30  or  2026-03-29T03:30:00Z"
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) and ":" in value else None
    except ValueError:
        at = None
    if at is None or not 1971 <= at.year <= 9000:  # beyond that a zone, or a step later, may be out of the calendar
        raise fault("instant", "this is not an instant", hint)
    return at


def parse_zone(value: Any) -> zoneinfo.ZoneInfo:  # noqa: ANN401 (a value from YAML)
    """A zone of the IANA database."""
    try:
        return zoneinfo.ZoneInfo(value)
    except (KeyError, ValueError, OSError, TypeError):
        hint = _zone_hint(value) if isinstance(value, str) else ""
        raise fault("zone", "there is no such time zone", hint or "write  Europe/Berlin  or  UTC") from None


def _zone_hint(text: str) -> str:
    """The zone that was meant, whatever its letters' case, also by the name of its city alone."""
    wanted = text.strip().replace(" ", "_").lower()
    known = sorted(zoneinfo.available_timezones(), key=lambda name: (len(name), name))
    meant = [name for name in known if wanted in {name.lower(), name.lower().rpartition("/")[2]}]
    if meant:
        return f'did you mean "{meant[0]}"?'
    return did_you_mean(text[:60], known) if len(text) > 4 else ""  # CEST is not EST


def duration_range(low: str, high: str) -> AfterValidator:
    """A bound for durations, in the words of the file."""
    return _range(parse_duration, low, high)


def size_range(low: str, high: str) -> AfterValidator:
    """A bound for sizes, in the words of the file."""
    return _range(parse_size, low, high)


def _range(parse: Callable[[Any], int], low: str, high: str) -> AfterValidator:
    least, most = parse(low), parse(high)

    def check(value: int) -> int:
        if not least <= value <= most:
            raise fault("value", f"this must be from {low} to {high}")
        return value

    return AfterValidator(check)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a server listens. ``host`` is an IP address or a name; empty means every address of the machine."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_listen(value: Any) -> ListenAddress:  # noqa: ANN401 (a value from YAML)
    """``127.0.0.1:8095``, ``[::1]:8095``, ``localhost:8095`` or ``:8095`` (every address)."""
    if isinstance(value, ListenAddress):
        return value
    hint = "write 127.0.0.1:8095, [::1]:8095 or :8095"
    if not isinstance(value, str):
        raise fault("address", "this is not an address to listen on", hint)
    host, colon, port = value.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise fault("address", f'"{value[:60]}": an IPv6 address must be in brackets', hint)
    if not colon or not port.isascii() or not port.isdigit() or int(port[:6]) > 65535 or re.search(r"[\s/@]", host):
        raise fault("address", f'"{value[:60]}" is not an address to listen on', hint)
    return ListenAddress(host, int(port))


def parse_network(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:  # noqa: ANN401 (a value from YAML)
    """A network or a single address: ``10.0.0.0/8``, ``192.0.2.7``, ``fd00::/8``."""
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    try:
        return ipaddress.ip_network(str(as_written(value)))
    except ValueError as exc:
        raise fault("network", str(exc)[:120], "write 10.0.0.0/8 or a single address") from None


def check_url(value: str) -> str:
    """An http(s) URL without credentials, query and fragment, and without a slash at the end."""
    hint = "write https://ingestd.example.com"
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
        parts = urlsplit("")
    if not is_good or re.search(r"\s", value):
        raise fault("url", "this is not an http or https URL", hint)
    if parts.username or parts.password:
        raise fault("url", "no user name or password may stand in this URL", hint)
    if parts.query or parts.fragment:
        raise fault("url", "this URL cannot have a ? or # part", hint)
    return value.rstrip("/")


def check_database_url(value: str) -> str:
    """``sqlite:PATH`` or ``postgresql://...``."""
    if not re.fullmatch(r"sqlite:[^\x00]*[^/\x00]|postgresql://\S+", value) or value.startswith("sqlite://"):
        raise fault("database", "this is not a database", "write sqlite:PATH or postgresql://USER@HOST/NAME")
    return value


def check_email(value: str) -> str:
    """A plain email address, without a display name."""
    if not _EMAIL.fullmatch(value):
        raise fault("email", f'"{value[:80]}" is not an email address', "write the bare address: asha@example.com")
    return value


def check_phone(value: str) -> str:
    """A phone number with its country code, normalised to E.164 (``+`` and digits)."""
    hint = "write it with + and the country code: +49 1511 2345678"
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        raise fault("phone", "this phone number cannot be read", hint) from None
    if not phonenumbers.is_possible_number(number):
        raise fault("phone", "there cannot be such a phone number: too short, too long or a wrong country code", hint)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def none_word(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    """``none``, written out, stands for None; an empty value does not."""
    if value is None:
        raise fault("empty", "this key has no value", "write none if that is meant")
    return None if value == "none" else value


Text = Annotated[str, BeforeValidator(as_written)]
Name = Annotated[str, Field(pattern=NAME_PATTERN), BeforeValidator(as_written)]
DurationSeconds = Annotated[
    int,
    PlainValidator(
        parse_duration,
        json_schema_input_type=Annotated[
            str, Field(pattern=r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", min_length=2)
        ],
    ),
]
SizeBytes = Annotated[int, PlainValidator(parse_size, json_schema_input_type=str)]
Listen = Annotated[ListenAddress, PlainValidator(parse_listen, json_schema_input_type=str)]
Instant = Annotated[datetime, PlainValidator(parse_at, json_schema_input_type=str)]
Zone = Annotated[zoneinfo.ZoneInfo, PlainValidator(parse_zone, json_schema_input_type=str)]
Network = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network, PlainValidator(parse_network, json_schema_input_type=str)
]
OptionalUrl = Annotated[Text, AfterValidator(lambda value: check_url(value) if value else "")]
DatabaseUrl = Annotated[Text, AfterValidator(check_database_url)]
Email = Annotated[Text, AfterValidator(check_email)]
Phone = Annotated[Text, AfterValidator(check_phone)]
