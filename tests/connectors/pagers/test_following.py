"""The promises of a pager that can be asked what became of a page: Twilio's, and the little world's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.sms_pager import factory
from connectors.sms_pager.fake import TwilioFake
from connectors.sms_pager.settings import SmsPagerSettings
from ingestd.core.names import Channel, PersonName
from ingestd.errors import OutcomeUnknown
from ingestd.ports import ConnectorTools, Contact, HttpReply, HttpRequest
from ingestd.testing.outside import OutsidePager
from ingestd.testing.pager_contract import FollowingContract
from tests.connectors.pagers.conftest import PAGE

ASHA = Contact(PersonName("asha"), "Asha", Channel.SMS, "+15558675310")
ACCOUNT = {"account_sid": "AC" + "0" * 31 + "1", "auth_token": "token-of-the-account", "from": "+15005550006"}


class TwilioWorld:
    """Twilio, and nobody whom it could call back."""

    def __init__(self) -> None:
        self.server = TwilioFake()
        self.is_down = False
        configured = SmsPagerSettings.model_validate({"twilio": ACCOUNT})
        self.pager = factory.build("sms", configured, ConnectorTools(self, lambda _options: None, ""))
        self.text = replace(PAGE, contact=ASHA)

    async def send(self, request: HttpRequest) -> HttpReply:
        if self.is_down:
            raise OutcomeUnknown("no answer")
        return await self.server.handle(request)

    def sent_count(self) -> int:
        return len(self.server.messages)

    def arrive(self, receipt_id: str) -> None:
        self.server.become(receipt_id, "delivered")

    def fail(self, receipt_id: str, *, for_good: bool) -> None:
        self.server.become(receipt_id, "undelivered", 30006 if for_good else 30008)

    def go_down(self) -> None:
        self.is_down = True


class ModelWorld:
    """The pager of scenarios."""

    def __init__(self) -> None:
        self.pager = OutsidePager("sms", Channel.SMS, lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self.pager.has_receipts = True
        self.text = replace(PAGE, contact=ASHA)

    def sent_count(self) -> int:
        return len(self.pager.sent)

    def arrive(self, receipt_id: str) -> None:
        self.pager.knows[receipt_id] = "delivered"

    def fail(self, receipt_id: str, *, for_good: bool) -> None:
        self.pager.knows[receipt_id] = "dead" if for_good else "failed"

    def go_down(self) -> None:
        self.pager.is_down = True


@pytest.mark.parametrize("check", FollowingContract.checks())
@pytest.mark.parametrize("world", [TwilioWorld, ModelWorld])
async def test_the_contract_holds(world, check):
    await getattr(FollowingContract(world), check)()


class Forgetful(ModelWorld):
    """A pager that says everything has arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.pager.knows = {"R-1": "delivered", "": "delivered"}


@pytest.mark.parametrize("check", ["check_a_page_that_is_under_way_is_pending", "check_a_strange_id_is_no_news"])
async def test_the_contract_sees_a_pager_that_makes_things_up(check):
    with pytest.raises(AssertionError):
        await getattr(FollowingContract(Forgetful), check)()
