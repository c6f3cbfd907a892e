"""What holds for a supplier behind an HTTP interface: every fault of a wire, throttling, records of calls, feeds."""

import json
from contextlib import suppress
from datetime import timedelta

import pytest

from adapters.errors import AdapterError, Doubtful, Throttled
from dropwright.testing.wire import WireContract
from dropwright.testing.worlds import CUSTOMER, SupplierWorld
from models.feeds import FeedKind, FieldName
from models.suppliers import LookupVerdict


class SupplierContract(WireContract):
    """The whole suite, for a supplier behind an HTTP interface."""

    def test_a_placed_order_says_what_it_costs(self, world: SupplierWorld) -> None:
        assert world.port.place_order(world.order()).total is not None

    def test_no_articles_need_no_call(self, world: SupplierWorld) -> None:
        assert world.port.fetch_stock([]) == []
        assert world.calls == []

    @pytest.mark.parametrize("kind", FeedKind)
    def test_a_feed_has_every_article_once_with_what_its_columns_name(
        self, world: SupplierWorld, kind: FeedKind
    ) -> None:
        if kind not in world.feeds:
            return
        pages, columns = world.feed(kind), world.port.feed_columns(kind)
        rows = [row for page in pages for row in page.rows]
        codes = [row[columns[FieldName.EAN].column] for row in rows]
        assert len(set(codes)) == len(codes)
        assert pages[-1].total in (None, len(codes))
        assert set(world.eans) <= set(codes)
        assert all(column.column in row for row in rows for column in columns.values())
        assert json.loads(json.dumps(rows)) == rows

    def test_a_feed_goes_on_from_every_cursor(self, world: SupplierWorld) -> None:
        for kind in world.feeds:
            pages = world.feed(kind)
            assert len(pages) >= world.feed_pages
            assert [bool(page.next_cursor) for page in pages] == [True] * (len(pages) - 1) + [False]
            for position, page in enumerate(pages[:-1]):
                rest = world.feed(kind, cursor=page.next_cursor)
                assert [later.rows for later in rest] == [later.rows for later in pages[position + 1 :]]
                assert {later.since for later in rest} == {page.since}

    def test_the_same_articles_are_the_same_rows_again(self, world: SupplierWorld) -> None:
        for kind in world.feeds:
            assert [page.rows for page in world.feed(kind)] == [page.rows for page in world.feed(kind)]

    def test_a_page_without_an_answer_can_be_asked_for_again(
        self, world: SupplierWorld, subtests: pytest.Subtests
    ) -> None:
        kind = min(world.feeds, default=None)
        if kind is None:
            return
        whole = [page.rows for page in world.feed(kind)]
        skip = min(world.feed_pages - 1, 1)
        for fault in world.unanswered:
            with subtests.test(fault.kind, **fault.options):
                world.spoil("fetch_feed", fault.kind, **{"times": 1, "skip": skip, **fault.options})
                pages = world.port.fetch_feed(kind, since="", cursor="")
                first = [next(pages) for _ in range(skip)]
                with world.failing(fault.raises):
                    next(pages)
                world.unspoil()
                rest = world.feed(kind, cursor=first[-1].next_cursor if first else "")
                assert [page.rows for page in [*first, *rest]] == whole

    def test_a_throttled_page_says_when_to_come_back(self, world: SupplierWorld) -> None:
        for kind in sorted(world.feeds)[:1]:
            world.spoil("fetch_feed", "throttled", times=1, retry_after=4)
            with world.failing(Throttled) as caught:
                world.feed(kind)
            assert caught.value.retry_after == timedelta(seconds=4)

    def test_a_throttled_question_says_when_to_come_back(self, world: SupplierWorld, subtests: pytest.Subtests) -> None:
        order = world.order()
        placed = world.port.place_order(order)
        for method in world.asked:
            with subtests.test(method):
                world.spoil(method, "throttled", times=1, retry_after=17)
                with world.failing(Throttled) as caught:
                    world.ask(method, placed, order)
                assert caught.value.retry_after == timedelta(seconds=17)
                assert world.ask(method, placed, order)

    def test_a_slow_answer_is_waited_for(self, world: SupplierWorld, subtests: pytest.Subtests) -> None:
        order = world.order()
        placed = world.port.place_order(order)
        for method in world.asked:
            with subtests.test(method):
                world.spoil(method, "latency", times=1, milliseconds=150)
                assert world.ask(method, placed, order)

    def test_a_web_servers_own_404_does_not_prove_that_there_is_no_order(self, world: SupplierWorld) -> None:
        if "find_order" not in world.asked:
            return
        order, found = world.order(), None
        world.spoil("place_order", "reset_after", times=1)
        with suppress(AdapterError):  # which one is another check's
            world.port.place_order(order)
        world.spoil("find_order", "error", times=1, status=404)
        with suppress(AdapterError):
            found = world.port.find_order(order)
        proven = found is not None and found.verdict is LookupVerdict.ABSENT
        assert not proven, (
            "a page of some web server or proxy is taken for the supplier's word: it would be ordered twice"
        )

    def test_an_order_answered_after_our_time_out_is_doubtful_and_exists(self, world: SupplierWorld) -> None:
        order = world.order()
        world.spoil("place_order", "latency", times=1, milliseconds=2500)
        with world.failing(Doubtful):
            world.port.place_order(order)
        assert world.supplier_orders() == []
        world.wait_for_orders(1)

    def test_a_throttled_order_was_not_placed(self, world: SupplierWorld) -> None:
        order = world.order()
        world.spoil("place_order", "throttled", times=1, retry_after=3)
        with world.failing(Throttled) as caught:
            world.port.place_order(order)
        assert caught.value.retry_after == timedelta(seconds=3)
        assert world.supplier_orders() == []

    def test_every_call_is_recorded_without_the_secret(self, world: SupplierWorld) -> None:
        order = world.order()
        placed = world.port.place_order(order)
        assert all(call.status is not None and call.status < 300 and not call.error for call in world.calls)
        world.spoil(world.asked[0], "reset_before", times=1)
        with suppress(AdapterError):  # which one is another check's
            world.ask(world.asked[0], placed, order)
        assert (world.calls[-1].status, bool(world.calls[-1].error)) == (None, True)
        assert world.secret
        leaking = {call.operation for call in world.calls if world.secret in call.model_dump_json()}
        assert leaking == set(), "take the credential out of what is recorded: HttpApi(redact=...)"
        assert any(CUSTOMER.city in call.request for call in world.calls)
