"""``ingestd rules``: what the rules would do with an alert, which ones there are, and what a problem means."""

from __future__ import annotations

from pathlib import Path

import click

from ingestd.cli import rules_replay, rules_route
from ingestd.cli.check import default_file
from ingestd.cli.failures import Failure
from ingestd.cli.program import Noun, Program, output_option
from ingestd.cli.terminal import safe


@click.group(
    cls=Noun,
    examples=[
        ("ingestd rules route DiskFull env=prod host=db1", "what would this alert bring about?"),
        ("ingestd rules replay --since 7d --rules rules-new", "what would these have done last week?"),
        ("ingestd rules list", "which rules are there, in order?"),
        ("ingestd rules explain-code unreachable", "what does a problem mean?"),
    ],
)
def command() -> None:
    """Ask the rules what they would do, without a daemon.

    The rules are those of a configuration, found as for check; its secrets are not needed.
    """


command.add_command(rules_route.route)
command.add_command(rules_replay.replay)
command.add_command(rules_replay.diff)


@command.command(
    "list", examples=[("ingestd rules list --config.file config.yaml", "in the order in which they are tried")]
)
@rules_route.CONFIG
@output_option()
@click.pass_context
def list_(ctx: click.Context, config_file: Path | None) -> None:
    """List the rules in the order in which they are tried."""
    program = ctx.ensure_object(Program)
    from ingestd.cli.test_rules import loaded_for_trial  # noqa: PLC0415 (loads what reads configurations)

    rules = loaded_for_trial(ctx, config_file or default_file()).ruleset.rules
    if program.is_json:
        listed = [
            {
                "rule": rule.name,
                "severity": rule.severity.value,
                "impact": rule.impact.value,
                "urgency": rule.urgency.value,
                "category": rule.category,
                "team": rule.team,
                "ticket": rule.ticket.connector if rule.ticket else None,
                "page": rule.policy,
                "about": rule.about,
                "file": rule.file,
                "line": rule.line,
            }
            for rule in rules
        ]
        program.terminal.json({"rules": listed})
        return
    from ingestd.cli.layout import word  # noqa: PLC0415 (loads rich, which only tables need)

    rows = [
        [
            safe(rule.name, "bold"),
            word(rule.severity),
            safe(rule.team),
            safe(rule.ticket.connector if rule.ticket else "none"),
            safe(rule.policy or "none"),
            safe(f"{rule.file}:{rule.line}" if rule.file else "built in"),
        ]
        for rule in rules
    ]
    program.terminal.table(["RULE", "SEVERITY", "TEAM", "TICKET", "PAGE", "WHERE"], rows)


@command.command(
    "explain-code",
    examples=[
        ("ingestd rules explain-code matcher", "what is wrong, and how it is written"),
        ("ingestd rules explain-code", "every code"),
    ],
)
@click.argument("code", required=False)
@output_option()
@click.pass_obj
def explain_code(program: Program, code: str | None) -> None:
    """Say what the code of a problem means: the word in brackets after error or warning."""
    from ingestd.config.codes import CODES  # noqa: PLC0415 (only here)
    from ingestd.config.problems import did_you_mean  # noqa: PLC0415 (loads what shows problems)

    if code is not None and code not in CODES:
        raise Failure(f"there is no code {code!r}", hint=did_you_mean(code, CODES) or "ingestd rules explain-code")
    chosen = {code: CODES[code]} if code else CODES
    if program.is_json:
        listed = [
            {"code": name, "means": one.means, "mend": one.mend, "wrong": one.wrong, "right": one.right}
            for name, one in chosen.items()
        ]
        program.terminal.json({"codes": listed})
    elif code is None:
        program.terminal.table(
            ["CODE", "MEANS"], [[safe(name, "bold"), safe(one.means)] for name, one in CODES.items()]
        )
    else:
        program.terminal.data(_explanation(code))


def _explanation(code: str) -> str:
    from ingestd.config.codes import CODES  # noqa: PLC0415 (only here)

    one = CODES[code]
    parts = [f"{code}: {one.means}", one.mend]
    for title, example in (("wrong", one.wrong), ("right", one.right)):
        if example:
            parts.append("\n".join([f"{title}:", *(f"    {line}" for line in example.splitlines())]))
    return "\n\n".join(parts)
