"""Pages of the documentation as something to try: what their YAML says is written to files, what their consoles show is typed.

A YAML block whose first line is a comment that names a file is that file, or a change of it:

- ``# rules/10-shop.yaml``: the whole file, this line included, so that the lines that a console names are those that a reader has;
- ``# rules/10-shop.yaml, at the end``: goes on where the file ended;
- ``# rules/10-shop.yaml, before shop-rest``: stands before this rule or test, or this key of the top;
- ``# rules/10-shop.yaml, in place of shop-rest``: replaces it.

A block of a mail says its file behind the language: ``text alert.eml``.

Another file's name (``# alertmanager.yml``) is somebody else's language. A block that names none is a part of a rule file, read by itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from ingestd.cli.tree import ingestd

_FENCE: Final = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE: Final = re.compile(
    r"# (?P<path>[\w./-]+\.(?:ya?ml|tf|json))(?:, (?P<how>at the end|before|in place of)(?: (?P<item>\S+))?)?\n"
)
_OURS: Final = re.compile(r"config\.yaml|rules/.*\.(yaml|json)|[\w-]+\.eml")
_TYPED: Final = ("check", "test rules", "rules route", "rules list", "rules explain-code", "source test")
_WITHOUT_DAEMON: Final = tuple(f"ingestd {words}" for words in _TYPED)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    section: str
    line: int
    language: str
    path: str
    """The file that it is, or changes; empty if it names none."""
    how: str
    item: str
    text: str

    @property
    def is_ours(self) -> bool:
        """Whether it is a file of ingestd."""
        return bool(_OURS.fullmatch(self.path))

    def apply(self, place: Path) -> None:
        """Write the file that it is, or change the one that is there."""
        path = place / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self.how:
            path.write_text(self.text, encoding="utf-8")
            return
        old, new = path.read_text(encoding="utf-8"), self.text.partition("\n")[2]
        if self.how == "at the end":
            path.write_text(old + new, encoding="utf-8")
            return
        start, end = _item(old, self.item)
        path.write_text(old[:start] + new + old[end if self.how == "in place of" else start :], encoding="utf-8")


@dataclass(frozen=True)
class Typed:
    """A command of a console block, and what stands below it."""

    line: int
    command: str
    shown: str

    @property
    def needs_no_daemon(self) -> bool:
        """Whether it can be typed here."""
        return self.command.startswith(_WITHOUT_DAEMON)

    def outcome(self) -> str:
        """What comes of it, in the folder where we are."""
        words = shlex.split(self.command)[1:]
        return CliRunner().invoke(ingestd, words, env={"COLUMNS": None}).output

    def agrees(self, outcome: str) -> bool:
        """Whether that is what is shown. A line ``...`` stands for any lines."""
        parts = [re.escape(part) for part in re.split(r"^ *\.\.\.\n", self.shown, flags=re.MULTILINE)]
        return re.fullmatch(r"(?:.*\n)*?".join(parts), outcome) is not None


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, from top to bottom; what stands before the first heading of the second level has an empty section."""
    for found in _FENCE.finditer(page):
        above = page[: found.start()]
        sections = re.findall(r"^## (.*)$", above, re.MULTILINE)
        named = _FILE.match(found[3])
        yield Block(
            section=sections[-1] if sections else "",
            line=above.count("\n") + 1,
            language=found[1],
            path=found[2] or (named["path"] if named else ""),
            how=(named["how"] or "") if named else "",
            item=(named["item"] or "") if named else "",
            text=found[3],
        )


def typed(block: Block) -> Iterator[Typed]:
    """The commands of a console block."""
    line = block.line
    for part in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE):
        if part.startswith("$ "):
            command, _, shown = part[2:].partition("\n")
            yield Typed(line + 1, command, shown)
        line += part.count("\n")


def as_file(text: str) -> str:
    """A part of a rule file as a whole one: keys of a rule, a rule, a test, or keys of the top."""
    body = "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    if body.startswith("  - rule:"):
        return f"rules:\n{text}"
    if body.startswith("  - name:"):
        return f"tests:\n{text}"
    if body.startswith("    "):
        matches = "" if re.search(r"^    match(_any)?:", body, re.MULTILINE) else "    match: []\n"
        return f"rules:\n  - rule: of-the-page\n{matches}{text}"
    return text


def _item(text: str, name: str) -> tuple[int, int]:
    """From where to where the rule, window or test of this name reaches, or the key of the top."""
    found = re.search(
        rf"^(?:  - (?:rule|name): {re.escape(name)}|{re.escape(name)}:.*)\n(?:(?!  - )(?:  .*)?\n)*", text, re.MULTILINE
    )
    assert found, f"there is no {name} to change"
    if not found[0].startswith(" "):
        found = re.search(rf"^{re.escape(name)}:.*\n(?:(?:[ #].*)?\n)*", text, re.MULTILINE)
        assert found
    return found.span()
