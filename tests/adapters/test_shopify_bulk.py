"""Many changes at once: files, bulk operations, and what becomes of them when answers are lost."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.errors import AdapterError, NotSent, Refused, Throttled, Unavailable, UnexpectedReply
from adapters.storefronts.shopify import adapter, bulk, writes
from adapters.storefronts.shopify.adapter import ShopifyStorefront, build
from models.calls import CallRecord
from models.listings import NOT_APPLIED, BulkResult, BulkState, ListingChange
from sandbox.serving import serving
from sandbox.shopify_bulk import MAX_RUNNING
from tests.adapters.shopify_shop import LOCATION, TOKEN, Admin, Door, channel

FIRST = 44_000_000_000_000


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[Door, str]]:
    door = Door()
    with serving(door) as url:
        yield door, url


@pytest.fixture
def admin(door: tuple[Door, str]) -> Admin:
    door[0].open_new_shop()
    admin = Admin(door[1])
    admin.post("catalogue", {"count": 1_000})
    return admin


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
def shop(admin: Admin, calls: list[CallRecord], monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopifyStorefront]:
    monkeypatch.setattr(adapter, "READ_TIMEOUT", timedelta(seconds=2))
    monkeypatch.setattr(adapter, "FILE_TIMEOUT", timedelta(seconds=2))
    port = build(settings=channel(admin.url), channel_id="main", secrets=lambda _name: TOKEN, sink=calls.append)
    assert isinstance(port, ShopifyStorefront)
    yield port
    port.close()


def changes(count: int = 1_000, **shown: Any) -> list[ListingChange]:
    return [
        ListingChange(
            variant_id=str(FIRST + n),
            product_id=str(8_000_000_000_000 + n),
            inventory_item_id=str(46_000_000_000_000 + n),
            **(shown or {"quantity": n}),
        )
        for n in range(count)
    ]


def results(shop: ShopifyStorefront, ids: Sequence[str], sent: Sequence[ListingChange]) -> list[BulkResult]:
    found, deadline = [], time.monotonic() + 30
    for operation_id in ids:
        while (result := shop.bulk_result(operation_id, sent)).state is BulkState.RUNNING:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        found.append(result)
    return found


def test_everything_that_was_handed_over_is_shown_in_the_end(shop: ShopifyStorefront, admin: Admin) -> None:
    sent = changes(quantity=9, price=Decimal("4.50"), words="in stock")
    ids = shop.publish_in_bulk(LOCATION, sent, "p1")
    assert results(shop, ids, sent) == [
        BulkResult(state=BulkState.DONE, done=4),
        BulkResult(state=BulkState.DONE, done=1_000),
        BulkResult(state=BulkState.DONE, done=40),
    ]
    (listing,) = shop.read_listings(LOCATION, [str(FIRST + 999)])
    assert (listing.quantity, listing.price, listing.words) == (9, Decimal("4.50"), "in stock")
    assert admin.ledger()["writes"] == {"quantity": 1_000, "price": 1_000, "words": 1_000}


def test_the_result_of_an_operation_that_ended_well_is_read_once(
    shop: ShopifyStorefront, admin: Admin, calls: list[CallRecord]
) -> None:
    sent = changes()
    ids = shop.publish_in_bulk(LOCATION, sent, "p1")
    first = results(shop, ids, sent)
    assert results(shop, ids, sent) == first
    assert [one.operation for one in calls].count("DownloadFile") == 1


@pytest.mark.parametrize(
    "shown",
    [
        {"quantity": 1_000_000},
        {"price": Decimal("123456.7891")},
        {"words": "ñ€\N{GRINNING FACE}" * 100},
        {"words": "in stock"},
    ],
)
def test_a_line_is_never_longer_than_it_was_reckoned(shown: dict[str, Any]) -> None:
    (kind,) = [one for one in bulk.Kind if writes.batches(one, changes(1, **shown))]
    with bulk.FileWriter(kind, "99999999999", "publication:main:12345678") as writer:
        for batch in writes.batches(kind, changes(600, **shown)):
            writer.write(batch)
        assert writer.file.tell() <= writer.part.weight


def test_only_what_changes_is_handed_over(shop: ShopifyStorefront, admin: Admin) -> None:
    sent = [*changes(3, quantity=1), *changes(5, words="out of stock")[3:]]
    ids = shop.publish_in_bulk(LOCATION, iter(sent), "p1")
    assert len(ids) == 2
    assert [one.done for one in results(shop, ids, sent)] == [1, 1]
    assert admin.ledger()["writes"] == {"quantity": 3, "price": 0, "words": 2}
    assert shop.publish_in_bulk(LOCATION, [], "p2") == []


def test_a_file_holds_no_more_than_shopify_takes(
    shop: ShopifyStorefront, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_FILE", 60_000)  # one line of 250 quantities
    sent = changes()
    refuse(admin, quantity={str(FIRST + 600): "INVALID_INVENTORY_ITEM"})
    ids = shop.publish_in_bulk(LOCATION, sent, "p1")
    assert len(ids) == 4
    refused = [len(one.refusals) for one in results(shop, ids, sent)]
    assert refused == [0, 0, 250, 0]
    assert {one.code for one in shop.bulk_result(ids[2], sent).refusals} == {NOT_APPLIED, "INVALID_INVENTORY_ITEM"}


def refuse(admin: Admin, **by_kind: dict[str, str]) -> None:
    admin.settings(refuse=by_kind)


@pytest.mark.parametrize(
    ("kind", "shown", "code", "in_one_call"),
    [
        ("quantity", {"quantity": 2}, "INVALID_INVENTORY_ITEM", 250),
        ("price", {"price": Decimal(2)}, "INVALID_INPUT", 1),
        ("words", {"words": "in stock"}, "INVALID_VALUE", 25),
    ],
)
def test_what_was_refused_is_named_apart_from_what_was_in_the_same_call(
    shop: ShopifyStorefront, admin: Admin, kind: str, shown: dict[str, Any], code: str, in_one_call: int
) -> None:
    bad = str(FIRST + 510)
    refuse(admin, **{kind: {bad: code}})
    sent = changes(**shown)
    (result,) = results(shop, shop.publish_in_bulk(LOCATION, sent, "p1"), sent)
    assert result.state is BulkState.DONE
    assert {one.variant_id: one.code for one in result.refusals if one.code != NOT_APPLIED} == {bad: code}
    assert len(result.refusals) == in_one_call
    assert bad in {one.variant_id for one in result.refusals}
    assert admin.ledger()["writes"][kind] == 1_000 - in_one_call


def test_prices_of_one_products_variants_stand_or_fall_alone(shop: ShopifyStorefront, admin: Admin) -> None:
    admin.post("catalogue", {"count": 1_000, "variants_per_product": 4})
    refuse(admin, price={str(FIRST + 5): "INVALID_INPUT"})
    sent = [
        one.model_copy(update={"product_id": str(8_000_000_000_000 + position // 4)})
        for position, one in enumerate(changes(price=Decimal(3)))
    ]
    (result,) = results(shop, shop.publish_in_bulk(LOCATION, sent, "p1"), sent)
    assert result.done == 250
    assert [one.variant_id for one in result.refusals] == [str(FIRST + 5)]
    assert admin.ledger()["writes"]["price"] == 999


def test_without_the_changes_nobody_is_named_and_the_operation_counts_as_failed(
    shop: ShopifyStorefront, admin: Admin
) -> None:
    refuse(admin, quantity={str(FIRST): "INVALID_INVENTORY_ITEM"})
    sent = changes()
    (operation,) = shop.publish_in_bulk(LOCATION, sent, "p1")
    results(shop, [operation], sent)
    for others in ((), sent[1:], [*sent[1:], sent[0]]):
        assert shop.bulk_result(operation, others) == BulkResult(state=BulkState.FAILED, done=4, code="other_changes")
    assert len(shop.bulk_result(operation, sent).refusals) == 250


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (step, kind)
        for step in ("^ReserveUpload$", "upload", "start", "^RecentBulks$")
        for kind in ("reset_before", "reset_after", "hang", "error", "truncated")
        if (step, kind) != ("upload", "truncated")  # what is answered to an upload is not read
    ],
)
def test_a_call_that_was_lost_on_the_way_is_repeated_and_everything_is_written_once(
    shop: ShopifyStorefront, admin: Admin, step: str, kind: str
) -> None:
    sent = changes(300)
    admin.spoil(step, kind, times=1)
    with pytest.raises(Unavailable):
        shop.publish_in_bulk(LOCATION, sent, "p1")
    ids = shop.publish_in_bulk(LOCATION, sent, "p1")
    assert results(shop, ids, sent) == [BulkResult(state=BulkState.DONE, done=2)]
    ledger = admin.ledger()
    assert ledger["writes"]["quantity"] == 300
    assert len(ledger["bulk"]) == 1


def test_an_operation_whose_start_was_not_confirmed_is_found_again_while_it_runs_and_when_it_is_done(
    shop: ShopifyStorefront, admin: Admin
) -> None:
    admin.settings(bulk_lines_per_second=20)
    admin.spoil("start", "reset_after", times=1)
    sent = changes(price=Decimal(2))[:40]
    with pytest.raises(Unavailable):
        shop.publish_in_bulk(LOCATION, sent, "p1")
    first = shop.publish_in_bulk(LOCATION, sent, "p1")
    assert shop.bulk_result(first[0], sent).state is BulkState.RUNNING
    admin.settings(bulk_lines_per_second=None)
    results(shop, first, sent)
    assert shop.publish_in_bulk(LOCATION, sent, "p1") == first
    assert shop.publish_in_bulk(LOCATION, sent, "p2") != first
    assert len(admin.ledger()["bulk"]) == 2


def test_the_same_file_twice_changes_no_quantity_twice(shop: ShopifyStorefront, admin: Admin) -> None:
    sent = changes(500)
    shop.publish_in_bulk(LOCATION, sent, "p1")
    forgetful = ShopifyStorefront(shop.api, "main", shop.files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "_known", lambda _api: {})
        ids = forgetful.publish_in_bulk(LOCATION, sent, "p1")
    assert results(shop, ids, sent) == [BulkResult(state=BulkState.DONE, done=2)]
    ledger = admin.ledger()
    assert len(ledger["bulk"]) == 2
    assert ledger["writes"]["quantity"] == 500


def test_more_operations_than_may_run_are_waited_for_and_the_rest_follows(
    shop: ShopifyStorefront, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_FILE", 60_000)
    admin.post("catalogue", {"count": 2_000})
    admin.settings(bulk_lines_per_second=2)
    sent = changes(2_000)
    with pytest.raises(Throttled) as failure:
        shop.publish_in_bulk(LOCATION, sent, "p1")
    assert failure.value.code == "LIMIT_REACHED"
    assert failure.value.retry_after == bulk.WAIT
    assert len(admin.ledger()["bulk"]) == MAX_RUNNING
    admin.settings(bulk_lines_per_second=None)
    deadline = time.monotonic() + 30
    while any(one["status"] != "COMPLETED" for one in admin.ledger()["bulk"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ids = shop.publish_in_bulk(LOCATION, sent, "p1")
    assert len(ids) == 8
    assert {one.state for one in results(shop, ids, sent)} == {BulkState.DONE}
    assert admin.ledger()["writes"]["quantity"] == 2_000


@pytest.mark.parametrize("kind", ["cut_off", "truncated", "invalid_json", "wrong_content_type", "error", "hang"])
def test_a_result_that_does_not_come_whole_is_read_again(shop: ShopifyStorefront, admin: Admin, kind: str) -> None:
    refuse(admin, price={str(FIRST + 3): "INVALID_INPUT"})
    sent = changes(50, price=Decimal(8))
    (operation,) = shop.publish_in_bulk(LOCATION, sent, "p1")
    results(shop, [operation], sent)
    admin.spoil("download", kind, times=1)
    with pytest.raises(Unavailable):
        shop.bulk_result(operation, sent)
    assert [one.variant_id for one in shop.bulk_result(operation, sent).refusals] == [str(FIRST + 3)]


def test_an_operation_that_failed_says_so_with_shopifys_code(shop: ShopifyStorefront, admin: Admin) -> None:
    admin.settings(bulk_fails="INTERNAL_SERVER_ERROR")
    sent = changes(300)
    (result,) = results(shop, shop.publish_in_bulk(LOCATION, sent, "p1"), sent)
    assert (result.state, result.code) == (BulkState.FAILED, "internal_server_error")


def test_an_operation_that_shopify_does_not_know_has_failed(shop: ShopifyStorefront) -> None:
    gone = bulk.OperationId("404", bulk.Kind.QUANTITIES, 0, "0" * 24)
    assert shop.bulk_result(str(gone)).code == "unknown_operation"
    for strange in ("", "404", "1.songs.0.00", "1.prices.x.00"):
        with pytest.raises(Refused):
            shop.bulk_result(strange)


def test_an_operations_id_may_stand_in_a_history(shop: ShopifyStorefront) -> None:
    (operation,) = shop.publish_in_bulk(LOCATION, changes(3), "p1")
    assert bulk.OperationId.read(operation).kind is bulk.Kind.QUANTITIES
    assert len(operation) < 64
    assert all(one.isalnum() or one == "." for one in operation)


def test_throttling_by_cost_does_not_hold_back_what_an_operation_does(shop: ShopifyStorefront, admin: Admin) -> None:
    admin.settings(points_per_second=10)
    sent = changes(price=Decimal(6))
    ids = shop.publish_in_bulk(LOCATION, sent, "p1")
    assert [one.done for one in results(shop, ids, sent)] == [1_000]


def test_our_token_stays_with_shopify_and_signatures_out_of_the_records(
    shop: ShopifyStorefront, admin: Admin, calls: list[CallRecord]
) -> None:
    sent = changes(10)
    results(shop, shop.publish_in_bulk(LOCATION, sent, "p1"), sent)
    operations = {one.operation for one in calls}
    assert {"ReserveUpload", "UploadFile", "RunBulk", "BulkState", "DownloadFile"} <= operations
    files = [one for one in calls if one.operation.endswith("File")]
    assert [(one.status, one.request, one.reply) for one in files] == [(201, "", ""), (200, "", "")]
    assert not any(TOKEN in one.model_dump_json() or "signature" in one.url for one in calls)
    with_token = httpx.post(f"{admin.url}/staged-uploads", headers={"X-Shopify-Access-Token": TOKEN})
    assert with_token.status_code == 400


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, Throttled), (503, Unavailable), (403, UnexpectedReply), (404, UnexpectedReply)],
)
def test_what_a_store_of_files_answers_means_one_thing(
    shop: ShopifyStorefront, admin: Admin, status: int, error: type[AdapterError]
) -> None:
    sent = changes(3)
    for step in ("upload", "download"):
        admin.spoil(step, "error", status=status, times=1)
        with pytest.raises(error):
            results(shop, shop.publish_in_bulk(LOCATION, sent, "p1"), sent)


def test_without_a_connection_to_the_store_of_files_nothing_was_sent(shop: ShopifyStorefront) -> None:
    with pytest.raises(NotSent):
        list(shop.files.lines("http://127.0.0.1:1/results.jsonl", None))
