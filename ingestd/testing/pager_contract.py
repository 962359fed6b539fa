"""What every pager that can be followed must do, as checks that its author can run over a model of its service.

An author describes the world behind the pager (``PagerWorld``) and runs each check on a new one::

    @pytest.mark.parametrize("check", FollowingContract.checks())
    async def test_the_contract_holds(check):
        await getattr(FollowingContract(MyWorld), check)()

A check that fails raises ``AssertionError`` with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ingestd.core.names import EffectKey
from ingestd.errors import DeliveryError
from ingestd.ports import Following, Pager, PageReceipt, PageText, ReceiptNews

KEY = EffectKey("INC-1042/pager/page/1")


class PagerWorld(Protocol):
    """A pager in front of a model of its service."""

    pager: Pager
    text: PageText
    """A page that the service takes."""

    def sent_count(self) -> int:
        """How many messages the service has taken."""
        ...

    def arrive(self, receipt_id: str) -> None:
        """From now on the service knows that the message has arrived."""
        ...

    def fail(self, receipt_id: str, *, for_good: bool) -> None:
        """From now on the service knows that it never will; ``for_good``: because the receiver's address is dead."""
        ...

    def go_down(self) -> None:
        """From now on the service answers nobody."""
        ...


class FollowingContract:
    """The promises of ``ingestd.ports.Following``, each as a method that raises ``AssertionError`` if it is broken."""

    def __init__(self, make_world: Callable[[], PagerWorld]) -> None:
        self.make_world = make_world

    @classmethod
    def checks(cls) -> list[str]:
        """The names of all checks, in the order of their definition."""
        return [name for name, member in vars(cls).items() if callable(member) and name.startswith("check_")]

    async def check_a_page_that_is_under_way_is_pending(self) -> None:
        """What was only handed over has neither arrived nor failed, and the receipt says that more is to come."""
        world = self.make_world()
        receipt, news = await _followed(world)
        assert not receipt.is_final, "where more can be heard the receipt must not be final"
        assert news is None or news.status == "pending", "what is under way has not arrived"

    async def check_asking_changes_nothing(self) -> None:
        """However often it is asked, nothing more is sent and the answer is the same."""
        world = self.make_world()
        receipt, first = await _followed(world)
        for _ in range(3):
            assert await _follow(world.pager, receipt.id) == first, "asking again must give the same answer"
        assert world.sent_count() == 1, "asking must send nothing"

    async def check_what_arrived_is_delivered(self) -> None:
        """The news bears the id of the receipt and ranks above what was known before."""
        world = self.make_world()
        receipt, before = await _followed(world)
        world.arrive(receipt.id)
        news = await _follow(world.pager, receipt.id)
        assert news is not None, "what has arrived must be said"
        assert (news.receipt_id, news.status) == (receipt.id, "delivered"), "what has arrived is delivered"
        assert before is None or news.rank > before.rank, "later news must rank higher"

    async def check_what_failed_says_whether_the_address_is_dead(self) -> None:
        """A failure is told with its reason, and apart from the end of an address."""
        for for_good in (False, True):
            world = self.make_world()
            receipt, before = await _followed(world)
            world.fail(receipt.id, for_good=for_good)
            news = await _follow(world.pager, receipt.id)
            assert news is not None, "what has failed must be said"
            assert news.status == "failed", "what will not arrive has failed"
            assert news.detail, "a failure must say why"
            assert news.is_contact_dead is for_good, "a dead address must be told apart from a failure"
            assert before is None or news.rank > before.rank, "later news must rank higher"

    async def check_a_service_that_is_down_is_a_delivery_error(self) -> None:
        """Nothing is made up where the service does not answer."""
        world = self.make_world()
        receipt, _ = await _followed(world)
        world.go_down()
        try:
            news = await _follow(world.pager, receipt.id)
        except DeliveryError:
            return
        assert news is None, "a service that does not answer has said nothing"

    async def check_a_strange_id_is_no_news(self) -> None:
        """An id that the service did not give finds nothing, whatever stands in it."""
        world = self.make_world()
        for strange in ("", "../../x", "R" * 500, "a b\r\nc"):
            try:
                news = await _follow(world.pager, strange)
            except DeliveryError:
                continue
            assert news is None, f"nothing can be known of {strange!r}"


async def _followed(world: PagerWorld) -> tuple[PageReceipt, ReceiptNews | None]:
    receipt = await world.pager.page(world.text, KEY)
    assert receipt.id, "a page that can be followed has an id"
    return receipt, await _follow(world.pager, receipt.id)


async def _follow(pager: object, receipt_id: str) -> ReceiptNews | None:
    assert isinstance(pager, Following), "it must have the method of ingestd.ports.Following"
    return await pager.follow(receipt_id)
