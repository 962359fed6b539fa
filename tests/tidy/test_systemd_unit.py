"""The unit file: systemd understands every line of it, and the daemon can do little harm under it."""

from __future__ import annotations

import configparser
import subprocess
import sys

import pytest

UNIT = "systemd/ingestd.service"
EXPOSURE_MAX = 15  # tenths of systemd's score; the plain unit has 96


@pytest.fixture(scope="module")
def service(root):
    # systemd allows a key twice; the last one is enough here.
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=")
    parser.optionxform = str  # keys of a unit have capitals
    parser.read_string((root / UNIT).read_text(encoding="utf-8"))
    return parser["Service"]


def test_the_daemon_can_do_little_harm(root, require):
    analyze = require("systemd-analyze")
    command = [analyze, "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager", str(root / UNIT)]
    scored = subprocess.run(command, capture_output=True, text=True, check=False)
    assert scored.returncode == 0, (
        "a hole in a daemon that reads strangers' bytes must not be a hole in the host\n" + scored.stdout
    )


def test_systemd_understands_every_line(root, require, tmp_path):
    analyze = require("systemd-analyze")
    # verify asks for the program of ExecStart, which stands at its place on an installed host only.
    text = (root / UNIT).read_text(encoding="utf-8").replace("/opt/ingestd/bin/ingestd", sys.executable)
    unit = tmp_path / "ingestd.service"
    unit.write_text(text, encoding="utf-8")
    checked = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(unit)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in checked.stderr.splitlines() if "ingestd.service" in line]
    assert not complaints
    assert checked.returncode == 0, checked.stderr


def test_a_death_or_a_stall_is_mended_and_a_bad_file_is_not_retried(service):
    assert service["Type"] == "notify"
    assert service["WatchdogSec"] == "30"
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "78"
    assert service["UMask"] == "0077"


def test_the_commented_secrets_are_understood_too(root, require, tmp_path):
    analyze = require("systemd-analyze")
    text = (root / UNIT).read_text(encoding="utf-8").replace("/opt/ingestd/bin/ingestd", sys.executable)
    unit = tmp_path / "ingestd.service"
    unit.write_text(
        text.replace("\n#LoadCredential", "\nLoadCredential").replace("\n#IPAddress", "\nIPAddress"), encoding="utf-8"
    )
    checked = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert not [line for line in checked.stderr.splitlines() if "ingestd.service" in line]
