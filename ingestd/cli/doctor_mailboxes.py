"""Looks into every mailbox of a configuration: logs in, opens the folder, counts what is unseen. Changes nothing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ingestd import wiring
from ingestd.ambient import SystemClock
from ingestd.cli.doctor_local import OK, RED, Check
from ingestd.config.load import Loaded
from ingestd.intake.mailbox_plan import MailboxPlan, MailboxTrouble
from ingestd.intake.mailbox_probe import probe
from ingestd.net.http_client import AiohttpClient
from ingestd.ports import HttpReply, HttpRequest
from ingestd.telemetry.log_masking import Mask

_AT_A_TIME = 8


def check_mailboxes(loaded: Loaded) -> list[Check]:
    """One line for each mailbox, in the order of the configuration; a wrong password is tried once."""
    hide = Mask(wiring.secrets(loaded, ()))
    plans = wiring.mailboxes(loaded.config)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(pool.map(partial(_check, hide=hide), plans))


def _check(plan: MailboxPlan, hide: Mask) -> Check:
    topic = f"mailbox {plan.account}"
    try:
        return Check(OK, topic, hide.text(probe(plan, _send, SystemClock())))
    except MailboxTrouble as trouble:
        return Check(RED, topic, hide.text(str(trouble)), trouble.hint)


def _send(request: HttpRequest) -> HttpReply:
    return asyncio.run(_send_once(request))


async def _send_once(request: HttpRequest) -> HttpReply:
    http = AiohttpClient()
    try:
        return await http.send(request)
    finally:
        await http.close()
