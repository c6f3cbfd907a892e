"""Documents damaged at random, from a seed: whatever is wrong with them, it is one of the named errors."""

import random
import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from adapters.suppliers.edi_x12.envelope import Interchange, TransactionSet, read_interchange
from adapters.suppliers.edi_x12.errors import X12Error
from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement, Answer, AnsweredItem
from adapters.suppliers.edi_x12.sets.inventories import Inventory, StockLine
from adapters.suppliers.edi_x12.sets.invoices import Charge, Invoice
from adapters.suppliers.edi_x12.sets.orders import OrderChange, PurchaseOrder
from adapters.suppliers.edi_x12.sets.receipts import Receipt, SetReceipt
from adapters.suppliers.edi_x12.sets.shipments import Pack, Routing, Shipment, ShippedItem, ShippedOrder
from models.exchange import Incoming
from tests.adapters.x12.documents import KINDS, an_item, document, reader

DOCUMENTS = 100_000
DAY = date(2026, 3, 14)
GTIN = (("EN", "4006381333931"),)
GOOD: list[list[tuple[str, Any]]] = [
    [("850", PurchaseOrder("DW-1-11", DAY, lines=(an_item(), an_item("2"))))],
    [("860", OrderChange("DW-1-11", DAY))],
    [
        ("855", Acknowledgement("DW-1-11", "AC", lines=(AnsweredItem(an_item(), (Answer("IA", Decimal(2)),)),))),
        ("855", Acknowledgement("DW-1-11", "AK")),
    ],
    [
        ("856", Shipment("S-1", DAY, routings=(Routing("2", "UPSN"),), orders=(
            ShippedOrder("DW-1-11", packs=(Pack(("1Z9",), (), (ShippedItem(GTIN, Decimal(2)),)),)),))),
    ],
    [("810", Invoice("I-1", DAY, Decimal("18.15"), "DW-1-11", lines=(an_item(),),
                     charges=(Charge("C", "D240", Decimal("3.95")),)))],
    [("846", Inventory("R-1", DAY, lines=tuple(
        StockLine(GTIN, quantities=(("33", Decimal(count), "EA"),)) for count in range(4))))],
    [("997", Receipt("PO", 7, "A", 1, 1, 1, (SetReceipt("850", "0001"),)))],
]  # fmt: skip


def test_damaged_documents_raise_named_errors_only_and_none_is_accepted_with_a_wrong_count() -> None:
    chance = random.Random(850)
    bodies = [document(sets) for sets in GOOD]
    understand = reader().read
    accepted = 0
    for number in range(DOCUMENTS):
        body = _damaged(chance, bodies[number % len(bodies)])
        try:
            interchange = read_interchange(body)
        except X12Error:
            continue
        accepted += _check_counts(body, interchange)
        if number % 2 == 0:
            understand(Incoming(name="a.x12", place="a.x12", body=body))
    assert accepted > DOCUMENTS // 20, "most damage is to the contents, and must be looked at too"


def _damaged(chance: random.Random, body: bytes) -> bytes:
    out = bytearray(body)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(out) or 1)
        match chance.randrange(8):
            case 0:
                out[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                out[place:place] = chance.choice([b"~", b"*", b"\r\n", b"\x00", b"SE*3*0001~", b"ST*855*0002~", b">"])
            case 2:
                del out[place : place + chance.randint(1, 20)]
            case 3:
                del out[place:]
            case _:
                segments = bytes(out).split(b"~\n")
                chosen = chance.randrange(len(segments))
                out = bytearray(b"~\n".join(_shuffled(chance, segments, chosen)))
    return bytes(out)


def _shuffled(chance: random.Random, segments: list[bytes], chosen: int) -> list[bytes]:
    match chance.randrange(4):
        case 0:
            return [*segments[:chosen], *segments[chosen + 1 :]]
        case 1:
            return [*segments[:chosen], segments[chosen], *segments[chosen:]]
        case 2:
            other = chance.randrange(len(segments))
            segments[chosen], segments[other] = segments[other], segments[chosen]
            return segments
    elements = segments[chosen].split(b"*")
    elements[chance.randrange(len(elements))] = chance.choice([b"", b"0", b"9", b"-1", b"1e5", b"NaN", "²".encode()])
    segments[chosen] = b"*".join(elements)
    return segments


def _check_counts(body: bytes, interchange: Interchange) -> bool:
    """Count again, in another way; returns whether every set was accepted."""
    sets = [one for group in interchange.groups for one in group.sets]
    trailers = list(_trailers(body))
    good = [one for one in sets if one.problem is None]
    for one in good:
        assert (one.control, one.count) in trailers, body
    for group in interchange.groups:
        if group.problem is None:
            assert re.search(rb"GE\* *0*%d *\*" % len(group.sets), body), body
            _typed(group.sets)
    return len(good) == len(sets) > 0


def _trailers(body: bytes) -> Iterator[tuple[str, int]]:
    """Find each SE that counts the segments since the last ST right: (control number, count)."""
    began = 0
    separator, terminator = chr(body.lstrip()[3]), chr(body.lstrip()[105])
    for place, raw in enumerate(body.decode("utf-8", "replace").split(terminator)):
        elements = raw.strip("\r\n").split(separator)
        if elements[0] == "ST":
            began = place
        if elements[0] == "SE" and len(elements) > 2 and elements[1].strip().lstrip("0") == str(place - began + 1):
            yield elements[2].rstrip(), place - began + 1


def _typed(sets: Sequence[TransactionSet]) -> None:
    for one in sets:
        if one.problem is None and one.code in KINDS:
            try:
                KINDS[one.code][2](one.segments)
            except X12Error:
                continue
