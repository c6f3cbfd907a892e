"""What holds wherever a wire lies between a supplier and us: doubt, questions without an answer, credentials, feeds."""

import pytest

from adapters.errors import AdapterError, AuthenticationFailed, Doubtful, UnexpectedReply
from adapters.ports import ListeningPort
from dropwright.testing.ordering import OrderingContract
from dropwright.testing.worlds import PERSONAL, Doubt, SupplierWorld, refused
from models.exchange import LookAgain, OrderNews
from models.feeds import FeedKind
from models.findings import Severity
from models.suppliers import DoubtMeans, Lookup, LookupVerdict, SupplierOrder


class WireContract(OrderingContract):
    """What holds for every supplier behind a wire, over whatever channel."""

    def test_a_doubtful_order_is_settled_by_the_channels_own_means_and_exists_once(
        self, world: SupplierWorld, subtests: pytest.Subtests
    ) -> None:
        for turn, doubt in enumerate(world.doubts, start=1):
            with subtests.test(doubt.kind, **doubt.options):
                _doubt_and_settle(world, doubt, world.order(number=f"DW-{turn}-11"))

    def test_an_unanswered_question_may_be_asked_again(self, world: SupplierWorld, subtests: pytest.Subtests) -> None:
        order = world.order()
        placed = world.port.place_order(order)
        world.settle()
        for fault in world.unanswered:
            for method in fault.methods or world.asked:
                with subtests.test(f"{method}: {fault.kind}", **fault.options):
                    world.spoil_once(method, fault)
                    with world.failing(fault.raises):
                        world.ask(method, placed, order)
                    world.unspoil()
                    assert world.ask(method, placed, order)

    def test_a_wrong_credential_is_named_and_orders_nothing(
        self, world: SupplierWorld, subtests: pytest.Subtests
    ) -> None:
        if world.stranger is None:
            return
        with pytest.raises(AuthenticationFailed):
            world.stranger.place_order(world.order())
        with pytest.raises(AuthenticationFailed):
            world.stranger.probe()
        for kind in world.feeds:
            with subtests.test("feed", kind=kind), pytest.raises(AuthenticationFailed):
                list(world.stranger.fetch_feed(kind, since="", cursor=""))
        world.settle()
        assert world.supplier_orders() == []

    def test_checking_finds_a_wrong_credential(self, world: SupplierWorld) -> None:
        if world.stranger is None:
            return
        findings = world.stranger.check(world.eans[:1])
        assert [finding.severity for finding in findings] == [Severity.ERROR]
        assert findings[0].remedy

    def test_checking_never_raises(self, world: SupplierWorld, subtests: pytest.Subtests) -> None:
        for fault in world.unanswered:
            with subtests.test(fault.kind, **fault.options):
                world.spoil("check", fault.kind, **fault.options)
                findings = world.port.check(world.eans[:1])
                world.unspoil()
                assert any(finding.severity is Severity.ERROR for finding in findings), "it found nothing wrong"

    def test_no_failure_message_holds_personal_data(self, world: SupplierWorld, subtests: pytest.Subtests) -> None:
        doubts = [doubt for doubt in world.doubts if doubt.kind != "hang"]  # which says nothing, and takes its time
        for turn, doubt in enumerate(doubts, start=1):
            order = world.order(number=f"DW-{turn}-11")
            world.spoil_once("place_order", doubt)
            with subtests.test(doubt.kind, **doubt.options):
                told = _failure_of(world, order)
                assert [word for word in PERSONAL if word in told] == [], "messages name operations, codes and fields"
            world.unspoil()

    def test_a_feed_that_is_not_there_is_refused(self, world: SupplierWorld) -> None:
        for kind in set(FeedKind) - world.feeds:
            with refused("no_feed", f"the world names no {kind} feed in `feeds`"):
                list(world.port.fetch_feed(kind, since="", cursor=""))

    def test_a_webhook_is_read_and_a_forged_one_believed_in_nothing(self, world: SupplierWorld) -> None:
        if not isinstance(world.port, ListeningPort):
            return
        assert world.webhook is not None, "the port reads webhooks: give the world `webhook`"
        placed = world.port.place_order(world.order())
        world.settle()
        hook = world.webhook(placed.supplier_number)
        news = world.port.read_webhook(hook.headers, hook.body, path_secret=hook.path_secret)
        assert [item.number for item in news if isinstance(item, OrderNews)], "it names the order it is about"
        with pytest.raises(AuthenticationFailed):
            world.port.read_webhook({}, hook.body, path_secret="wrong")
        try:
            tampered = world.port.read_webhook(hook.headers, hook.body + b" ", path_secret=hook.path_secret)
        except (AuthenticationFailed, UnexpectedReply):
            return
        assert all(isinstance(item, LookAgain) for item in tampered), "what is not signed is only a reason to look"


def _failure_of(world: SupplierWorld, order: SupplierOrder) -> str:
    try:
        world.port.place_order(order)
    except AdapterError as error:
        return f"{error!r} {error.code}"
    return ""


def _doubt_and_settle(world: SupplierWorld, doubt: Doubt, order: SupplierOrder) -> None:
    """Lose the answer to an order, look for it as the channel can, and go on as the lifecycle would."""
    before = len(world.supplier_orders())
    world.spoil_once("place_order", doubt)
    with world.failing(Doubtful) as caught:
        world.port.place_order(order)
    assert caught.value.code
    world.unspoil()
    world.settle()
    assert len(world.supplier_orders()) == before + doubt.placed, "the world says otherwise of this fault"
    world.after_visibility()
    means, lookup = world.port.capabilities.doubt, world.port.find_order(order)
    _assert_honest(lookup, doubt, means, world)
    if means is DoubtMeans.KEY or (means is not DoubtMeans.NONE and lookup.verdict is LookupVerdict.ABSENT):
        placed = world.port.place_order(order)
        world.settle()
        assert len(world.supplier_orders()) == before + 1, f"sent again, as doubt={means} says, it is not ordered once"
        assert world.find_in_books(placed) == world.supplier_orders()[before:]
    asks_a_person = means is DoubtMeans.NONE or (means is not DoubtMeans.KEY and lookup.verdict is LookupVerdict.UNSURE)
    assert len(world.supplier_orders()) == before + (doubt.placed if asks_a_person else 1)


def _assert_honest(lookup: Lookup, doubt: Doubt, means: DoubtMeans, world: SupplierWorld) -> None:
    if means is DoubtMeans.NONE:
        assert lookup.verdict is LookupVerdict.UNSURE, "it finds orders: declare doubt=look_up, or don't look"
    if lookup.verdict is LookupVerdict.UNSURE:
        assert doubt.unsure or means in (DoubtMeans.NONE, DoubtMeans.KEY), (
            f"its profile says that doubt is settled by {means}: the world's `doubts` say where even that can't tell"
        )
        return
    assert (lookup.verdict is LookupVerdict.FOUND) == doubt.placed, "the look-up contradicts the supplier's books"
    assert (lookup.placed is not None) == doubt.placed
    if lookup.placed is not None:
        assert world.find_in_books(lookup.placed) == world.supplier_orders()[-1:]
        assert world.port.fetch_order(lookup.placed.supplier_number)
