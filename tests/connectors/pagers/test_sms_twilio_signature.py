"""Twilio's signature, against the vectors of Twilio's own libraries."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

import pytest

from connectors.sms_pager.twilio_signature import is_signed, sign

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FIELDS = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]
SIGNATURES = {
    URL: "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    "https://mycompany.com:443/myapp.php?foo=1&bar=2": "kvajT1Ptam85bY51eRf/AJRuM3w=",
    "http://mycompany.com:80/myapp.php?foo=1&bar=2": "0ZXoZLH/DfblKGATFgpif+LLRf4=",
    "http://mycompany.com:1234/myapp.php?foo=1&bar=2": "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
}
JSON = b'{"property": "value", "boolean": true}'
JSON_URL = f"{URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
JSON_SIGNATURE = "a9nBmqA0ju/hNViExpshrM61xv4="


@pytest.mark.parametrize(("url", "signature"), SIGNATURES.items())
def test_a_form_is_signed_as_twilio_does(url, signature):
    assert sign(TOKEN, url, FIELDS) == signature


def test_repeated_fields_count_once_for_each_different_value():
    fields = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
    assert sign(TOKEN, URL, fields) == "IK+Dwps556ElfBT0I3Rgjkr1wJU="


def test_a_json_body_is_signed_through_its_digest():
    assert hashlib.sha256(JSON).hexdigest() in JSON_URL
    assert sign(TOKEN, JSON_URL) == JSON_SIGNATURE
    assert is_signed(JSON_SIGNATURE, [TOKEN], JSON_URL, [], JSON)
    assert not is_signed(JSON_SIGNATURE, [TOKEN], JSON_URL, [], JSON + b" ")


@pytest.mark.parametrize("url", [URL, "https://mycompany.com:443/myapp.php?foo=1&bar=2"])
@pytest.mark.parametrize("signature", ["RSOYDt4T1cUTdK1PDd93/VVr8B8=", "kvajT1Ptam85bY51eRf/AJRuM3w="])
def test_the_default_port_may_be_part_of_what_was_signed_or_not(url, signature):
    assert is_signed(signature, [TOKEN], url, FIELDS, urlencode(FIELDS).encode())


def test_either_of_two_live_tokens_will_do():
    signature = SIGNATURES[URL]
    assert is_signed(signature, ["new", TOKEN], URL, FIELDS, b"")
    assert is_signed(signature, [TOKEN, "new"], URL, FIELDS, b"")
    assert not is_signed(signature, ["new", "newer"], URL, FIELDS, b"")
    assert not is_signed(signature, [], URL, FIELDS, b"")


@pytest.mark.parametrize("signature", ["", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "ünïcödé", "\ud800", "x" * 100_000])
def test_a_wrong_signature_is_refused_and_never_raises(signature):
    assert not is_signed(signature, [TOKEN], URL, FIELDS, b"")


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        (URL.replace("https", "http"), FIELDS),
        (URL.replace("foo=1", "foo=2"), FIELDS),
        (URL.replace("mycompany", "evil"), FIELDS),
        (URL, FIELDS[1:]),
        (URL, [*FIELDS, ("X", "")]),
        (URL, [(name, "x" if name == "Digits" else value) for name, value in FIELDS]),
    ],
)
def test_what_was_not_signed_is_refused(url, fields):
    assert not is_signed(SIGNATURES[URL], [TOKEN], url, fields, b"")
