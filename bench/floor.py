"""The floor: an empty order and purchase-order pair, with the product's outside effects as ordinary activities.

It is what Temporal, the Python SDK and the simulators cost by themselves: no database of ours, no decision, no state.
The same worker settings, converter, HTTP client and simulators as the product's; each activity makes one call, the
cheapest its simulator has. With ``quiet`` set they make none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    import httpx

    from adapters.http import HttpApi, http_client
    from adapters.storefronts.shopify.documents import API_VERSION

ORDERS_QUEUE, STOREFRONT_QUEUE, SUPPLIER_QUEUE = "floor-orders", "floor-storefront", "floor-supplier"
TIMEOUT = timedelta(minutes=1)
READ_TIMEOUT = timedelta(seconds=20)

# The product's activities that reach outside, in its sequence, each with the side it calls. The last one of a purchase
# order is its mail to the customer, which the product sends from its outbox.
ORDER_STEPS = (("screen", STOREFRONT_QUEUE), ("plan", ORDERS_QUEUE))
PURCHASE_ORDER_STEPS = (
    ("choose_shipping", SUPPLIER_QUEUE),
    ("write_cost_id", STOREFRONT_QUEUE),
    ("submit", SUPPLIER_QUEUE),
    ("write_number", STOREFRONT_QUEUE),
    ("track", SUPPLIER_QUEUE),
    ("fulfil", STOREFRONT_QUEUE),
    ("mail", ORDERS_QUEUE),
)


@dataclass(frozen=True)
class FloorOrder:
    """Which order; ``quiet`` activities call nobody."""

    number: str
    quiet: bool = False


@workflow.defn(name="FloorOrderWorkflow")
class FloorOrderWorkflow:
    """An order that decides nothing: its steps, then its purchase order."""

    @workflow.run
    async def run(self, order: FloorOrder) -> str:
        """Take every step in sequence."""
        await _take(ORDER_STEPS, order)
        return await workflow.execute_child_workflow(
            FloorPurchaseOrderWorkflow.run, order, id=f"floor-purchase-order/{order.number}", task_queue=ORDERS_QUEUE
        )


@workflow.defn(name="FloorPurchaseOrderWorkflow")
class FloorPurchaseOrderWorkflow:
    """A purchase order that decides nothing."""

    @workflow.run
    async def run(self, order: FloorOrder) -> str:
        """Take every step in sequence."""
        return await _take(PURCHASE_ORDER_STEPS, order)


async def _take(steps: Sequence[tuple[str, str]], order: FloorOrder) -> str:
    answer = ""
    for name, queue in steps:
        answer = await workflow.execute_activity(
            f"floor_{name}", order, task_queue=queue, start_to_close_timeout=TIMEOUT, result_type=str
        )
    return answer


class FloorActivities:
    """One call each: to the shop, the supplier, or the mail server."""

    def __init__(self, shop_url: str, shop_token: str, supplier_url: str, supplier_token: str, mail_url: str) -> None:
        """Call these simulators."""
        shop = _api("shop", shop_url, {"X-Shopify-Access-Token": shop_token})
        supplier = _api("supplier", supplier_url, {"Authorization": f"Bearer {supplier_token}"})
        mail = _api("mail", mail_url, {})
        query = {"query": "query Floor { shop { name } }", "operationName": "Floor"}
        graphql = f"/admin/api/{API_VERSION}/graphql.json"
        self._calls: dict[str, Callable[[], httpx.Response]] = {
            STOREFRONT_QUEUE: lambda: shop.ask("Floor", "POST", graphql, json=query),
            SUPPLIER_QUEUE: lambda: supplier.ask("getFeedStatus", "GET", "/v1/api/getFeedStatus"),
            "floor_plan": lambda: supplier.ask("getFeedStatus", "GET", "/v1/api/getFeedStatus"),
            "floor_mail": lambda: mail.ask("faults", "GET", "/_sandbox/faults"),
        }

    def of(self, queue: str) -> list[Callable[..., Any]]:
        """List the activities of one task queue."""
        return [
            self._activity(f"floor_{name}", queue) for name, at in (*ORDER_STEPS, *PURCHASE_ORDER_STEPS) if at == queue
        ]

    def _activity(self, name: str, queue: str) -> Callable[..., Any]:
        call = self._calls.get(name) or self._calls[queue]

        @activity.defn(name=name, no_thread_cancel_exception=True)
        def step(order: FloorOrder) -> str:
            if not order.quiet:
                call().raise_for_status()
            return order.number

        return step


def _api(system: str, url: str, headers: dict[str, str]) -> HttpApi:
    return HttpApi(system=system, client=http_client(url, headers, READ_TIMEOUT), sink=lambda _record: None)
