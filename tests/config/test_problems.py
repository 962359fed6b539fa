"""How problems look."""

from ingestd.config.problems import ConfigProblems, Problem, ProblemLevel, did_you_mean, render, render_all
from ingestd.errors import IngestdError


def problem(**changes) -> Problem:
    told = {
        "file": "rules/payments.yaml",
        "line": 21,
        "column": 5,
        "length": 7,
        "level": ProblemLevel.ERROR,
        "code": "unknown-key",
        "text": 'unknown key "urgancy"',
        "hint": 'did you mean "urgency"?',
        "source_line": "    urgancy: high",
    }
    return Problem(**(told | changes))


def test_a_problem_shows_place_source_and_hint():
    assert render(problem()) == (
        'rules/payments.yaml:21:5: error[unknown-key]: unknown key "urgancy"\n'
        "   |\n"
        "21 |     urgancy: high\n"
        '   |     ^^^^^^^ did you mean "urgency"?'
    )


def test_the_gutter_fits_the_line_number():
    assert render(problem(line=1024)).splitlines()[1:3] == ["     |", "1024 |     urgancy: high"]


def test_carets_stand_below_wide_and_combining_characters():
    shown = render(problem(column=4, length=2, source_line="日本語", hint=""))
    assert shown.splitlines()[2:] == ["21 | 日本語", "   |       ^"]
    shown = render(problem(column=4, length=1, source_line="ae\u0301x", hint=""))
    assert shown.splitlines()[3] == "   |   ^"


def test_a_long_line_is_cut_around_its_problem():
    shown = render(problem(column=5001, length=3, source_line="a" * 5000 + "bad" + "c" * 5000)).splitlines()
    assert len(shown[2]) < 200
    start = shown[3].index("^")
    assert shown[2][start : start + 3] == "bad"


def test_nothing_in_a_file_can_speak_to_the_terminal():
    shown = render(problem(source_line="  a: \x1b[31m\u202eb", text="x\x1b[0m", hint="y\r\nz"))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown.splitlines()) == 4


def test_problems_are_shown_once_and_in_order():
    later, earlier, other = problem(line=30), problem(line=3), problem(file="a.yaml", line=99)
    shown = [line for line in render_all([later, earlier, later, other]).splitlines() if "error[" in line]
    assert [line.split(": ")[0] for line in shown] == [
        "a.yaml:99:5",
        "rules/payments.yaml:3:5",
        "rules/payments.yaml:30:5",
    ]


def test_the_exception_carries_all_problems_and_spells_out_some():
    error = ConfigProblems(problem(line=line) for line in range(1, 101))
    assert isinstance(error, IngestdError)
    assert len(error.problems) == 100
    assert str(error).endswith("... and 80 more")


def test_a_word_that_is_near_is_proposed_else_what_there_is():
    assert did_you_mean("paymnets", ["payments", "default"]) == 'did you mean "payments"?'
    assert did_you_mean("HIGH", ["high", "low"]) == 'did you mean "high"?'
    assert did_you_mean("x", ["payments", "default"]) == "known: default, payments"
    assert did_you_mean("x", []) == ""
    assert did_you_mean("x", [f"team-number-{n}" for n in range(500)]) == ""
