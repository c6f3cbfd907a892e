"""What only Shopify does when a few changes are published, and how drafts are made."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.errors import AuthenticationFailed, Refused, Throttled, Unavailable
from adapters.http import HttpApi
from adapters.storefronts.shopify import adapter, writes
from adapters.storefronts.shopify.adapter import ShopifyStorefront, build
from adapters.storefronts.shopify.checks import required_scopes
from adapters.storefronts.shopify.drafts import handle_of, product_input
from adapters.storefronts.shopify.files import Files
from adapters.storefronts.shopify.transport import ShopifyApi
from models.calls import CallRecord
from models.findings import Severity
from models.listings import NOT_APPLIED, Listing, ListingChange, ProductDraft
from models.pricing import Pricing
from models.supply import Publishing
from sandbox.catalogue import named_eans
from sandbox.serving import serving
from sandbox.shopify_world import ALL_SCOPES, CLOSED_LOCATION, location_id
from tests.adapters.shopify_shop import LOCATION, TOKEN, Admin, Door, channel

RULES = {"rules": [{"name": "all", "markup": "0.3"}]}

EANS = named_eans()


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[Door, str]]:
    door = Door()
    with serving(door) as url:
        yield door, url


@pytest.fixture
def admin(door: tuple[Door, str]) -> Admin:
    door[0].open_new_shop()
    return Admin(door[1])


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
def shop(admin: Admin, calls: list[CallRecord], monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopifyStorefront]:
    monkeypatch.setattr(adapter, "READ_TIMEOUT", timedelta(seconds=2))
    with opened(admin, calls) as port:
        yield port


@contextmanager
def opened(admin: Admin, calls: list[CallRecord], **publishing: Any) -> Iterator[ShopifyStorefront]:
    settings = channel(admin.url).model_copy(update={"publishing": Publishing.model_validate(publishing)})
    port = build(settings=settings, channel_id="main", secrets=lambda _name: TOKEN, sink=calls.append)
    assert isinstance(port, ShopifyStorefront)
    yield port
    port.close()


def on_sale(shop: ShopifyStorefront) -> list[Listing]:
    return [listing for page, _ in shop.fetch_listings(LOCATION) for listing in page]


def change(listing: Listing, **shown: Any) -> ListingChange:
    ids = listing.model_dump(include={"variant_id", "product_id", "inventory_item_id"})
    return ListingChange.model_validate({**ids, **shown})


def refuse(admin: Admin, **by_kind: dict[str, str]) -> None:
    admin.settings(refuse=by_kind)


def test_a_listing_is_what_the_shop_has(shop: ShopifyStorefront, admin: Admin) -> None:
    admin.post("listings", {"changes": [{"variant_id": "44000000000003", "quantity": 8, "words": "in stock"}]})
    (listing,) = shop.read_listings(LOCATION, ["44000000000003", "44000000000003"])
    assert listing == Listing(
        variant_id="44000000000003",
        product_id="8000000000003",
        inventory_item_id="46000000000003",
        sku="DW-00003",
        barcode=EANS[3],
        title="Linden Shower Gel 250 ml",
        tracked=True,
        quantity=8,
        price=Decimal("30.90"),
        words="in stock",
    )


def test_without_a_location_nothing_is_said_of_stock(shop: ShopifyStorefront) -> None:
    assert {one.quantity for page, _ in shop.fetch_listings("") for one in page} == {None}
    assert {one.quantity for page, _ in shop.fetch_listings(location_id(CLOSED_LOCATION)) for one in page} == {None}


def test_listings_of_more_than_a_page_are_all_there(shop: ShopifyStorefront, admin: Admin) -> None:
    admin.post("catalogue", {"count": 246})
    pages = list(shop.fetch_listings(LOCATION))
    assert [len(page) for page, _ in pages] == [100, 100, 50]
    assert len(shop.read_listings(LOCATION, [one.variant_id for page, _ in pages for one in page])) == 250


def test_more_than_one_call_holds_is_sent_in_several(shop: ShopifyStorefront, admin: Admin) -> None:
    admin.post("catalogue", {"count": 296})
    listings = on_sale(shop)
    changes = [change(one, quantity=position, words="in stock") for position, one in enumerate(listings)]
    assert shop.publish(LOCATION, changes, "p1") == []
    ledger = admin.ledger()
    assert ledger["writes"] == {"quantity": 300, "price": 0, "words": 300}
    assert (ledger["calls"]["SetQuantities"], ledger["calls"]["SetWords"]) == (2, 12)
    assert [one.quantity for one in on_sale(shop)] == list(range(300))


def test_prices_of_one_products_variants_go_in_one_call(shop: ShopifyStorefront, admin: Admin) -> None:
    admin.post("catalogue", {"count": 46, "variants_per_product": 5})
    changes = [change(one, price=Decimal("7.77")) for one in on_sale(shop)]
    assert shop.publish(LOCATION, changes, "p1") == []
    assert admin.ledger()["calls"]["SetPrices"] == 4 + 10
    assert {one.price for one in on_sale(shop)} == {Decimal("7.77")}


@pytest.mark.parametrize(
    ("kind", "field", "value", "code"),
    [
        ("quantity", "quantity", 5, "INVALID_INVENTORY_ITEM"),
        ("quantity", "quantity", 5, "NON_MUTABLE_INVENTORY_ITEM"),
        ("price", "price", Decimal(9), "INVALID_INPUT"),
        ("words", "words", "in stock", "INVALID_VALUE"),
    ],
)
def test_what_is_good_of_a_refused_call_still_arrives(
    shop: ShopifyStorefront, admin: Admin, kind: str, field: str, value: Any, code: str
) -> None:
    admin.post("catalogue", {"count": 46, "variants_per_product": 23})
    listings = on_sale(shop)
    bad = [listings[position].variant_id for position in (0, 17, 30)]
    refuse(admin, **{kind: dict.fromkeys(bad, code)})
    refusals = shop.publish(LOCATION, [change(one, **{field: value}) for one in listings], "p1")
    assert {one.variant_id: one.code for one in refusals} == dict.fromkeys(bad, code)
    shown = {one.variant_id: getattr(one, field) for one in on_sale(shop)}
    assert all((shown[one.variant_id] == value) is (one.variant_id not in bad) for one in listings)
    assert admin.ledger()["writes"][kind] == 47


def test_a_variant_that_is_refused_twice_is_named_once(shop: ShopifyStorefront, admin: Admin) -> None:
    first, second = on_sale(shop)[10:12]
    refuse(admin, quantity={first.variant_id: "INVALID_INVENTORY_ITEM"}, price={first.variant_id: "INVALID_INPUT"})
    changes = [change(one, quantity=1, price=Decimal(1)) for one in (first, second)]
    (refusal,) = shop.publish(LOCATION, changes, "p1")
    assert (refusal.variant_id, refusal.code) == (first.variant_id, "INVALID_INVENTORY_ITEM")


def test_a_location_that_does_not_exist_refuses_everything_in_one_call(shop: ShopifyStorefront, admin: Admin) -> None:
    changes = [change(one, quantity=1) for one in on_sale(shop)]
    refusals = shop.publish("404", changes, "p1")
    assert {one.code for one in refusals} == {"INVALID_LOCATION"}
    assert len(refusals) == len(changes)
    assert admin.ledger()["calls"]["SetQuantities"] == 1


def test_a_quantity_whose_answer_was_lost_is_not_set_twice(shop: ShopifyStorefront, admin: Admin) -> None:
    changes = [change(one, quantity=6) for one in on_sale(shop)]
    admin.spoil("publish", "reset_after", times=1)
    with pytest.raises(Unavailable):
        shop.publish(LOCATION, changes, "p1")
    admin.post("listings", {"changes": [{"variant_id": changes[9].variant_id, "quantity": 5}]})  # a customer bought one
    assert shop.publish(LOCATION, changes, "p1") == []
    assert admin.ledger()["writes"]["quantity"] == len(changes)
    assert admin.shown(changes[9].variant_id)[changes[9].variant_id]["quantity"] == 5


def test_another_attempt_sets_it_again(shop: ShopifyStorefront, admin: Admin) -> None:
    (one,) = [change(listing, quantity=6) for listing in on_sale(shop)[10:11]]
    for key in ("p1", "p2"):
        assert shop.publish(LOCATION, [one], key) == []
    assert admin.ledger()["writes"]["quantity"] == 2


def test_a_refused_call_that_is_repeated_ends_as_the_first_time(shop: ShopifyStorefront, admin: Admin) -> None:
    listings = on_sale(shop)
    refuse(admin, quantity={listings[20].variant_id: "INVALID_INVENTORY_ITEM"})
    changes = [change(one, quantity=2) for one in listings]
    first, again = (shop.publish(LOCATION, changes, "p1") for _ in range(2))
    assert first == again
    assert admin.ledger()["writes"]["quantity"] == len(changes) - 1


def test_points_that_ran_out_in_the_middle_are_waited_for_and_nothing_is_done_twice(
    shop: ShopifyStorefront, admin: Admin
) -> None:
    changes = [change(one, quantity=1, price=Decimal(3)) for one in on_sale(shop)]
    admin.settings(points_per_second=20)
    with pytest.raises(Throttled) as failure:
        shop.publish(LOCATION, changes, "p1")
    assert failure.value.retry_after is not None
    admin.settings(points_per_second=None)
    assert shop.publish(LOCATION, changes, "p1") == []
    assert admin.ledger()["writes"]["quantity"] == len(changes)
    assert {one.price for one in on_sale(shop)} == {Decimal(3)}


@pytest.mark.parametrize(("scope", "shown"), [("inventory", {"quantity": 1}), ("products", {"price": Decimal(1)})])
def test_a_scope_that_is_missing_stops_the_publication(
    shop: ShopifyStorefront, admin: Admin, scope: str, shown: dict[str, Any]
) -> None:
    one = change(on_sale(shop)[9], **shown)
    admin.settings(scopes=sorted(ALL_SCOPES - {f"write_{scope}"}))
    with pytest.raises(AuthenticationFailed):
        shop.publish(LOCATION, [one], "p1")


def shop_that_answers(answer: Callable[[httpx.Request], httpx.Response]) -> ShopifyStorefront:
    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="https://demo.myshopify.com")
    http, files = HttpApi("main", client, sink=lambda _: None), Files("main", client, sink=lambda _: None)
    return ShopifyStorefront(ShopifyApi(http), "main", files)


def test_errors_that_name_nobody_are_looked_for_in_halves() -> None:
    bad, sent = "13", []

    def answer(request: httpx.Request) -> httpx.Response:
        given = json.loads(request.content)["variables"]["input"]["quantities"]
        sent.append(len(given))
        found = any(one["inventoryItemId"].endswith(f"/{bad}") for one in given)
        errors = [{"code": "SOMETHING_NEW", "field": ["input"]}] if found else []
        return httpx.Response(200, json={"data": {"inventorySetQuantities": {"userErrors": errors}}})

    shop = shop_that_answers(answer)
    changes = [
        ListingChange(variant_id=f"{n}", product_id="1", inventory_item_id=f"{n}", quantity=1) for n in range(40)
    ]
    (refusal,) = shop.publish(LOCATION, changes, "p1")
    assert (refusal.variant_id, refusal.code) == (bad, "SOMETHING_NEW")
    assert len(sent) < 15


def test_a_failure_remembered_under_every_key_is_a_refusal_and_no_loop() -> None:
    errors = [{"code": "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "field": None}]
    assert answered_always(errors) == ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]
    with pytest.raises(Unavailable):
        answered_always([{"code": "IDEMPOTENCY_CONCURRENT_REQUEST", "field": None}])


def answered_always(errors: list[dict[str, Any]]) -> list[str]:
    answer = {"data": {"inventorySetQuantities": {"userErrors": errors}}}
    shop = shop_that_answers(lambda _request: httpx.Response(200, json=answer))
    one = ListingChange(variant_id="1", product_id="1", inventory_item_id="1", quantity=1)
    return [refusal.code for refusal in shop.publish(LOCATION, [one], "p1")]


def test_the_variables_say_what_shopify_demands() -> None:
    one = ListingChange(variant_id="1", product_id="2", inventory_item_id="3", quantity=4, price="5.50", words="ñ")
    given = writes.variables(writes.Kind.QUANTITIES, "9", [one], "publication main/7")
    assert given["input"] == {
        "name": "available",
        "reason": "correction",
        "referenceDocumentUri": "gid://dropwright/Publication/publication%20main%2F7",
        "quantities": [
            {
                "inventoryItemId": "gid://shopify/InventoryItem/3",
                "locationId": "gid://shopify/Location/9",
                "quantity": 4,
                "changeFromQuantity": None,
            }
        ],
    }
    assert given["key"] == writes.variables(writes.Kind.QUANTITIES, "9", [one], "publication main/7")["key"]
    assert given["key"] != writes.variables(writes.Kind.QUANTITIES, "9", [one], "publication main/8")["key"]
    assert writes.variables(writes.Kind.PRICES, "9", [one], "k") == {
        "productId": "gid://shopify/Product/2",
        "variants": [{"id": "gid://shopify/ProductVariant/1", "price": "5.50"}],
    }


def test_the_others_of_a_call_are_told_apart_from_those_it_was_refused_for() -> None:
    batch = [ListingChange(variant_id=f"{n}", product_id="1", inventory_item_id=f"{n}") for n in range(3)]
    named = [adapter.replies.UserError(code="BAD", field=("input", "quantities", "1", "quantity"))]
    of_the_key = [adapter.replies.UserError(code="IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")]
    unnamed = [adapter.replies.UserError(code="BAD", field=("input",))]
    kinds = writes.Kind
    assert writes.refusals(kinds.QUANTITIES, named, batch) == {"0": NOT_APPLIED, "1": "BAD", "2": NOT_APPLIED}
    assert writes.refusals(kinds.PRICES, named, batch) == {"1": "BAD"}
    assert writes.refusals(kinds.WORDS, unnamed, batch) == dict.fromkeys("012", "BAD")
    assert writes.refusals(kinds.PRICES, unnamed, batch) == dict.fromkeys("012", "BAD")
    assert writes.refusals(kinds.QUANTITIES, of_the_key, batch) == dict.fromkeys("012", NOT_APPLIED)


DRAFT = ProductDraft(
    ean="5901234123457", title="Tonka <b>100 ml</b>", brand="Norte", description="a < b\nc", price="12.5"
)


def test_drafts_are_created_once_and_are_no_copies_of_what_is_there(shop: ShopifyStorefront, admin: Admin) -> None:
    there = ProductDraft(ean=EANS[4], title="Linden")
    made = shop.create_drafts([DRAFT, there])
    assert shop.create_drafts([DRAFT]) == {DRAFT.ean: made[DRAFT.ean]}
    assert made[EANS[4]] == "8000000000004"
    listing = next(one for one in on_sale(shop) if one.barcode == DRAFT.ean)
    assert (listing.product_id, listing.price, listing.quantity) == (made[DRAFT.ean], Decimal("12.50"), None)
    assert admin.ledger()["calls"]["CreateDraft"] == 1
    assert DRAFT.ean not in [barcode for _, barcode in shop.fetch_catalogue()]


def test_a_draft_whose_answer_was_lost_is_found_by_its_handle(shop: ShopifyStorefront, admin: Admin) -> None:
    admin.spoil("^CreateDraft$", "reset_after", times=1)
    with pytest.raises(Unavailable):
        shop.create_drafts([DRAFT])
    admin.spoil("^ProductsByBarcode$", "latency", milliseconds=1)
    shop.create_drafts([DRAFT])
    assert admin.ledger()["calls"]["CreateDraft"] == 1
    assert [one.barcode for one in on_sale(shop)].count(DRAFT.ean) == 1


def test_a_draft_that_shopify_refuses_is_named_by_code_and_path_only(shop: ShopifyStorefront) -> None:
    with pytest.raises(Refused) as refusal:
        shop.create_drafts([DRAFT.model_copy(update={"title": " "})])
    assert refusal.value.code == "INVALID_INPUT"
    assert "input.title" in str(refusal.value)


def test_a_suppliers_markup_is_shown_and_not_run() -> None:
    product = product_input(DRAFT)
    assert product["descriptionHtml"] == "a &lt; b<br>c"
    assert product["status"] == "DRAFT"
    assert product["title"] == "Tonka <b>100 ml</b>"
    assert handle_of(" BTS kit/49 ") == "dropwright-bts-kit-49"


def test_scopes_of_publishing_are_demanded_only_where_it_is_on() -> None:
    off, prices, all_on = (
        required_scopes(
            Publishing(quantities=quantities, prices=prices, location=LOCATION, pricing=Pricing.model_validate(RULES))
        )
        for quantities, prices in ((False, False), (False, True), (True, True))
    )
    assert not {"write_products", "read_inventory", "write_inventory", "read_locations"} & set(off)
    assert set(prices) - set(off) == {"write_products", "read_inventory", "read_locations"}
    assert set(all_on) - set(prices) == {"write_inventory"}


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (LOCATION, "is active"),
        ("404", "no such location"),
        (location_id(CLOSED_LOCATION), "is deactivated"),
    ],
)
def test_the_doctor_looks_for_the_location(admin: Admin, location: str, said: str) -> None:
    with opened(admin, [], quantities=True, location=location) as shop:
        (finding,) = [one for one in shop.check([]) if one.subject == "location"]
    assert said in finding.message
    assert (finding.severity is Severity.OK) is (location == LOCATION)


def test_the_doctor_names_the_scopes_that_publishing_lacks(admin: Admin) -> None:
    admin.settings(scopes=sorted(ALL_SCOPES - {"write_inventory", "write_products"}))
    with opened(admin, [], quantities=True, prices=True, location=LOCATION, pricing=RULES) as shop:
        missing = [one.message.split()[0] for one in shop.check([]) if one.severity is Severity.ERROR]
    assert sorted(missing) == ["write_inventory", "write_products"]
