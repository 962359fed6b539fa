"""``ingestd explain``: why something is as it is, why nobody was paged for it, and what happens next."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

import click

from ingestd.cli.failures import BadUsage, Failure
from ingestd.cli.program import Program, Verb, output_option

_KINDS: Final = ("incident", "envelope", "alert", "ticket")
_MATCHER = re.compile(r'\{.*\}|"?[^\s=!~"]+"?\s*(?:=~|!~|!=|=).*', re.DOTALL)
_SINCE_MAX: Final = timedelta(days=30)


@click.command(
    "explain",
    cls=Verb,
    examples=[
        ("ingestd explain INC-1042", "its story: which rule, who was paged, why, and what happens next"),
        ("ingestd explain env_01hx...", "what became of one message that came in"),
        ("ingestd explain alertname=DiskFull host=db1", "where this alert stands, and which rules nearly matched"),
        ("ingestd explain PAY-12", "the incident of a ticket"),
        ("ingestd explain --since 2h", "what came in and paged nobody, by reason"),
        ("ingestd explain --why-no-page INC-1042", "only why nobody was paged"),
    ],
)
@click.argument("names", metavar="[incident|envelope|alert|ticket] NAME...", nargs=-1)
@click.option("--since", metavar="DURATION", help="What came in for so long and paged nobody: 30m, 2h, 7d.")
@click.option("--all", "has_all", is_flag=True, help="Of an alert: also the rules that were nowhere near.")
@click.option("--why-no-page", "only_why", is_flag=True, help="Only why nobody was paged; exit code 1 if somebody was.")
@output_option()
@click.pass_obj
def command(program: Program, names: tuple[str, ...], since: str | None, has_all: bool, only_why: bool) -> None:
    """Why something happened, or did not, and what happens next.

    NAME is an incident, an envelope, the label or number of a ticket, the key of an alert, or labels: the alert that was seen last and
    has all of them, written LABEL=VALUE or as any other matcher. A word before it says which, where that is not clear.
    """
    answer = program.api.get("/api/v1/explain", **_question(program, names, since, has_all=has_all))
    if answer.get("kind") not in {"arrivals", *_KINDS}:
        raise Failure("the daemon gives an explanation that this command does not know", hint="use the same release")
    if only_why:
        _only_why(program, answer)
        return
    if program.is_json:
        program.terminal.json(answer)
        return
    # It loads rich, which --help and JSON do not need.
    from ingestd.cli.explain_page import page_of  # noqa: PLC0415 (see above)

    program.terminal.show(*page_of(answer, program.moments()))


def _question(program: Program, names: tuple[str, ...], since: str | None, *, has_all: bool) -> dict[str, Any]:
    """The parameters of the request. Raises ``BadUsage`` for what cannot be asked."""
    if since is not None:
        if names:
            raise BadUsage(
                "--since explains everything that came in: it takes no name", hint="leave out one of the two"
            )
        return {"since": (program.clock.now() - _duration(since)).isoformat()}
    kind = names[0] if len(names) > 1 and names[0] in _KINDS else None
    rest = [name.strip() for name in (names[1:] if kind else names) if name.strip()]
    if not rest:
        raise BadUsage(
            "nothing to explain", hint="write INC-1042, env_..., a ticket, alertname=DiskFull, or --since 2h"
        )
    asked = {"all": "true" if has_all else None}
    if kind in {None, "alert"} and all(_MATCHER.fullmatch(name) and "/" not in name.split("=")[0] for name in rest):
        return {**asked, "match": _split(rest)}
    if len(rest) > 1:
        hint = "one name at a time; or labels only: alertname=DiskFull host=db1"
        raise BadUsage(f"{' '.join(rest)!r} is more than one thing", hint=hint)
    return {**asked, "about": rest[0], "kind": kind}


def _split(texts: list[str]) -> list[str]:
    """Each matcher by itself; a selector in braces is taken apart."""
    from ingestd.core.matchers import MatcherError, parse_selector  # noqa: PLC0415 (RE2 loads slowly, and --help needs none)

    try:
        return [matcher.text for text in texts for matcher in parse_selector(text)]
    except MatcherError as error:
        raise BadUsage(f"{' '.join(texts)!r}: {error}", hint=error.hint or "write LABEL=VALUE") from None


def _duration(text: str) -> timedelta:
    # It loads pydantic, which no other question needs.
    from ingestd.config.quantities import parse_duration  # noqa: PLC0415 (see above)

    try:
        duration = timedelta(seconds=parse_duration(text))
    except ValueError as error:
        raise BadUsage(f"--since {text}: {error}", hint="write 30m, 2h or 7d") from None
    if not timedelta() < duration <= _SINCE_MAX:
        raise BadUsage(f"--since {text}: it must be more than nothing and at most 30d")
    return duration


def _only_why(program: Program, answer: dict[str, Any]) -> None:
    reasons = answer.get("groups" if answer.get("kind") == "arrivals" else "unpaged") or []
    if program.is_json:
        program.terminal.json({"unpaged": reasons})
    elif reasons:
        from ingestd.cli.explain_page import why_page  # noqa: PLC0415 (it loads rich)

        program.terminal.show(*why_page(reasons, program.moments()))
    if not reasons:
        raise Failure(
            "somebody was paged for it, or nobody ever was to be", hint="ingestd explain NAME tells the whole"
        )
