"""How fast X12 is read and written: typed sets with their envelopes, in megabytes of document a second, one thread.

Alone: ``python -m bench.x12``.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from adapters.suppliers.edi_x12.envelope import read_interchange
from adapters.suppliers.edi_x12.errors import Segment
from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement, Answer, AnsweredItem, read_855, write_855
from adapters.suppliers.edi_x12.sets.common import Item, Party
from adapters.suppliers.edi_x12.sets.inventories import Inventory, StockLine, read_846, write_846
from adapters.suppliers.edi_x12.sets.orders import PurchaseOrder, read_850, write_850
from adapters.suppliers.edi_x12.sets.shipments import (
    Pack,
    Routing,
    Shipment,
    ShippedItem,
    ShippedOrder,
    read_856,
    write_856,
)
from adapters.suppliers.edi_x12.wrapping import Addressing, write_interchange

DAY, MADE = date(2026, 3, 14), datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
ADDRESSING = Addressing(("ZZ", "MERCHANT"), ("01", "123456789"), "MERCHANT", "123456789")
MEGABYTE = 1_000_000
ROUNDS = 5
SETS, STOCK_LINES = 2_000, 5_000


def measure() -> dict[str, Any]:
    """Measure each kind of set; ``x12_parse_mb_s`` and ``x12_write_mb_s`` are the slowest of them."""
    rates = {code: _measured(code, sets) for code, sets in _documents().items()}
    parse = {f"x12_parse_mb_s_{code}": rate["parse"] for code, rate in rates.items()}
    write = {f"x12_write_mb_s_{code}": rate["write"] for code, rate in rates.items()}
    return {"x12_parse_mb_s": min(parse.values()), "x12_write_mb_s": min(write.values()), **parse, **write}


def _measured(code: str, sets: Sequence[Any]) -> dict[str, float]:
    write, read = _WRITERS[code], _READERS[code]
    body = _write(code, sets, write)
    parsing = _rate(lambda: _read(body, read), len(body))
    writing = _rate(lambda: _write(code, sets, write), len(body))
    return {"parse": parsing, "write": writing}


def _rate(work: Callable[[], object], size: int) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return round(size / MEGABYTE / statistics.median(taken), 2)


def _write(code: str, sets: Sequence[Any], write: Callable[[Any], list[Segment]]) -> bytes:
    return write_interchange([(code, write(one)) for one in sets], ADDRESSING, control=1, made_at=MADE)


def _read(body: bytes, read: Callable[[Sequence[Segment]], Any]) -> list[Any]:
    interchange = read_interchange(body)
    return [read(one.segments) for group in interchange.groups for one in group.sets]


def _documents() -> Mapping[str, Sequence[Any]]:
    return {
        "850": [_order(number) for number in range(SETS)],
        "855": [_acknowledgement(number) for number in range(SETS)],
        "856": [_shipment(number) for number in range(SETS)],
        "846": [Inventory("STOCK", DAY, lines=tuple(_stock_lines()))],
    }


def _items() -> tuple[Item, ...]:
    ids = [(("VN", f"A-{place}"), ("EN", f"400638133393{place}")) for place in range(3)]
    return tuple(Item(str(place), Decimal(2), "EA", Decimal("7.10"), pair) for place, pair in enumerate(ids, start=1))


def _order(number: int) -> PurchaseOrder:
    where = Party("ST", "A customer", streets=("17 Some Street",), city="Madrid", postal_code="28001", country="ES")
    return PurchaseOrder(
        f"DW-{number}-1", DAY, currency="EUR", routing=("ZZ", "GLSG"), parties=(where,), lines=_items()
    )


def _acknowledgement(number: int) -> Acknowledgement:
    lines = tuple(AnsweredItem(item, (Answer("IA", Decimal(2), "EA", "068", DAY),)) for item in _items())
    return Acknowledgement(f"DW-{number}-1", "AC", dated=DAY, supplier_number=f"V{number}", lines=lines)


def _shipment(number: int) -> Shipment:
    packs = tuple(
        Pack((f"1Z{number}{place}",), (), (ShippedItem(item.ids, Decimal(2)),)) for place, item in enumerate(_items())
    )
    order = ShippedOrder(f"DW-{number}-1", DAY, packs=packs)
    return Shipment(f"S{number}", DAY, routings=(Routing("2", "UPSN"),), dates=(("011", DAY),), orders=(order,))


def _stock_lines() -> Iterator[StockLine]:
    for number in range(STOCK_LINES):
        ids = (("VN", f"A-{number}"), ("EN", f"40063{number:08d}"))
        yield StockLine(ids, price=Decimal("7.10"), quantities=(("33", Decimal(number % 90), "EA"),))


_WRITERS: Mapping[str, Callable[[Any], list[Segment]]] = {
    "850": write_850, "855": write_855, "856": write_856, "846": write_846,
}  # fmt: skip
_READERS: Mapping[str, Callable[[Sequence[Segment]], Any]] = {
    "850": read_850, "855": read_855, "856": read_856, "846": read_846,
}  # fmt: skip


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)
