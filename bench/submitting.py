"""What our code adds to the bare HTTP calls that order: fence, journal, timeline, reservations, acknowledgement.

The real activity on a real PostgreSQL against the simulated BTSWholesaler in a process of its own; and, order by order in
between, nothing but the two calls that it makes there: is it in stock, and order it, the latter on a fresh connection.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.common import Dependencies
from activities.dependencies import build_dependencies
from activities.submission import SubmissionActivities
from adapters.database import configurations
from adapters.database.engine import Database
from models.configuration import Configuration
from models.contracts import StepVerdict, SubmitRequest
from models.orders import Address
from models.suppliers import Destination, SupplierLine
from sandbox.catalogue import plain_eans
from sandbox.serving import listen
from workflows.decisions import destinations

TOKEN = "bench-token"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ADDRESS = Address(name="A", address1="B 1", city="Madrid", postal_code="28001", country_code="ES", phone="+34600000000")
WARM_UP = 20

_ROWS = text("""
INSERT INTO orders (channel, storefront_order_id, name, state, currency, total, test, paid, ship_country, placed_at,
    storefront_updated_at, content_key, received_at)
SELECT 'main', n, '#' || n, 'open', 'EUR', 100, false, true, 'ES', :now, :now, n, :now FROM generate_series(1, :orders) n;
INSERT INTO addresses (order_id, source, address, digest, stored_at)
SELECT id, 'storefront', CAST(:address AS jsonb), id, :now FROM orders;
UPDATE orders o SET address_id = a.id FROM addresses a WHERE a.order_id = o.id;
INSERT INTO order_lines (order_id, line_id, position, sku, variant_id, title, quantity, unit_price, requires_shipping, ean)
SELECT id, '1', 1, '', '', '', 1, 20, true, :ean FROM orders;
INSERT INTO purchase_orders (order_id, plan_no, number, supplier, attempt, workflow_id, state, mode, test, quote_id,
    carrier, quoted_for, submission)
SELECT id, 1, 'DW-' || id, 'bts', 1, 'bench/' || id, 'quoted', 'live', false, :quote, 'GLS', :quoted_for, 'ready' FROM orders;
INSERT INTO purchase_order_lines (purchase_order_id, line_id, ean, quantity, unit_cost)
SELECT id, '1', :ean, 1, 10 FROM purchase_orders;
""")


def measure(database_url: str, orders: int = 300) -> dict[str, Any]:
    """Submit that many orders on a database that has our tables, and empty it first. Returns milliseconds."""
    with _supplier() as url:
        database = Database(database_url)
        deps = build_dependencies(database, secrets=lambda _name: TOKEN)
        try:
            return _compare(database, deps, url, orders + WARM_UP)
        finally:
            deps.outside.close()
            database.close()


def _compare(database: Database, deps: Dependencies, url: str, orders: int) -> dict[str, Any]:
    configurations.apply(database, _configuration(url), by="bench", now=NOW)
    line = SupplierLine(ean=plain_eans()[0], quantity=1)
    destination = Destination(country_code=ADDRESS.country_code, postal_code=ADDRESS.postal_code)
    quote = deps.outside.supplier("bts").quote_shipping(destination, [line])[0].quote_id
    given = {"orders": orders, "now": NOW, "address": ADDRESS.model_dump_json(), "ean": line.ean}
    with database.begin() as tx:
        tx.execute(text("TRUNCATE orders, purchase_orders RESTART IDENTITY CASCADE"))
        for statement in _ROWS.text.split(";\n"):
            if statement.strip():
                wanted = text(statement)
                values = given | {"quote": quote, "quoted_for": destinations.key(ADDRESS)}
                tx.execute(wanted, {name: values[name] for name in wanted._bindparams})
        tx.execute(text("ANALYZE"))
    activities = SubmissionActivities(deps)
    bare = _Bare(url, line.ean, quote)
    ours, floor = [], []
    for order_id in range(1, orders + 1):  # one after the other, so that both meet the same machine
        ours.append(_submit(activities, order_id))
        floor.append(bare.order())
    submitted, called = (statistics.median(one[WARM_UP:]) * 1000 for one in (ours, floor))
    return {
        "submit_ms": round(submitted, 2),
        "submit_bare_ms": round(called, 2),
        "submit_overhead_ms": round(submitted - called, 2),
    }


def _submit(activities: SubmissionActivities, order_id: int) -> float:
    environment = ActivityEnvironment()
    environment.info = replace(
        environment.info, started_time=NOW, scheduled_time=NOW, start_to_close_timeout=timedelta(minutes=4)
    )
    request = SubmitRequest(
        purchase_order_id=order_id, order_id=order_id, channel="main", give_up_at=NOW + timedelta(hours=1)
    )
    begun = time.perf_counter()
    result = environment.run(activities.submit_purchase_order, request)
    seconds = time.perf_counter() - begun
    if result.verdict is not StepVerdict.DONE:
        raise RuntimeError(f"order {order_id} was not placed: {result.verdict}")
    return seconds


class _Bare:
    """The same two calls with nothing around them."""

    def __init__(self, url: str, ean: str, quote: str) -> None:
        self._headers = {"Authorization": f"Bearer {TOKEN}"}
        self._url, self._ean = url, ean
        self._tls = httpx.create_ssl_context()
        self._client = httpx.Client(base_url=url, headers=self._headers, verify=self._tls)
        self._form = {
            "payment_method": "wallet",
            "products[0][sku]": ean,
            "products[0][quantity]": "1",
            "shipping_cost_id": quote,
            "client_name": ADDRESS.name,
            "address": ADDRESS.address1,
            "postal_code": ADDRESS.postal_code,
            "city": ADDRESS.city,
            "country_code": ADDRESS.country_code,
            "telephone": ADDRESS.phone,
            "dropshipping": "1",
        }

    def order(self) -> float:
        begun = time.perf_counter()
        self._client.get("/getProductStock", params={"product_sku[]": self._ean}).raise_for_status()
        with httpx.Client(base_url=self._url, headers=self._headers, verify=self._tls) as fresh:
            fresh.post("/setCreateOrder", data=self._form).raise_for_status()
        return time.perf_counter() - begun


@contextmanager
def _supplier() -> Iterator[str]:
    with listen(0) as free:
        port = free.getsockname()[1]
    options = ("--port", str(port), "--token", TOKEN, "--ship-after", "100000")
    process = subprocess.Popen([sys.executable, "-m", "sandbox.btswholesaler", *options])
    url = f"http://127.0.0.1:{port}"
    try:
        _await_answer(f"{url}/_sandbox/faults", process)
        yield f"{url}/v1/api"
    finally:
        process.terminate()
        process.wait(10)


def _await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the simulated supplier did not start")


def _configuration(url: str) -> Configuration:
    supplier = {
        "adapter": "btswholesaler",
        "display_name": "BTS",
        "base_url": url,
        "token_env": "BENCH_TOKEN",
        "mode": "live",
        "metafield_namespace": "bench",
    }
    channel = {
        "shop_domain": "bench.example",
        "webhook_secret_env": "BENCH_SECRET",
        "token_env": "BENCH_TOKEN",
        "mode": "live",
        "start_watermark": NOW,
    }
    return Configuration.model_validate(
        {
            "channels": {"main": channel},
            "suppliers": {"bts": supplier},
            "routing": {"priority": ["bts"]},
            "mail": {"host": "localhost", "port": 25, "sender": "a@b.example", "alerts_to": "a@b.example"},
        }
    )
