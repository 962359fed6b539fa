"""Samples and one question that every answer of a source reader has to pass."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.names import AlertStatus
from ingestd.core.sources import QuarantineReason, ReadLimits


def _is_storable(text: str) -> bool:
    return "\0" not in text and text == text.encode().decode()


def _check_alert(alert: Alert, source: str, limits: ReadLimits) -> None:
    assert alert.source == source
    assert alert.key.startswith(f"{source}/")
    assert len(alert.key) > len(source) + 1
    assert isinstance(alert.status, AlertStatus)
    assert len(alert.labels) <= limits.labels_count_max
    assert len(alert.annotations) <= limits.annotations_count_max
    for texts, chars_max in (
        (alert.labels, limits.label_value_chars_max),
        (alert.annotations, limits.annotation_chars_max),
    ):
        for name, text in texts.items():
            assert 0 < len(name) <= limits.label_name_chars_max
            assert 0 < len(text) <= chars_max
            assert _is_storable(name)
            assert _is_storable(text)
    for url in alert.links.values():
        assert url.lower().startswith(("http://", "https://"))
        assert url.isprintable()
        assert " " not in url
    for instant in (alert.starts_at, alert.ends_at):
        assert instant is None or (instant.tzinfo is UTC and 1969 <= instant.year <= 3000)
    for line in (alert.state_reason, alert.value):
        assert len(line) <= limits.label_value_chars_max
        assert len(line.splitlines()) <= 1
        assert _is_storable(line)
    assert alert.summary.strip()
    assert _is_storable(alert.key)


def _check_unreadable(why: Unreadable) -> None:
    assert why.reason in set(QuarantineReason)
    assert 10 < len(why.detail) <= 450
    assert len(why.detail.splitlines()) == 1
    assert _is_storable(why.detail)


def _check(result: object, source: str, limits: ReadLimits) -> None:
    if isinstance(result, Unreadable):
        _check_unreadable(result)
        return
    assert isinstance(result, ParsedEnvelope)
    assert len(result.alerts) + len(result.refused) <= limits.alerts_count_max + 1
    assert result.truncated_count >= 0
    assert result.cut_count >= 0
    for alert in result.alerts:
        _check_alert(alert, source, limits)
    for why in result.refused:
        _check_unreadable(why)


@pytest.fixture(scope="session")
def check_result():
    """``check_result(result, source, limits)`` asserts everything that a reader promises of its answer, whatever it read."""
    return _check


@pytest.fixture(scope="session")
def sample(root: Path):
    """``sample("grafana/legacy-ok")`` is the body of that sample, byte for byte."""

    def read(name: str) -> bytes:
        return (root / "tests" / "samples" / f"{name}.json").read_bytes()

    return read
