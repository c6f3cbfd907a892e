"""The simulated shop's stock: what it refuses, what it remembers, and that a million variants are no burden."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from graphql import GraphQLError, parse

from adapters.storefronts.shopify.documents import SET_PRICES, SET_QUANTITIES
from sandbox.catalogue import NAMED_COUNT, UNKNOWN_EAN, catalogue
from sandbox.serving import serving
from sandbox.shopify import create_app
from sandbox.shopify_cost import MUTATION_COST, requested_cost
from sandbox.shopify_graphql import Endpoint, schema
from sandbox.shopify_products import FIRST_VARIANT_ID, LIKE_THE_SUPPLIERS, SLOPPY, UNSTOCKED, Shelf
from sandbox.shopify_stock import create_product, set_prices, set_quantities, set_words
from sandbox.shopify_world import MAIN_LOCATION, Shop, location_id

MAIN = f"gid://shopify/Location/{location_id(MAIN_LOCATION)}"


@pytest.fixture
def shop() -> Shop:
    return Shop("demo.myshopify.com")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(create_app(shop_domain="demo.myshopify.com", secret="hush", token="t")) as address:
        yield address


def quantities(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"name": "available", "reason": "correction", "quantities": list(entries), **changes}


def entry(regular: int = 0, **changes: Any) -> dict[str, Any]:
    item = f"gid://shopify/InventoryItem/{46_000_000_000_000 + regular}"
    return {"inventoryItemId": item, "locationId": MAIN, "quantity": 5, "changeFromQuantity": None, **changes}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"inventoryItemId": "gid://shopify/InventoryItem/404"}, "INVALID_INVENTORY_ITEM", "inventoryItemId"),
        ({"inventoryItemId": "nonsense"}, "INVALID_INVENTORY_ITEM", "inventoryItemId"),
        ({"locationId": "gid://shopify/Location/404"}, "INVALID_LOCATION", "locationId"),
        ({"quantity": -1}, "INVALID_QUANTITY_NEGATIVE", "quantity"),
        ({"quantity": 1_000_000_001}, "INVALID_QUANTITY_TOO_HIGH", "quantity"),
    ],
)
def test_one_bad_quantity_spoils_the_whole_call(shop: Shop, change: dict[str, Any], code: str, field: str) -> None:
    (found,) = set_quantities(shop, quantities(entry(1), entry(2, **change)), "k")
    assert (found["code"], found["field"]) == (code, ["input", "quantities", "1", field])
    assert sum(shop.variants.writes["quantity"]) == 0


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"name": "committed"}, "INVALID_NAME"),
        ({"reason": "because"}, "INVALID_REASON"),
        ({"referenceDocumentUri": "no uri"}, "INVALID_REFERENCE_DOCUMENT"),
    ],
)
def test_a_call_that_does_not_say_what_it_is_is_refused(shop: Shop, frame: dict[str, Any], code: str) -> None:
    assert [one["code"] for one in set_quantities(shop, quantities(entry(), **frame), "k")] == [code]


def test_an_item_is_named_once_in_a_call(shop: Shop) -> None:
    (found,) = set_quantities(shop, quantities(entry(3), entry(3)), "k")
    assert found["code"] == "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"


def test_a_key_stands_for_one_request_and_its_outcome(shop: Shop) -> None:
    assert set_quantities(shop, quantities(entry(1)), "k") == []
    assert set_quantities(shop, quantities(entry(1)), "k") == []
    assert shop.variants.writes["quantity"][SLOPPY + 1] == 1
    (mismatch,) = set_quantities(shop, quantities(entry(1, quantity=6)), "k")
    assert mismatch["code"] == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    set_quantities(shop, quantities(entry(1, quantity=-6)), "j")
    (again,) = set_quantities(shop, quantities(entry(1, quantity=-6)), "j")
    assert again["code"] == "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"


@pytest.mark.parametrize(
    ("given", "key", "code"),
    [
        (quantities(entry()), None, "BAD_REQUEST"),
        (quantities(entry()), " ", "BAD_REQUEST"),
        (quantities(*[entry(n % NAMED_COUNT) for n in range(251)]), "k", "MAX_INPUT_SIZE_EXCEEDED"),
        (quantities({"inventoryItemId": "x", "locationId": "y", "quantity": 1}), "k", "INVALID_FIELD_ARGUMENTS"),
    ],
)
def test_what_shopify_demands_of_a_request_is_demanded(
    shop: Shop, given: dict[str, Any], key: str | None, code: str
) -> None:
    with pytest.raises(GraphQLError) as refusal:
        set_quantities(shop, given, key)
    assert refusal.value.extensions == {"code": code}


def test_the_key_is_read_from_the_directive_of_a_call(shop: Shop) -> None:
    endpoint = Endpoint(shop)
    call = {"query": SET_QUANTITIES, "variables": {"input": quantities(entry(4)), "key": "k"}}
    assert endpoint.answer(call)["data"] == {"inventorySetQuantities": {"userErrors": []}}
    assert list(shop.answers) == ["k"]
    without = SET_QUANTITIES.replace("@idempotent(key: $key)", "").replace(", $key: String!", "")
    answer = endpoint.answer({"query": without, "variables": {"input": quantities(entry(4))}})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def price(regular: int, amount: str) -> dict[str, Any]:
    return {"id": f"gid://shopify/ProductVariant/{FIRST_VARIANT_ID + regular}", "price": amount}


def test_a_bad_price_spoils_the_call_unless_the_rest_may_stand(shop: Shop) -> None:
    shop.variants = Shelf(10, per_product=5)
    product, both = "gid://shopify/Product/8000000000000", [price(0, "3.00"), price(1, "-1")]
    for partial, written in ((False, 0), (True, 1)):
        (found,) = set_prices(shop, product, both, partial=partial)
        assert (found["code"], found["field"]) == ("GREATER_THAN_OR_EQUAL_TO", ["variants", "1", "price"])
        assert sum(shop.variants.writes["price"]) == written
    (found,) = set_prices(shop, product, [price(0, "2"), price(7, "2")], partial=True)
    assert (found["code"], found["field"]) == ("PRODUCT_VARIANT_DOES_NOT_EXIST", ["variants", "1", "id"])
    (found,) = set_prices(shop, "gid://shopify/Product/404", both, partial=True)
    assert (found["code"], found["field"]) == ("PRODUCT_DOES_NOT_EXIST", ["productId"])
    assert shop.variants.price(SLOPPY) == Decimal(2)


def words(value: str, regular: int = 0) -> dict[str, Any]:
    owner = f"gid://shopify/ProductVariant/{FIRST_VARIANT_ID + regular}"
    return {"ownerId": owner, "namespace": "dropwright", "key": "availability", "value": value}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (words(" "), "BLANK"),
        (words("a\nb"), "INVALID_VALUE"),
        (words("x") | {"ownerId": "gid://shopify/ProductVariant/404"}, "INVALID"),
    ],
)
def test_one_bad_text_spoils_the_whole_call(shop: Shop, bad: dict[str, Any], code: str) -> None:
    (found,) = set_words(shop, [words("in stock", 2), bad])
    assert (found["code"], found["elementIndex"]) == (code, 1)
    assert set(shop.variants.words) == {None}
    assert set_words(shop, [words("in stock")] * 26)[0]["code"] == "LESS_THAN_OR_EQUAL_TO"


def test_a_handle_is_used_once(shop: Shop) -> None:
    given = {"title": "Tonka", "handle": "tonka", "variants": [{"barcode": "5901234123457"}]}
    created, _ = create_product(shop, given)
    assert created is not None
    assert shop.variants[created.id] == created
    assert shop.variants.quantities[-1] == UNSTOCKED
    assert create_product(shop, given)[1][0]["code"] == "HANDLE_NOT_UNIQUE"


def test_mutations_cost_ten_and_are_paid_in_full(shop: Shop) -> None:
    assert requested_cost(schema(), parse(SET_PRICES), {}) == MUTATION_COST
    endpoint = Endpoint(shop)
    endpoint.bucket.per_second = 1.0
    call = {"query": SET_QUANTITIES, "variables": {"input": quantities(entry(4)), "key": "k"}}
    assert endpoint.answer(call)["extensions"]["cost"]["actualQueryCost"] == MUTATION_COST
    assert endpoint.answer(call)["data"]
    assert endpoint.answer(call)["errors"][0]["extensions"]["code"] == "THROTTLED"


@pytest.mark.parametrize("seed", [0, 7])
def test_every_article_of_the_world_is_found_by_its_ean(seed: int) -> None:
    count = LIKE_THE_SUPPLIERS + 100
    shelf = Shelf(count, seed)
    for position, article in enumerate(catalogue(count, seed)):
        variant = shelf[FIRST_VARIANT_ID + position]
        assert variant.barcode == article.ean
        assert position >= LIKE_THE_SUPPLIERS or variant.price == article.recommended_price
        assert position % 500 or shelf.by_barcode(article.ean) == variant
    assert shelf.by_barcode("8438000000000") is None
    sloppy = shelf.by_barcode(UNKNOWN_EAN)
    assert sloppy is not None
    assert sloppy.sku == "ALIEN-1"


def test_a_million_variants_are_laid_out_and_paged_at_once(url: str) -> None:
    started = time.monotonic()
    answer = httpx.post(f"{url}/_sandbox/catalogue", json={"count": 1_000_000, "seed": 3, "quantity": 4}, timeout=30)
    assert answer.json() == {"variants": 1_000_004}
    last = httpx.get(f"{url}/_sandbox/listings", params={"cursor": "1000000"}).json()
    assert [one["quantity"] for one in last["listings"]] == [4] * 4
    assert last["cursor"] == ""
    query = "query Q { productVariants(first: 3) { nodes { id price } pageInfo { hasNextPage endCursor } } }"
    headers = {"X-Shopify-Access-Token": "t"}
    page = httpx.post(f"{url}/admin/api/2026-10/graphql.json", json={"query": query}, headers=headers).json()["data"]
    assert page["productVariants"]["pageInfo"]["hasNextPage"]
    assert time.monotonic() - started < 20


def bulk(url: str, mutation: str, lines: list[Any], path: str | None = None) -> dict[str, Any]:
    def run(query: str, **variables: Any) -> dict[str, Any]:
        answer = httpx.post(
            f"{url}/admin/api/2026-10/graphql.json",
            json={"query": query, "variables": variables},
            headers={"X-Shopify-Access-Token": "t"},
        )
        return answer.json()["data"]

    reserved = run(
        "mutation M($input: [StagedUploadInput!]!) { stagedUploadsCreate(input: $input) "
        "{ stagedTargets { url parameters { name value } } } }",
        input=[
            {"resource": "BULK_MUTATION_VARIABLES", "filename": "f", "mimeType": "text/jsonl", "httpMethod": "POST"}
        ],
    )["stagedUploadsCreate"]["stagedTargets"][0]
    form = {one["name"]: one["value"] for one in reserved["parameters"]}
    content = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    assert httpx.post(reserved["url"], data=form, files={"file": content.encode()}).status_code == 201
    started = run(
        "mutation M($mutation: String!, $path: String!) { bulkOperationRunMutation(mutation: $mutation, "
        "stagedUploadPath: $path) { bulkOperation { id } userErrors { code } } }",
        mutation=mutation,
        path=path or form["key"],
    )["bulkOperationRunMutation"]
    if started["userErrors"]:
        return {"code": started["userErrors"][0]["code"]}
    state = "query Q($id: ID!) { bulkOperation(id: $id) { status url fileSize } }"
    while (found := run(state, id=started["bulkOperation"]["id"])["bulkOperation"])["status"] in ("CREATED", "RUNNING"):
        time.sleep(0.01)
    result = httpx.get(found["url"])
    assert len(result.content) == int(found["fileSize"])
    return {"lines": [json.loads(line) for line in result.text.splitlines()]}


def test_a_bulk_operation_runs_any_mutation_and_answers_line_by_line(url: str) -> None:
    create = "mutation C($product: ProductSetInput!) { productSet(input: $product) { product { title } } }"
    answers = bulk(url, create, [{"product": {"title": title, "handle": title}} for title in ("Fig", "Iris")])["lines"]
    assert [one["data"]["productSet"]["product"]["title"] for one in answers] == ["Fig", "Iris"]
    assert [one["__lineNumber"] for one in answers] == [0, 1]


def test_a_line_that_is_no_use_spoils_itself_only(url: str) -> None:
    httpx.post(f"{url}/_sandbox/catalogue", json={"count": 50})
    good = {"input": quantities(entry(1)), "key": "a"}
    answers = bulk(url, SET_QUANTITIES, [good, "not json\n", {"input": quantities(entry(1))}, {}])["lines"]
    assert [bool(one.get("errors")) for one in answers] == [False, True, True, True]


def test_what_cannot_be_run_is_refused_by_code(url: str) -> None:
    assert bulk(url, "mutation { nonsense }", [{}]) == {"code": "INVALID_MUTATION"}
    assert bulk(url, SET_QUANTITIES, [{}], path="tmp/elsewhere") == {"code": "NO_SUCH_FILE"}
    assert httpx.get(f"{url}/bulk-results/404.jsonl").status_code == 404
    stray = httpx.post(f"{url}/staged-uploads", data={"key": "tmp/elsewhere"}, files={"file": b"x"})
    assert stray.status_code == 403
