"""The daemon in virtual time: intake, engine and real ticket connectors, with deaths at every marked point, replies lost, and an index
that lags. One seed draws the whole run. Safety is checked before every commit; after the faults stop, everything must settle.

To replay a failure, name its seed and its service::

    INGESTD_SIM_SEED=17 INGESTD_SIM_SERVICE=jira-cloud pytest tests/simulation/test_whole_daemon.py -k one_seed
"""

from __future__ import annotations

import os
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
