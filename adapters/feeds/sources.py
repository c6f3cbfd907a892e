"""The sources of file feeds: a folder, a web server, an SFTP or FTP server, behind one port.

A source belongs to one run of one feed, and to one thread at a time.
"""

import time
from collections.abc import Iterator
from contextlib import closing

from adapters.errors import AdapterError, Unavailable
from adapters.feeds.choosing import choose
from adapters.feeds.ftp import FtpTransport
from adapters.feeds.http import HttpTransport
from adapters.feeds.local import LocalTransport
from adapters.feeds.locations import Location, locate
from adapters.feeds.transport import PIECE, Timeouts, Transport, changed, firm
from adapters.ports import FeedSource
from adapters.secrets import Secrets
from models.feed_rows import RemoteFile
from models.feeds import Feed

LONGEST_SILENCE = 10.0  # seconds: whoever reads has to show that it is alive


def open_source(feed: Feed, *, secrets: Secrets, timeouts: Timeouts = Timeouts()) -> FeedSource:  # noqa: B008 - frozen
    """Open a file feed's source; nothing is connected to before the first look or read.

    ``secrets`` gives the credentials that the feed names. Raises Refused("bad_source") where it can never work.
    """
    return FileSource(feed, _transport(feed, locate(feed), secrets, timeouts))


class FileSource:
    """The port over any transport: which files count, in which order, and whether what was read is what was announced."""

    def __init__(self, feed: Feed, transport: Transport) -> None:
        self._feed = feed
        self._transport = transport

    def look(self) -> list[RemoteFile]:
        """List the files that count, oldest first; see ``choosing`` for which do."""
        return choose(self._feed, self._transport)

    def read(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        """Read from ``offset`` on. What came before a failure is given out, so that every attempt gets further.

        Raises UnexpectedReply("changed_while_reading") where it is not, or no longer, that version, and Unavailable
        where fewer bytes came than the source announced.
        """
        self._check(file, resuming=offset > 0)
        position = offset
        if file.size is None or offset < file.size:
            with closing(self._transport.stream(file, offset)) as pieces:
                for piece in gathered(pieces):
                    position += len(piece)
                    if file.size is not None and position > file.size:
                        raise changed(file.name)
                    yield piece
        self._check(file)
        if file.size is not None and position < file.size:
            raise Unavailable(f"{file.name}: it ended before its announced size", code="cut_off")

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _check(self, file: RemoteFile, *, resuming: bool = False) -> None:
        if not firm(file.version):
            if resuming:  # nobody can tell whether the rest belongs to the beginning
                raise changed(file.name)
            return
        now = self._transport.describe(file.name)
        if now is None or now.version != file.version:
            raise changed(file.name)


def gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Put small pieces together, so that each but the last has a mebibyte, or as much as came in ten seconds."""
    held, began = bytearray(), time.monotonic()
    try:
        for piece in pieces:
            held += piece
            while len(held) >= PIECE or (held and time.monotonic() - began > LONGEST_SILENCE):
                yield bytes(held[:PIECE])
                del held[:PIECE]
                began = time.monotonic()
    except AdapterError:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


def _transport(feed: Feed, location: Location, secrets: Secrets, timeouts: Timeouts) -> Transport:
    password = secrets(feed.password_env) if feed.password_env else ""
    if location.scheme == "file":
        return LocalTransport(location, folder=bool(feed.files))
    if location.scheme in ("http", "https"):
        return HttpTransport(
            location, password, folder=bool(feed.files), trusted=feed.trust_private_hosts, timeouts=timeouts
        )
    if location.scheme == "sftp":
        from adapters.feeds.sftp import SftpTransport  # takes longer to load than all the rest of a command

        key = secrets(feed.private_key_env) if feed.private_key_env else ""
        return SftpTransport(
            location, password, key, host_key=feed.host_key, folder=bool(feed.files), timeouts=timeouts
        )
    return FtpTransport(location, password, folder=bool(feed.files), timeouts=timeouts)
