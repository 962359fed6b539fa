from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.fingerprint import alert_key, label_fingerprint, legacy_rule_fingerprint, sender_fingerprint

storable_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
label_sets = st.dictionaries(storable_text, storable_text, max_size=6)


@pytest.mark.parametrize(
    "value", ["241da9f9885b03fe", "01234567", "f" * 64, "0" * 8], ids=["alertmanager", "shortest", "longest", "zeros"]
)
def test_a_fingerprint_of_hexadecimal_digits_is_trusted(value):
    assert sender_fingerprint(value) == value


def test_upper_and_lower_case_digits_are_the_same_fingerprint():
    assert sender_fingerprint("241DA9F9885B03FE") == "241da9f9885b03fe"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0123456",
        "f" * 65,
        "241da9f9885b03fg",
        " 241da9f9885b03fe",
        "0x1da9f9885b03fe",
        "1_2_3_4_5_6",
        "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
        12345678,
        None,
        ["241da9f9885b03fe"],
    ],
    ids=repr,
)
def test_any_other_fingerprint_is_not_trusted(value):
    assert sender_fingerprint(value) == ""


def test_the_v1_encoding_never_changes():
    """A changed value here makes every open alert of such senders a new one: add ``v2:`` instead."""
    encoding = b"\0\0\0\x09\0\0\0\x04\0\0\0\x04\0\0\0\x04" + b"alertnamehostDownK\xc3\xb6ln"
    expected = "v1:c26df4f740838ca41318f5d55ff19e19a78e1be15a41bc8f35547a6947826a09"
    assert f"v1:{hashlib.sha256(encoding).hexdigest()}" == expected
    assert label_fingerprint({"host": "Köln", "alertname": "Down"}) == expected


@given(label_sets)
def test_the_order_of_labels_does_not_matter(labels):
    assert label_fingerprint(dict(reversed(labels.items()))) == label_fingerprint(labels)


@given(label_sets, label_sets)
def test_different_label_sets_have_different_fingerprints(one, other):
    assert (label_fingerprint(one) == label_fingerprint(other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "bc"}, {"ab": "c"}),
        ({"a": "b", "c": "d"}, {"a": "bcd"}),
        ({"a": "b"}, {"b": "a"}),
        ({"a": "", "b": "c"}, {"a": "c", "b": ""}),
        ({}, {"": ""}),
    ],
)
def test_texts_cannot_run_into_each_other(one, other):
    assert label_fingerprint(one) != label_fingerprint(other)


def test_a_legacy_rule_cannot_be_taken_for_a_label_set():
    assert sender_fingerprint(legacy_rule_fingerprint(1, 17)) == ""
    assert legacy_rule_fingerprint(1, 17) == "rule:1:17"


def test_the_same_labels_from_two_sources_are_two_alerts():
    assert alert_key("east", "241da9f9885b03fe") == "east/241da9f9885b03fe"
    assert alert_key("east", "241da9f9885b03fe") != alert_key("west", "241da9f9885b03fe")
