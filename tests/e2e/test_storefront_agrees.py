"""A shop that throttles, refuses, answers too late and is left in the middle agrees with us after one comparison."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import pytest
from temporalio.exceptions import ApplicationError

from adapters.database import publications
from adapters.errors import AdapterError
from adapters.storefronts.shopify import adapter
from models.sync import Published, Side
from sandbox.serving import serving
from sandbox.shopify import create_app
from sandbox.shopify_world import MAIN_LOCATION, location_id
from tests.activities.supply_world import NOW, SupplyWorld

DOMAIN, TOKEN = "shop.planted.example", "SHOP_TOKEN"  # the recording world's secrets are their own names
DAY = timedelta(days=1)
COUNT = 300
PRICING = {"currency": "EUR", "rules": [{"name": "all", "markup": "0.5"}], "endings": ["0.99"]}
WEATHER = [
    {"operation": "^SetQuantities$", "kind": "throttled", "retry_after": 0, "skip": 1, "times": 1},
    {"operation": "^SetQuantities$", "kind": "hang", "processed": True, "skip": 2, "times": 1},
    {"operation": "^SetPrices$", "kind": "reset_after", "skip": 30, "times": 1},
    {"operation": "^RunBulk$", "kind": "reset_after", "times": 1},
    {"operation": "^/staged-uploads", "kind": "error", "status": 503, "times": 1},
    {"operation": "^/bulk-results", "kind": "cut_off", "times": 1},
    {"operation": "^Listings$", "kind": "error", "status": 502, "skip": 2, "times": 1},
]
Result = TypeVar("Result")


class Killed(BaseException):
    """The worker is gone, whatever it was doing."""


@dataclass
class Shopping:
    """Our side, the shop's address, and what interrupted us."""

    world: SupplyWorld
    url: str
    interruptions: Counter[str]

    def admin(self, path: str, **form: Any) -> None:
        httpx.post(f"{self.url}/_sandbox/{path}", json=form).raise_for_status()

    def shown(self) -> dict[str, tuple[int | None, Decimal, str | None]]:
        """Look at what the shop really shows."""
        entries = httpx.get(f"{self.url}/_sandbox/listings", params={"limit": 5000}).json()["listings"]
        return {one["variant_id"]: (one["quantity"], Decimal(one["price"]), one["words"]) for one in entries}

    def believed(self) -> dict[str, tuple[int | None, Decimal, str | None]]:
        """Read what we believe that it shows, of everything a supplier offers."""
        rows = self.world.rows(
            "SELECT variant_id, published_quantity, published_price, published_words FROM listings l "
            "WHERE channel = 'main' AND EXISTS (SELECT 1 FROM offers o WHERE o.ean = l.ean)"
        )
        return {
            row["variant_id"]: (row["published_quantity"], row["published_price"], row["published_words"])
            for row in rows
        }

    def insist(self, act: Callable[[], Result], *, attempts: int = 60) -> Result:
        """Attempt something again until it succeeds, as Temporal does."""
        for _ in range(attempts):
            try:
                return act()
            except (AdapterError, ApplicationError, Killed) as error:
                self.interruptions[type(error).__name__] += 1
                time.sleep(0.05)
        raise AssertionError(f"not within {attempts} attempts: {self.interruptions}")

    def publish(self, at: timedelta) -> Published | None:
        """Let everything that waits reach the shop, whatever it takes."""
        prepared = self.insist(lambda: self.world.prepare(NOW + at))
        if prepared.publication_id is None:
            return None
        published = self.insist(lambda: self.world.send(prepared, NOW + at))
        return self.insist(lambda: self.world.follow(prepared, NOW + at)) if prepared.bulk else published


@pytest.fixture
def shopping(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopping]:
    monkeypatch.setattr(adapter, "READ_TIMEOUT", timedelta(seconds=1))
    app = create_app(shop_domain=DOMAIN, secret="SHOP_SECRET", token=TOKEN)
    with serving(app) as url:
        world = SupplyWorld(database_url, storefront=adapter.PLUGIN, api_url=url)
        shop = Shopping(world, url, Counter())
        shop.admin("catalogue", count=COUNT, variants_per_product=3, quantity=3)
        world.configure(location=location_id(MAIN_LOCATION), prices=True, pricing=PRICING, buffer=1)
        yield shop
        world.deps.outside.close()
        world.database.close()


def offer_everything(shop: Shopping, quantity: int, cost: str) -> list[str]:
    """Let a supplier have what the shop sells; return some variants of it."""
    entries = httpx.get(f"{shop.url}/_sandbox/listings", params={"limit": 5000}).json()["listings"]
    sold = [one for one in entries if one["barcode"]]
    for position, code in enumerate(sorted({one["barcode"] for one in sold})):
        shop.world.offer(code, quantity + position % 7, cost)
    return [one["variant_id"] for one in sold]


def kill_once_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Have the worker die when the shop has taken something for the n-th time, and nobody has noted it yet."""
    noted, keep = iter(range(1_000_000)), publications.keep_outcomes

    def die_once(*args: Any, **options: Any) -> None:
        if next(noted) == calls:
            raise Killed
        keep(*args, **options)

    monkeypatch.setattr(publications, "keep_outcomes", die_once)


@pytest.mark.parametrize(("bulk_from", "kill_at"), [(100_000, 1), (1, 0)], ids=["call by call", "in bulk"])
def test_one_comparison_makes_shop_and_database_equal(
    shopping: Shopping, monkeypatch: pytest.MonkeyPatch, bulk_from: int, kill_at: int
) -> None:
    world = shopping.world
    world.configure(bulk_from=bulk_from)
    variants = offer_everything(shopping, 20, "8.00")
    shopping.insist(world.refresh)
    refused = {"quantity": {variants[5]: "INVALID_INVENTORY_ITEM"}, "price": {variants[9]: "INVALID_INPUT"}}
    shopping.admin("settings", refuse=refused)
    shopping.admin("faults", rules=WEATHER)
    kill_once_after(monkeypatch, kill_at)

    published = shopping.publish(timedelta(0))

    assert published is not None
    assert published.refused >= 2
    assert published.sent + published.refused == len(shopping.believed())
    assert shopping.interruptions["Killed"] == 1
    assert shopping.interruptions.total() > 1

    # Somebody writes into the shop by hand, and what was refused is put right there.
    shopping.admin("settings", refuse={})
    by_hand = [{"variant_id": variants[20], "quantity": 900}, {"variant_id": variants[21], "price": "1.00"}]
    shopping.admin("listings", changes=by_hand)
    offer_everything(shopping, 30, "9.00")
    compared, settled = shopping.insist(lambda: world.reconcile(Side.CHANNEL, at=NOW + DAY))
    assert compared.drifted >= 2
    assert settled.repaired == compared.drifted
    shopping.publish(DAY + timedelta(hours=1))

    believed, shown = shopping.believed(), shopping.shown()
    assert {variant: shown[variant] for variant in believed} == believed
    assert believed[variants[20]][1:] == (Decimal("13.9900"), "in stock")
    assert None not in {quantity for quantity, _, _ in believed.values()}
    again, _ = shopping.insist(lambda: world.reconcile(Side.CHANNEL, at=NOW + 2 * DAY))
    assert again.drifted == 0
