"""Who may send: every way to authenticate, both live secrets, and headers that strangers make up."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from ingestd.core.sources import SourceKind
from ingestd.intake.authenticate import checker_for, is_within
from ingestd.intake.settings import Basic, Bearer, GrafanaHmac, Open, Secret, SecretHeader, SourceDoor
from tests.intake.conftest import ALERT, NOW, request_of

OLD, NEW = "the-old-secret", "the-new-sécret"
SECRETS = (Secret.of(OLD), Secret.of(NEW))
BEARER = Bearer(SECRETS)
BASIC = Basic("alertmanager", SECRETS)
HEADER = SecretHeader("X-Ingestd-Token", SECRETS)
HMAC = GrafanaHmac(SECRETS)
TIMED = GrafanaHmac(SECRETS, timestamp_header="X-Grafana-Alerting-Timestamp")
AT = int(NOW.timestamp())


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def signed(body: bytes = ALERT, *, secret: str = OLD, at: int | str | None = None) -> dict[str, str]:
    prefix = b"" if at is None else f"{at}:".encode()
    found = {"X-Grafana-Alerting-Signature": hmac.new(secret.encode(), prefix + body, hashlib.sha256).hexdigest()}
    return found if at is None else {**found, "X-Grafana-Alerting-Timestamp": str(at)}


def header_of(value: str) -> str:
    """A header value as aiohttp hands it over: any bytes, the strange ones as surrogates."""
    return value.encode().decode("utf-8", "surrogateescape")


GOOD = [
    (BEARER, {"Authorization": f"Bearer {OLD}"}),
    (BEARER, {"Authorization": header_of(f"Bearer {NEW}")}),
    (BEARER, {"Authorization": f"bearer   {OLD}"}),
    (BASIC, {"Authorization": basic(f"alertmanager:{OLD}")}),
    (BASIC, {"Authorization": basic(f"alertmanager:{NEW}")}),
    (HEADER, {"x-ingestd-token": OLD}),
    (HEADER, {"X-Ingestd-Token": header_of(NEW)}),
    (Open(), {}),
]
BAD = [
    (BEARER, {}),
    (BEARER, {"Authorization": ""}),
    (BEARER, {"Authorization": "Bearer"}),
    (BEARER, {"Authorization": "Bearer "}),
    (BEARER, {"Authorization": OLD}),
    (BEARER, {"Authorization": f"Basic {OLD}"}),
    (BEARER, {"Authorization": f"Bearer {OLD[:-1]}"}),
    (BEARER, {"Authorization": f"Bearer {OLD}x"}),
    (BEARER, {"Authorization": "Bearer \udcff\udc80"}),
    (BASIC, {"Authorization": basic(f"alertmanager:{OLD}x")}),
    (BASIC, {"Authorization": basic(f"somebody:{OLD}")}),
    (BASIC, {"Authorization": basic("alertmanager:")}),
    (BASIC, {"Authorization": "Basic ***"}),
    (BASIC, {"Authorization": "Basic é"}),
    (BASIC, {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()}),
    (HEADER, {"X-Ingestd-Token": ""}),
    (HEADER, {"X-Other": OLD}),
    (HMAC, {}),
    (TIMED, signed()),
    (TIMED, {"X-Grafana-Alerting-Timestamp": str(AT)}),
    (TIMED, signed(at="now")),
    (TIMED, signed(at="-1")),
    (TIMED, signed(at="9" * 5000)),
    (TIMED, signed(at="\uff11\uff12")),
]


@pytest.mark.parametrize(("auth", "headers"), GOOD)
def test_a_sender_with_a_live_secret_is_admitted(auth, headers):
    assert checker_for("am", auth).admits(CIMultiDict(headers), NOW)


@pytest.mark.parametrize(("auth", "headers"), BAD)
def test_others_are_not(auth, headers):
    assert not checker_for("am", auth).admits(CIMultiDict(headers), NOW)


def test_a_credential_that_stands_there_twice_is_none():
    twice = CIMultiDict([("Authorization", f"Bearer {OLD}"), ("Authorization", f"Bearer {OLD}")])
    assert not checker_for("am", BEARER).admits(twice, NOW)


@given(
    auth=st.sampled_from([BEARER, BASIC, HEADER, HMAC, TIMED]),
    value=st.text(st.characters(codec=None, exclude_categories=[]), max_size=80),
    prefix=st.sampled_from(["", "Bearer ", "Basic "]),
    stamp=st.text(max_size=20),
)
def test_no_header_raises_and_no_stranger_gets_in(auth, value, prefix, stamp):
    names = ["Authorization", "X-Ingestd-Token", "X-Grafana-Alerting-Signature"]
    value = value.encode("utf-8", "replace").decode()  # what a socket can bring
    headers = CIMultiDict({**dict.fromkeys(names, prefix + value), "X-Grafana-Alerting-Timestamp": stamp})
    checker = checker_for("am", auth)
    assert not checker.admits(headers, NOW) or (checker.is_signed and not checker.proves(headers, ALERT))


def test_grafanas_signature_without_a_timestamp():
    """Computed with another implementation of HMAC-SHA256 over the body alone."""
    vector = {
        "X-Grafana-Alerting-Signature": "5910e62016ef5034272c926c27071992a465c2335cecf41851bda071577f4f6d",
    }
    checker = checker_for("grafana", GrafanaHmac((Secret.of("s3cret"),)))
    assert checker.proves(CIMultiDict(vector), b'{"a":1}')
    assert not checker.proves(CIMultiDict(vector), b'{"a":2}')
    assert checker.signature(CIMultiDict(vector)) is None


def test_grafanas_signature_with_a_timestamp():
    vector = {
        "X-Grafana-Alerting-Signature": "05d9bc30f0201f409fa39328f2417ecd7da92ccf4e9bdb80fa96f8518b0dd0a3",
        "X-Grafana-Alerting-Timestamp": "1700000000",
    }
    auth = GrafanaHmac((Secret.of("s3cret"),), timestamp_header="X-Grafana-Alerting-Timestamp")
    checker = checker_for("grafana", auth)
    assert checker.admits(CIMultiDict(vector), datetime.fromtimestamp(1700000000, UTC))
    assert checker.proves(CIMultiDict(vector), b'{"a":1}')
    moved = {**vector, "X-Grafana-Alerting-Timestamp": "1700000001"}
    assert not checker.proves(CIMultiDict(moved), b'{"a":1}')


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_either_live_secret_may_sign(secret):
    assert checker_for("grafana", HMAC).proves(CIMultiDict(signed(secret=secret)), ALERT)


def test_a_signature_in_capitals_or_with_a_prefix_is_none():
    value = signed()["X-Grafana-Alerting-Signature"]
    for other in (value.upper(), f"sha256={value}", value[:-1]):
        assert not checker_for("grafana", HMAC).proves(CIMultiDict({"X-Grafana-Alerting-Signature": other}), ALERT)


@pytest.mark.parametrize(
    ("age", "is_good"), [(0, True), (299, True), (300, True), (301, False), (-299, True), (-301, False)]
)
def test_a_signed_time_is_good_for_its_window(age, is_good):
    assert checker_for("grafana", TIMED).admits(CIMultiDict(signed(at=AT - age)), NOW) is is_good


@pytest.mark.parametrize(
    ("remote", "is_inside"),
    [
        ("192.0.2.7", True),
        ("::ffff:192.0.2.7", True),
        ("192.0.3.7", False),
        ("2001:db8::1", True),
        ("fe80::1%eth0", False),
        ("", False),
        ("alertmanager", False),
    ],
)
def test_an_address_is_inside_or_not(remote, is_inside):
    assert is_within(remote, [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]) is is_inside


# ---------------------------------------------------------------------------------- over the wire


def door(auth, name: str = "alertmanager") -> SourceDoor:
    return SourceDoor(name, SourceKind.ALERTMANAGER, auth)


CHALLENGES = {
    "bearer": (BEARER, "Bearer "),
    "basic": (BASIC, "Basic "),
    "header": (HEADER, "SecretHeader "),
    "hmac": (TIMED, "HMAC-SHA256 "),
}


@pytest.mark.parametrize(("auth", "scheme"), CHALLENGES.values(), ids=CHALLENGES.keys())
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_stranger_is_told_how_to_prove_himself(build, auth, scheme, method):
    house = await build(doors=[door(auth)])
    answer = await house.ask(request_of(method=method))
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith(scheme)
    assert house.refused("unauthenticated") == 1
    assert await house.stored() == []


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {OLD}"}, {"authorization": f"BEARER {OLD}"}],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_sender_is_let_in_on_both_ways(build, headers, method):
    house = await build(doors=[door(BEARER)])
    assert (await house.ask(request_of(method=method, headers=headers))).status == 202


async def test_a_secret_beyond_ascii_is_let_in(build):
    house = await build(doors=[door(BEARER)])
    assert (await house.ask(request_of(headers={"Authorization": f"Bearer {NEW}"}))).status == 202


async def test_a_stranger_cannot_make_us_read_his_body(build):
    house = await build(doors=[door(BEARER)])
    peer = await house.peer()
    peer.send(request_of(b" " * 1_000_000)[:3000])
    assert (await peer.answer()).status == 401


async def test_one_source_does_not_open_another(build):
    other = Bearer((Secret.of("another-secret"),))
    house = await build(doors=[door(BEARER), door(other, "second")])
    headers = {"Authorization": f"Bearer {OLD}"}
    assert (await house.ask(request_of(headers=headers))).status == 202
    assert (await house.ask(request_of(source="second", headers=headers))).status == 401


async def test_a_signed_message_is_good_once(build):
    house = await build(doors=[door(TIMED)])
    message = request_of(headers=signed(at=AT))
    assert (await house.ask(message)).status == 202
    house.clock.pass_seconds(299)
    answer = await house.ask(message)
    assert (answer.status, house.refused("replayed")) == (401, 1)
    house.clock.pass_seconds(2)
    assert (await house.ask(message)).status == 401
    assert house.refused("unauthenticated") == 1
    assert len(await house.stored()) == 1


async def test_the_same_message_signed_anew_is_another(build):
    house = await build(doors=[door(TIMED)])
    assert (await house.ask(request_of(headers=signed(at=AT)))).status == 202
    assert (await house.ask(request_of(headers=signed(at=AT + 1)))).status == 202


async def test_a_signed_message_that_could_not_be_stored_may_come_again(build):
    house = await build(doors=[door(TIMED)])
    message = request_of(headers=signed(at=AT))
    await house.database.run(lambda connection: connection.exec_driver_sql("ALTER TABLE inbox RENAME TO gone"))
    assert (await house.ask(message)).status == 503
    await house.database.run(lambda connection: connection.exec_driver_sql("ALTER TABLE gone RENAME TO inbox"))
    assert (await house.ask(message)).status == 202


async def test_a_changed_body_does_not_fit_its_signature(build):
    house = await build(doors=[door(TIMED)])
    answer = await house.ask(request_of(ALERT.replace(b"X", b"Y"), headers=signed(at=AT)))
    assert (answer.status, house.refused("unauthenticated")) == (401, 1)
