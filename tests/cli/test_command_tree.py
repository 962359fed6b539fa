"""The tree as a whole: help that begins with examples, nothing loaded before it is needed, documentation in step."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

import click
import pytest

from ingestd import __version__
from ingestd.cli.tree import NOUNS, ingestd
from ingestd.cli.write_documentation import documentation


def _commands(group: click.Group, ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        below = click.Context(command, info_name=name, parent=ctx)
        yield below.command_path, command
        if isinstance(command, click.Group):
            yield from _commands(command, below)


ALL = dict(_commands(ingestd, click.Context(ingestd, info_name="ingestd")))


def test_the_documentation_is_in_step_with_the_commands(root):
    written = (root / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == documentation(ingestd), "run: ingestd write-documentation > docs/cli.md"


def test_the_command_that_writes_the_documentation_prints_it(bare_shell):
    assert bare_shell("write-documentation").stdout == documentation(ingestd)


@pytest.mark.parametrize("path", ALL)
def test_help_begins_with_examples(bare_shell, path):
    shown = bare_shell(*path.split()[1:], "--help")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("Examples:\n  # ")
    assert "\nUsage: " in shown.stdout


@pytest.mark.parametrize("path", ALL)
def test_every_example_can_be_typed(path):
    for line, _ in ALL[path].examples:
        in_a_row = [part.strip() for part in re.sub(r"\$\(.*?\)", "INC-1", line).split("|")]
        mine = next(part for part in in_a_row if part.startswith("ingestd "))
        words = shlex.split(mine.partition(" > ")[0])
        command: click.Command = ingestd
        ctx = click.Context(ingestd, info_name="ingestd")
        rest = words[1:]
        while isinstance(command, click.Group) and (rest or not command.invoke_without_command):
            command = command.get_command(ctx, rest.pop(0))
            assert command is not None, line
            ctx = click.Context(command, parent=ctx)
        command.make_parser(ctx).parse_args(rest)


def test_the_first_level_says_the_same_as_the_commands():
    for name, sentence in NOUNS.items():
        assert ALL[f"ingestd {name}"].help.startswith(sentence), name


def test_help_loads_neither_requests_nor_rich_nor_the_daemon():
    code = (
        "import sys\n"
        "from ingestd.cli import main\n"
        "sys.argv = ['ingestd', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'requests', 'rich', 'pydantic', 'sqlalchemy', 'aiohttp', 'yaml', 'ingestd.app'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.endswith("heavy: []\n")


def test_a_mistyped_command_is_guessed(bare_shell):
    shown = bare_shell("incidnet", "list")
    assert shown.exit_code == 2
    assert "did you mean 'incident'?" in shown.stderr


def test_the_version_is_said(bare_shell):
    assert bare_shell("--version").stdout == f"ingestd {__version__}\n"


@pytest.mark.parametrize(("shell_name", "words"), [("bash", "complete"), ("zsh", "compdef"), ("fish", "complete")])
def test_completion_scripts_are_printed(bare_shell, shell_name, words):
    shown = bare_shell("completion", shell_name)
    assert shown.exit_code == 0
    assert words in shown.stdout
    assert "_INGESTD_COMPLETE" in shown.stdout


def test_completion_completes(machine):
    env = {"COMP_WORDS": "ingestd incident re", "COMP_CWORD": "2", "_INGESTD_COMPLETE": "bash_complete"}
    shown = subprocess.run([sys.executable, "-m", "ingestd"], env=env, capture_output=True, text=True, check=False)
    assert shown.stdout == "plain,resolve\n"


def test_the_program_is_installed_as_ingestd():
    points = metadata.entry_points(group="console_scripts", name="ingestd")
    assert {point.value for point in points} == {"ingestd.cli:main"}
