"""The demo's configuration, written as the TOML file that `dropwright config apply` takes, and the secrets it names."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from string import Template

from sandbox.fileserver_sftp import host_key, public_line
from sandbox.shopify_world import MAIN_LOCATION, location_id
from starter.demo_scenarios import DAY_SECONDS, INSTEAD, MISSED, PLAN_HOURS
from starter.demo_story import LABELS, OLMO, OWN, PARTNERS, SUPPLIERS

CHANNEL = "demo"
SHOP_DOMAIN = "demo-shop.myshopify.com"
ALERTS_TO = "operations@demo.example"
FEED, PRICE_LIST = "price-list", "price-list.csv"
ON_SALE = 350  # articles in the shop: those of the orders, and at least the 300 of the price list
COUNT, SHELVES = "count", "shelves.csv"
STOCK = "stock"
SECRETS = {
    "DEMO_SHOP_SECRET": "demo-webhook-secret",
    "DEMO_SHOP_TOKEN": "demo-shop-token",
    "DEMO_SUPPLIER_TOKEN": "demo-supplier-token",
    "DEMO_MARKET_TOKEN": "sandbox-token",
    "DEMO_CJ_KEY": "CJ0001@api@sandbox",
    "DEMO_WEBHOOK_SECRET": "demo-webhooks-of-suppliers",
    "DEMO_EXCHANGE_PASSWORD": "open sesame",
    "DEMO_PORTAL_SECRET": "demo-suppliers-link-secret",
    "DEMO_LINK_SECRET": "demo-customers-link-secret",
}

_CONFIGURATION = """\
# A day lasts {day:g} seconds: this is the only thing that the demo scales, and it is data.
[channels.{channel}]
shop_domain = "{shop_domain}"
api_url = "{shop_url}"
webhook_secret_env = "DEMO_SHOP_SECRET"
token_env = "DEMO_SHOP_TOKEN"
mode = "live"
start_watermark = {watermark}
customer_messages = "dropwright"

[channels.{channel}.publishing]
quantities = true
location = "{location}"
buffer = 1

{suppliers}
{partners}
# What Olmo Trade puts into a folder: semicolons, decimal commas, a line above the header.
[suppliers.{feeding}.feeds.{feed}]
kind = "stock"
source = "file://{price_list}"
delimiter = ";"
skip_lines = 1
numbers = {{ decimal = ",", thousands = "." }}
absent = "zero"
columns = {{ sku = "Ref", ean = "EAN13", title = "Description", brand = "Marca", quantity = "Stock", unit_cost = "Net price" }}

# Our own shelves: people pick, and somebody counts.
[suppliers.{own}]
adapter = "warehouse"
display_name = "{own_label}"
mode = "live"
metafield_namespace = "{own}_demo"
tracking_plan = [{plan}]
final_check_grace = "5s"

[suppliers.{own}.feeds.{count}]
kind = "stock"
source = "file://{shelves}"
absent = "zero"
columns = {{ sku = "Shelf", ean = "EAN", quantity = "Pieces", unit_cost = "Cost" }}

[routing]
priority = [{priority}]

# What a customer may take where nobody has the first, and where customers are asked.
[stock]
substitutes = {{ "{missed}" = ["{instead}"] }}

[customers]
public_url = "{public_url}"
link_secret_env = "DEMO_LINK_SECRET"

# The page on which suppliers answer that are ordered from by mail.
[portal]
public_url = "{public_url}"
link_secret_env = "DEMO_PORTAL_SECRET"

[mail]
host = "127.0.0.1"
port = {mail_port}
starttls = false
sender = "shop@demo.example"
sender_name = "Demo Shop"
alerts_to = "{alerts_to}"
"""
_SUPPLIER = """\
[suppliers.{name}]
adapter = "btswholesaler"
display_name = "{label}"
base_url = "{url}/v1/api"
token_env = "DEMO_SUPPLIER_TOKEN"
mode = "live"
metafield_namespace = "{name}_demo"
tracking_plan = [{plan}]
final_check_grace = "5s"
acknowledgement_deadline = "24s"
submit_timeout = "3s"

[suppliers.{name}.outages]
within_at_least = "2s"
probe_every = "3s"
calm_for = "3s"
"""
_STOCK_LIST = """\
[suppliers.{name}.feeds.{stock}]
kind = "stock"
source = "file://{path}"
absent = "zero"
columns = {{ sku = "sku", ean = "ean", quantity = "units", unit_cost = "cost" }}
"""


def configuration_text(ports: Mapping[str, int], folder: Path) -> str:
    """Write the demo's configuration as the TOML file that `dropwright config apply` takes."""
    plan = ", ".join(f'"{hours * DAY_SECONDS / 24:g}s"' for hours in PLAN_HOURS)
    suppliers = "\n".join(
        _SUPPLIER.format(name=name, label=label, url=f"http://127.0.0.1:{ports[name]}", plan=plan)
        for name, label in SUPPLIERS.items()
    )
    return _CONFIGURATION.format(
        day=DAY_SECONDS,
        channel=CHANNEL,
        shop_domain=SHOP_DOMAIN,
        shop_url=f"http://127.0.0.1:{ports['shop']}",
        watermark=(datetime.now(UTC) - timedelta(minutes=1)).isoformat(timespec="seconds"),
        suppliers=suppliers,
        partners=_partners(ports, folder, plan),
        location=location_id(MAIN_LOCATION),
        feeding=OLMO,
        feed=FEED,
        price_list=folder / PRICE_LIST,
        own=OWN,
        own_label=LABELS[OWN],
        count=COUNT,
        shelves=folder / SHELVES,
        plan=plan,
        priority=", ".join(f'"{name}"' for name in LABELS),
        missed=MISSED,
        instead=INSTEAD,
        public_url=f"http://127.0.0.1:{ports['api']}",
        mail_port=ports["smtp"],
        alerts_to=ALERTS_TO,
    )


def stock_list(folder: Path, supplier: str) -> Path:
    """Say where the file lies in which a supplier without live stock tells what it has."""
    return folder / f"{STOCK}-{supplier}.csv"


def _partners(ports: Mapping[str, int], folder: Path, plan: str) -> str:
    """Fill in a supplier for every channel, and the list of what each of them has."""
    described = (files("starter") / "templates" / "demo_suppliers.toml").read_text("utf-8")
    places = {f"{name}_url": f"http://127.0.0.1:{port}" for name, port in ports.items()}
    filled = Template(described).substitute(ports, **places, plan=plan, host_key=public_line(host_key()))
    lists = (_STOCK_LIST.format(name=name, stock=STOCK, path=stock_list(folder, name)) for name in PARTNERS)
    return "\n".join([filled, *lists])
