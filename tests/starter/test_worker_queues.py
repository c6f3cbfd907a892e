from types import SimpleNamespace
from typing import Any, cast

from structlog.testing import capture_logs

from models.configuration import Configuration
from models.identifiers import supplier_queue
from tests.starter.feed_runs import configuration, feed
from worker import Fleet


def fleet(configured: Configuration, declared: float | None = None, at_once: int | None = None) -> Fleet:
    port = SimpleNamespace(capabilities=SimpleNamespace(calls_per_second=declared, concurrent_calls=at_once))
    outside = SimpleNamespace(configuration=configured, supplier=lambda _name: port)
    return Fleet(client=cast("Any", None), registry=cast("Any", None), outside=cast("Any", outside))


def slots(configured: Configuration) -> dict[str, int]:
    return fleet(configured).wanted()


def test_a_suppliers_feeds_and_comparisons_leave_its_orders_all_their_slots() -> None:
    alone = slots(configuration(supplier={"max_concurrent_calls": 1}))[supplier_queue("bts")]
    beside = slots(configuration(stock=feed(), prices=feed(), supplier={"max_concurrent_calls": 1}))
    assert (alone, beside[supplier_queue("bts")]) == (2, 4)


def test_an_adapter_that_declares_fewer_calls_at_once_than_are_configured_is_given_no_more() -> None:
    bts, configured = supplier_queue("bts"), configuration(supplier={"max_concurrent_calls": 5})
    assert [fleet(configured, at_once=most).wanted()[bts] for most in (None, 2, 9)] == [6, 3, 6]


def test_a_suppliers_queue_is_bounded_by_what_is_configured_else_by_what_its_adapter_declares() -> None:
    bts = supplier_queue("bts")
    assert fleet(configuration(supplier={"calls_per_second": 3}), declared=10).rates()[bts] == 6
    assert fleet(configuration(), declared=10).rates()[bts] == 20
    assert bts not in fleet(configuration()).rates()


def test_an_adapter_that_can_not_be_built_is_told_of_once_and_again_after_it_could() -> None:
    served = fleet(configuration())
    working = served.outside.supplier

    def broken(_name: str) -> Any:
        raise RuntimeError("a credential is missing")

    told = []
    for supplier in (broken, broken, working, broken):
        cast("Any", served.outside).supplier = supplier
        with capture_logs() as logs:
            assert served.wanted()[supplier_queue("bts")] > 0
            served.rates()
        told.append([one["event"] for one in logs if one["supplier"] == "bts"])
    assert told == [["supplier_not_built"], [], [], ["supplier_not_built"]]
