import json
import socket
import time

import httpx
import pytest

from starter import webhooks
from tests.intake.world import SHOP, World, headers, order, post


def stored(world: World) -> int:
    return world.rows("SELECT count(*) AS n FROM webhooks")[0].n


def test_a_signed_delivery_is_stored(api: httpx.Client, world: World) -> None:
    document = order()

    reply = post(api, document)

    assert (reply.status_code, reply.json()) == (200, {"outcome": "startable"})
    assert world.order_row(document).state == "startable"


def test_the_previous_secret_still_opens_while_it_is_rotated(api: httpx.Client) -> None:
    assert post(api, order(), secret="old secret").status_code == 200


@pytest.mark.parametrize(
    "signature",
    [None, "", "AAAA", "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I=", "ü".encode("latin-1").decode("latin-1")],
)
def test_a_wrong_or_missing_signature_is_refused_and_nothing_is_stored(
    api: httpx.Client, world: World, signature: str | None
) -> None:
    before, body = stored(world), json.dumps(order()).encode()
    given = headers(body)
    del given["X-Shopify-Hmac-Sha256"]
    if signature is not None:
        given["X-Shopify-Hmac-Sha256"] = signature

    reply = api.post(
        "/webhooks/shopify/main",
        content=body,
        headers={name: value.encode("latin-1") for name, value in given.items()},
    )

    assert (reply.status_code, stored(world)) == (401, before)


def test_one_byte_changed_after_signing_is_refused(api: httpx.Client, world: World) -> None:
    before, body = stored(world), json.dumps(order()).encode()

    reply = api.post("/webhooks/shopify/main", content=body.replace(b"25.00", b"35.00"), headers=headers(body))

    assert (reply.status_code, stored(world)) == (401, before)


def test_an_unknown_channel_is_not_found(api: httpx.Client) -> None:
    body = b"{}"
    assert api.post("/webhooks/shopify/other", content=body, headers=headers(body)).status_code == 404


@pytest.mark.parametrize("domain", ["other.example", ""])
def test_another_shop_is_not_found_even_with_our_signature(api: httpx.Client, world: World, domain: str) -> None:
    before = stored(world)

    assert post(api, order(), **{"X-Shopify-Shop-Domain": domain}).status_code == 404
    assert stored(world) == before


def test_a_shop_domain_in_capitals_is_the_same_shop(api: httpx.Client) -> None:
    assert post(api, order(), **{"X-Shopify-Shop-Domain": SHOP.upper()}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"id": 1',
        b"\xff\xfe{}",
        b'{"id": NaN}',
        b'{"id": -Infinity}',
        b'{"id": 1e400}',
        b'{"id": 1, "id": 2}',
        b'{"id": ' + b"9" * 5000 + b"}",
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 70 + b"1" + b"}" * 70,
    ],
)
def test_what_is_not_unmistakable_json_is_refused(api: httpx.Client, world: World, body: bytes) -> None:
    before = stored(world)

    assert (post(api, None, body=body).status_code, stored(world)) == (400, before)


def test_sixty_four_levels_are_read(api: httpx.Client) -> None:
    assert post(api, None, "themes/publish", body=b"[" * 64 + b"]" * 64).json() == {"outcome": "unhandled"}


def test_five_megabytes_are_refused_in_words(api: httpx.Client, world: World) -> None:
    before = stored(world)

    reply = post(api, None, body=b" " * 5_000_000)

    assert (reply.status_code, reply.json(), stored(world)) == (413, {"error": "too_large"}, before)


def test_five_megabytes_in_chunks_without_a_length_are_refused(api: httpx.Client) -> None:
    body = b" " * 5_000_000
    chunks = (body[start : start + 65_536] for start in range(0, len(body), 65_536))

    reply = api.post("/webhooks/shopify/main", content=chunks, headers=headers(body))

    assert reply.status_code == 413


def test_a_sender_that_asks_first_need_not_send_a_body_that_is_too_large(api: httpx.Client) -> None:
    with socket.create_connection((api.base_url.host, api.base_url.port or 0), timeout=30) as connection:
        connection.sendall(
            b"POST /webhooks/shopify/main HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_body_that_trickles_is_given_up(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BODY_SECONDS", 0.3)
    with socket.create_connection((api.base_url.host, api.base_url.port or 0), timeout=30) as connection:
        connection.sendall(b"POST /webhooks/shopify/main HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        started = time.monotonic()
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")
    assert time.monotonic() - started < 3


def test_a_body_of_one_mebibyte_is_read(api: httpx.Client) -> None:
    document = order(note="x")
    document["note"] = "x" * (1024 * 1024 - len(json.dumps(document)) + 1)

    assert post(api, document).json() == {"outcome": "startable"}


def test_an_unknown_topic_is_stored_unhandled(api: httpx.Client, world: World) -> None:
    assert post(api, {"id": 1}, "themes/publish").json() == {"outcome": "unhandled"}
    assert world.rows("SELECT count(*) AS n FROM webhooks WHERE topic = 'themes/publish' AND outcome = 'unhandled'")[
        0
    ].n


def test_without_a_delivery_id_the_body_itself_is_recognised(api: httpx.Client) -> None:
    document = order()
    outcomes = [post(api, document, **{"X-Shopify-Webhook-Id": ""}).json()["outcome"] for _ in range(2)]

    assert outcomes == ["startable", "repeated"]


def test_the_door_says_little_to_strangers(api: httpx.Client) -> None:
    assert [api.get(path).status_code for path in ("/docs", "/openapi.json", "/redoc", "/")] == [404] * 4
    assert api.get("/webhooks/shopify/main").status_code == 405


def test_health_and_readiness(api: httpx.Client) -> None:
    assert (api.get("/healthz").json(), api.get("/readyz").json()) == ({"status": "ok"}, {"status": "ok"})


def test_a_channel_whose_adapter_cannot_be_built_is_told_to_come_again(
    api: httpx.Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(world.storefronts, "main")

    assert post(api, order()).status_code == 503
