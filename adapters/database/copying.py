"""PostgreSQL's COPY, in both directions: a hundred thousand rows as one stream instead of as many statements.

Texts go in as COPY's own text format, numbers and bytes come out in its binary one (PostgreSQL's manual, "COPY", File
Formats): 19 bytes of header, per row a count of fields and each field's length, big-endian, and a trailer of 2 bytes.
"""

import json
import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.database.engine import Transaction

Integers = NDArray[np.int64]
Encoder = Callable[[Sequence[Any]], list[str]]  # of a column's values

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = "\\N"
_ESCAPED = re.compile(r"[\\\t\n\r]")
_SPECIAL = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def plain(values: Iterable[object]) -> list[str]:
    """Write a column of numbers, dates or moments: nothing in it can need escaping."""
    return [_NULL if value is None else str(value) for value in values]


def words(values: Sequence[str | None]) -> list[str]:
    """Write a column of texts."""
    written = [_NULL if value is None else value for value in values]
    if _ESCAPED.search("".join(filter(None, values))) is None:  # nearly always, and much cheaper than to escape each
        return written
    return [_NULL if value is None else value.translate(_SPECIAL) for value in values]


def arrays(values: Iterable[Sequence[str] | None]) -> list[str]:
    """Write a column of lists of texts, as arrays of PostgreSQL's."""
    return [_NULL if value is None else _array(value).translate(_SPECIAL) for value in values]


def documents(values: Iterable[Mapping[str, Any] | None]) -> list[str]:
    """Write a column of JSON documents."""
    return [_NULL if value is None else _document(value).translate(_SPECIAL) for value in values]


def _array(value: Sequence[str]) -> str:
    return "{" + ",".join('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in value) + "}"


def _document(value: Mapping[str, Any]) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def copy_columns(tx: Transaction, table: str, columns: Mapping[str, Iterable[str]]) -> None:
    """Write rows, given as columns of encoded values."""
    lines = "\n".join(map("\t".join, zip(*columns.values(), strict=True)))
    _cursor(tx).copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", StringIO(lines))


def copy_fields(tx: Transaction, table: str, columns: Sequence[str], fields: Sequence[bytes]) -> None:
    """Write one row whose values are encoded in binary already: large ones are neither escaped nor copied again."""
    row = b"".join(struct.pack(">i", len(one)) + one for one in fields)
    stream = BytesIO(_HEADER + struct.pack(">h", len(fields)) + row + _TRAILER)
    _cursor(tx).copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", stream)


def read_integers(tx: Transaction, query: str, values: Mapping[str, Any], *, columns: int = 1) -> Integers:
    """Read bigint columns without nulls, as an array of one row per row."""
    stream = _read(tx, query, values)
    layout = [("fields", ">i2"), *((f"{kind}{n}", kind) for n in range(columns) for kind in (">i4", ">i8"))]
    rows = np.frombuffer(stream, dtype=layout, offset=len(_HEADER), count=_count(stream, 2 + 12 * columns))
    return np.stack([rows[f">i8{n}"].astype(np.int64) for n in range(columns)], axis=1)


def read_bytes(tx: Transaction, query: str, values: Mapping[str, Any]) -> list[bytes]:
    """Read one bytea column without nulls, as it is: its usual way as text takes several times as long."""
    stream, found, at = _read(tx, query, values), [], len(_HEADER)
    while at < len(stream) - len(_TRAILER):
        (length,) = struct.unpack_from(">i", stream, at + 2)
        found.append(stream[at + 6 : at + 6 + length])
        at += 6 + length
    return found


def _count(stream: bytes, width: int) -> int:
    return (len(stream) - len(_HEADER) - len(_TRAILER)) // width


def _read(tx: Transaction, query: str, values: Mapping[str, Any]) -> bytes:
    cursor, stream = _cursor(tx), BytesIO()
    filled = cursor.mogrify(query, dict(values)).decode()
    cursor.copy_expert(f"COPY ({filled}) TO STDOUT (FORMAT binary)", stream)
    return stream.getvalue()


def _cursor(tx: Transaction) -> Any:
    connection = tx.connection.driver_connection
    assert connection is not None
    return connection.cursor()
