"""What holds for a supplier that speaks by documents: files, X12, e-mail. Its desk is ``MemoryDesk`` or the real one."""

from datetime import UTC, datetime

import pytest

from adapters.ports import ExchangingPort
from dropwright.testing.wire import WireContract
from dropwright.testing.worlds import SupplierWorld
from models.exchange import Incoming, OrderNews
from models.suppliers import SupplierState

GARBAGE = (b"", b"\x00\xff\xfe", b"\r\n\r\n", b"ISA*", b"<", b'"a;b\n', "ünklar".encode("cp1252"), b"A" * 5000)


class DocumentContract(WireContract):
    """The whole suite, for a supplier that speaks by documents.

    The world gives ``settle`` (a round of the exchange through the desk, both halves), ``partner`` (its half alone),
    ``doubts`` and ``unanswered`` of its own wire, and ``feeds=frozenset()`` where stock comes by documents.
    """

    def test_an_order_is_sent_until_its_partner_has_answered(self, world: SupplierWorld) -> None:
        placed = world.port.place_order(world.order())
        assert placed.state is SupplierState.SENT
        status = world.port.fetch_order(placed.supplier_number)
        assert status.state is SupplierState.SENT
        assert status.parcels == ()

    def test_picking_up_and_reading_change_nothing(self, world: SupplierWorld) -> None:
        port, first = _answered(world)
        again = list(port.pick_up())
        assert [(found.name, found.body) for found in again] == [(found.name, found.body) for found in first]
        readings = [port.read(found) for found in first]
        assert [port.read(found) for found in again] == readings
        assert not any(reading.refused for reading in readings)

    @pytest.mark.parametrize("good", [True, False], ids=["archive", "error"])
    def test_what_was_put_away_does_not_come_again(self, world: SupplierWorld, good: bool) -> None:
        port, found = _answered(world)
        for incoming in found:
            port.put_away(incoming, good=good)
            port.put_away(incoming, good=good)
        assert list(port.pick_up()) == []

    def test_garbage_is_refused_and_never_raises(self, world: SupplierWorld, subtests: pytest.Subtests) -> None:
        assert isinstance(world.port, ExchangingPort)
        for number, body in enumerate(GARBAGE):
            with subtests.test(number=number):
                reading = world.port.read(Incoming(name=f"garbage-{number}", place=f"garbage-{number}", body=body))
                assert reading.refused or all(not isinstance(item, OrderNews) for item in reading.news)

    def test_with_nothing_due_nothing_is_sent(self, world: SupplierWorld) -> None:
        assert isinstance(world.port, ExchangingPort)
        world.place()
        assert world.port.send_due(datetime.now(UTC)) == 0
        world.settle()
        assert len(world.supplier_orders()) == 1


def _answered(world: SupplierWorld) -> tuple[ExchangingPort, list[Incoming]]:
    """Order, and let the partner answer; its documents lie there."""
    assert isinstance(world.port, ExchangingPort)
    assert world.partner is not None, "give the world `partner`: what the partner does, before we pick up"
    world.port.place_order(world.order())
    world.partner()
    found = list(world.port.pick_up())
    assert found, "the partner has answered nothing"
    return world.port, found
