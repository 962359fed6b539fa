from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.sources.timestamps import read_timestamp


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-11-21T19:14:55.568Z", datetime(2026, 11, 21, 19, 14, 55, 568000, UTC)),
        ("2026-11-21T19:14:55Z", datetime(2026, 11, 21, 19, 14, 55, 0, UTC)),
        ("2026-11-21T19:16:28.787790526Z", datetime(2026, 11, 21, 19, 16, 28, 787790, UTC)),
        ("2026-01-02T03:04:05.123456789+05:30", datetime(2026, 1, 1, 21, 34, 5, 123456, UTC)),
        ("2026-01-02T03:04:05.1-11:45", datetime(2026, 1, 2, 14, 49, 5, 100000, UTC)),
        ("2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, 0, UTC)),
        ("2026-01-02 03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, 0, UTC)),
        ("1970-01-01T00:00:00+01:00", datetime(1969, 12, 31, 23, 0, 0, 0, UTC)),
    ],
)
def test_an_instant_is_read_with_any_fraction_and_offset(written, instant):
    assert read_timestamp(written) == instant
    assert read_timestamp(written).tzinfo is UTC


@pytest.mark.parametrize("digits", range(1, 10))
def test_one_to_nine_fraction_digits_are_read(digits):
    assert read_timestamp(f"2026-01-02T03:04:05.{'123456789'[:digits]}Z") == datetime(
        2026, 1, 2, 3, 4, 5, int("123456789"[:digits].ljust(6, "0")[:6]), UTC
    )


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+05:30",
        "0001-01-01T00:00:00.000000000-08:00",
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-02T03:04:05",
        "2026-01-02",
        "yesterday, I believe so",
        "",
        "2026-01-02T03:04:05Z" + " " * 100,
        "\ud800" * 25,
        None,
        1767323045,
        ["2026-01-02T03:04:05Z"],
        {},
        True,
    ],
    ids=repr,
)
def test_no_instant_is_none_and_never_an_error(written):
    assert read_timestamp(written) is None


@given(
    st.text(max_size=70)
    | st.from_regex(
        r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{0,9})?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
    )
)
def test_whatever_is_written_arithmetic_on_the_result_is_safe(written):
    instant = read_timestamp(written)
    if instant is not None:
        assert instant.tzinfo is UTC
        assert 1969 <= instant.year <= 3000
