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


# What MemoryDenyWriteExecute=yes forbids, asked of the kernel directly (PR_SET_MDWE, Linux 6.3), and then the whole daemon
# loaded, with every compiled library that it uses.
_WITHOUT_WRITABLE_CODE = """
import ctypes, importlib, mmap, pkgutil, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:
    sys.exit("no PR_SET_MDWE")
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    pass
else:
    sys.exit("not in force")
import ingestd, psycopg, uvloop
for module in pkgutil.walk_packages(ingestd.__path__, "ingestd."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
import re2
assert re2.fullmatch("(a+)+", "aaaa")
print("loaded")
"""


def test_the_daemon_loads_without_writable_code():
    ran = subprocess.run([sys.executable, "-c", _WITHOUT_WRITABLE_CODE], capture_output=True, text=True, check=False)
    if "no PR_SET_MDWE" in ran.stderr:
        pytest.skip("this kernel is older than 6.3")
    assert ran.stdout == "loaded\n", ran.stderr


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
