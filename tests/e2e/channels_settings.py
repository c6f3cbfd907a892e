"""The merchant's configuration with a supplier over each channel, squeezed so that lives last seconds."""

from typing import Any

from models.configuration import Configuration
from sandbox import anyrest, btswholesaler, cjdropshipping, mail_partner
from sandbox.bigbuy_books import reference_of
from sandbox.catalogue import catalogue, plain_eans
from sandbox.mail_partner_letters import AUTHSERV_ID, SUPPLIER
from sandbox.x12_partner import ACCOUNT
from tests.adapters.generic_rest import profile as rest_profile
from tests.e2e import harness
from tests.e2e.channels_partners import FileSide, Partners
from tests.e2e.channels_points import CHANNELS

SECRETS = harness.SECRETS | {
    "E2E_TOKEN": btswholesaler.DEFAULT_TOKEN,  # that of BigBuy, Printful and the made-up interface, too
    "E2E_CJ_KEY": cjdropshipping.DEFAULT_KEY,
    "E2E_WEBHOOK_SECRET": anyrest.WEBHOOK_SECRET,
    "E2E_FILES_PASSWORD": ACCOUNT[1],
    "E2E_MAIL_PASSWORD": mail_partner.CREDENTIALS[1],
}
SHOP_DOMAIN = "shop.channels.example"
TRACKING_PLAN = ("5s", "3s", "4s", "6s", "12s", "30s", "30s", "60s")
SETTLED_AFTER = "3s"  # after a doubt began
_REFERENCES = {article.ean: reference_of(article) for article in catalogue() if article.id % 10 != 9}
ARTICLES = dict(zip(CHANNELS, (ean for ean in plain_eans() if ean in _REFERENCES), strict=False))


def sku_of(channel: str) -> str:
    """Say what a channel's supplier calls its article."""
    return _REFERENCES[ARTICLES[channel]] if channel == "bigbuy" else ARTICLES[channel]


def configuration(partners: Partners, shop_url: str, mail_port: int) -> Configuration:
    """Configure a shop, and one supplier over each channel that alone has its article."""
    only = [{"name": channel, "when": {"articles": [ARTICLES[channel]]}, "only": [channel]} for channel in CHANNELS]
    return Configuration.model_validate(
        {
            "channels": {"main": _shop(shop_url)},
            "suppliers": {channel: _common(channel) | _described(channel, partners) for channel in CHANNELS},
            "routing": {"priority": list(CHANNELS), "rules": only},
            "supply": {"rates_every": None},
            "reconciling": {"every": None},
            "low_stock": {"every": None},
            "mail": {
                "host": "127.0.0.1",
                "port": mail_port,
                "starttls": False,
                "sender": "orders@channels.example",
                "alerts_to": "operations@channels.example",
            },
        }
    )


def _shop(url: str) -> dict[str, Any]:
    return {
        "shop_domain": SHOP_DOMAIN,
        "api_url": url,
        "webhook_secret_env": "E2E_SHOP_SECRET",
        "token_env": "E2E_SHOP_TOKEN",
        "mode": "live",
        "start_watermark": "2020-01-01T00:00:00Z",
        "customer_messages": "dropwright",
    }


def _common(channel: str) -> dict[str, Any]:
    return {
        "display_name": channel.title(),
        "mode": "live",
        "metafield_namespace": f"supplier_{channel}",
        "terms": {"shipping": [{"cost": "4.00", "days": 3}]},
        "tracking_plan": TRACKING_PLAN,
        "read_timeout": "3s",
        "submit_timeout": "20s",
        "doubt_deadline": "12s",
        "acknowledgement_deadline": "2m",
        "exchange_every": "1s",
        "calls_per_second": 1000,
        "outages": harness.OUTAGES,
    }


def _described(channel: str, partners: Partners) -> dict[str, Any]:
    token = {"token_env": "E2E_TOKEN"}
    url = partners.urls.get(channel, "")
    signed = {"webhook_secret_env": "E2E_WEBHOOK_SECRET"}
    visible = {"visibility_delay": SETTLED_AFTER}
    match channel:
        case "bts":
            return {"adapter": "btswholesaler", "base_url": f"{url}{btswholesaler.API}", **token}
        case "bigbuy":
            return {"adapter": "bigbuy", "base_url": url, "profile": visible, **token}
        case "cj":
            key = {"token_env": "E2E_CJ_KEY"}
            return {"adapter": "cjdropshipping", "base_url": f"{url}{cjdropshipping.API}", "profile": visible, **key}
        case "printful":
            return {"adapter": "printful", "base_url": url, "profile": {}, **token}
        case "rest":
            return {
                "adapter": "generic-rest",
                "base_url": f"{url}{anyrest.API}",
                "profile": rest_profile(calls_per_second=1000.0),
                **token,
                **signed,
            }
        case "x12":
            return _patient("edi-x12", _x12(partners.files["x12"]))
        case "files":
            return _patient("files", _files(partners.files["files"]))
        case _:
            return {"adapter": "email", "submit_timeout": "30s", "profile": _mail(partners)}


def _patient(adapter: str, profile: dict[str, Any]) -> dict[str, Any]:
    """A rename may be held for longer than a question of another channel may take."""
    return {"adapter": adapter, "read_timeout": "18s", "submit_timeout": "18s", "profile": profile}


def _remote(side: FileSide, archive: str) -> dict[str, Any]:
    return {
        "url": f"sftp://127.0.0.1:{side.port}/",
        "username": ACCOUNT[0],
        "password_env": "E2E_FILES_PASSWORD",
        "host_keys": [side.host_key],
        "ready": "rename",
        "partner_archive": archive,
    }


def _x12(side: FileSide) -> dict[str, Any]:
    return {
        "remote": _remote(side, "taken"),
        "sender_id": "MERCHANT",
        "receiver_qualifier": "01",
        "receiver_id": "123456789",
        "ship_methods": {"GLS": "GLSG"},
        "carriers": {"GLSG": "GLS"},
        "settled_after": SETTLED_AFTER,
    }


def _files(side: FileSide) -> dict[str, Any]:
    names = (
        "number=po_number line ean status quantity=qty_accepted unit_cost currency supplier_number=supplier_order_no"
    )
    pairs = (word.partition("=") for word in names.split())
    return {
        "remote": _remote(side, "in/archive"),
        "partner": "merchant",
        "settled_after": SETTLED_AFTER,
        "acknowledgements": {"columns": {field: heading or field for field, _, heading in pairs}},
        "shipments": {},
    }


def _mail(partners: Partners) -> dict[str, Any]:
    login = {"host": "127.0.0.1", "username": mail_partner.CREDENTIALS[0], "password_env": "E2E_MAIL_PASSWORD"}
    return {
        "to": SUPPLIER,
        "sender": "orders@shop.example",
        "trust": {"authserv_id": AUTHSERV_ID},
        "smtp": {**login, "port": partners.mail.smtp_port, "starttls": False},
        "imap": {**login, "port": partners.mail.imap.port, "security": "none", "sent": "Sent"},
        "settled_after": SETTLED_AFTER,
    }
