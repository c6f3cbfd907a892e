import gzip
import io
import time
import zipfile

import pytest

from adapters.feeds.decompress import decompressed
from adapters.feeds.unreadable import FeedUnreadable
from tests.adapters.feeds.writing import feed_of

MEBIBYTE = 1 << 20


def unpacked(packed: bytes) -> bytes:
    pieces = (packed[start : start + MEBIBYTE] for start in range(0, len(packed), MEBIBYTE))
    return b"".join(decompressed(pieces, feed_of()))


def test_a_file_of_nothing_but_empty_members_takes_no_more_time_than_its_size() -> None:
    empty = gzip.compress(b"")
    began = time.monotonic()
    assert unpacked(empty * (4 * MEBIBYTE // len(empty)) + gzip.compress(b"sku\n")) == b"sku\n"
    assert time.monotonic() - began < 5


def test_a_directory_of_many_files_is_not_taken_into_memory() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number:050}.csv", "")
    with pytest.raises(FeedUnreadable) as caught:
        unpacked(packed.getvalue())
    assert caught.value.finding.code == "zip_several"
    assert "directory" in caught.value.finding.text
