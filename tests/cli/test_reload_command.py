"""``ingestd reload``: in force, or refused with every problem."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

PROBLEMS = [
    "rules/10.yaml:3:5: error[unknown-key]: unknown key\n  |\n3 |  impcat: high\n  |  ^^^^^^",
    "one\x1b[31m more",
]


@pytest.fixture
def reloading(serving):
    """``reloading(answer, status)`` is the URL of a daemon that answers so to a caller that takes JSON."""

    def start(answer: object, status: int = 200) -> str:
        async def reload(request: web.Request) -> web.Response:
            assert request.headers["Accept"] == "application/json"
            return web.json_response(answer, status=status)

        app = web.Application()
        app.router.add_post("/-/reload", reload)
        return str(serving.start(app))

    return start


def test_what_is_in_force_is_said(bare_shell, reloading):
    url = reloading({"text": "the configuration is in force", "problems": []})
    shown = bare_shell("reload", "--url", url)
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "", "the configuration is in force\n")


def test_a_refusal_shows_every_problem_in_full(bare_shell, reloading):
    url = reloading({"error": "refused: the old one stays", "hint": "", "problems": PROBLEMS}, status=422)
    shown = bare_shell("reload", "--url", url)
    assert shown.exit_code == 1
    assert shown.stdout == f"{PROBLEMS[0]}\n\none[31m more\n"
    assert "refused: the old one stays" in shown.stderr
    as_json = bare_shell("reload", "--url", url, "-o", "json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["problems"]) == (1, PROBLEMS)


@pytest.mark.parametrize(("status", "code"), [(401, 5), (403, 5), (500, 1)])
def test_who_may_not_and_what_fails_has_its_exit_code(bare_shell, reloading, status, code):
    shown = bare_shell("reload", "--url", reloading({"error": "no", "hint": ""}, status=status))
    assert (shown.exit_code, shown.stdout) == (code, "")
