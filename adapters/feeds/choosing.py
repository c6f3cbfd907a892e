"""Which of the files at a source count.

A file counts when it matches ``files``, is not visibly unfinished, has its ``done_marker`` twin where one is asked for,
and has not changed for ``stable_for``. That last one goes by the file's own time, against our clock. A source that
tells no times is looked at twice, ``stable_for`` apart but never more than 20 seconds: an activity must be heard from.
"""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from adapters.feeds.transport import Transport, firm
from models.feed_rows import RemoteFile
from models.feeds import Feed

UNFINISHED = (".tmp", ".part", ".filepart")  # what uploading programs write to before they rename
LONGEST_WAIT = timedelta(seconds=20)
_NO_TIME = datetime.min.replace(tzinfo=UTC)


def choose(feed: Feed, transport: Transport, sleep: Callable[[float], None] = time.sleep) -> list[RemoteFile]:
    """List the files that count, oldest first, those of one moment by name."""
    only = transport.only()
    entries = transport.names() if only is None else _twins(only, feed, transport)
    names = [name for name in entries if _matches(name, feed, only) and _is_finished(name, feed, entries)]
    files = [file for name in names if (file := entries[name] or transport.describe(name)) is not None]
    return sorted(_settled(feed, files, transport, sleep), key=lambda file: (file.modified_at or _NO_TIME, file.name))


def _twins(only: str, feed: Feed, transport: Transport) -> Mapping[str, RemoteFile | None]:
    """Look for the one file and its marker, as a listing would show them."""
    names = dict.fromkeys((only, only + feed.done_marker))
    return {name: file for name in names if (file := transport.describe(name)) is not None}


def _matches(name: str, feed: Feed, only: str | None) -> bool:
    # What can't be printed is no UTF-8 either, and could be stored nowhere.
    if "/" in name or not name.isprintable() or name.startswith(".") or name.lower().endswith(UNFINISHED):
        return False
    return name == only if only is not None else fnmatchcase(name, feed.files or "*")


def _is_finished(name: str, feed: Feed, there: Collection[str]) -> bool:
    marker = feed.done_marker
    return not marker or (not name.endswith(marker) and name + marker in there)


def _settled(
    feed: Feed, files: list[RemoteFile], transport: Transport, sleep: Callable[[float], None]
) -> list[RemoteFile]:
    if not feed.stable_for:
        return files
    latest = datetime.now(UTC) - feed.stable_for
    settled = [file for file in files if file.modified_at is not None and file.modified_at <= latest]
    timeless = [file for file in files if file.modified_at is None]
    if timeless:
        sleep(min(feed.stable_for, LONGEST_WAIT).total_seconds())
    return settled + [file for file in timeless if _is_alike(file, transport.describe(file.name))]


def _is_alike(file: RemoteFile, later: RemoteFile | None) -> bool:
    if later is None or file.size != later.size:
        return False
    return file.version == later.version or not firm(file.version)
