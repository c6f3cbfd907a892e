"""Suppliers' webhooks at our door, as real senders send them: one that signs nothing, and one that signs."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from activities.delivery import OrderDelivery
from adapters.errors import AuthenticationFailed
from models.contracts import PurchaseOrderRequest
from models.exchange import OrderAcknowledged, PartnerNews, Unclear
from models.suppliers import SupplierState
from sandbox import anyrest
from tests.activities.world import RecordedSupplier
from tests.adapters import generic_rest, printful
from tests.intake.portal_world import PortalWorld, build_portal_world, serving
from tests.intake.world import logged_until

NOWHERE = "http://127.0.0.1:9"


class Parcels:
    """A supplier whose adapter believes whoever knows the word, and breaks where it is told to."""

    def read_webhook(self, _headers: Mapping[str, str], body: bytes, *, path_secret: str) -> list[PartnerNews]:
        """Read ``{"number": …}``."""
        if body.startswith(b"break"):
            raise KeyError("Planted Person")
        if path_secret != "word":
            raise AuthenticationFailed("webhook: not the word")
        told = json.loads(body)
        if "said" in told:
            return [Unclear(number=told["number"], reason="said", detail=told["said"])]
        return [OrderAcknowledged(number=told["number"])]


@pytest.fixture(scope="module")
def world(database_url: str) -> Iterator[PortalWorld]:
    settings = {
        "adapter": "recorded",
        "display_name": "Another",
        "base_url": NOWHERE,
        "token_env": "ANY_TOKEN",
        "metafield_namespace": "recorded",
        "enabled": False,  # no orders are planned there: they are said to be there
    }
    suppliers = dict.fromkeys(("pf", "acme", "plain", "missing", "words"), settings)
    built = build_portal_world(database_url, suppliers=suppliers)
    built.suppliers |= {
        "pf": printful.port(NOWHERE),
        "acme": generic_rest.port(NOWHERE),
        "plain": RecordedSupplier("plain", lambda _: None),  # type: ignore[dict-item]
        "words": Parcels(),  # type: ignore[dict-item]
    }
    yield built
    for name in ("pf", "acme"):
        built.suppliers[name].close()
    built.inner.database.close()


@pytest.fixture(scope="module")
def api(world: PortalWorld) -> Iterator[httpx.Client]:
    with serving(world) as client:
        yield client


def placed_at(world: PortalWorld, supplier: str) -> PurchaseOrderRequest:
    """Bring an order to a purchase order that this supplier has."""
    order = world.placed(2)
    update = "UPDATE purchase_orders SET supplier = :supplier WHERE id = :id RETURNING id"
    world.inner.rows(update, supplier=supplier, id=order.purchase_order_id)
    return order


def shipped(number: str, *, kind: str = "package_shipped", tracking: str = "T1") -> bytes:
    """A webhook of Printful's."""
    data = {"order": {"id": 77, "external_id": number}, "shipment": {"tracking_number": tracking}}
    return json.dumps({"type": kind, "created": 1790000000, "data": data}).encode()


def accepted(number: str, **order: Any) -> tuple[bytes, dict[str, str]]:
    """A webhook of the signing supplier's, with its headers."""
    told = {"id": "A-1", "reference": number, "state": "ACCEPTED", "packages": [], "answers": [], **order}
    return signed(json.dumps({"order": told}).encode())


def signed(body: bytes, *, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    stamp = str(int(at or time.time()))
    return body, {"x-any-timestamp": stamp, "x-any-signature": anyrest.sign(body, stamp)}


def send(
    api: httpx.Client, supplier: str, body: bytes, headers: Mapping[str, str] | None = None, secret: str = "x"
) -> httpx.Response:
    return api.post(f"/webhooks/suppliers/{supplier}/{secret}", content=body, headers=headers)


def from_printful(api: httpx.Client, body: bytes, secret: str = printful.PATH_SECRET) -> httpx.Response:
    return send(api, "pf", body, secret=secret)


def stored(world: PortalWorld) -> int:
    count: int = world.inner.only("SELECT count(*) AS n FROM partner_documents")["n"]
    return count


# One that signs nothing.


def test_an_unsigned_webhook_is_a_reason_to_look_and_nothing_else(world: PortalWorld, api: httpx.Client) -> None:
    order = placed_at(world, "pf")

    answer = from_printful(api, shipped(order.number))

    assert (answer.status_code, answer.json()) == (200, {"outcome": "taken"})
    assert [one["news"] for one in world.news(order)] == ["look"]
    (document,) = world.documents(order)
    assert (document["kind"], document["state"], bytes(document["body"])) == (
        "webhook",
        "applied",
        shipped(order.number),
    )
    assert document["name"] == f"sha256-{document['digest']}"


def test_an_unsigned_webhook_that_comes_again_has_the_order_looked_at_again(
    world: PortalWorld, api: httpx.Client
) -> None:
    order = placed_at(world, "pf")
    from_printful(api, shipped(order.number))
    world.inner.rows("UPDATE partner_news SET told_at = now() RETURNING id")

    answer = from_printful(api, shipped(order.number))

    assert answer.json() == {"outcome": "repeated"}
    assert world.inner.only("SELECT count(*) AS n FROM partner_news WHERE told_at IS NULL") == {"n": 1}
    assert len(world.documents(order)) == 1


@pytest.mark.parametrize("secret", ["", "x", f"{printful.PATH_SECRET}x", "ü%00", "%2e%2e"])
def test_without_the_secret_in_its_address_nothing_is_believed_or_kept(
    world: PortalWorld, api: httpx.Client, secret: str
) -> None:
    before = stored(world)

    refused = from_printful(api, shipped(placed_at(world, "pf").number), secret=secret)

    assert refused.status_code in (401, 404)  # an empty end, or one with a slash, is another address
    assert stored(world) == before


@pytest.mark.parametrize(
    "body", [shipped("DW-0-00"), shipped("DW-0-00", kind="stock_updated"), b'{"type": "product_synced"}']
)
def test_what_is_about_nothing_of_ours_is_answered_and_not_kept(
    world: PortalWorld, api: httpx.Client, body: bytes
) -> None:
    before = stored(world)

    answer = from_printful(api, body)

    assert (answer.status_code, answer.json()) == (200, {"outcome": "unhandled"})
    assert stored(world) == before


def test_a_hint_about_another_suppliers_order_is_about_nothing(world: PortalWorld, api: httpx.Client) -> None:
    order = placed_at(world, "acme")

    assert from_printful(api, shipped(order.number)).json() == {"outcome": "unhandled"}
    assert world.news(order) == []


def test_a_genuine_webhook_of_a_shape_that_is_new_is_kept_for_a_person(world: PortalWorld, api: httpx.Client) -> None:
    before = stored(world)

    answer = from_printful(api, b'{"type": "package_shipped", "data": {"orders": ["Planted Person"]}}')

    assert (answer.status_code, answer.json()) == (200, {"outcome": "unclear"})
    assert stored(world) == before + 1
    (document,) = world.inner.rows("SELECT * FROM partner_documents ORDER BY id DESC LIMIT 1")
    assert (document["state"], document["kind"]) == ("quarantined", "webhook")
    (task,) = world.inner.rows("SELECT * FROM tasks ORDER BY id DESC LIMIT 1")
    assert task["category"] == "document_unclear"
    assert "Planted" not in str(task)


# One that signs.


def test_a_signed_webhook_is_believed(world: PortalWorld, api: httpx.Client) -> None:
    order = placed_at(world, "acme")

    answer = send(api, "acme", *accepted(order.number))

    assert answer.json() == {"outcome": "taken"}
    assert [(one["news"], one["state"]) for one in world.news(order)] == [("acknowledged", "acknowledged")]


def test_the_same_event_twice_is_one(world: PortalWorld, api: httpx.Client) -> None:
    order = placed_at(world, "acme")
    body, headers = accepted(order.number)

    answers = [send(api, "acme", body, headers | {"Webhook-Id": "evt-1"}) for _ in range(2)]

    assert [one.json()["outcome"] for one in answers] == ["taken", "repeated"]
    assert len(world.news(order)) == 1
    assert world.documents(order)[0]["name"] == "evt-1"


def test_the_same_id_with_another_body_is_taken_and_asked_about(world: PortalWorld, api: httpx.Client) -> None:
    order = placed_at(world, "acme")
    for state in ("ACCEPTED", "RECEIVED"):
        body, headers = accepted(order.number, state=state)
        assert send(api, "acme", body, headers | {"Webhook-Id": "evt-2"}).status_code == 200

    assert len(world.documents(order)) == 2
    assert world.tasks(order) == ["document_unclear"]


def test_another_event_of_the_same_state_changes_nothing(world: PortalWorld, api: httpx.Client) -> None:
    order = placed_at(world, "acme")
    for version in (1, 2):
        send(api, "acme", *accepted(order.number, version=version))

    status = world.inner.only("SELECT count(*) AS n FROM partner_news WHERE number = :n", n=order.number)
    assert status == {"n": 2}
    assert {one["state"] for one in world.news(order)} == {SupplierState.ACKNOWLEDGED}
    assert world.tasks(order) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda body, headers: (body, {}),
        lambda body, headers: (body, headers | {"x-any-signature": "sha256=" + "0" * 64}),
        lambda body, headers: (body, headers | {"x-any-signature": "ü"}),
        lambda body, headers: (json.dumps(json.loads(body), indent=1).encode(), headers),
        lambda body, headers: (body, headers | {"x-any-timestamp": str(int(time.time()) + 1)}),
        lambda body, _: signed(body, at=time.time() - 400),
        lambda body, _: signed(body, at=time.time() + 400),
    ],
    ids=["none", "wrong", "not ASCII", "of another spelling", "of another time", "too old", "from the future"],
)
def test_a_signature_that_does_not_fit_is_refused_and_nothing_is_kept(
    world: PortalWorld, api: httpx.Client, change: Any
) -> None:
    order, before = placed_at(world, "acme"), stored(world)
    body, headers = change(*accepted(order.number))

    refused = send(api, "acme", body, {name: value.encode() for name, value in headers.items()})

    assert (refused.status_code, refused.json()) == (401, {"error": "bad_signature"})
    assert stored(world) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"order": {"reference": "DW-1-11", "reference": "DW-1-12"}}',
        b'{"order": {"reference": NaN}}',
        b'{"order": {"reference": 1e400}}',
        b"[" * 70 + b"]" * 70,
        b"[" * 100_000,
        b"\x1f\x8b\x08\x00" + b"\0" * 100,
    ],
    ids=["empty", "cut off", "no UTF-8", "a key twice", "NaN", "overflow", "deep", "deeper", "gzip"],
)
def test_what_two_could_read_differently_is_refused_though_it_is_signed(
    world: PortalWorld, api: httpx.Client, body: bytes
) -> None:
    before = stored(world)

    refused = send(api, "acme", *signed(body))

    assert refused.status_code == 400
    assert stored(world) == before


@pytest.mark.parametrize("number", ["DW-0-00", 2**63, "<b>", "x" * 10_000, ["DW-1-11"], "DW\u0000"])
def test_a_signed_webhook_about_no_order_that_can_be_is_kept_for_a_person(
    world: PortalWorld, api: httpx.Client, number: object
) -> None:
    before = stored(world)

    answer = send(api, "acme", *accepted(number))  # type: ignore[arg-type]

    assert (answer.status_code, stored(world)) == (200, before + 1)
    assert world.inner.only("SELECT category FROM tasks ORDER BY id DESC LIMIT 1") == {"category": "document_unclear"}


# Any.


@pytest.mark.parametrize("supplier", ["nobody", "plain", "bts%2Fx", "ü"])
def test_where_nobody_listens_there_is_no_door(api: httpx.Client, supplier: str) -> None:
    assert send(api, supplier, b"{}").status_code == 404


def test_a_supplier_that_can_not_be_built_here_is_asked_to_come_again(api: httpx.Client) -> None:
    refused = send(api, "missing", b"{}")

    assert (refused.status_code, refused.json()) == (503, {"error": "supplier_not_usable"})


def test_an_adapter_that_breaks_keeps_nothing_of_a_strangers(world: PortalWorld, api: httpx.Client) -> None:
    before = stored(world)

    refused = send(api, "words", b"break")

    assert (refused.status_code, refused.json()) == (400, {"error": "unreadable"})
    assert stored(world) == before


def test_news_that_the_database_can_not_hold_are_kept_for_a_person(world: PortalWorld, api: httpx.Client) -> None:
    order = placed_at(world, "words")

    answer = send(api, "words", json.dumps({"number": order.number, "said": "a\0b"}).encode(), secret="word")

    assert (answer.status_code, answer.json()) == (200, {"outcome": "unclear"})
    (document,) = world.inner.rows("SELECT * FROM partner_documents ORDER BY id DESC LIMIT 1")
    assert (document["state"], document["kind"]) == ("quarantined", "webhook")
    assert document["reason"].startswith("unforeseen: ")


def test_more_than_a_mebibyte_is_not_read(world: PortalWorld, api: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b"x" * 65_536 for _ in range(17))

    before = stored(world)
    declared = send(api, "acme", b"x" * (2**20 + 1))
    chunked = api.post("/webhooks/suppliers/acme/x", content=chunks())

    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert stored(world) == before


def test_one_that_comes_many_times_at_once_is_kept_once(world: PortalWorld, api: httpx.Client) -> None:
    order = placed_at(world, "acme")
    body, headers = accepted(order.number)

    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda _: send(api, "acme", body, headers), range(8)))

    assert {one.status_code for one in answers} == {200}
    assert sorted(one.json()["outcome"] for one in answers) == ["repeated"] * 7 + ["taken"]
    assert len(world.news(order)) == 1


def test_what_came_is_told_to_its_orders_at_once(
    world: PortalWorld, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    async def note(_self: OrderDelivery, supplier: str) -> int:
        told.append(supplier)
        return 1

    monkeypatch.setattr(OrderDelivery, "tell_news", note)
    send(api, "acme", *accepted(placed_at(world, "acme").number))
    deadline = time.monotonic() + 30
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)

    assert told == ["acme"]


def test_no_line_of_the_log_holds_a_secret_or_what_was_sent(
    world: PortalWorld, api: httpx.Client, capfd: pytest.CaptureFixture[str]
) -> None:
    from_printful(api, b'{"type": "package_shipped", "data": {"order": "Planted Person"}}')
    send(api, "words", b"break")

    route = "/webhooks/suppliers/{supplier}/{path_secret}"
    logged = logged_until(capfd, route, {("POST", "200"), ("POST", "400")})

    assert printful.PATH_SECRET not in logged
    assert "Planted Person" not in logged


def test_the_hour_of_a_document_is_when_it_came(world: PortalWorld, api: httpx.Client) -> None:
    order = placed_at(world, "acme")
    send(api, "acme", *accepted(order.number))

    assert abs((datetime.now(UTC) - world.documents(order)[0]["made_at"]).total_seconds()) < 60
