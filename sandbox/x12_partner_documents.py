"""X12 as the simulated partner reads and writes it: its own code, with its own manners and mistakes.

Defects, as seen in partners' real files: ``wrong_ctt``, ``u_in_5010`` (ISA11 "U" under version 00501), ``mixed_ends``
(CR LF here, a bare CR there), ``blank_ids`` (GS ids filled up with blanks), ``no_lines`` (no line numbers),
``po102_repeats`` (PO102 says another quantity than ACK02), ``tds_without_freight``, ``no_iea`` (a half-written file),
``same_isa13`` (one control number for several interchanges), ``wrong_se``, ``test_indicator``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Lines = list[list[str]]
DEFECTS = frozenset(
    "wrong_ctt u_in_5010 mixed_ends blank_ids no_lines po102_repeats tds_without_freight no_iea same_isa13 wrong_se "
    "test_indicator".split()
)


class UnreadableError(Exception):
    """What we were sent makes no sense."""


@dataclass
class Received:
    """One set that we were sent, with the control numbers around it."""

    interchange: str
    group: str
    functional: str
    code: str
    control: str
    segments: Lines


def received(body: bytes) -> list[Received]:
    """Read an interchange by the book: fixed ISA, then whatever its delimiters cut."""
    text = body.decode("utf-8")
    if not text.startswith("ISA") or len(text) < 106:
        raise UnreadableError("no ISA")
    separator, terminator = text[3], text[105]
    segments = [one.strip("\r\n").split(separator) for one in text.split(terminator) if one.strip("\r\n")]
    if segments[-1][0] != "IEA" or segments[-1][2] != segments[0][13]:
        raise UnreadableError("no IEA that fits")
    return list(_sets(segments))


def _sets(segments: Lines) -> Iterator[Received]:
    group: list[str] = []
    inside: Lines = []
    head: list[str] = []
    for segment in segments:
        if segment[0] == "GS":
            group = segment
        elif segment[0] == "ST":
            head, inside = segment, []
        elif segment[0] == "SE":
            if int(segment[1]) != len(inside) + 2:
                raise UnreadableError("SE01")
            yield Received(segments[0][13], group[6], group[1], head[1], head[2], inside)
        else:
            inside.append(segment)


def values(segment: Sequence[str], first: int) -> dict[str, str]:
    """Read pairs of qualifier and value."""
    return dict(zip(segment[first::2], segment[first + 1 :: 2], strict=False))


@dataclass
class Writer:
    """Writes what the partner sends. ``we`` and ``they`` are (qualifier, id) of the partner and of its customer."""

    we: tuple[str, str] = ("01", "123456789")
    they: tuple[str, str] = ("ZZ", "MERCHANT")
    defects: set[str] = field(default_factory=set)
    control: int = 0

    def interchange(self, functional: str, sets: Sequence[tuple[str, Lines]]) -> bytes:
        """Write sets into one group of one interchange."""
        if "same_isa13" not in self.defects or not self.control:
            self.control += 1
        lines = [self._gs(functional)]
        for place, (code, segments) in enumerate(sets, start=1):
            count = len(segments) + 2 + ("wrong_se" in self.defects)
            lines += [["ST", code, f"{place:04d}"], *segments, ["SE", str(count), f"{place:04d}"]]
        lines.append(["GE", str(len(sets)), str(self.control)])
        if "no_iea" not in self.defects:
            lines.append(["IEA", "1", f"{self.control:09d}"])
        return self._ended([self._isa(), *("*".join(line) for line in lines)])

    def refusal(self, interchange: str, note: str) -> bytes:
        """Write a TA1 that refuses an interchange."""
        self.control += 1
        now = datetime.now(UTC)
        ta1 = f"TA1*{interchange}*{now:%y%m%d}*{now:%H%M}*R*{note}"
        return self._ended([self._isa(), ta1, f"IEA*0*{self.control:09d}"])

    def total(self, count: int) -> list[str]:
        """Write a CTT."""
        return ["CTT", str(count + ("wrong_ctt" in self.defects))]

    def line(self, place: int) -> str:
        """Write a line's number."""
        return "" if "no_lines" in self.defects else str(place)

    def _isa(self) -> str:
        now = datetime.now(UTC)
        version = "00501" if "u_in_5010" in self.defects else "00401"
        ids = f"{self.we[0]}*{self.we[1]:15}*{self.they[0]}*{self.they[1]:15}"
        usage = "T" if "test_indicator" in self.defects else "P"
        return f"ISA*00*{'':10}*00*{'':10}*{ids}*{now:%y%m%d}*{now:%H%M}*U*{version}*{self.control:09d}*0*{usage}*>"

    def _gs(self, functional: str) -> list[str]:
        now = datetime.now(UTC)
        filled = 15 if "blank_ids" in self.defects else 0
        version = "005010" if "u_in_5010" in self.defects else "004010"
        ids = [f"{self.we[1]:{filled or 1}}", f"{self.they[1]:{filled or 1}}"]
        return ["GS", functional, *ids, f"{now:%Y%m%d}", f"{now:%H%M}", str(self.control), "X", version]

    def _ended(self, lines: Sequence[str]) -> bytes:
        if "mixed_ends" in self.defects:
            return "".join(
                f"{line}~{chr(13)}{chr(10) if place % 2 else ''}" for place, line in enumerate(lines)
            ).encode()
        return "".join(f"{line}~\n" for line in lines).encode()


def acknowledgement(writer: Writer, order: dict[str, Any], answers: Sequence[dict[str, Any]]) -> Lines:
    """Write an 855 that answers line by line; several answers of one article split its line."""
    segments: Lines = [["BAK", "00", "AC", order["number"], _today(), "", "", "", order["order_number"]]]
    by_article: dict[str, list[dict[str, Any]]] = {}
    for answer in answers:
        by_article.setdefault(answer["ean"], []).append(answer)
    for place, (ean, told) in enumerate(by_article.items(), start=1):
        ordered = next(line["quantity"] for line in order["lines"] if line["ean"] == ean)
        repeated = ordered + 5 if "po102_repeats" in writer.defects else ordered
        price = next((str(one["unit_cost"]) for one in told if one.get("unit_cost")), "")
        segments.append(["PO1", writer.line(place), str(repeated), "EA", price, "", "EN", ean])
        segments += [_answer(one) for one in told]
    return [*segments, writer.total(len(by_article))]


_STATUSES = {"accepted": "IA", "backordered": "IB", "substituted": "IS", "rejected": "IR"}


def _answer(told: dict[str, Any]) -> list[str]:
    status = "IP" if told.get("unit_cost") else _STATUSES[told.get("status", "accepted")]
    when = ["068", told["expected_on"].replace("-", "")] if told.get("expected_on") else ["", ""]
    segment = ["ACK", status, str(told["quantity"]), "EA", *when]
    return [*segment, "", "EN", told["substitute"]] if told.get("substitute") else segment


def shipment(writer: Writer, order: dict[str, Any], packs: Sequence[tuple[str, dict[str, int]]], name: str) -> Lines:
    """Write an 856 of one order; each pack has a tracking number, "" for none, and units by EAN."""
    now = datetime.now(UTC)
    segments: Lines = [["BSN", "00", name, f"{now:%Y%m%d}", f"{now:%H%M}", "0001"], ["HL", "1", "", "S"]]
    segments += [["TD5", "", "2", "GLSG"], ["HL", "2", "1", "O"], ["PRF", order["number"]]]
    level = 2
    for tracking, units in packs:
        level += 1
        pack = level
        segments.append(["HL", str(pack), "2", "P"])
        if tracking:
            segments.append(["MAN", "CP", tracking])
        for place, (ean, count) in enumerate(units.items(), start=1):
            level += 1
            segments += [["HL", str(level), str(pack), "I"], ["LIN", writer.line(place), "EN", ean]]
            segments.append(["SN1", "", str(count), "EA"])
    return [*segments, writer.total(level)]


def invoice(writer: Writer, order: dict[str, Any], number: str, freight: Decimal) -> Lines:
    """Write an 810 for a whole order, at the prices it was ordered at."""
    segments: Lines = [["BIG", _today(), number, "", order["number"]]]
    goods = Decimal(0)
    for place, line in enumerate(order["lines"], start=1):
        price = Decimal(line.get("price") or "10")
        goods += price * line["quantity"]
        segments.append(["IT1", writer.line(place), str(line["quantity"]), "EA", str(price), "", "EN", line["ean"]])
    total = goods if "tds_without_freight" in writer.defects else goods + freight
    segments.append(["TDS", str(int(total * 100))])
    segments.append(["SAC", "C", "D240", "", "", str(int(freight * 100))])
    return [*segments, writer.total(len(order["lines"]))]


def stock(writer: Writer, articles: Sequence[tuple[str, str, int]], purpose: str = "00") -> Lines:
    """Write an 846: (its number, EAN, units) each."""
    segments: Lines = [["BIA", purpose, "SI", "STOCK", _today()]]
    for sku, ean, count in articles:
        segments += [["LIN", "", "VN", sku, "EN", ean], ["QTY", "33", str(count), "EA"]]
    return [*segments, writer.total(len(articles))]


def receipt(asked: Received, status: str = "A", codes: Sequence[str] = ()) -> Lines:
    """Write a 997 for a group that held one set."""
    accepted = "1" if status in "AE" else "0"
    return [
        ["AK1", asked.functional, asked.group],
        ["AK2", asked.code, asked.control],
        ["AK5", status, *codes],
        ["AK9", status, "1", "1", accepted],
    ]


def _today() -> str:
    return f"{datetime.now(UTC):%Y%m%d}"
