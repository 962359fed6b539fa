"""The daemon in virtual time: intake, engine and real ticket connectors, with deaths at every marked point, replies lost, and an index
that lags. One seed draws the whole run. Safety is checked before every commit; after the faults stop, everything must settle.

To replay a failure, name its seed and its service::

    INGESTD_SIM_SEED=17 INGESTD_SIM_SERVICE=jira-cloud pytest tests/simulation/test_whole_daemon.py -k one_seed
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestd.testing.simulation import Simulation

SEED_COUNT = int(os.environ.get("INGESTD_SIM_SEEDS", "200"))
SERVICES = ("freshdesk", "jira-cloud", "jira-datacenter", "model")
GROUPS = 5
"""Seeds are spread over the services: each service sees a quarter of them."""


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_doubled(group: int, service: str, tmp_path: Path, make_books) -> None:
    first = SERVICES.index(service) * GROUPS + group
    for seed in range(first, SEED_COUNT, GROUPS * len(SERVICES)):
        Simulation(seed, tmp_path / f"{seed}.db", make_books(service)).run()


def test_one_seed(tmp_path: Path, make_books) -> None:
    seed = int(os.environ.get("INGESTD_SIM_SEED", "4711"))
    service = os.environ.get("INGESTD_SIM_SERVICE", "jira-cloud")
    Simulation(seed, tmp_path / "one.db", make_books(service)).run()


_ONE_RUN = """
import sys
from pathlib import Path
from ingestd.testing.simulation import Simulation
one = Simulation(1, Path(sys.argv[1]), is_harsh=True)
one.run()
print("digest", one.digest)
"""


def test_a_seed_replays_in_a_process_that_hashes_in_another_way(root: Path, tmp_path: Path) -> None:
    digests = set()
    for hash_seed in ("0", "1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", _ONE_RUN, str(tmp_path / f"{hash_seed}.db")],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        digests.update(line for line in ran.stdout.splitlines() if line.startswith("digest "))
    assert len(digests) == 1, digests
