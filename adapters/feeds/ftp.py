"""Files on an FTP server, plain or with explicit TLS (RFC 959, 3659, 4217).

``ftp://host/folder`` lies below the folder that the login leads to, and ``ftp://host//folder`` is absolute (RFC 1738).
"""

import ftplib
import socket
import ssl
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from adapters.errors import AuthenticationFailed, NotSent, Refused, Unavailable, UnexpectedReply
from adapters.feeds.locations import Location
from adapters.feeds.transport import Timeouts, changed, version_of
from models.feed_rows import RemoteFile

_BLOCK = 1 << 16  # bytes
# Names are UTF-8 (RFC 2640), but not everywhere. ftplib stops at the first that is not, so it gets bytes as characters.
_WIRE = "latin-1"
_UNKNOWN_COMMAND = ("500", "501", "502", "504")
_NOT_THERE = "550"


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
        self._password = password
        self._timeouts = timeouts
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
                found = dict.fromkeys(_read(name).rpartition("/")[2] for name in _listed(session))
            session.voidcmd("TYPE I")  # listings are text, and the session would stay so
            return found

    def describe(self, name: str) -> RemoteFile | None:
        """Ask for one file's size and time."""
        session = self._connected()
        with self._spoken("a file's facts"):
            try:
                return _described(session, name) if self._lists_facts else _asked(session, name)
            except ftplib.error_perm as error:
                if _code(error) == _NOT_THERE:
                    return None
                raise

    def stream(self, file: RemoteFile, offset: int) -> Generator[bytes, None, None]:
        """Read a file; where the server knows no REST, what we have already is read past."""
        session = self._connected()
        with self._spoken("a file"), self._whole():
            try:
                past, data = _opened(session, _wired(file.name), offset)
            except ftplib.error_perm as error:
                if _code(error) == _NOT_THERE:
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
            self._session = self._connect()
            try:
                self._enter(self._session)
            except BaseException:
                self.close()
                raise
        return self._session

    def _connect(self) -> ftplib.FTP:
        session = _SecureFtp() if self._location.scheme == "ftps" else ftplib.FTP(encoding=_WIRE)  # noqa: S321 - suppliers have it
        label = self._location.label
        try:
            session.connect(self._location.host, self._location.port, self._timeouts.connect)
            self._log_in(session)
        except ftplib.error_perm as error:
            session.close()
            code = _code(error)
            if code != "530":
                raise Refused(f"{label}: no session ({code})", code=f"ftp_{code}") from None
            raise AuthenticationFailed(f"{label}: it does not accept our credentials", code="credentials") from None
        except ftplib.all_errors as error:
            session.close()
            code = "certificate" if isinstance(error, ssl.SSLCertVerificationError) else "no_connection"
            raise NotSent(f"{label}: no session ({type(error).__name__})", code=code) from None
        return session

    def _log_in(self, session: ftplib.FTP) -> None:
        assert session.sock is not None
        session.timeout = self._timeouts.read
        session.sock.settimeout(self._timeouts.read)
        session.login(_wired(self._location.username) or "anonymous", _wired(self._password))
        if isinstance(session, ftplib.FTP_TLS):
            session.prot_p()
        session.voidcmd("TYPE I")
        self._lists_facts = _lists_facts(session)

    def _enter(self, session: ftplib.FTP) -> None:
        """Go into the folder, and find out whether the source names one."""
        if not self._path:
            return
        with self._spoken("the folder"):
            try:
                session.cwd(_wired(self._path))
            except ftplib.error_perm:
                if self._named_folder:
                    raise Unavailable(f"{self._location.label}: there is no such folder", code="no_folder") from None
            else:
                return
            folder, _, self._only = self._path.rpartition("/")
            if folder or self._path.startswith("/"):
                session.cwd(_wired(folder) or "/")

    @contextmanager
    def _spoken(self, what: str) -> Iterator[None]:
        """Say in our own words what the library reports."""
        label = self._location.label
        try:
            yield
        except ftplib.error_perm as error:
            raise Refused(f"{label}: it refuses {what} ({_code(error)})", code=f"ftp_{_code(error)}") from None
        except ftplib.all_errors as error:
            self.close()
            raise Unavailable(f"{label}: no answer for {what} ({type(error).__name__})") from None
        except ValueError:
            self.close()
            raise UnexpectedReply(f"{label}: {what} can't be understood", code="unreadable_names") from None

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Hang up on a transfer that was not read to its end: the session would answer for it later."""
        try:
            yield
        except BaseException:
            self.close()
            raise


class _SecureFtp(ftplib.FTP_TLS):
    """FTP with TLS whose data connections continue the control connection's session, as vsftpd and others demand."""

    def __init__(self) -> None:
        super().__init__(context=ssl.create_default_context(), encoding=_WIRE)

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """Open a data connection, and secure it."""
        data, size = super(ftplib.FTP_TLS, self).ntransfercmd(cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            secured = self.context.wrap_socket(data, server_hostname=self.host, session=self.sock.session)
        except BaseException:
            data.close()
            raise
        return secured, size


def _opened(session: ftplib.FTP, name: str, offset: int) -> tuple[int, socket.socket]:
    """Begin a transfer; returns how many bytes must be read past, and the data connection."""
    if offset:
        try:
            return 0, session.ntransfercmd(f"RETR {name}", offset)[0]
        except ftplib.error_perm as error:
            _only_unknown(error)
    return offset, session.ntransfercmd(f"RETR {name}")[0]


def _listed(session: ftplib.FTP) -> list[str]:
    try:
        return session.nlst()
    except ftplib.error_perm as error:
        if _code(error) == _NOT_THERE:  # how many say that a folder is empty
            return []
        raise


def _asked(session: ftplib.FTP, name: str) -> RemoteFile | None:
    """Ask with SIZE, which folders do not have, and MDTM, which some servers do not know."""
    size = session.size(_wired(name))
    try:
        modified_at = _moment(session.sendcmd(f"MDTM {_wired(name)}").partition(" ")[2])
    except ftplib.error_perm:
        modified_at = None
    return RemoteFile(name, size, modified_at, version_of(size, modified_at))


def _entries(session: ftplib.FTP) -> Iterator[tuple[str, dict[str, str]]]:
    return ((_read(name), facts) for name, facts in session.mlsd())


def _wired(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode(_WIRE)


def _read(text: str) -> str:
    return text.encode(_WIRE).decode("utf-8", "surrogateescape")


def _lists_facts(session: ftplib.FTP) -> bool:
    """Ask for the server's features (RFC 2389); one that knows MLSD lists MLST (RFC 3659 §7.8)."""
    try:
        return "MLST" in session.sendcmd("FEAT").upper()
    except ftplib.error_perm:
        return False


def _described(session: ftplib.FTP, name: str) -> RemoteFile | None:
    facts = _facts(session.sendcmd(f"MLST {_wired(name)}"))
    return _file(name, facts) if _is_file(facts) else None


def _facts(answer: str) -> dict[str, str]:
    """Read an MLST answer, whose facts stand on its second line: `` type=file;size=17;modify=20260101000000; a.csv``."""
    line = answer.splitlines()[1].strip()
    pairs = (fact.partition("=") for fact in line.partition(" ")[0].split(";") if fact)
    return {name.lower(): value for name, _, value in pairs}


def _is_file(facts: Mapping[str, str]) -> bool:
    return facts.get("type", "file").lower() == "file"


def _file(name: str, facts: Mapping[str, str]) -> RemoteFile:
    size = int(facts["size"]) if facts.get("size", "").isdecimal() else None
    modified_at = _moment(facts.get("modify", ""))
    return RemoteFile(name, size, modified_at, version_of(size, modified_at))


def _moment(text: str) -> datetime | None:
    """Read ``20261231235959.123``, always UTC (RFC 3659 §2.3). Servers differ in fractions between their commands."""
    try:
        return datetime.strptime(text.strip()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _only_unknown(error: ftplib.error_perm) -> None:
    """Go on only if the server does not know the command."""
    if _code(error) not in _UNKNOWN_COMMAND:
        raise error


def _code(error: ftplib.Error) -> str:
    return str(error)[:3]
