"""A partner's folders over FTP, plain or with explicit TLS."""

import ftplib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from io import BytesIO

from adapters.errors import Refused, Unavailable
from adapters.exchange.remote_settings import RemoteSettings
from adapters.exchange.remote_types import RemoteEntry, RemoteTimeouts, entry_of
from adapters.ftp import (
    NOT_THERE,
    FtpAddress,
    facts_of,
    lists_facts,
    log_in,
    moment,
    names_listed,
    read_name,
    reply_code,
    size_and_time,
    spoken,
    wired,
)

_BLOCK = 1 << 16  # bytes
_FULL = ("452", "552")  # RFC 959 §4.2.2: insufficient storage, exceeded allocation


class FtpRemote:
    """``RemoteTransport`` over one control connection."""

    def __init__(self, settings: RemoteSettings, password: str, timeouts: RemoteTimeouts) -> None:
        self._label = settings.label
        self._address = FtpAddress(
            settings.host,
            settings.port,
            settings.user,
            settings.label,
            settings.scheme == "ftps",
            timeouts.connect,
            timeouts.read,
        )
        self._password = password
        self._lists_facts = False
        self._session: ftplib.FTP | None = None

    def entries(self, folder: str) -> list[RemoteEntry]:
        """List the files."""
        if not self.has_folder(folder):
            raise Unavailable(f"{self._label}: there is no such folder", code="no_folder")
        with self._speaking("the listing") as session:
            if self._lists_facts:
                found = [_entry(read_name(name), facts) for name, facts in list(session.mlsd(wired(folder)))]
                session.voidcmd("TYPE I")  # listings are text, and the session would stay so
            else:
                names = names_listed(session, folder)
                session.voidcmd("TYPE I")
                found = [self.describe(f"{folder}/{name}") for name in names]
        return [entry for entry in found if entry is not None]

    def describe(self, path: str) -> RemoteEntry | None:
        """Ask for size and time."""
        name = path.rpartition("/")[2]
        with self._speaking("a file's facts") as session:
            try:
                if self._lists_facts:
                    return _entry(name, facts_of(session, path))
                return entry_of(name, *size_and_time(session, path))
            except ftplib.error_perm as error:
                if reply_code(error) == NOT_THERE:
                    return None
                raise

    def has_folder(self, path: str) -> bool:
        """Go there and come back: the one question that every server knows."""
        with self._speaking("the folder") as session:
            home = session.pwd()
            try:
                session.cwd(wired(path))
            except ftplib.error_perm as error:
                if reply_code(error) == NOT_THERE:
                    return False
                raise
            session.cwd(home)
            return True

    def make_folder(self, path: str) -> None:
        """Make it."""
        with self._speaking("a new folder") as session:
            session.mkd(wired(path))

    def write(self, path: str, body: bytes) -> None:
        """Store; the server's last word says that it has all of it."""
        with self._speaking("the upload") as session, self._whole():
            session.storbinary(f"STOR {wired(path)}", BytesIO(body), _BLOCK)

    def rename(self, source: str, target: str) -> None:
        """Rename in two steps: a refusal of the first says that the file is missing."""
        with self._speaking("the rename") as session:
            try:
                session.sendcmd(f"RNFR {wired(source)}")
            except ftplib.error_perm as error:
                if reply_code(error) == NOT_THERE and self.describe(source) is None:
                    raise FileNotFoundError from None
                raise
            try:
                session.voidcmd(f"RNTO {wired(target)}")
            except ftplib.error_perm:
                if self.has_folder(target.rpartition("/")[0]):
                    raise
                raise FileNotFoundError from None

    def remove(self, path: str) -> bool:
        """Remove."""
        with self._speaking("a removal") as session:
            try:
                session.delete(wired(path))
            except ftplib.error_perm as error:
                if reply_code(error) == NOT_THERE and self.describe(path) is None:
                    return False
                raise
            return True

    def read(self, path: str, limit: int) -> bytes:
        """Retrieve; hang up where there is more than wanted."""
        body = bytearray()
        with self._speaking("a file") as session, self._whole():
            try:
                data = session.transfercmd(f"RETR {wired(path)}")
            except ftplib.error_perm as error:
                if reply_code(error) == NOT_THERE and self.describe(path) is None:
                    raise FileNotFoundError from None
                raise
            with closing(data):
                while len(body) < limit and (block := data.recv(_BLOCK)):
                    body += block
            if len(body) < limit:
                session.voidresp()
            else:
                self.close()
        return bytes(body[:limit])

    def close(self) -> None:
        """Give back the connection."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @contextmanager
    def _speaking(self, what: str) -> Iterator[ftplib.FTP]:
        """Say in our own words what the library reports. A missing file stays FileNotFoundError."""
        session = self._connected()
        missing = False
        with spoken(self._label, what, self.close):
            try:
                yield session
            except FileNotFoundError:  # for ftplib it is a broken connection
                missing = True
            except (ftplib.error_perm, ftplib.error_temp) as error:
                if reply_code(error) in _FULL:
                    raise Refused(f"{self._label}: its disk is full", code="disk_full") from None
                raise
        if missing:
            raise FileNotFoundError

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Hang up on a transfer that did not come to its end: the session would answer for it later."""
        try:
            yield
        except FileNotFoundError:
            raise
        except BaseException:
            self.close()
            raise

    def _connected(self) -> ftplib.FTP:
        if self._session is None:
            self._session = log_in(self._address, self._password)
            with suppress(ftplib.Error), spoken(self._label, "its features", self.close):
                self._lists_facts = lists_facts(self._session)
        return self._session


def _entry(name: str, facts: dict[str, str]) -> RemoteEntry | None:
    if facts.get("type", "file").lower() != "file":
        return None
    size = int(facts["size"]) if facts.get("size", "").isdecimal() else None
    return entry_of(name, size, moment(facts.get("modify", "")))
