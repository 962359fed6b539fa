"""The engine in virtual time with crashes at every marked point, replies lost, and an index that lags.

One seed draws the whole run. Safety is checked before every commit; after the faults stop, everything must settle.
To replay a failure: ``INGESTD_SIM_SEED=17 pytest tests/simulation/test_whole_daemon.py -k one_seed``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestd.testing.simulation import Simulation

SEED_COUNT = int(os.environ.get("INGESTD_SIM_SEEDS", "200"))
GROUPS = 20


@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_doubled(group: int, tmp_path: Path) -> None:
    for seed in range(group, SEED_COUNT, GROUPS):
        Simulation(seed, tmp_path / f"{seed}.db").run()


def test_one_seed(tmp_path: Path) -> None:
    Simulation(int(os.environ.get("INGESTD_SIM_SEED", "4711")), tmp_path / "one.db").run()
