"""How the simulated partner reads and writes its files: its own code, and its own defects."""

import csv
import io
from xml.etree import ElementTree

DEFECTS = {
    "half_written": "two thirds of a file lie there under its final name",
    "byte_order_mark": "its CSV begins with one",
    "cp1252": "it writes in cp1252, with an umlaut in it",
    "extra_columns": "columns that nobody agreed on",
    "unknown_number": "a row of somebody else's order",
    "unknown_status": "a word that is not in the vocabulary",
    "duplicate_file": "the same file lies there twice, under two names",
    "done_late": "its markers come with its next work",
}


class UnreadablePaper(Exception):
    """It is not what was agreed on."""


def read_paper(body: bytes, suffix: str, delimiter: str) -> list[dict[str, str]]:
    """Read an order or cancellation file as this partner understands it. Raises UnreadablePaper."""
    try:
        rows = _read_xml(body) if suffix == ".xml" else _read_csv(body, delimiter)
    except (UnicodeDecodeError, ElementTree.ParseError, csv.Error):
        raise UnreadablePaper from None
    if not rows or any(not row.get("po_number") for row in rows):
        raise UnreadablePaper
    return rows


def _read_csv(body: bytes, delimiter: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def _read_xml(body: bytes) -> list[dict[str, str]]:
    root = ElementTree.fromstring(body)  # noqa: S314 - our own files
    return [{cell.tag: cell.text or "" for cell in record} for record in root]


def write_paper(rows: list[dict[str, str]], kind: str, delimiter: str, defects: set[str]) -> bytes:
    """Write an answer, with what is wrong with this partner."""
    rows = [dict(row) for row in rows]
    if "extra_columns" in defects:
        rows = [{"branch": "Nord", **row, "clerk": "7"} for row in rows]
    if "unknown_number" in defects:
        rows.append({**rows[0], "po_number": "PO-OF-SOMEBODY-ELSE"})
    if "unknown_status" in defects and "status" in rows[0]:
        rows[0]["status"] = "in clarification"
    if "cp1252" in defects:
        rows = [{**row, "note": "geprüft"} for row in rows]
    text = _xml(rows) if kind == "xml" else _csv(rows, delimiter)
    if "byte_order_mark" in defects:
        text = f"\ufeff{text}"
    return text.encode("cp1252" if "cp1252" in defects else "utf-8")


def _csv(rows: list[dict[str, str]], delimiter: str) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def _xml(rows: list[dict[str, str]]) -> str:
    root = ElementTree.Element("answers")
    for row in rows:
        record = ElementTree.SubElement(root, "line")
        for name, text in row.items():
            ElementTree.SubElement(record, name).text = text
    return ElementTree.tostring(root, encoding="unicode")
