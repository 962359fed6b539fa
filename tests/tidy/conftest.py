"""Reading the source tree as a whole. A tidy test hands its findings to ``hold`` together with the reason of its rule."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Module:
    """One Python file: ``path`` relative to the root with slashes, ``text`` its source."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """As it is imported: ``ingestd.core.alert``; a package without its ``.__init__``."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What each imported name stands for: ``from datetime import datetime as d`` gives ``d: datetime.datetime``."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    found[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return found

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and full dotted name of everything imported, wherever the import stands, type checking included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)

    def references(self) -> Iterator[tuple[int, str]]:
        """Line and full dotted name of every use of an imported name, called or not."""
        inner = {id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
                dotted = self._dotted(node)
                if dotted:
                    yield node.lineno, dotted

    def _dotted(self, node: ast.expr) -> str:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.aliases:
            return ""
        return ".".join([self.aliases[node.id], *reversed(parts)])


@pytest.fixture(scope="session")
def parse() -> Callable[[str, str], Module]:
    """``parse(path, text)`` makes a module that does not exist, to show that a rule sees what it forbids."""
    return Module


@pytest.fixture(scope="session")
def modules(root: Path) -> list[Module]:
    """Every module that is shipped."""
    paths = [path for package in ("ingestd", "connectors") for path in sorted((root / package).rglob("*.py"))]
    return [Module(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


@pytest.fixture(scope="session")
def tracked(root: Path, require: Callable[[str], str]) -> list[Path]:
    """Every file that git tracks; in an unpacked source archive, every file."""
    if not (root / ".git").exists():
        return [
            path
            for path in sorted(root.rglob("*"))
            if path.is_file() and not path.relative_to(root).parts[0].startswith(".venv")
        ]
    listing = subprocess.run([require("git"), "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True)
    paths = [root / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="session")
def hold() -> Callable[[str, Iterable[str]], None]:
    """``hold(why, findings)`` fails with the reason of the rule and all findings, one a line."""

    def check(why: str, findings: Iterable[str]) -> None:
        found = list(findings)
        if found:
            pytest.fail(os.linesep.join([f"{len(found)} found. Why the rule exists: {why}", *found]), pytrace=False)

    return check
