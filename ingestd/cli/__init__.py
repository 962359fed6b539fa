"""The command line: one module per noun. What a program may rely on (exit codes, streams, JSON) is in ``docs/cli.md``.

Commands that need the daemon speak to its API; ``check``, ``doctor`` and ``serve`` read files. Nothing heavy is imported
before a command runs, so that ``ingestd --help`` and the completion of a word are instant.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper


def main() -> None:
    """The entry point of the program ``ingestd``. Ends the process with the command's exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character must not hide an incident
    from ingestd.cli.tree import ingestd  # noqa: PLC0415 (click is loaded once the streams are safe)

    ingestd(prog_name="ingestd")
