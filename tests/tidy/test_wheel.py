"""What an installation gets: two packages, the connectors' entry points, the operators' files, and nothing else."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tomllib
from zipfile import ZipFile

import pytest


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    built = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    with ZipFile(next(place.glob("*.whl"))) as archive:
        yield archive


def test_the_wheel_holds_the_two_packages_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"ingestd", "connectors"}, (
        "whatever else lies at the top of a wheel becomes importable on the user's machine, tests included"
    )


def test_the_wheel_holds_every_module_that_is_tracked(root, wheel, tracked):
    paths = [path.relative_to(root).as_posix() for path in tracked]
    shipped = {path for path in paths if path.startswith(("ingestd/", "connectors/"))}
    assert not shipped - set(wheel.namelist())


def test_the_entry_points_are_the_ones_of_the_project(root, wheel):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parser = configparser.ConfigParser()
    parser.read_string(
        wheel.read(next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))).decode()
    )
    assert dict(parser["console_scripts"]) == project["scripts"]
    assert dict(parser["ingestd.connectors"]) == project["entry-points"]["ingestd.connectors"]


def test_every_connector_folder_has_its_entry_point(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folders = {path.parent.name for path in (root / "connectors").glob("*/__init__.py")}
    assert folders == set(project["entry-points"]["ingestd.connectors"]), (
        "a connector without an entry point is never found"
    )


def test_the_operators_files_come_along(wheel):
    shared = {name.split("/data/", 1)[1] for name in wheel.namelist() if ".data/data/" in name}
    assert {"share/ingestd/config.example.yaml", "share/ingestd/systemd/ingestd.service"} <= shared
    assert any(name.startswith("share/ingestd/rules/") for name in shared)


def test_the_wheel_carries_its_licence_and_version(wheel):
    metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
