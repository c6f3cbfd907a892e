"""The simulated shop for tests: a door behind which each test finds a shop of its own, and hands to steer it with."""

from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from models.configuration import Channel
from sandbox.catalogue import named_eans
from sandbox.shopify import create_app
from sandbox.shopify_products import WITHOUT_BARCODE
from sandbox.shopify_world import MAIN_LOCATION, location_id
from tests.adapters.storefront_contract import BookedFulfilment, Books

TOKEN = "shpat_c0ffee"
OPERATIONS = {
    "fetch_facts": "^OrderFacts$",
    "fetch_paid_orders": "^PaidOrders$",
    "fetch_catalogue": "^VariantsOnSale$",
    "write_note": "^SetMetafield$",
    "fulfil": "^CreateFulfillment$",
    "fetch_listings": "^Listings$",
    "read_listings": "^ListingsById$",
    "publish": "^SetQuantities$",
    "upload": "^/staged-uploads",
    "start": "^RunBulk$",
    "download": "^/bulk-results",
}
LOCATION = location_id(MAIN_LOCATION)


class Admin:
    """Steers the simulated shop."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, form: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/_sandbox/{path}", json=form or {})
        assert answer.is_success, answer.text
        return answer.json()

    def place(self, *, paid: bool = True, without_barcode: bool = False, lines: int = 2, **form: Any) -> dict[str, Any]:
        ordered = [[ean, position % 3 + 1] for position, ean in enumerate((named_eans() * 5)[:lines])]
        extra = [{"variant": WITHOUT_BARCODE}] if without_barcode else []
        form = {"lines": [*ordered, *extra], "financial_status": "paid" if paid else "pending", **form}
        return self.post("orders", form)["order"]

    def change(self, order_id: str, event: str, **form: Any) -> dict[str, Any]:
        return self.post(f"orders/{order_id}/{event}", form)["order"]

    def spoil(self, method: str, kind: str, **options: Any) -> None:
        self.post("faults", {"rules": [{"operation": OPERATIONS.get(method, method), "kind": kind, **options}]})

    def settings(self, **changes: Any) -> None:
        self.post("settings", changes)

    def shown(self, *variant_ids: str) -> dict[str, dict[str, Any]]:
        found = httpx.get(f"{self.url}/_sandbox/listings", params={"ids": ",".join(variant_ids)}).json()
        return {one["variant_id"]: one for one in found["listings"]}

    def ledger(self) -> dict[str, Any]:
        return httpx.get(f"{self.url}/_sandbox/ledger").json()

    def books(self, order_id: str) -> Books:
        entry = next(one for one in self.ledger()["orders"] if str(one["id"]) == order_id)
        return Books(
            notes=entry["metafields"],
            fulfilments=[
                BookedFulfilment(
                    id=str(one["id"]),
                    numbers=one["tracking_numbers"],
                    lines=one["lines"],
                    notified=one["notify_customer"],
                    carrier=one["company"],
                )
                for one in entry["fulfillments"]
            ],
        )


def channel(url: str) -> Channel:
    return Channel.model_validate(
        {
            "shop_domain": "demo.myshopify.com",
            "api_url": url,
            "webhook_secret_env": "SHOPIFY_SECRET",
            "token_env": "SHOPIFY_TOKEN",
            "start_watermark": datetime(2026, 1, 1, tzinfo=UTC),
        }
    )


class Door:
    """An address behind which every test finds a shop of its own: starting a server takes longer than most tests."""

    def __init__(self) -> None:
        self.open_new_shop()

    def open_new_shop(self) -> None:
        self.shop = create_app(shop_domain="demo.myshopify.com", secret="hush", token=TOKEN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.shop(scope, receive, send)
