"""Asks every connector of a configuration about its account. Changes nothing and sends nothing."""

from __future__ import annotations

import asyncio
from typing import Final

from ingestd.cli.doctor_local import OK, RED, Check
from ingestd.cli.reading import Reading
from ingestd.errors import DeliveryError
from ingestd.ports import Pager, TicketSystem

ACCOUNT_SECONDS: Final = 25.0


def check_accounts(reading: Reading) -> list[Check]:
    """One line for each connector, in the order of the configuration; all are asked at the same time."""
    return asyncio.run(_ask_all(reading))


async def _ask_all(reading: Reading) -> list[Check]:
    try:
        return list(await asyncio.gather(*(_ask(name, made) for name, made in reading.connectors.items())))
    finally:
        if reading.http is not None:
            await reading.http.close()


async def _ask(name: str, connector: TicketSystem | Pager) -> Check:
    try:
        async with asyncio.timeout(ACCOUNT_SECONDS):
            return Check(OK, name, await connector.check())
    except TimeoutError:
        return Check(RED, name, f"no answer in {ACCOUNT_SECONDS:g} s", "is the service reachable from this machine?")
    except DeliveryError as exc:
        return Check(RED, name, str(exc), exc.hint)
    except Exception as exc:  # noqa: BLE001 (a plug-in of somebody else may fail in any way, and the page goes on)
        return Check(RED, name, f"its own check failed: {type(exc).__name__}", "tell the author of the connector")
