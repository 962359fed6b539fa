"""What counts as one address, and how fast it may go."""

from __future__ import annotations

import pytest

from ingestd.intake.smtp_floor import Rates, Share, SmtpFloor, address_of
from ingestd.intake.smtp_settings import SmtpLimits


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_a_site_of_ipv6_counts_as_one_address(remote, address):
    assert address_of(remote) == address


def test_what_was_counted_wears_off_within_a_minute():
    now = [0.0]
    rates = Rates(lambda: now[0])
    for _ in range(10):
        rates.count("a", 10)
    assert (rates.level("a", 10), rates.level("b", 10)) == (10, 0)
    now[0] = 30
    assert rates.level("a", 10) == 5
    now[0] = 61
    assert rates.level("a", 10) == 0


def test_addresses_without_number_do_not_take_the_memory():
    rates = Rates(lambda: 0.0)
    for number in range(30_000):
        rates.count(str(number), 10)
    assert len(rates._levels) == 10_000
    assert rates.level("29999", 10) == 1


def test_strangers_leave_half_of_the_room_to_our_relays():
    floor = SmtpFloor(SmtpLimits(in_flight_bytes_max=100), lambda: 0.0)
    stranger, relay = Share(floor, is_trusted=False), Share(floor, is_trusted=True)
    assert stranger.reserve(50)
    assert not stranger.reserve(1)
    assert relay.reserve(50)
    assert not relay.reserve(1)
    stranger.release()
    stranger.release()
    assert floor.in_flight_bytes == 50
