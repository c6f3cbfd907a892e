from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from models.configuration import SEVEN_CHECKS, Configuration
from models.statuses import Mode

VALID: dict[str, Any] = {
    "channels": {
        "main": {
            "shop_domain": "shop.planted.example",
            "webhook_secret_env": "SHOP_SECRET",
            "token_env": "SHOP_TOKEN",
            "start_watermark": "2026-01-01T00:00:00Z",
        }
    },
    "suppliers": {
        "bts": {
            "adapter": "btswholesaler",
            "display_name": "BTSWholesaler",
            "base_url": "https://api.supplier.example",
            "token_env": "BTS_TOKEN",
            "metafield_namespace": "btswholesaler",
        }
    },
    "routing": {"priority": ["bts"]},
    "mail": {"host": "mail.example", "port": 587, "sender": "shop@planted.example", "alerts_to": "ops@planted.example"},
}


def set_to(*path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


def copy_channel(document: dict[str, Any]) -> None:
    document["channels"]["second"] = document["channels"]["main"]


def test_the_least_that_is_valid_is_careful() -> None:
    configuration = Configuration.model_validate(VALID)
    bts, main = configuration.suppliers["bts"], configuration.channels["main"]
    assert (bts.mode, main.mode) == (Mode.OBSERVE, Mode.OBSERVE)
    assert bts.tracking_plan == SEVEN_CHECKS
    assert bts.submit_timeout == timedelta(minutes=3)
    assert configuration.mail.starttls


def test_a_stored_configuration_reads_as_it_was_written() -> None:
    configuration = Configuration.model_validate(VALID)
    assert Configuration.model_validate(configuration.model_dump(mode="json")) == configuration


BTS, MAIN = ("suppliers", "bts"), ("channels", "main")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_to(*BTS, "tracking_plans", value=["24h"]), "suppliers.bts.tracking_plans"),
        (set_to(*BTS, "tracking_plan", value=[]), "suppliers.bts.tracking_plan"),
        (set_to(*BTS, "tracking_plan", value=["24h", "0s"]), "longer than zero"),
        (set_to(*BTS, "tracking_plan", value=["a day"]), "suppliers.bts.tracking_plan.0"),
        (set_to(*BTS, "tracking_plan", value=["1h"] * 51), "suppliers.bts.tracking_plan"),
        (set_to(*BTS, "token_env", value="a-real-token"), "suppliers.bts.token_env"),
        (set_to(*BTS, "base_url", value="ftp://supplier.example"), "suppliers.bts.base_url"),
        (set_to(*BTS, "mode", value="dry-run"), "suppliers.bts.mode"),
        (set_to(*BTS, "promise_days", value=0), "suppliers.bts.promise_days"),
        (set_to(*MAIN, "start_watermark", value="2026-01-01T00:00:00"), "channels.main.start_watermark"),
        (set_to(*MAIN, "shop_domain", value="https://shop.example/"), "channels.main.shop_domain"),
        (set_to(*MAIN, "customer_messages", value="both"), "channels.main.customer_messages"),
        (set_to("routing", "priority", value=[]), "routing.priority"),
        (set_to("routing", "priority", value=["bts", "nova"]), 'names "nova", which is no supplier'),
        (set_to("routing", "priority", value=["bts", "bts"]), 'names "bts" twice'),
        (set_to("mail", "alerts_to", value="nobody"), "mail.alerts_to"),
        (set_to("mail", "port", value=0), "mail.port"),
        (set_to("suppliers", value={}), "suppliers"),
        (set_to("channels", "Main Shop", value={}), "channels"),
        (copy_channel, "the same shop_domain"),
    ],
)
def test_a_configuration_that_would_go_wrong_is_refused_where_it_is_wrong(
    change: Callable[[dict[str, Any]], None], said: str
) -> None:
    document = deepcopy(VALID)
    change(document)
    with pytest.raises(ValidationError) as refused:
        Configuration.model_validate(document)
    assert said in str(refused.value)
