"""``ingestd write-schema``, hidden: writes the JSON Schemas of rule files from the models. A test compares the two."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ingestd.cli.failures import Failure
from ingestd.cli.program import Program, Verb


@click.command("write-schema", cls=Verb, hidden=True)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.pass_obj
def command(program: Program, folder: Path) -> None:
    """Write the JSON Schemas of rule files and of their tests into a folder."""
    for name, text in texts().items():
        try:
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as exc:
            raise Failure(f"cannot write {folder / name}: {exc.strerror or exc}") from None
        program.terminal.note(f"wrote {folder / name}")


def texts() -> dict[str, str]:
    """Each schema as it stands in its file; the same for the same models."""
    from ingestd.config.rule_schema import schemas  # noqa: PLC0415 (loads the models)

    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas().items()}
