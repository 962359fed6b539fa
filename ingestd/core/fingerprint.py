"""What makes two observations the same alert: the source and a fingerprint of the labels.

Never part of it: ``startsAt`` (Alertmanager resolves alerts with a start that it never announced), ``groupKey`` (it changes when somebody
edits the routing), annotations (they carry the measured value), the receiver. Measured with Alertmanager 0.25.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Final

from ingestd.core.names import AlertKey

_HEX_DIGITS: Final = frozenset("0123456789abcdef")
_CHARS_MIN: Final = 8
_CHARS_MAX: Final = 64


def sender_fingerprint(value: object) -> str:
    """The fingerprint that the sender gave, in lower case; empty unless it is a string of 8 to 64 hexadecimal digits.

    Alertmanager and Grafana send 16 (a hash of the label set). Anything else is not trusted to identify.
    """
    if not isinstance(value, str) or not _CHARS_MIN <= len(value) <= _CHARS_MAX:
        return ""
    lower = value.lower()
    return lower if _HEX_DIGITS.issuperset(lower) else ""


def label_fingerprint(labels: Mapping[str, str]) -> str:
    """``v1:`` and the SHA-256 of the label set, for senders that give no fingerprint.

    Hashed are the lengths in characters (32 bits, big-endian) of the sorted names and then of their values, followed by all these
    texts in UTF-8: the order of the labels does not matter, and no two label sets share an encoding.
    The labels must be storable text. ``v1`` names this encoding: it must never change, or every open alert would be a new one.
    """
    names = sorted(labels)
    texts = [*names, *[labels[name] for name in names]]
    lengths = struct.pack(f">{len(texts)}I", *map(len, texts))
    return f"v1:{hashlib.sha256(lengths + ''.join(texts).encode()).hexdigest()}"


def legacy_rule_fingerprint(org_id: int, rule_id: int) -> str:
    """The identity of a Grafana rule before unified alerting, which sent one state per rule: ``rule:{org}:{rule}``."""
    return f"rule:{org_id}:{rule_id}"


def alert_key(source: str, fingerprint: str) -> AlertKey:
    """``{source}/{fingerprint}``: the same labels from two sources are two alerts."""
    return AlertKey(f"{source}/{fingerprint}")
