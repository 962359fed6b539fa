"""The alphabet of text messages: what is written how, what it costs, and that nothing outside ever gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sms_pager.fake_twilio import segment_count
from connectors.sms_pager.gsm7 import is_gsm7, septets, shorten, to_gsm7

# The default alphabet as the standard prints it: 8 columns of 16; the escape stands at 0x1B (3GPP TS 23.038, 6.2.1).
STANDARD = [
    "@£$¥èéùìòÇ\nØø\rÅå",
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ",
    " !\"#¤%&'()*+,-./",
    "0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÄÖÑÜ§",
    "¿abcdefghijklmno",
    "pqrstuvwxyzäöñüà",
]


def test_the_alphabet_is_the_one_of_the_standard():
    assert [len(column) for column in STANDARD] == [16] * 8
    standard = "".join(STANDARD).replace("\x1b", "")
    assert is_gsm7(standard)
    assert septets(standard) == 127
    extension = "\f^{}\\[~]|€"
    assert is_gsm7(extension)
    assert septets(extension) == 20


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Weiß “smart” — it’s…", 'Weiß "smart" - it\'s...'),
        ("Žluťoučký kůň", "Zlutoucky kun"),
        ("señor Ñandú ÅÄÖ àèéìòù", "señor Ñandu ÅÄÖ àèéìòù"),
        ("Łódź, Đà Nẵng, İstanbul ığ", "Lodz, Dà Nang, Istanbul ig"),
        ("Диск заполнен: Київ", "Disk zapolnen: Kiyiv"),
        ("δίσκος γέμισε", "ΔIΣKOΣ ΓEuIΣE"),
        ("5 μs", "5 us"),
        ("disk [sda] {x} a\\b ~5 a|b x^2 `id` €5", "disk (sda) (x) a/b -5 a/b x'2 'id' EUR5"),
        ("磁盘已满 disk", "? disk"),
        ("😀 up", "? up"),
        ("ﬁle ½ ² ™ ≥5 µs 20°", "file 1/2 2 TM >=5 us 20deg"),
        ("a\r\nb\tc\u2028d\x0be\x85f\x00g", "a b c d e f g"),
        ("\u202egnp\u202c \u200bx\ufeff", "gnp x"),
        ("\ud800x\udfff", "?x?"),
        ("", ""),
    ],
)
def test_what_is_not_in_the_alphabet_is_written_with_what_is(text, written):
    assert to_gsm7(text) == written


@given(st.text(max_size=500))
def test_anything_becomes_one_line_at_one_septet_a_character(text):
    written = to_gsm7(text)
    assert is_gsm7(written)
    assert septets(written) == len(written)
    assert "\n" not in written
    assert to_gsm7(written) == written
    assert segment_count(written[:160]) == 1


@given(st.text(alphabet="abc é", max_size=60), st.integers(0, 60))
def test_a_shortened_text_fits_and_says_that_it_was_cut(text, limit):
    short = shorten(text, limit)
    assert septets(short) <= limit
    assert short == text or short.endswith("...") or limit <= 3
