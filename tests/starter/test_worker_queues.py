from types import SimpleNamespace
from typing import Any, cast

from models.configuration import Configuration
from models.identifiers import supplier_queue
from tests.starter.feed_runs import configuration, feed
from worker import Fleet


def slots(configured: Configuration) -> dict[str, int]:
    outside = SimpleNamespace(configuration=configured)
    return Fleet(client=cast("Any", None), registry=cast("Any", None), outside=cast("Any", outside)).wanted()


def test_a_suppliers_feeds_and_comparisons_leave_its_orders_all_their_slots() -> None:
    alone = slots(configuration(supplier={"max_concurrent_calls": 1}))[supplier_queue("bts")]
    beside = slots(configuration(stock=feed(), prices=feed(), supplier={"max_concurrent_calls": 1}))
    assert (alone, beside[supplier_queue("bts")]) == (2, 4)
