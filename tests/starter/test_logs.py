import io
import json
import logging

import pytest
import structlog
from temporalio import activity
from temporalio.testing import ActivityEnvironment

from starter.logs import REMOVED, configure_logs


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    configure_logs("json", "info", stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_both_ways_to_log_become_the_same_json(stream: io.StringIO) -> None:
    structlog.get_logger("ours").info("serving", queue="orders")
    logging.getLogger("theirs").warning("took %s ms", 12)

    ours, theirs = lines(stream)
    assert ours | {"timestamp": ""} == {
        "event": "serving",
        "queue": "orders",
        "level": "info",
        "logger": "ours",
        "timestamp": "",
    }
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("took 12 ms", "warning", "theirs")


def test_secrets_and_personal_data_are_taken_out_by_name_at_any_depth(stream: io.StringIO) -> None:
    structlog.get_logger().info(
        "x", email="a@b.example", request={"phone": "123", "deep": [{"shipping_address": "Street 1"}]}, api_token="t"
    )

    (line,) = lines(stream)
    assert line["email"] == line["api_token"] == REMOVED
    assert line["request"] == {"phone": REMOVED, "deep": [{"shipping_address": REMOVED}]}


@pytest.mark.parametrize(
    "said",
    [
        "mail to planted@planted.example failed",
        "header Authorization: Bearer planted-token-123",
        "connecting to postgresql://user:planted@host/name",
    ],
)
def test_mail_addresses_and_credentials_are_taken_out_of_any_text(stream: io.StringIO, said: str) -> None:
    logging.getLogger("theirs").error(said)

    assert "planted" not in stream.getvalue()
    assert REMOVED in stream.getvalue()


def test_the_text_of_an_exception_is_cleaned_too(stream: io.StringIO) -> None:
    try:
        raise ValueError("planted@planted.example is not valid")
    except ValueError:
        logging.getLogger("theirs").exception("failed")

    assert "ValueError" in stream.getvalue()
    assert "planted" not in stream.getvalue()


def test_http_clients_do_not_log_the_urls_they_ask(stream: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET http://host/getShippingPrices?postal_code=28001")

    assert stream.getvalue() == ""


async def test_a_line_from_an_activity_names_workflow_order_and_purchase_order(stream: io.StringIO) -> None:
    @activity.defn
    async def act() -> None:
        structlog.get_logger().info("asked")
        activity.logger.info("from the sdk")

    environment = ActivityEnvironment()
    info = environment.default_info()
    environment.info = type(info)(**{**vars(info), "workflow_id": "purchase-order/main/77/bts/1"})
    await environment.run(act)

    for line in lines(stream):
        assert line["workflow_id"] == "purchase-order/main/77/bts/1"
        assert line["order"] == "main/77"
        assert line["purchase_order"] == "main/77/bts/1"
        assert line["attempt"] == 1
    assert len(lines(stream)) == 2


def test_a_terminal_gets_readable_lines() -> None:
    stream = io.StringIO()

    configure_logs("console", "info", stream)
    structlog.get_logger().warning("not started", queue="orders", email="planted@planted.example")

    assert "not started" in stream.getvalue()
    assert "queue=orders" in stream.getvalue()
    assert "planted" not in stream.getvalue()
