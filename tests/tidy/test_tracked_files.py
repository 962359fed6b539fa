"""What the repository as a whole must not hold, and what its papers must say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

# Written so that these lines do not match themselves.
_FORBIDDEN = {
    re.compile(r"py[p]i\.org|python[h]osted\.org|registry\.np[m]js|--(?:extra-)?index-u[r]l|--find-l[i]nks"): (
        "the address of a package index: each machine is set up for its own, and a mirror must work unchanged"
    ),
    re.compile(
        r"(?<![\w.])/(?:w[o]rk|r[o]ot|home/(?!you\b)[a-z]\w*)/"
    ): "a path of somebody's machine: it exists nowhere else",
}
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE K[E]Y-----")
_MARKERS = re.compile(r"^(?:<{7} |>{7} )", re.MULTILINE)


def text_faults(path: str, text: str) -> Iterator[str]:
    for pattern, why in _FORBIDDEN.items():
        for number, line in enumerate(text.splitlines(), 1):
            match = pattern.search(line)
            if match:
                yield f"{path}:{number}: {match.group()} is {why}"
    if _PRIVATE_KEY.search(text) and not path.startswith("tests/"):
        yield f"{path}: a private key, which no example needs; those of tests open nothing"
    if _MARKERS.search(text):
        yield f"{path}: a merge was not finished"


def test_no_tracked_file_holds_what_belongs_to_one_machine(root, tracked, hold):
    found = []
    for path in tracked:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture, or a sample that is broken on purpose
            continue
        found += text_faults(path.relative_to(root).as_posix(), text)
    hold("a clone must work for whoever made it", found)


@pytest.mark.parametrize(
    "text",
    ["see /ro" + "ot/notes", "pip install --index-u" + "rl x", "https://py" + "pi.org/simple", "in /ho" + "me/ada/x"],
)
def test_the_rule_sees_what_belongs_to_one_machine(text):
    assert list(text_faults("a.md", text))


def test_every_decision_record_admits_what_it_costs(root, hold):
    records = sorted((root / "docs" / "adr").glob("[0-9]*.md"))
    found = [
        path.name
        for path in records
        if not re.search(r"^#+ Bad consequences$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    hold(
        "a decision without a cost was no decision; who reopens it must see what was paid: '## Bad consequences'", found
    )
    assert records, "docs/adr holds no decision records"


def test_decision_records_are_numbered_without_gaps(root):
    numbers = [int(path.name[:4]) for path in sorted((root / "docs" / "adr").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1)), (
        "records are cited by number, so a number is never reused or skipped"
    )


def test_packages_carry_their_types(root):
    missing = [package for package in ("ingestd", "connectors") if not (root / package / "py.typed").exists()]
    assert not missing, "without py.typed a connector author's type checker sees Any everywhere"
