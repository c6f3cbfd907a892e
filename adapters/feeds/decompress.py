"""A feed's bytes as they are inside gzip or ZIP, in pieces, with caps on how much may come out."""

import lzma
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO, Any, cast

from adapters.feeds.unreadable import FeedUnreadable, unreadable
from models.feeds import Feed, Thresholds

PIECE = 1 << 20
SLICE = 1 << 14
LONGEST_DIRECTORY = 1 << 20  # of a ZIP that is to hold one file
START = 1 << 16  # enough to tell what a file is
GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
WORKBOOK = "[Content_Types].xml"  # the first entry of every XLSX
RATIO_COUNTS_FROM = PIECE  # a few kilobytes of repeated rows compress a thousandfold, and harm nobody
ENCRYPTED = 0x1
# What zipfile raises for bytes that are not as the format wants them.
BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    ValueError,
    OSError,
    RuntimeError,
    OverflowError,
    IndexError,
)


def peeked(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Look at the first bytes; returns them and an iterator over all pieces, the first ones included."""
    rest = iter(pieces)
    start = b""
    for piece in rest:
        start += piece
        if len(start) >= START:
            break
    return start, chain((start,) if start else (), rest)


def decompressed(pieces: Iterable[bytes], feed: Feed) -> Iterator[bytes]:
    """Undo the feed's compression, or none; pieces of at most about a mebibyte come out.

    Raises FeedUnreadable: ``bomb``, ``too_large``, ``truncated``, ``corrupt``, ``compression``, ``xlsx``, ``zip_*``.
    """
    start, pieces = peeked(pieces)
    _refuse_workbook(start)
    match _compression_of(start, feed):
        case "gzip":
            return _gunzipped(pieces, feed.thresholds)
        case "zip":
            return _unzipped(pieces, feed.thresholds)
    return _capped(pieces, feed.thresholds)


def _compression_of(start: bytes, feed: Feed) -> str:
    found = "gzip" if start.startswith(GZIP) else "zip" if start.startswith((ZIP, EMPTY_ZIP)) else "none"
    if start and feed.compression not in ("auto", found):
        raise unreadable("compression", f"compression is {feed.compression}, but these bytes are {_named(found)}")
    return found


def _named(compression: str) -> str:
    return "not compressed so" if compression == "none" else compression


def _refuse_workbook(start: bytes) -> None:
    if start.startswith(OLD_OFFICE) or (start.startswith(ZIP) and WORKBOOK.encode() in start):
        raise _workbook()


def _workbook() -> FeedUnreadable:
    return unreadable("xlsx", "this is an Excel workbook: ask for CSV, or save the one sheet as CSV (UTF-8)")


def _capped(pieces: Iterable[bytes], caps: Thresholds) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > caps.max_bytes:
            raise unreadable("too_large", f"more than max_bytes = {caps.max_bytes} bytes", max_bytes=caps.max_bytes)
        yield piece


def _check_bomb(unpacked: int, packed: int, caps: Thresholds) -> None:
    if unpacked > caps.max_bytes:
        raise unreadable("bomb", f"unpacks to more than max_bytes = {caps.max_bytes} bytes", max_bytes=caps.max_bytes)
    if unpacked > RATIO_COUNTS_FROM and unpacked > packed * caps.max_ratio:
        text = f"unpacks to more than max_ratio = {caps.max_ratio} times its size"
        raise unreadable("bomb", text, packed=packed, unpacked=unpacked, max_ratio=caps.max_ratio)


def _gunzipped(pieces: Iterable[bytes], caps: Thresholds) -> Iterator[bytes]:
    """Several members after one another are one stream, as gzip has it; zeros after the last are padding."""
    packed = unpacked = 0
    member = zlib.decompressobj(wbits=31)
    for piece in _sliced(pieces):
        packed += len(piece)
        while piece:
            if member.eof:
                piece = piece.lstrip(b"\0")
                if not piece:
                    break
                member = zlib.decompressobj(wbits=31)
            out = _inflate(member, piece)
            unpacked += len(out)
            _check_bomb(unpacked, packed, caps)
            piece = member.unused_data if member.eof else member.unconsumed_tail
            if out:
                yield out
    while not member.eof and (out := _inflate(member, member.unconsumed_tail)):
        unpacked += len(out)
        _check_bomb(unpacked, packed, caps)
        yield out
    if not member.eof:
        raise unreadable("truncated", "the gzip stream breaks off before its end")


def _sliced(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut small: what follows a member is copied each time, and a file may be nothing but empty members."""
    for piece in pieces:
        for start in range(0, len(piece), SLICE):
            yield piece[start : start + SLICE]


def _inflate(member: "zlib._Decompress", piece: bytes) -> bytes:
    try:
        return member.decompress(piece, PIECE)
    except zlib.error:
        raise unreadable("corrupt", "the gzip stream is damaged: its bytes or its checksum are wrong") from None


def _unzipped(pieces: Iterable[bytes], caps: Thresholds) -> Iterator[bytes]:
    """A ZIP's directory is at its end, so it is put aside on disk first."""
    with tempfile.TemporaryFile(prefix="feed-") as spool:
        for piece in _capped(pieces, caps):
            spool.write(piece)
        yield from _read_zip(spool, caps)


class _Shallow:
    """A file of which nobody reads much at once: the directory of a ZIP is taken into memory whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Read as the file does. Raises FeedUnreadable("zip_several") for more than any one file's directory."""
        if size > LONGEST_DIRECTORY:
            raise unreadable("zip_several", f"the ZIP's directory has {size} bytes: it holds more than one file")
        return self._file.read(size)


def _read_zip(spool: IO[bytes], caps: Thresholds) -> Iterator[bytes]:
    try:
        archive = zipfile.ZipFile(cast("IO[bytes]", _Shallow(spool)))
    except NotImplementedError:
        raise _odd_zip() from None
    except BROKEN_ZIP:
        raise unreadable("truncated", "the ZIP file has no directory at its end: it breaks off") from None
    with archive:
        entry = _only_file(archive.infolist())
        unpacked = 0
        for out in _entry_pieces(archive, entry):
            unpacked += len(out)
            _check_bomb(unpacked, max(entry.compress_size, 1), caps)
            yield out


def _entry_pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(entry) as file:
            while out := file.read(PIECE):
                yield out
    except NotImplementedError:
        raise _odd_zip() from None
    except BROKEN_ZIP:
        raise unreadable("corrupt", "the file inside the ZIP is damaged: its bytes or its checksum are wrong") from None


def _odd_zip() -> FeedUnreadable:
    return unreadable("compression", "the ZIP uses a compression that is not known here: deflate is what works")


def _only_file(entries: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    names = [entry.filename for entry in entries]
    if WORKBOOK in names:
        raise _workbook()
    escaping = [name for name in names if _escapes(name)]
    if escaping or any(stat.S_ISLNK(entry.external_attr >> 16) for entry in entries):
        raise unreadable("zip_path", "a name in the ZIP leads out of it, or is a link", escaping)
    usable = [entry for entry in entries if not entry.is_dir() and not _is_clutter(entry.filename)]
    if len(usable) != 1:
        code = "zip_several" if usable else "zip_empty"
        raise unreadable(code, f"the ZIP holds {len(usable)} files, not one", names, files=len(usable))
    if usable[0].flag_bits & ENCRYPTED:
        raise unreadable("zip_encrypted", "the file inside the ZIP is encrypted")
    return usable[0]


def _escapes(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or ":" in parts[0]


def _is_clutter(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")
