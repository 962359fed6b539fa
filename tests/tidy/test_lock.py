"""The lock files: complete, hashed, in step with pyproject.toml, and free of licences that would bind a user."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from dataclasses import dataclass, field

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ["requirements.lock", "requirements-dev.lock"]
WHY_IN_STEP = (
    "what is installed is what the lock says; run `make lock` after a change of the dependencies in pyproject.toml"
)

# By SPDX name or by the words that older packages use.
ALLOWED_LICENCES = re.compile(
    r"^(?:MIT(?:[- ]License)?|MIT No Attribution|(?:The )?MIT License|MIT-CMU|ISC(?: License.*)?|BSD(?:[ -][23][ -]Clause)?(?: License)?|BSD License|"
    r"3-Clause BSD License|Apache(?:[ -]Software)?(?:[ -]License)?(?:,? ?(?:Version )?2(?:\.0)?)?|Apache-2\.0|Apache License 2\.0|Apache Software License|"
    r"MPL-2\.0|Mozilla Public License 2\.0 \(MPL 2\.0\)|PSF-2\.0|Python Software Foundation License|Unlicense|CC0-1\.0)$",
    re.IGNORECASE,
)
# Weak copyleft is fine for a library that is used unchanged and can be replaced, one by one and with open eyes.
EXCUSED = {
    "psycopg": "LGPL; optional, unchanged, loaded only if the database is PostgreSQL",
    "psycopg-binary": "LGPL; optional, unchanged, loaded only if the database is PostgreSQL",
    "recurring-ical-events": "LGPL; unchanged, imported by ingestd/calendars alone, and can be replaced there",
    "x-wr-timezone": "LGPL; unchanged, and only what recurring-ical-events asks for",
}
WHY_LICENCES = (
    "ingestd is Apache-2.0 and is built into other people's systems; a dependency must not put its own terms on them"
)


@dataclass
class Locked:
    requirement: Requirement
    hashes: set[str] = field(default_factory=set)


def read_lock(text: str) -> dict[str, Locked]:
    found: dict[str, Locked] = {}
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words, *hashes = re.split(r"\s+--hash=", line.strip())
        requirement = Requirement(words)
        found[canonicalize_name(requirement.name)] = Locked(requirement, set(hashes))
    return found


@pytest.fixture(scope="session")
def locks(root):
    return {name: read_lock((root / name).read_text(encoding="utf-8")) for name in LOCKS}


@pytest.fixture(scope="session")
def wishes(root):
    """What pyproject.toml asks for, by lock file."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    run = project["project"]["dependencies"] + project["build-system"]["requires"]
    extras = project["project"]["optional-dependencies"]
    run += extras["postgres"]
    return {"requirements.lock": run, "requirements-dev.lock": run + extras["dev"]}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_each_package_and_its_files(locks, hold, name):
    found = []
    for package, locked in locks[name].items():
        if not re.fullmatch(r"==[^*,]+", str(locked.requirement.specifier)):
            found.append(f"{package}: not pinned to one version")
        if not locked.hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", hash_) for hash_ in locked.hashes):
            found.append(f"{package}: no sha256 of its files")
    hold("two installs of the same commit must be the same, and a changed file upstream must be noticed", found)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place(root, name):
    text = (root / name).read_text(encoding="utf-8")
    assert not re.search(r"\w+://|^\s*-", re.sub(r"^\s*--hash=", "", text, flags=re.MULTILINE), re.MULTILINE), (
        "each machine gets packages from where it is set up to: the lock says what, never whence"
    )


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_what_the_project_asks_for(locks, wishes, hold, name):
    found = []
    for wish in map(Requirement, wishes[name]):
        locked = locks[name].get(canonicalize_name(wish.name))
        if locked is None:
            found.append(f"{wish.name} is not in {name}")
        elif not wish.specifier.contains(str(locked.requirement.specifier).removeprefix("==")):
            found.append(f"{name} has {locked.requirement}, pyproject.toml asks for {wish}")
    hold(WHY_IN_STEP, found)


def test_what_runs_is_what_was_tested(locks):
    run, development = (locks[name] for name in LOCKS)
    differing = [package for package, locked in run.items() if locked != development.get(package)]
    assert not differing, (
        "the development lock is the other one and more, else the tests run on other versions than production"
    )


def test_what_is_installed_is_what_is_locked(locks, hold):
    found = []
    for package, locked in locks["requirements-dev.lock"].items():
        if locked.requirement.marker and not locked.requirement.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{package} is not installed")
        else:
            if version not in locked.requirement.specifier:
                found.append(f"{package} {version} is installed, {locked.requirement} is locked")
    hold(WHY_IN_STEP + "; `make test` installs what is locked", found)


def licences(package: str) -> list[str]:
    """What the installed package says of its licence, split at the ``OR``, ``AND`` and lines of older habits."""
    words = importlib.metadata.metadata(package)
    if words.get("License-Expression"):
        return re.split(r"\s+(?:OR|AND)\s+", words["License-Expression"].strip("()"))
    classified = [
        line.split(" :: ")[-1]
        for line in words.get_all("Classifier", [])
        if line.startswith("License :: OSI Approved :: ")
    ]
    return classified or [
        (words.get("License") or "").strip().splitlines()[0] if words.get("License") else "none given"
    ]


def test_licences_put_no_terms_on_others(locks, hold):
    found = []
    for package, locked in locks["requirements-dev.lock"].items():
        if package in EXCUSED or (locked.requirement.marker and not locked.requirement.marker.evaluate()):
            continue
        refused = [licence for licence in licences(package) if not ALLOWED_LICENCES.match(licence)]
        if refused:
            found.append(f"{package}: {'; '.join(refused)}")
    hold(WHY_LICENCES, found)


def test_excuses_are_still_needed(locks):
    assert set(EXCUSED) <= set(locks["requirements-dev.lock"]), (
        "an excuse for a package that is gone would excuse its return"
    )


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-or-later",
        "AGPL-3.0",
        "GNU General Public License v3 (GPLv3)",
        "LGPL-3.0-only",
        "Proprietary",
        "none given",
    ],
)
def test_binding_licences_are_seen(licence):
    assert not ALLOWED_LICENCES.match(licence)
