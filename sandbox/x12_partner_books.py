"""The simulated X12 partner's books and folders: what it takes, what it answers, and what was really ordered."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox import x12_partner_documents as documents

INBOX, OUTBOX, TAKEN = "in", "out", "taken"


@dataclass
class Partner:
    """The partner's books and its folders. Safe to use from several threads.

    ``acknowledges``: it answers an order by an 855 at once. ``takes_repeats``: it books an order again under a control
    number it has seen. ``receipts``: what its 997s say, "" for none.
    """

    folder: Path
    acknowledges: bool = True
    takes_repeats: bool = False
    receipts: str = "A"
    writer: documents.Writer = field(default_factory=documents.Writer)
    orders: list[dict[str, Any]] = field(default_factory=list)
    receipts_seen: list[list[list[str]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    files: int = 0
    _controls: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Make the folders."""
        for name in (INBOX, OUTBOX, TAKEN):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def work(self) -> int:
        """Take every file that has its final name, and answer it; returns how many."""
        with self._lock:
            found = sorted(path for path in (self.folder / INBOX).iterdir() if not path.name.startswith("."))
            for path in found:
                body = path.read_bytes()
                path.rename(self.folder / TAKEN / path.name)
                self._take(body)
            return len(found)

    def answer(self, number: str, answers: Sequence[dict[str, Any]]) -> None:
        """Acknowledge an order line by line."""
        with self._lock:
            said = documents.acknowledgement(self.writer, self.order(number), answers)
            self._send("855", self.writer.interchange("PR", [("855", said)]))

    def ship(self, number: str, tracking: Sequence[str], units: Mapping[str, int] | None = None) -> None:
        """Ship an order, or some units by EAN, in as many packs as there are tracking numbers."""
        with self._lock:
            order = self.order(number)
            order["shipped"] = True
            wanted = dict(units) if units is not None else {line["ean"]: line["quantity"] for line in order["lines"]}
            said = documents.shipment(self.writer, order, _packs(tracking, wanted), f"S{self.files + 1}")
            self._send("856", self.writer.interchange("SH", [("856", said)]))

    def decline(self, number: str, units: Mapping[str, int]) -> None:
        """Reject some units, and ship the rest."""
        order = self.order(number)
        answers = []
        for line in order["lines"]:
            short = units.get(line["ean"], 0)
            answers.append({"ean": line["ean"], "quantity": line["quantity"] - short, "status": "accepted"})
            answers.append({"ean": line["ean"], "quantity": short, "status": "rejected"})
        self.answer(number, [one for one in answers if one["quantity"]])
        rest = {line["ean"]: line["quantity"] - units.get(line["ean"], 0) for line in order["lines"]}
        self.ship(number, ["GLS-0000000009"], {ean: count for ean, count in rest.items() if count})

    def invoice(self, number: str, freight: Decimal = Decimal("3.95")) -> None:
        """Ask for its money."""
        with self._lock:
            said = documents.invoice(self.writer, self.order(number), f"I{self.files + 1}", freight)
            self._send("810", self.writer.interchange("IN", [("810", said)]))

    def report_stock(self, articles: Sequence[tuple[str, str, int]]) -> None:
        """Say what is there."""
        with self._lock:
            said = documents.stock(self.writer, articles)
            self._send("846", self.writer.interchange("IB", [("846", said)]))

    def order(self, number: str) -> dict[str, Any]:
        """Find an order by either number."""
        return next(one for one in self.orders if number in (one["number"], one["order_number"]))

    def _take(self, body: bytes) -> None:
        try:
            sets = documents.received(body)
        except documents.UnreadableError as problem:
            self.refused.append(str(problem))
            return
        control = sets[0].interchange
        if control in self._controls and not self.takes_repeats:
            self.refused.append("control number")
            self._send("TA1", self.writer.refusal(control, "025"))
            return
        self._controls.add(control)
        for one in sets:
            self._take_set(one)

    def _take_set(self, one: documents.Received) -> None:
        if one.code == "997":
            self.receipts_seen.append(one.segments)
            return
        if self.receipts:
            codes = [] if self.receipts == "A" else ["5"]
            said = documents.receipt(one, self.receipts, codes)
            self._send("997", self.writer.interchange("FA", [("997", said)]))
        if self.receipts == "R":
            return
        if one.segments[0][:2] in (["BEG", "01"], ["BCH", "01"]):
            self._cancel(one.segments[0][3])
        elif one.code == "850":
            self._book(one.segments)

    def _book(self, segments: documents.Lines) -> None:
        lines = []
        for segment in segments:
            if segment[0] == "PO1":
                names = documents.values(segment, 6)
                ean = next(names[kind] for kind in ("UP", "EN", "UK", "SK") if kind in names)
                lines.append({"ean": ean, "quantity": int(segment[2]), "price": segment[4]})
        number = segments[0][3]
        known_as = f"V{len(self.orders) + 1}"
        order = {"order_number": known_as, "number": number, "lines": lines, "cancelled": False}
        self.orders.append(order)
        if self.acknowledges:
            said: documents.Lines = [["BAK", "00", "AK", number, segments[0][5], "", "", "", known_as]]
            self._send("855", self.writer.interchange("PR", [("855", said)]))

    def _cancel(self, number: str) -> None:
        order = self.order(number)
        too_late = bool(order.get("shipped"))
        order["cancelled"] = not too_late
        said = [["BAK", "01", "RJ" if too_late else "AT", number, "20260314"]]
        self._send("855", self.writer.interchange("PR", [("855", said)]))

    def _send(self, kind: str, body: bytes) -> None:
        """Write a file under another name, and rename it."""
        self.files += 1
        path = self.folder / OUTBOX / f"{kind}_{self.files:05d}.x12"
        path.with_suffix(".tmp").write_bytes(body)
        path.with_suffix(".tmp").rename(path)


def _packs(tracking: Sequence[str], units: Mapping[str, int]) -> list[tuple[str, dict[str, int]]]:
    """Put all into the first parcel, except an article for each of the others."""
    names = list(units)
    others = names[1:][: len(tracking) - 1]
    first = (tracking[0], {ean: units[ean] for ean in names if ean not in others})
    return [first, *((mark, {ean: units[ean]}) for mark, ean in zip(tracking[1:], others, strict=False))]
