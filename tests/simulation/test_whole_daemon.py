"""The daemon in virtual time: intake, engine and real ticket connectors, with deaths at every marked point, replies lost, and an index
that lags. One seed draws the whole run. Safety is checked before every commit; after the faults stop, everything must settle.

To replay a failure, name its seed and its service::

    INGESTD_SIM_SEED=17 INGESTD_SIM_SERVICE=jira-cloud pytest tests/simulation/test_whole_daemon.py -k one_seed
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from services import SERVICES

from ingestd.testing.simulation import Simulation

SEED_COUNT = int(os.environ.get("INGESTD_SIM_SEEDS", "200"))
GROUPS = 5
"""Seeds are spread over the services: each service sees a quarter of them."""


def simulate(seed: int, service: str, folder: Path) -> None:
    make = SERVICES[service]
    Simulation(seed, folder / f"{seed}.db", make() if make else None).run()


@pytest.mark.parametrize("service", sorted(SERVICES))
@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_doubled(group: int, service: str, tmp_path: Path) -> None:
    step = GROUPS * len(SERVICES)
    for seed in range(sorted(SERVICES).index(service) * GROUPS + group, SEED_COUNT, step):
        simulate(seed, service, tmp_path)


def test_one_seed(tmp_path: Path) -> None:
    simulate(
        int(os.environ.get("INGESTD_SIM_SEED", "4711")), os.environ.get("INGESTD_SIM_SERVICE", "jira-cloud"), tmp_path
    )
