from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import Doubtful, NotSent, Refused, Unavailable
from adapters.plugin import load_plugins
from adapters.suppliers.edi_x12.adapter import PLUGIN, X12Supplier, build
from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement, Answer, AnsweredItem
from adapters.suppliers.edi_x12.sets.common import Item
from dropwright.testing.contract import DocumentContract, Doubt, SupplierWorld, Unanswered
from dropwright.testing.desk import MemoryDesk, run_round
from models.configuration import Supplier
from models.exchange import DocumentKind, DocumentState, Incoming, OrderAcknowledged
from models.feeds import FeedKind
from models.suppliers import AcknowledgedLine, Cancellation, LookupVerdict, SupplierOrder, SupplierState
from sandbox.catalogue import UNKNOWN_EAN, plain_eans
from sandbox.serving import listen
from sandbox.x12_partner import ACCOUNT, Served, serving_partner
from tests.adapters.feeds.writing import feed_of
from tests.adapters.feeds.writing import read as read_feed
from tests.adapters.loopback import HTTP
from tests.adapters.x12.documents import document

DOUBTS = (
    Doubt("rename_lost", placed=True),
    Doubt("rename_dropped", placed=False),
    Doubt("rename_hangs", {"seconds": 3.0, "processed": True}, placed=True),
    Doubt("rename_hangs", {"seconds": 3.0}, placed=False),
)
UNANSWERED = (Unanswered("list_dropped", Unavailable),)
SHIPPING = {"countries": ["ES"], "cost": "4.90", "days": 3}


@dataclass(frozen=True, kw_only=True)
class NotingWorld(SupplierWorld):
    """A world whose desk knows what was ordered, as planning does in the product."""

    desk: MemoryDesk
    exchange: X12Supplier

    def order(self, **changes: Any) -> SupplierOrder:
        return self.desk.expect(super().order(**changes))


def settings(port: int, host_key: str, **profile: Any) -> Supplier:
    remote = {
        "url": f"sftp://127.0.0.1:{port}/",
        "username": ACCOUNT[0],
        "password_env": "PARTNER_PASSWORD",
        "host_keys": [host_key],
        "ready": "rename",
        "partner_archive": "taken",
    }
    values: dict[str, Any] = {
        "adapter": "edi-x12",
        "display_name": "An X12 partner",
        "metafield_namespace": "x12partner",
        "read_timeout": timedelta(seconds=1.5),
        "terms": {"shipping": [SHIPPING]},
        "profile": {
            "remote": remote,
            "sender_id": "MERCHANT",
            "receiver_qualifier": "01",
            "receiver_id": "123456789",
            "cancellation": "860",
            "stock_feed": "stock",
            "ship_methods": {"GLS": "GLSG"},
            "carriers": {"GLSG": "GLS"},
            **profile,
        },
    }
    return Supplier.model_validate(values)


def a_port(desk: MemoryDesk, configured: Supplier, password: str = ACCOUNT[1]) -> X12Supplier:
    return build(
        settings=configured, supplier_id="x12", secrets=lambda _: password, sink=lambda _: None, documents=desk
    )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving_partner(tmp_path / "partner") as partner:
        yield partner


def a_world(served: Served, **profile: Any) -> NotingWorld:
    partner = served.partner
    eans = plain_eans()[:5]
    desk = MemoryDesk(ordered=lambda _number: ())
    configured = settings(served.sftp_port, served.host_key, **profile)
    with listen(0) as taken:
        closed = settings(taken.getsockname()[1], served.host_key)
    port = a_port(desk, configured)

    def settle() -> None:
        for _ in range(2):
            partner.work()
            run_round(port, desk)
        partner.work()

    def answer(number: str, lines: Sequence[AcknowledgedLine]) -> None:
        told = [line.model_dump(mode="json") for line in lines]
        for line in told:
            cost = line["unit_cost"]
            line["unit_cost"] = cost["amount"] if cost else None
        partner.answer(number, told)

    def spoil(_method: str, kind: str, *, times: int = 1_000, **options: Any) -> None:
        served.uploads.plan(kind, times=times, **options)

    return NotingWorld(
        desk=desk,
        exchange=port,
        port=port,
        nowhere=a_port(MemoryDesk(), closed),
        stranger=a_port(MemoryDesk(), configured, "a wrong password"),
        eans=eans,
        unknown_ean=UNKNOWN_EAN,
        supplier_orders=lambda: [_booked(order) for order in partner.orders],
        ship=partner.ship,
        decline=partner.decline,
        settle=settle,
        answer=answer,
        secret=ACCOUNT[1],
        spoil=spoil,
        unspoil=served.uploads.clear,
        doubts=DOUBTS,
        unanswered=UNANSWERED,
        feeds=frozenset(),
        partner=lambda: _work(partner),
        plugin=PLUGIN,
    )


def _work(partner: Any) -> None:
    partner.work()


def _booked(order: dict[str, Any]) -> dict[str, Any]:
    lines = [{"ean": line["ean"], "quantity": line["quantity"]} for line in order["lines"]]
    return {"order_number": order["order_number"], "number": order["number"], "lines": lines}


class TestX12(DocumentContract):
    @pytest.fixture
    def world(self, served: Served) -> SupplierWorld:
        return a_world(served)


def test_the_plugin_is_found_by_its_entry_point() -> None:
    assert load_plugins("suppliers")["edi-x12"] is PLUGIN


@pytest.mark.parametrize("fault", ["write_dropped", "disk_full", "rename_refused"])
def test_what_never_had_its_final_name_was_not_sent_and_can_be_sent_again(served: Served, fault: str) -> None:
    world = a_world(served)
    order = world.order()
    world.spoil("place_order", fault, times=1)
    with pytest.raises(NotSent):
        world.port.place_order(order)
    world.unspoil()
    world.settle()
    assert world.supplier_orders() == []
    assert world.port.find_order(order).verdict is not LookupVerdict.FOUND
    world.port.place_order(order)
    world.settle()
    assert len(world.supplier_orders()) == 1
    assert [one.control for one in world.desk.outgoing if one.kind is DocumentKind.ORDER] == [1]


def test_a_resend_is_the_same_file_under_the_same_control_number(served: Served) -> None:
    world = a_world(served)
    order = world.order()
    world.spoil("place_order", "rename_dropped", times=1)
    with pytest.raises(Doubtful):
        world.port.place_order(order)
    prepared = world.desk.find_outgoing(DocumentKind.ORDER, order.number)
    assert prepared is not None
    world.unspoil()
    assert world.port.find_order(order).verdict is LookupVerdict.ABSENT
    world.port.place_order(order)
    served.partner.work()
    (taken,) = (served.partner.folder / "taken").iterdir()
    assert (taken.name, taken.read_bytes()) == (prepared.name, prepared.body)


def test_without_the_partners_archive_a_file_that_is_gone_leaves_doubt_until_its_receipt(served: Served) -> None:
    world = a_world(served)
    port = a_port(world.desk, without_archive(served))
    world = replace(world, port=port, exchange=port)
    order = world.order()
    world.spoil("place_order", "rename_lost", times=1)
    with pytest.raises(Doubtful):
        world.port.place_order(order)
    served.partner.work()
    assert world.port.find_order(order).verdict is LookupVerdict.UNSURE
    run_round(world.exchange, world.desk)
    assert world.port.find_order(order).verdict is LookupVerdict.FOUND


def without_archive(served: Served) -> Supplier:
    configured = settings(served.sftp_port, served.host_key)
    remote = {**configured.profile["remote"], "partner_archive": ""}
    return configured.model_copy(update={"profile": {**configured.profile, "remote": remote}})


def test_every_group_that_is_picked_up_is_receipted_once_and_a_receipt_never(served: Served) -> None:
    world = a_world(served)
    world.place()
    world.ship("DW-1-11", ["GLS-0000000001"])
    world.settle()
    world.settle()
    kinds = [segments[0][1] for segments in served.partner.receipts_seen]
    assert kinds == ["PR", "SH"]
    assert [one.receipt_due for one in world.desk.outgoing if one.kind is DocumentKind.RECEIPT] == [None, None]


def test_our_order_is_watched_until_its_receipt(served: Served) -> None:
    world = a_world(served)
    world.port.place_order(world.order())
    (sent,) = world.desk.outgoing
    assert sent.receipt_due is not None
    world.settle()
    assert sent.receipt_at is not None
    assert sent.state is DocumentState.RECEIVED


def test_an_order_whose_receipt_refuses_it_asks_for_a_person(served: Served) -> None:
    world = a_world(served)
    served.partner.receipts = "R"
    world.place()
    assert world.port.fetch_order("DW-1-11").state is SupplierState.UNKNOWN


@pytest.mark.parametrize("cancellation", ["860", "850-01"])
def test_a_cancellation_is_sent_as_it_was_agreed(served: Served, cancellation: str) -> None:
    world = a_world(served, cancellation=cancellation)
    world.place()
    assert world.port.cancel_order("DW-1-11") is Cancellation.REQUESTED
    world.settle()
    assert served.partner.orders[0]["cancelled"]
    assert world.port.fetch_order("DW-1-11").state is SupplierState.CANCELLED


def test_without_an_agreement_nothing_is_cancelled(served: Served) -> None:
    world = a_world(served, cancellation="none")
    world.place()
    with pytest.raises(Refused, match="no cancellation") as caught:
        world.port.cancel_order("DW-1-11")
    assert caught.value.code == "no_cancel"
    assert not world.port.capabilities.cancel


def test_a_cancellation_that_could_not_be_sent_leaves_with_the_next_round(served: Served) -> None:
    world = a_world(served)
    world.place()
    world.spoil("cancel_order", "rename_lost", times=1)
    with pytest.raises(Unavailable):
        world.port.cancel_order("DW-1-11")
    world.unspoil()
    world.settle()
    assert served.partner.orders[0]["cancelled"]


def test_what_is_too_large_is_put_into_the_error_folder(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_world(served)
    monkeypatch.setattr("adapters.exchange.remote_folder.LARGEST", 100)
    world.port.place_order(world.order())
    served.partner.work()
    taken = run_round(world.exchange, world.desk)
    assert {one.state for one in taken} == {DocumentState.QUARANTINED}
    assert len(list((served.partner.folder / "out" / "error").iterdir())) == len(taken)


@pytest.mark.parametrize("changed", [{"receiver_id": "MERCHANT"}, {"element_separator": "~"}, {"charset": "ebcdic"}])
def test_a_profile_that_can_not_be_used_is_refused_by_name(changed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="profile"):
        a_port(MemoryDesk(), settings(1, "SHA256:" + "A" * 43, **changed))


def test_an_option_there_is_not_is_refused_by_name() -> None:
    configured = settings(1, "SHA256:" + "A" * 43).model_copy(update={"options": {"payment": "x"}})
    with pytest.raises(ValueError, match="payment"):
        a_port(MemoryDesk(), configured)


def test_a_test_profile_writes_its_indicator(served: Served) -> None:
    world = a_world(served, usage="test")
    world.port.place_order(world.order())
    assert world.desk.outgoing[0].body[102:103] == b"T"


def test_a_stock_report_reaches_the_feed_that_the_profile_names_and_is_read_by_its_columns(served: Served) -> None:
    world = a_world(served, stock_price="any")
    served.partner.report_stock([("A-1", "4006381333931", 7), ("B-2", "5901234123457", 0)])
    world.settle()
    (reported,) = world.desk.stock
    assert reported.feed == "stock"
    columns = {name: column.model_dump() for name, column in world.port.feed_columns(FeedKind.STOCK).items()}
    columns.pop("unit_cost")  # of which this report has none
    found = read_feed(reported.body, feed_of(format="x12", columns=columns))
    assert [(row.sku, row.ean, row.quantity) for row in found.rows] == [
        ("A-1", "4006381333931", 7),
        ("B-2", "5901234123457", 0),
    ]


def test_the_simulator_shows_its_books_and_obeys_its_buttons_over_http(served: Served) -> None:
    world = a_world(served)
    world.port.place_order(world.order())
    assert HTTP.post(f"{served.url}/_sandbox/work").json() == 1
    assert HTTP.post(f"{served.url}/_sandbox/defects", json=["no_lines", "nonsense"]).json() == ["no_lines"]
    HTTP.post(f"{served.url}/_sandbox/orders/DW-1-11/ship", json={"tracking": ["1Z9"]}).raise_for_status()
    HTTP.post(f"{served.url}/_sandbox/orders/DW-1-11/invoice").raise_for_status()
    ledger = HTTP.get(f"{served.url}/_sandbox/ledger").json()
    assert [(order["number"], order["shipped"]) for order in ledger["orders"]] == [("DW-1-11", True)]
    world.settle()
    assert sorted(one.news for one in world.desk.news) == ["acknowledged", "invoiced", "shipped"]


def test_a_place_is_that_of_the_850_whatever_order_our_books_have(served: Served) -> None:
    world = a_world(served)
    order = world.order()
    world.port.place_order(order)
    world.desk.expect(order.model_copy(update={"lines": tuple(reversed(order.lines))}))
    item = Item("1", Decimal(2), "EA")
    said = Acknowledgement(order.number, "AC", lines=(AnsweredItem(item, (Answer("IA", Decimal(2)),)),))
    came = world.exchange.read(Incoming(name="a", place="a", body=document([("855", said)])))
    (news,) = came.news
    assert isinstance(news, OrderAcknowledged)
    assert [(line.ean, line.quantity) for line in news.lines] == [(order.lines[0].ean, 2)]
