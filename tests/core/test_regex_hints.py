"""What RE2 refuses is told with the way to write it, and that way is one that RE2 takes."""

from __future__ import annotations

import pytest

from ingestd.core.matchers import MatcherError, compile_pattern
from ingestd.core.regex_hints import OTHERWISE, hint_of

REFUSED = [
    (r"(?=db)", "unless:"),
    (r"(?!db)", "unless:"),
    (r"(?<=db)1", "unless:"),
    (r"(?<!db)1", "unless:"),
    (r"(a|b)\1", "(?:aa|bb)"),
    (r"(?P<n>a)(?P=n)", "no back-references"),
    (r"(?P<n>a)\k<n>", "(?:aa|bb)"),
    (r"(?>db)", "(?:"),
    (r"db*+", "without a second +"),
    (r"db\Z", "leave it out"),
    (r"\Gdb", "leave it out"),
    (r"(?#disk)db", "leave it out"),
    (r"(a)?(?(1)b|c)", "match_any"),
    (r"(?x)db", "(?i)"),
    (r"(?P<1", "(?P<name>...)"),
    (r"\u20AC", r"\x{20AC}"),
    (r"\h+", r"[ \t]"),
    (r"\Rdb", r"\r?\n"),
    (r"\p{Latn}", r"\p{Greek}"),
    (r"[[:letter:]]", "[:alpha:]"),
    (r"[z-a]", "[a-z]"),
    (r"(db", r"\("),
    (r"db)", r"\)"),
    (r"[db", r"\["),
    (r"*db", '".*"'),
    (r"a{1001}", "1000"),
    (r"a{3,1}", "smaller number"),
    ("db\\", "\\\\"),
    (r"\y", "write y alone"),
]


@pytest.mark.parametrize(("pattern", "way"), REFUSED)
def test_what_re2_refuses_is_told_with_the_way_to_write_it(pattern, way):
    with pytest.raises(MatcherError) as caught:
        compile_pattern(pattern)
    assert way in caught.value.hint
    assert caught.value.hint != OTHERWISE


@pytest.mark.parametrize(
    "way", [r"(?:aa|bb)", r"\x{20AC}", r"[ \t]", r"\r?\n", r"\p{Greek}", r"\pL\pN", r"\x1b", "(?i)a", r"\(", r"\["]
)
def test_what_is_proposed_is_taken(way):
    compile_pattern(way)


def test_words_that_re2_has_never_said_give_what_always_holds():
    assert hint_of("something else: x") == OTHERWISE
    assert hint_of("") == OTHERWISE
