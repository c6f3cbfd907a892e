"""Files on an FTP server, plain or with explicit TLS.

``ftp://host/folder`` lies below the folder that the login leads to, and ``ftp://host//folder`` is absolute (RFC 1738).
"""

import ftplib
import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager

from adapters.errors import Unavailable
from adapters.feeds.locations import Location
from adapters.feeds.transport import Timeouts, changed, version_of
from adapters.ftp import (
    NOT_THERE,
    FtpAddress,
    facts_of,
    lists_facts,
    log_in,
    moment,
    names_listed,
    only_unknown,
    read_name,
    reply_code,
    size_and_time,
    spoken,
    wired,
)
from models.feed_rows import RemoteFile

_BLOCK = 1 << 16  # bytes


class FtpTransport:
    """A folder, or the one file that the source names. Connects when first asked, and anew after a failure."""

    def __init__(
        self,
        location: Location,
        password: str,
        *,
        folder: bool,
        timeouts: Timeouts,
    ) -> None:
        self._location = location
        self._address = FtpAddress(
            location.host,
            location.port,
            location.username,
            location.label,
            location.scheme == "ftps",
            timeouts.connect,
            timeouts.read,
        )
        self._password = password
        self._path = location.path.removeprefix("/")
        self._named_folder = folder or location.names_folder
        self._only: str | None = None
        self._lists_facts = False  # until the server says that it knows MLSD and MLST
        self._session: ftplib.FTP | None = None

    def only(self) -> str | None:
        """Name the one file of the source, if it is one; the server must say whether it is a folder."""
        self._connected()
        return self._only

    def names(self) -> Mapping[str, RemoteFile | None]:
        """List the folder."""
        session = self._connected()
        with self._spoken("the listing"):
            found: dict[str, RemoteFile | None]
            if self._lists_facts:
                found = {name: _file(name, facts) for name, facts in _entries(session) if _is_file(facts)}
            else:
                found = dict.fromkeys(names_listed(session))
            session.voidcmd("TYPE I")  # listings are text, and the session would stay so
            return found

    def describe(self, name: str) -> RemoteFile | None:
        """Ask for one file's size and time."""
        session = self._connected()
        with self._spoken("a file's facts"):
            try:
                return _described(session, name) if self._lists_facts else _asked(session, name)
            except ftplib.error_perm as error:
                if reply_code(error) == NOT_THERE:
                    return None
                raise

    def stream(self, file: RemoteFile, offset: int) -> Generator[bytes, None, None]:
        """Read a file; where the server knows no REST, what we have already is read past."""
        session = self._connected()
        with self._spoken("a file"), self._whole():
            try:
                past, data = _opened(session, wired(file.name), offset)
            except ftplib.error_perm as error:
                if reply_code(error) == NOT_THERE:
                    raise changed(file.name) from None
                raise
            with closing(data):
                while block := data.recv(_BLOCK):
                    if past < len(block):
                        yield block[past:]
                    past = max(0, past - len(block))
            session.voidresp()

    def close(self) -> None:
        """Give back the connection."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _connected(self) -> ftplib.FTP:
        if self._session is None:
            self._session = log_in(self._address, self._password)
            try:
                self._lists_facts = lists_facts(self._session)
                self._enter(self._session)
            except BaseException:
                self.close()
                raise
        return self._session

    def _enter(self, session: ftplib.FTP) -> None:
        """Go into the folder, and find out whether the source names one."""
        if not self._path:
            return
        with self._spoken("the folder"):
            try:
                session.cwd(wired(self._path))
            except ftplib.error_perm:
                if self._named_folder:
                    raise Unavailable(f"{self._location.label}: there is no such folder", code="no_folder") from None
            else:
                return
            folder, _, self._only = self._path.rpartition("/")
            if folder or self._path.startswith("/"):
                session.cwd(wired(folder) or "/")

    def _spoken(self, what: str) -> AbstractContextManager[None]:
        return spoken(self._location.label, what, self.close)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Hang up on a transfer that was not read to its end: the session would answer for it later."""
        try:
            yield
        except BaseException:
            self.close()
            raise


def _opened(session: ftplib.FTP, name: str, offset: int) -> tuple[int, socket.socket]:
    """Begin a transfer; returns how many bytes must be read past, and the data connection."""
    if offset:
        try:
            return 0, session.ntransfercmd(f"RETR {name}", offset)[0]
        except ftplib.error_perm as error:
            only_unknown(error)
    return offset, session.ntransfercmd(f"RETR {name}")[0]


def _asked(session: ftplib.FTP, name: str) -> RemoteFile | None:
    size, modified_at = size_and_time(session, name)
    return RemoteFile(name, size, modified_at, version_of(size, modified_at))


def _entries(session: ftplib.FTP) -> Iterator[tuple[str, dict[str, str]]]:
    return ((read_name(name), facts) for name, facts in session.mlsd())


def _described(session: ftplib.FTP, name: str) -> RemoteFile | None:
    facts = facts_of(session, name)
    return _file(name, facts) if _is_file(facts) else None


def _is_file(facts: Mapping[str, str]) -> bool:
    return facts.get("type", "file").lower() == "file"


def _file(name: str, facts: Mapping[str, str]) -> RemoteFile:
    size = int(facts["size"]) if facts.get("size", "").isdecimal() else None
    modified_at = moment(facts.get("modify", ""))
    return RemoteFile(name, size, modified_at, version_of(size, modified_at))
